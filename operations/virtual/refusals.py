"""Attempts that must fail: what somebody with a node's disk, its wire or its platform could try, and what stops each.

An attempt counts as refused only for the reason that it was made for: a machine that does not come up because of a
mistake of ours is no proof of anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations.errors import CommandError
from operations.virtual.node import Node, Run, Told, post, run

if TYPE_CHECKING:
    from attestation.reference import ReferenceValues
    from images.build import Artefact
    from images.firmware import EnrolledKeys
    from images.verify import Outcome
    from images.workspace import Workspace

DOCUMENT = "/_bulkhead/attestation/document"
CHALLENGE = "/_bulkhead/attestation/challenge"


@dataclass(frozen=True)
class Refusal:
    """One attempt and what came of it.

    Attributes:
        id: short name.
        tried: what was tried, in words.
        refused: whether it was, and for the reason expected.
        by: what refused: firmware, kernel, the host's attestation service, the key service.
        words: what was said, and what the measurements tell.
        seconds: how long the machine ran; None without one.
    """

    id: str
    tried: str
    refused: bool
    by: str
    words: tuple[str, ...]
    seconds: float | None = None


@dataclass(frozen=True)
class Range:
    """Where attempts are made: the image as it is, the attacking tenant's node and job, and the other tenant's key."""

    workspace: Workspace
    artefact: Artefact
    keys: EnrolledKeys
    values: ReferenceValues
    node: Node
    job: Mapping[str, Any]
    foreign_key: str
    recorded: Path
    told: Told

    def boot(self, disk: Path | None = None, job: Mapping[str, Any] | None = None) -> Run:
        """Boots the image, or a changed copy of it, with the tenant's job or another."""
        return run(self.node, disk or self.artefact.path("disk"), self.keys, job or self.job, told=self.told)

    def changed(self, name: str) -> Path:
        """Where a changed copy of the disk is kept while it is booted."""
        return self.node.directory / f"{name}.raw"

    def verdict(self, found: Run) -> Outcome | None:
        """What a verifier says of the boot's evidence; None when there is none."""
        from images.verify import verify_boot  # noqa: PLC0415

        evidence = found.boot.evidence
        if evidence is None:
            return None
        nonce, key = bytes.fromhex(found.boot.nonce), found.boot.ak_public
        return verify_boot(evidence, self.values, nonce=nonce, attestation_key=key)


def unsigned_kernel(place: Range) -> Refusal:
    """Firmware must not start it."""
    from images import tamper  # noqa: PLC0415

    found = _with_copy(place, "unsigned-kernel", tamper.ATTACKS["unsigned-kernel"].change)
    words = found.boot.console
    refused = found.boot.evidence is None and any(said in words for said in ("Security Violation", "Access Denied"))
    tried = "boot a kernel image without our signature"
    return Refusal("unsigned-kernel", tried, refused, "firmware (Secure Boot)", _console(found), found.boot.seconds)


def root_byte(place: Range) -> Refusal:
    """The kernel must not run on it."""
    from images import tamper  # noqa: PLC0415

    found = _with_copy(place, "root-byte", tamper.ATTACKS["root-byte"].change)
    refused = found.boot.evidence is None and "verity" in found.boot.console.lower()
    tried = "change one bit in the root file system"
    return Refusal("root-byte", tried, refused, "kernel (dm-verity)", _console(found), found.boot.seconds)


def credential_file(place: Range) -> Refusal:
    """The machine boots, and PCR 12 tells."""
    from images import tamper  # noqa: PLC0415

    found = _with_copy(place, "credential-file", tamper.ATTACKS["credential-file"].change)
    tried = "lay a credential beside the image, so that its command line is not the only one"
    return _judged(place, "credential-file", tried, found, register=12)


def debug_build(place: Range) -> Refusal:
    """The machine boots, because the platform's own key signed it, and PCR 4 tells."""
    from images import keys, tamper  # noqa: PLC0415

    key, certificate = keys.db_key(place.workspace), keys.db_certificate(place.workspace)
    found = _with_copy(place, "debug-build", lambda disk: tamper.debug_build(disk, key, certificate))
    return _judged(place, "debug-build", "boot a debug build that our own key signed", found, register=4)


def foreign_key(place: Range) -> Refusal:
    """A genuine machine of one tenant asks for a data key under the other's key."""
    found = place.boot(job={**place.job, "run": f"{place.job['run']}-foreign", "checkpoint_key": place.foreign_key})
    tried = "use another tenant's key, on a genuine machine"
    return _judged(place, "foreign-key", tried, found, register=None)


