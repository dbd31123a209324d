"""The state outlives the process, a killed one too: an account's snapshot is replaced before the answer is sent.

A snapshot holds one group of services of one account. Services whose objects refer to each other are in one group, so
that these stay the same objects. It is written to a new file and renamed; the bodies of S3 objects are files of their
own, written once.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import logging
import pickle
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.errors import LocalCloudError
from localcloud.pickling import Pickler, find_backend, service_name

if TYPE_CHECKING:
    from localcloud.credentials import Credentials
    from localcloud.places import Places

_log = logging.getLogger("localcloud.state")
_FORMAT = 1
# Services with a snapshot of their own; all others share `rest`.
_ALONE = ("s3", "iam", "kms", "logs")
_GROUPS = frozenset({*_ALONE, "rest"})
# What an operation of a service may change besides; a service that is not listed may change anything.
_AFFECTED = {
    "s3": frozenset({"s3"}),
    "iam": frozenset({"iam"}),
    "sts": frozenset({"iam", "rest"}),
    "kms": frozenset({"kms"}),
    "logs": frozenset({"logs"}),
    "ec2": frozenset({"rest", "logs"}),
}
# Attributes of moto's dictionaries of backends that are not state.
_NOT_STATE = frozenset({"backend", "service_name", "_use_boto3_regions", "_additional_regions", "_id"})


class State:
    """Snapshots below `places.state`."""

    def __init__(self, places: Places, credentials: Credentials) -> None:
        self._places = places
        self._credentials = credentials
        self._stamp = json.dumps(
            {"format": _FORMAT, "moto": importlib.metadata.version("moto"), "python": list(sys.version_info[:2])}
        ).encode()

    def load(self) -> None:
        """Read every snapshot into moto and the credential store.

        Raises:
            LocalCloudError: a snapshot is of another version, or damaged.
        """
        for path in sorted(self._places.state.glob("account-*.pickle")):
            account = path.stem.split("-")[1]
            for (service, region), attributes in self._read(path).items():
                backend = find_backend(service, account, region)
                vars(backend).clear()
                vars(backend).update(attributes)
        common = self._places.state / "common.pickle"
        if common.exists():
            kept = self._read(common)
            self._credentials.sessions.update(kept["sessions"])
            for service, attributes in kept["dictionaries"].items():
                vars(_dictionary(service)).update(attributes)

    def save(self, accounts: frozenset[str], service: str = "") -> None:
        """Replace the snapshots of `accounts` that an operation of `service` may have changed; all without one.

        What belongs to no account is always replaced.
        """
        groups = _AFFECTED.get(service, _GROUPS)
        for account in sorted(accounts):
            if account:
                for group, backends in _backends_of(account).items():
                    if group in groups:
                        self._write(self._places.state / f"account-{account}-{group}.pickle", backends)
        common = {
            "sessions": self._credentials.sessions,
            "dictionaries": {
                service_name(found.backend): {
                    name: value for name, value in vars(found).items() if name not in _NOT_STATE
                }
                for found in _dictionaries()
            },
        }
        self._write(self._places.state / "common.pickle", common)

    def save_all(self) -> None:
        """Replace every snapshot and remove bodies that no object has any more."""
        self.save(frozenset(account for found in _dictionaries() for account in list(found)))
        self._collect()

    def _write(self, path: Path, value: Any) -> None:
        buffer = io.BytesIO()
        buffer.write(self._stamp + b"\n")
        Pickler(buffer, self._places.blobs).dump(value)
        new = path.with_suffix(".new")
        new.write_bytes(buffer.getbuffer())
        new.replace(path)

    def _read(self, path: Path) -> dict[Any, Any]:
        way_out = f"remove {self._places.root} to start an empty local cloud"
        stamp, _, data = path.read_bytes().partition(b"\n")
        if stamp != self._stamp:
            raise LocalCloudError(
                f"{path}: written by another version ({stamp[:200]!r}, this is {self._stamp.decode()}); {way_out}"
            )
        try:
            value: dict[Any, Any] = pickle.loads(data)  # noqa: S301 - written by this program, readable by its owner only
        except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, OSError) as error:
            raise LocalCloudError(f"{path}: cannot be read ({error}); {way_out}") from error
        return value

    def _collect(self) -> None:
        from moto.s3.models import s3_backends  # noqa: PLC0415

        used: set[str] = set()
        for regions in s3_backends.values():
            for backend in regions.values():
                used |= _digests(backend)
        for path in self._places.blobs.iterdir():
            if path.name not in used:
                path.unlink()


def _digests(backend: Any) -> set[str]:
    from localcloud.pickling import body_digest  # noqa: PLC0415

    found = set()
    for bucket in backend.buckets.values():
        keys = [key for name in dict.keys(bucket.keys) for key in bucket.keys.getlist(name)]
        parts = [part for upload in bucket.multiparts.values() for part in upload.parts.values()]
        found |= {digest for key in (*keys, *parts) if (digest := body_digest(key))}
    return found


def _dictionaries() -> list[Any]:
    from moto.core.base_backend import BackendDict  # noqa: PLC0415

    kind: Any = BackendDict
    return list(kind._instances)


def _dictionary(service: str) -> Any:
    from localcloud.pickling import _find_dict  # noqa: PLC0415

    return _find_dict(service)


def _backends_of(account: str) -> dict[str, dict[tuple[str, str], dict[str, Any]]]:
    """The backends of an account by group; an account's empty groups are left out."""
    found: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for dictionary in _dictionaries():
        if account in dict.keys(dictionary):
            for region, backend in list(dictionary[account].items()):
                service = service_name(type(backend))
                group = service if service in _ALONE else "rest"
                found.setdefault(group, {})[(service, region)] = vars(backend)
    return found
