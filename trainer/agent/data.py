"""The agent's side of data sets: manifests verified, data-set keys unwrapped, shards fetched as ciphertext."""

from __future__ import annotations

import base64
import os
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import BinaryIO, cast

from trainer.backends import Backends
from trainer.data.table import DataView, ShardView
from trainer.errors import Reason, TrainerError
from trainer.export.model import DataOrigin
from trainer.formats.container import HEADER_BYTES, Binding, parse_header
from trainer.formats.manifest import MANIFEST, Manifest, Shard, open_manifest
from trainer.formats.signing import digest
from trainer.job import DataUse, JobSpec
from trainer.keys.service import data_context
from trainer.keys.wrapping import unwrap_key
from trainer.ledger.publication import acceptable, check_current, data_stream, run_stream

CACHE_BYTES = 4 << 30
CACHE_FILES = 128


class OpenedDataSet:
    """One data set of a job: what the worker may know of it, and its shards on request.

    Only the keys of classes that hold a declared column are asked of the key service, and only shards of such groups
    can be granted.
    """

    def __init__(
        self, manifest: Manifest, manifest_digest: str, use: DataUse, backends: Backends, scratch: Path
    ) -> None:
        self._manifest, self._use = manifest, use
        self._store = backends.open_store(f"{use.url.rstrip('/')}/{use.data_set}/{use.version}")
        self._scratch = scratch
        self._keys: dict[str, bytes] = {}
        self._cache: OrderedDict[str, BinaryIO] = OrderedDict()
        self.origin = DataOrigin(
            data_set=use.data_set, version=use.version, manifest=manifest_digest, columns=use.columns
        )
        groups = manifest.groups_of(use.columns)
        wanted = {group.id for group in groups}
        self._shards = {shard.id: shard for shard in manifest.shards if shard.group in wanted}
        self._sensitivity = {group.id: group.sensitivity for group in groups}
        self.view = DataView(
            tenant=manifest.tenant,
            data_set=use.data_set,
            version=use.version,
            rows=manifest.rows,
            columns=use.columns,
            groups=groups,
            shards=tuple(
                ShardView(id=s.id, group=s.group, start=s.start, stop=s.stop, length=s.length)
                for s in self._shards.values()
            ),
        )

    def unwrap_keys(self, backends: Backends, run: str, purpose: str, kms_key: str) -> None:
        """Asks for the data-set keys of the declared columns' classes; each use is in the ledger before it happens."""
        for sensitivity in sorted(set(self._sensitivity.values())):
            entry = next(key for key in self._manifest.keys if (key.sensitivity, key.purpose) == (sensitivity, purpose))
            context = data_context(self._manifest.tenant, self._manifest.data_set, sensitivity, purpose)
            backends.log.append(run_stream(run), "key-unwrap", {"key": kms_key, "context": context})
            self._keys[sensitivity] = backends.keys.unwrap(kms_key, base64.b64decode(entry.wrapped), context)

    def grant(self, name: str) -> tuple[bytes, Binding, int]:
        """Key, binding and a read-only descriptor of the ciphertext of a shard; the caller closes the descriptor."""
        shard = self._shards.get(name)
        if shard is None:
            raise TrainerError(
                Reason.NOT_DECLARED,
                f"shard {name} of data set {self._use.data_set} holds no column that the job declared",
            )
        binding = self._manifest.binding(shard)
        key = unwrap_key(self._keys[self._sensitivity[shard.group]], shard.wrapped_key, binding)
        file = self._fetch(shard)
        return key, binding, os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Forgets the keys and the cached ciphertext."""
        self._keys.clear()
        for file in self._cache.values():
            file.close()
        self._cache.clear()

    def _fetch(self, shard: Shard) -> BinaryIO:
        if shard.id in self._cache:
            self._cache.move_to_end(shard.id)
            return self._cache[shard.id]
        # Unnamed and unlinked: ciphertext only, and gone with the process.
        file = cast("BinaryIO", tempfile.TemporaryFile(dir=self._scratch))  # noqa: SIM115 - cached, closed in close()
        self._store.download(shard.object, file)
        file.flush()
        name = f"{self._store.url}/{shard.object}"
        header = parse_header(os.pread(file.fileno(), HEADER_BYTES, 0), os.fstat(file.fileno()).st_size, name)
        if header.commitment.hex() != shard.commitment or header.length != shard.length:
            raise TrainerError(Reason.FOREIGN, f"{name}: is not the shard that the manifest lists; spliced or replaced")
        self._cache[shard.id] = file
        while len(self._cache) > 1 and (len(self._cache) > CACHE_FILES or self._cached_bytes() > CACHE_BYTES):
            self._cache.popitem(last=False)[1].close()
        return file

    def _cached_bytes(self) -> int:
        return sum(self._shards[name].length for name in self._cache)


def open_data_set(use: DataUse, backends: Backends, job: JobSpec, scratch: Path) -> OpenedDataSet:
    """The data set, once manifest, signature, ledger, retention, purpose and columns have been checked.

    The opening is in the run's ledger before any key is asked for.
    """
    tenant, run, purpose = job.tenant, job.run, job.purpose
    store = backends.open_store(f"{use.url.rstrip('/')}/{use.data_set}/{use.version}")
    where = f"{store.url}/{MANIFEST}"
    data = store.get(MANIFEST)
    records = backends.log.read(data_stream(use.data_set))
    match = {"data_set": use.data_set, "version": use.version}
    publications = acceptable(records, "data-publish", "data-published", match)
    signer = check_current(digest(data), publications, where, use.signer)
    manifest = open_manifest(data, (signer,), tenant, use.data_set, use.version, where)
    if purpose not in manifest.purposes:
        raise TrainerError(
            Reason.NOT_DECLARED,
            f"data set {use.data_set} of tenant {tenant} is for {', '.join(manifest.purposes)}, not for {purpose!r}",
        )
    opened = OpenedDataSet(manifest, digest(data), use, backends, scratch)
    classes = sorted({group.sensitivity for group in opened.view.groups})
    details = match | {"manifest": digest(data), "purpose": purpose, "columns": list(use.columns), "classes": classes}
    backends.log.append(run_stream(run), "data-open", details)
    opened.unwrap_keys(backends, run, purpose, job.key("data"))
    return opened
