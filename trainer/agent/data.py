"""The agent's side of data sets: manifests verified, data-set keys unwrapped, shards fetched as ciphertext."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import BinaryIO

from trainer.agent.cache import CiphertextCache, reopened_read_only
from trainer.agent.tables import OpenedTable
from trainer.backends import Backends
from trainer.data.table import DataView, ShardView
from trainer.errors import Reason, TrainerError
from trainer.export.model import DataOrigin
from trainer.formats.container import HEADER_BYTES, Binding, parse_header
from trainer.formats.manifest import MANIFEST, Manifest, Shard, open_manifest
from trainer.formats.signing import TABLE_TYPE, digest, payload_type
from trainer.formats.table_manifest import TableManifest, open_table_manifest
from trainer.job import DataUse, JobSpec
from trainer.keys.service import data_context
from trainer.keys.wrapping import unwrap_key
from trainer.ledger.publication import acceptable, check_current, data_stream, run_stream


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
        self._keys: dict[str, bytes] = {}
        self._cache = CiphertextCache(self._store, scratch)
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
        return key, binding, reopened_read_only(file)

    def close(self) -> None:
        """Forgets the keys and the cached ciphertext."""
        self._keys.clear()
        self._cache.close()

    def _fetch(self, shard: Shard) -> BinaryIO:
        def check(file: BinaryIO, name: str) -> None:
            total = os.fstat(file.fileno()).st_size
            header = parse_header(os.pread(file.fileno(), HEADER_BYTES, 0), total, name)
            if header.commitment.hex() != shard.commitment or header.length != shard.length:
                raise TrainerError(
                    Reason.FOREIGN, f"{name}: is not the shard that the manifest lists; spliced or replaced"
                )

        return self._cache.fetch(shard.object, check)


Opened = OpenedDataSet | OpenedTable
"""A data set of a job in either of its forms."""


def open_data_set(use: DataUse, backends: Backends, job: JobSpec, scratch: Path) -> Opened:
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
    is_table = payload_type(data, where) == TABLE_TYPE
    read = open_table_manifest if is_table else open_manifest
    manifest = read(data, (signer,), tenant, use.data_set, use.version, where)
    if purpose not in manifest.purposes:
        raise TrainerError(
            Reason.NOT_DECLARED,
            f"data set {use.data_set} of tenant {tenant} is for {', '.join(manifest.purposes)}, not for {purpose!r}",
        )
    opened = (
        OpenedTable(manifest, digest(data), use, backends, scratch)
        if isinstance(manifest, TableManifest)
        else OpenedDataSet(manifest, digest(data), use, backends, scratch)
    )
    classes = sorted({group.sensitivity for group in opened.view.groups})
    details = match | {"manifest": digest(data), "purpose": purpose, "columns": list(use.columns), "classes": classes}
    backends.log.append(run_stream(run), "data-open", details)
    opened.unwrap_keys(backends, run, purpose, job.key("data"))
    return opened
