"""Terraform's state as a second listing: which resources it says exist. Only identifiers are taken over.

Source: Terraform state, version 4 (`resources[].instances[].attributes`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from compliance.facts.canonical import instant
from compliance.facts.fact import Fact, Status

API = "terraform:ReadState"
_ACCOUNT = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):")


def state_facts(folder: Path, region: str) -> Iterator[Fact]:
    """One fact per state file in a folder: types and ids of its managed resources, under the file's account.

    A file that cannot be read is a malformed fact, under every account unknown (empty).
    """
    for path in sorted(folder.glob("*.tfstate")):
        moment = instant(datetime.now(UTC))
        params = {"File": path.name}
        try:
            account, resources = _inventory(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            said = {"code": "Malformed", "message": f"{path.name}: {error}"[:500]}
            yield Fact(API, params, "", region, "", moment, moment, Status.MALFORMED, None, said)
            continue
        yield Fact(API, params, account, region, "", moment, moment, Status.OK, {"Resources": resources})


def _inventory(state: Any) -> tuple[str, list[dict[str, str]]]:
    if state["version"] != 4:
        msg = f"state of version {state['version']}, not 4"
        raise ValueError(msg)
    found, accounts = [], Counter[str]()
    for resource in state["resources"]:
        if resource["mode"] != "managed":
            continue
        for instance in resource["instances"]:
            attributes = instance["attributes"]
            found.append({"Type": str(resource["type"]), "Id": str(attributes["id"])})
            accounts.update(_ACCOUNT.findall(str(attributes.get("arn", ""))))
    account = accounts.most_common(1)[0][0] if accounts else ""
    return account, sorted(found, key=lambda one: (one["Type"], one["Id"]))