def retired_build(place: Range) -> Refusal:
    """The same image as before, once its reference set is below what the platform accepts."""
    from attestation.errors import AttestationError  # noqa: PLC0415
    from attestation.reference import verify  # noqa: PLC0415
    from images import reference  # noqa: PLC0415

    found = place.boot(job={**place.job, "run": f"{place.job['run']}-retired"})
    judged = _judged(place, "retired-build", "boot a build whose reference set was withdrawn", found, register=None)
    signed = reference.sets(place.workspace, place.values.image)[-1].read_bytes()
    key = reference.signing_key(place.workspace).public_key()
    try:
        verify(signed, (key,), minimum_version=place.values.version + 1)
    except AttestationError as error:
        return Refusal(judged.id, judged.tried, judged.refused, judged.by, (*judged.words, str(error)), judged.seconds)
    return Refusal(judged.id, judged.tried, False, judged.by, ("the older set was accepted",), judged.seconds)


def replayed_evidence(place: Range) -> Refusal:
    """What the node sent is sent again: as it was, and over a challenge that it was not made for.

    Raises:
        CommandError: the node's own request is not among what was recorded, so there is nothing to replay.
    """
    address = f"http://{place.node.network}"
    asked = next(requests(place.recorded, DOCUMENT), None)
    if asked is None:
        msg = f"{place.recorded}: the node sent no request for a document there; the record is not usable"
        raise CommandError(msg)
    again = post(address + DOCUMENT, asked, {})
    status, fresh = post(address + CHALLENGE, {"machine": asked["machine"]}, {})
    if status != 200:
        msg = f"{address}: gives no challenge to {asked['machine']}: {fresh.get('message')}"
        raise CommandError(msg)
    moved = post(address + DOCUMENT, {**asked, "nonce": fresh["nonce"]}, {})
    refused = all(status == 403 and "document" not in answer for status, answer in (again, moved))
    words = tuple(str(answer.get("message", status)) for status, answer in (again, moved))
    tried = "send a node's evidence again, with its own nonce and with a fresh one"
    return Refusal("replayed-evidence", tried, refused, "the host's attestation service", words)


ATTEMPTS: tuple[Callable[[Range], Refusal], ...] = (
    replayed_evidence,
    unsigned_kernel,
    root_byte,
    credential_file,
    debug_build,
    foreign_key,
)
"""Those that need nothing changed on the cloud."""


def requests(folder: Path, path: str) -> Iterator[dict[str, Any]]:
    """The JSON bodies of the recorded POST requests to `path`, oldest first."""
    for file in sorted(folder.glob("*.request"), key=lambda entry: entry.stat().st_mtime_ns):
        head, _, body = file.read_bytes().partition(b"\r\n\r\n")
        if head.startswith(f"POST {path} ".encode()):
            yield json.loads(body)


def _with_copy(place: Range, name: str, change: Callable[[Path], None]) -> Run:
    from images import tamper  # noqa: PLC0415

    disk = tamper.copy(place.artefact.path("disk"), place.changed(name))
    try:
        change(disk)
        return place.boot(disk)
    finally:
        disk.unlink()


def _judged(place: Range, name: str, tried: str, found: Run, *, register: int | None) -> Refusal:
    """A boot that must end at the key service.

    `register` is the one that must tell the difference; None where the machine is genuine and must be refused still.
    """
    outcome = place.verdict(found)
    failed = found.event("failed") or {}
    denied = failed.get("reason") == "key-unavailable" and "AccessDenied" in str(failed.get("message", ""))
    differences = outcome.differences if outcome else ()
    if register is None:
        told = outcome is not None and outcome.accepted
    else:
        told = any(line.startswith(f"PCR {register} differs") for line in differences)
    words = (found.why(), *differences, *found.started_again)
    return Refusal(
        name, tried, denied and told and found.result is None, _denied_by(words[0]), words, found.boot.seconds
    )


def _denied_by(words: str) -> str:
    """Which policy the key service's answer names.

    A tenant's own key has its key policy; a foreign one is out of reach before its policy is asked.
    """
    named = re.search(r"explicit deny in an? ([a-z -]+) policy", words)
    return {"resource-based": "KMS key policy"}.get(named[1], f"{named[1]} policy") if named else "KMS"


def _console(found: Run) -> tuple[str, ...]:
    """The one line of the console that names the cause."""
    lines = found.boot.why().splitlines()
    return (lines[0],) if lines else ("the console says nothing",)
