"""Which process nodes the local profile accepts: the installed trainer's, recorded before every deployment."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from attestation.policy import ReferenceSet
from attestation.release.policy import AcceptedImage
from operations.errors import CommandError
from operations.nodes.measurement import BOUND, CHECKOUT, NAME, measure, reference_set
from operations.nodes.process import ARGUMENTS
from operations.workspace import Workspace
from tenancy.fleet import Fleet
from tenancy.tenant import Tenant

FILE = "accepted-images.json"
KEPT = 8
"""How many retired sets stay listed."""
ROLLED_BACK = "an older build, kept to show that a roll-back is refused"
"""The note that makes the first, never accepted build another one than the installed trainer."""


def older_build(root: Path = CHECKOUT) -> ReferenceSet:
    """Version 1: it was never accepted here; the attack suite boots it."""
    return reference_set(measure(root, ARGUMENTS, ROLLED_BACK), 1)


def accept_installed(states: Path, root: Path = CHECKOUT) -> list[AcceptedImage]:
    """Makes the installed trainer the one active process node in `states`, the folder of the local profile's states.

    An unchanged trainer keeps its version; a changed one gets the next, and the one before is retired.
    """
    known = read(states)
    current = reference_set(measure(root, ARGUMENTS), 1)
    active = [image for image in known if image.stage == "active"]
    if not (len(active) == 1 and _same(active[0].reference, current)):
        version = max((image.reference.version for image in known), default=1) + 1
        old = [
            AcceptedImage(reference=image.reference, stage="retired", reason=f"superseded by version {version}")
            if image.stage != "retired"
            else image
            for image in known
        ]
        first = AcceptedImage(reference=older_build(root), stage="retired", reason=ROLLED_BACK)
        new = AcceptedImage(reference=current.model_copy(update={"version": version}))
        known = [first, *[image for image in old if image.reference.version > 1][-KEPT:], new]
        _write(states / FILE, known)
    return known


def read(states: Path) -> list[AcceptedImage]:
    """The list as it stands; empty before the first deployment. Raises `CommandError` where it is damaged."""
    path = states / FILE
    try:
        return [AcceptedImage.model_validate(entry) for entry in json.loads(path.read_text(encoding="utf-8"))["images"]]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        msg = f"{path}: not a list of accepted images ({error}). Remove it and deploy again"
        raise CommandError(msg) from error


def leave_policies(ws: Workspace, fleet: Fleet, tenant: Tenant) -> None:
    """Leaves the release policies that the tenant's key policies were compiled from with the local cloud.

    They decide nothing there: they give the release ledger its words and its version, and are compared with what KMS
    decides.
    """
    from modules.policy.release import RELEASED, release_policy  # noqa: PLC0415 - only a deployment needs them
    from stacks.scopes import tenant_scope  # noqa: PLC0415

    scope = tenant_scope(fleet, tenant, ws.state)
    folder = ws.hidden / "local" / "release"
    folder.mkdir(parents=True, exist_ok=True)
    for purpose in RELEASED:
        policy = release_policy(scope, purpose)
        path = folder / f"{tenant.id}-{purpose}.json"
        if policy is None:
            path.unlink(missing_ok=True)
            continue
        new = path.with_suffix(".new")
        new.write_text(policy.model_dump_json(indent=1) + "\n", encoding="utf-8")
        new.replace(path)


def _same(left: ReferenceSet, right: ReferenceSet) -> bool:
    return all(left.pcrs["sha384"].get(index) == right.pcrs["sha384"].get(index) for index in BOUND)


def _write(path: Path, images: list[AcceptedImage]) -> None:
    document = {
        "test_double": f"{NAME}: a process with a software TPM, measured by the command that starts it",
        "images": [image.model_dump(mode="json") for image in images],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    new.replace(path)
