"""A tenant's ledger on disk: `<directory>/<tenant>/entries.jsonl` and `heads.jsonl`, appended under a lock.

Nothing of one tenant stands in another's files, so a tenant can be given its directory as it is.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.errors import AttestationError
from attestation.ledger.entry import GENESIS, Entry, ReleaseRecord, read_line
from attestation.ledger.head import Head, Signer, make_head, read_head
from attestation.ledger.merkle import leaf_hash, root

_TENANT = re.compile(r"^[a-z][a-z0-9-]{0,62}$")


@dataclass(frozen=True)
class Ledger:
    """What a tenant's files hold, read strictly; links and signatures are checked by `check`."""

    tenant: str
    lines: tuple[bytes, ...]
    entries: tuple[Entry, ...]
    heads: tuple[Head, ...]

    def leaves(self, size: int | None = None) -> list[bytes]:
        """Leaf hashes of the first `size` entries, or of all."""
        return [leaf_hash(line) for line in self.lines[:size]]


def tenant_directory(directory: Path, tenant: str) -> Path:
    """Where a tenant's files are.

    Raises:
        AttestationError: not a tenant's name (it becomes part of a path).
    """
    if not _TENANT.fullmatch(tenant):
        raise AttestationError(f"ledger: {tenant!r} is not a tenant's name")
    return directory / tenant


def tenants(directory: Path) -> list[str]:
    """The tenants that have a ledger."""
    if not directory.is_dir():
        return []
    return sorted(path.name for path in directory.iterdir() if (path / "entries.jsonl").is_file())


def _lines(path: Path) -> list[bytes]:
    if not path.exists():
        return []
    if not path.is_file():
        raise AttestationError(f"{path}: not a plain file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AttestationError(f"{path}: {error.strerror or error}") from error
    if data and not data.endswith(b"\n"):
        raise AttestationError(f"{path}: the last line has no end: a write was cut off")
    return data.split(b"\n")[:-1]


def read(directory: Path, tenant: str) -> Ledger:
    """The tenant's ledger.

    Raises:
        AttestationError: there is none, or a line is malformed.
    """
    place = tenant_directory(directory, tenant)
    if not (place / "entries.jsonl").is_file():
        raise AttestationError(f"{place}: no ledger of {tenant} here")
    return _read(place, tenant)


def _read(place: Path, tenant: str) -> Ledger:
    lines = _lines(place / "entries.jsonl")
    entries = tuple(read_line(line, f"{place}/entries.jsonl:{number + 1}") for number, line in enumerate(lines))
    heads = (read_head(line, f"{place}/heads.jsonl:{n + 1}") for n, line in enumerate(_lines(place / "heads.jsonl")))
    return Ledger(tenant, tuple(lines), entries, tuple(heads))


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def append(
    directory: Path, record: ReleaseRecord, public: ec.EllipticCurvePublicKey, sign: Signer
) -> tuple[Entry, Head]:
    """Appends a decision and signs the new head; when this returns, both are on disk.

    The caller releases the key only afterwards: a decision that could not be recorded does not take effect.

    Raises:
        AttestationError: the ledger on disk is malformed, or the last entry is not under its head's root.
        OSError: the disk refused.
    """
    place = tenant_directory(directory, record.tenant)
    with _locked(place):
        ledger = _read(place, record.tenant)
        if ledger.heads:
            last = ledger.heads[-1]
            if last.size > len(ledger.lines) or root(ledger.leaves(last.size)).hex() != last.root:
                raise AttestationError(f"{place}: the entries are not those that the last head was signed for")
        previous = ledger.entries[-1].sha256() if ledger.entries else GENESIS
        entry = Entry(**dict(record), sequence=len(ledger.entries), previous=previous)
        _write(place / "entries.jsonl", entry.line())
        leaves = [*ledger.leaves(), leaf_hash(entry.line())]
        head = make_head(record.tenant, len(leaves), root(leaves), record.time, public, sign)
        _write(place / "heads.jsonl", head.line())
    return entry, head


def _write(path: Path, line: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    try:
        data = line + b"\n"
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
