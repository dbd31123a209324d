"""The agent's side of encrypted tables: the worker gets the master keys of the declared columns and no others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from trainer.agent.cache import CiphertextCache, reopened_read_only
from trainer.backends import Backends
from trainer.data.table import DataView, ShardView
from trainer.errors import Reason, TrainerError
from trainer.export.model import DataOrigin
from trainer.formats.parquet_identity import table_identity
from trainer.formats.parquet_keys import ColumnKeys
from trainer.formats.table_manifest import FOOTER_CLASS, TableManifest, wrapped_key
from trainer.job import DataUse
from trainer.keys.service import data_context
from trainer.ledger.publication import run_stream
from trainer.protocol.messages import TableGrant, table_grant


class OpenedTable:
    """One encrypted table of a job: what the worker may know of it, and its files on request.

    The agent never parses Parquet: it compares a file's footer with the manifest and hands the descriptor on.
    """

    def __init__(
        self, manifest: TableManifest, manifest_digest: str, use: DataUse, backends: Backends, scratch: Path
    ) -> None:
        self._manifest, self._use = manifest, use
        store = backends.open_store(f"{use.url.rstrip('/')}/{use.data_set}/{use.version}")
        self._cache = CiphertextCache(store, scratch)
        self._where = store.url
        self._keys: ColumnKeys | None = None
        self._files = {file.id: file for file in manifest.files}
        self.origin = DataOrigin(
            data_set=use.data_set, version=use.version, manifest=manifest_digest, columns=use.columns
        )
        self.view = DataView(
            tenant=manifest.tenant,
            data_set=use.data_set,
            version=use.version,
            rows=manifest.rows,
            columns=use.columns,
            groups=manifest.groups_of(use.columns),
            shards=tuple(
                ShardView(id=file.id, group="table", start=file.start, stop=file.stop, length=file.size)
                for file in manifest.files
            ),
            layout="table",
        )

    def unwrap_keys(self, backends: Backends, run: str, purpose: str, kms_key: str) -> None:
        """Asks for the keys of the footer and of the declared columns' classes; each use is in the ledger first.

        Of the class keys only the master keys of the declared columns are kept.
        """
        manifest = self._manifest
        keys: dict[str, bytes] = {}
        for sensitivity in sorted({group.sensitivity for group in self.view.groups} | {FOOTER_CLASS}):
            wrapped = wrapped_key(manifest.keys, sensitivity, purpose, self._where)
            context = data_context(manifest.tenant, manifest.data_set, sensitivity, purpose)
            backends.log.append(run_stream(run), "key-unwrap", {"key": kms_key, "context": context})
            keys[sensitivity] = backends.keys.unwrap(kms_key, wrapped, context)
        self._keys = manifest.column_keys(keys, self._use.columns)

    def grant(self, name: str) -> tuple[TableGrant, int]:
        """The grant of a file and a read-only descriptor of its ciphertext; the caller closes the descriptor."""
        entry = self._files.get(name)
        if entry is None or self._keys is None:
            raise TrainerError(Reason.NOT_DECLARED, f"data set {self._use.data_set} has no file {name}")

        def check(file: BinaryIO, where: str) -> None:
            if os.fstat(file.fileno()).st_size != entry.size:
                raise TrainerError(Reason.TRUNCATED, f"{where}: has not the {entry.size} bytes that the manifest says")
            if table_identity(file, where) != entry.identity:
                raise TrainerError(
                    Reason.FOREIGN, f"{where}: is not the file that the manifest lists; replaced or rolled back"
                )

        file = self._cache.fetch(entry.object, check)
        return table_grant(name, self._keys, entry.key_material, entry.identity), reopened_read_only(file)

    def close(self) -> None:
        """Forgets the keys and the cached ciphertext."""
        self._keys = None
        self._cache.close()
