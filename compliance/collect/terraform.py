"""Terraform's state as a second listing: which resources it says exist. Only identifiers are taken over.

Source: Terraform state, version 4 (`resources[].instances[].attributes`).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from compliance.facts.canonical import instant
from compliance.facts.fact import Fact, Status

API = "terraform:ReadState"
GLOBAL = "global"
"""The region that facts about Google Cloud are recorded under."""
_WITHIN = re.compile(r"^projects/([^/]+)/")
_ACCOUNT = re.compile(r"arn:aws[a-z-]*:[a-z0-9-]+:[a-z0-9-]*:(\d{12}):")


def state_facts(folder: Path, region: str, projects: Mapping[str, str] | None = None) -> Iterator[Fact]:
    """One fact per state file in a folder and account: types and ids of its managed resources.

    A file of AWS belongs to the account that its ARNs name most; resources of Google Cloud belong to their projects. A
    file that cannot be read is a malformed fact, under an unknown account (empty).

    Args:
        folder: where `*.tfstate` lie.
        region: what facts about AWS are recorded under.
        projects: numbers of the projects of Google Cloud that are scanned, by id; resources of others are left out.
    """
    for path in sorted(folder.glob("*.tfstate")):
        moment = instant(datetime.now(UTC))
        params = {"File": path.name}
        try:
            inventories = _inventories(json.loads(path.read_text(encoding="utf-8")), region, projects or {})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            said = {"code": "Malformed", "message": f"{path.name}: {error}"[:500]}
            yield Fact(API, params, "", region, "", moment, moment, Status.MALFORMED, None, said)
            continue
        for (account, where), resources in inventories.items():
            yield Fact(API, params, account, where, "", moment, moment, Status.OK, {"Resources": resources})


def _inventories(state: Any, region: str, projects: Mapping[str, str]) -> dict[tuple[str, str], list[dict[str, str]]]:
    """Types and ids by account and region."""
    if state["version"] != 4:
        msg = f"state of version {state['version']}, not 4"
        raise ValueError(msg)
    found: list[dict[str, str]] = []
    on_google: dict[tuple[str, str], list[dict[str, str]]] = {}
    accounts, foreign = Counter[str](), False
    for resource in state["resources"]:
        if resource["mode"] != "managed":
            continue
        for instance in resource["instances"]:
            attributes = instance["attributes"]
            entry = {"Type": str(resource["type"]), "Id": str(attributes["id"])}
            if entry["Type"].startswith("google_"):
                foreign = True
                number = _project(attributes, projects)
                if number:
                    on_google.setdefault((number, GLOBAL), []).append(entry)
                continue
            found.append(entry)
            accounts.update(_ACCOUNT.findall(str(attributes.get("arn", ""))))
    account = accounts.most_common(1)[0][0] if accounts else ""
    told = on_google if foreign and not found else {(account, region): found, **on_google}
    return {place: sorted(one, key=lambda entry: (entry["Type"], entry["Id"])) for place, one in told.items()}


def _project(attributes: Mapping[str, Any], projects: Mapping[str, str]) -> str:
    """The number of the project that a resource of Google Cloud lies in; empty if it is none of those given."""
    within = _WITHIN.match(str(attributes["id"]))
    named = within[1] if within else str(attributes.get("project") or "")
    return named if named in projects.values() else projects.get(named, "")
