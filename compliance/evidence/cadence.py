"""Chains of packs: the order of packs in a folder, and gaps in their cadence, which are exceptions themselves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from compliance.evidence.errors import EvidenceError
from compliance.evidence.pack import FORMAT, PACK_MANIFEST
from compliance.facts.canonical import sha256


@dataclass(frozen=True)
class Link:
    """One pack of a chain."""

    folder: Path
    sequence: int
    collected: datetime
    digest: str
    previous: str | None
    tenant: str | None = None


@dataclass(frozen=True)
class Irregularity:
    """An exception to the cadence, as a sentence, and whether the chain itself is broken."""

    sentence: str
    broken: bool


def links(folder: Path) -> list[Link]:
    """The packs in a folder, oldest first. Every folder in it has to be one: a pack that lost its manifest is missed.

    Raises:
        EvidenceError: a manifest is missing or cannot be read.
    """
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    found = [_link(path) for path in inside if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda link: (link.sequence, link.collected))


def _link(folder: Path) -> Link:
    path = folder / PACK_MANIFEST
    try:
        text = path.read_bytes()
        value = json.loads(text)
        assert_format(value["format"])
        ended = datetime.fromisoformat(value["collected"]["ended"].replace("Z", "+00:00")).astimezone(UTC)
        return Link(folder, int(value["sequence"]), ended, sha256(text), value["previous"], value["tenant"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = f"{path}: not a pack's manifest ({error}); take the folder out of the chain's folder"
        raise EvidenceError(msg) from error


def assert_format(name: str) -> None:
    """Raises `ValueError` unless this is the format of packs that this program writes."""
    if name != FORMAT:
        msg = f"format {name}"
        raise ValueError(msg)


def exceptions(chain: list[Link], every: timedelta, until: datetime) -> list[Irregularity]:
    """What is wrong with a chain: a pack that does not follow the one before it, came too late, or is overdue.

    `until` is the end of the time that the chain has to cover. Without it nobody would miss the newest pack.
    """
    found = []
    for before, after in pairwise(chain):
        if after.previous != before.digest or after.sequence != before.sequence + 1:
            found.append(Irregularity(f"{after.folder.name} does not follow {before.folder.name}", broken=True))
        gap = after.collected - before.collected
        if after.tenant != before.tenant:
            text = f"{after.folder.name} is of {after.tenant or 'the platform'}, {before.folder.name} is not"
            found.append(Irregularity(text, broken=True))
        if gap < timedelta(0):
            text = f"{after.folder.name} was collected before {before.folder.name}, which it follows"
            found.append(Irregularity(text, broken=True))
        if gap > every:
            hours = gap.total_seconds() / 3600
            limit = every.total_seconds() / 3600
            text = (
                f"{hours:.1f} hours between {before.folder.name} and {after.folder.name}; one was due every {limit:g}"
            )
            found.append(Irregularity(text, broken=False))
    if chain and until - chain[-1].collected > every:
        hours = (until - chain[-1].collected).total_seconds() / 3600
        limit = every.total_seconds() / 3600
        text = f"{hours:.1f} hours since {chain[-1].folder.name}; one was due every {limit:g}"
        found.append(Irregularity(text, broken=False))
    if chain and (chain[0].previous is not None or chain[0].sequence != 1):
        found.insert(0, Irregularity(f"{chain[0].folder.name} follows a pack that is not here", broken=True))
    return found
