"""Sealing as encrypted Parquet: by this package, files in parallel, or by Spark and others with the same keys."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.formats.arrow import arrow_array, arrow_field
from trainer.formats.manifest import MANIFEST, Column, Group, Origin
from trainer.formats.parquet import write_table
from trainer.formats.parquet_check import check_table
from trainer.formats.parquet_identity import file_identity
from trainer.formats.parquet_keys import ColumnKeys, derive_keys, material_name
from trainer.formats.signing import TABLE_TYPE, digest
from trainer.formats.table_manifest import FOOTER_CLASS, FORMAT, TableColumn, TableFile, TableManifest
from trainer.ingest.cutting import Rows, cut_rows
from trainer.ingest.publishing import Progress, SealResult, check_columns, class_keys, open_version, publish
from trainer.ingest.spec import SealSpec
from trainer.sources.batches import Source, fixed


@dataclass(frozen=True)
class _Added:
    """A file that has been uploaded: the manifest's entry but for the rows' numbers, which its place decides."""

    rows: int
    size: int
    identity: str
    material: str


class TableSealing:
    """One version of a table in the making.

    `keys` are the master keys that every file must be written with (docs/formats/parquet.md says how); they may be
    given to a cluster that writes the files. Each file is then added, from any thread, and the manifest published last.
    A sealing that is given up leaves no manifest, so nothing of it is visible to readers.
    """

    def __init__(self, spec: SealSpec, columns: tuple[Column, ...], backends: Backends) -> None:
        check_columns(spec, columns)
        self.spec = spec
        self.columns = tuple(
            TableColumn(**column.model_dump(), sensitivity=spec.classes.get(column.name, spec.default_class))
            for column in columns
        )
        self._backends = backends
        self._store = open_version(spec, backends)
        classes = {column.name: column.sensitivity for column in self.columns}
        plain, self._wrapped = class_keys(spec, {*classes.values(), FOOTER_CLASS}, backends)
        place = {"tenant": spec.tenant, "data_set": spec.data_set, "version": spec.version}
        self.keys: ColumnKeys = derive_keys(plain[FOOTER_CLASS], plain, classes, place)
        self._added: dict[int, _Added] = {}

    def add(self, number: int, path: Path) -> int:
        """Checks a file that was written elsewhere, and its key material beside it, and uploads both; its rows.

        Files are in the order of their numbers, which need not be dense. Raises `TrainerError` for a file that is not
        encrypted as demanded, or whose columns are not those of the table.
        """
        material = _material(path)
        rows = check_table(path, material, self.keys, self.columns)
        self._upload(number, path, material, rows)
        return rows

    def write(self, number: int, rows: Rows, folder: Path) -> None:
        """Writes the rows as one file of the table and uploads it; only ciphertext touches the folder."""
        path = folder / f"{number}.parquet"
        schema = pa.schema([arrow_field(column) for column in self.columns])
        write_table(path, schema, self._batches(rows, schema), self.keys)
        self._upload(number, path, _material(path), rows.stop - rows.start)
        path.unlink()
        (folder / material_name(path.name)).unlink()

    def publish(self, description: str, plaintext_bytes: int, signer: Ed25519PrivateKey | None = None) -> SealResult:
        """Signs and publishes the manifest of all files that were added."""
        spec, now = self.spec, datetime.now(UTC)
        if not self._added:
            raise TrainerError(Reason.BAD_SOURCE, f"{description}: has no rows")
        files: list[TableFile] = []
        for number, added in sorted(self._added.items()):
            start = files[-1].stop if files else 0
            files.append(
                TableFile(
                    id=f"part-{number:06d}",
                    object=f"files/{_name(number)}",
                    start=start,
                    stop=start + added.rows,
                    size=added.size,
                    identity=added.identity,
                    key_material=added.material,
                )
            )
        manifest = TableManifest(
            format=FORMAT,
            encryption="AES_GCM_V1",
            tenant=spec.tenant,
            data_set=spec.data_set,
            version=spec.version,
            created=now,
            retain_until=now + timedelta(days=spec.retention_days),
            purposes=spec.purposes,
            origin=Origin(source=description, transformations=spec.transformations),
            rows=files[-1].stop,
            columns=self.columns,
            keys=self._wrapped,
            files=tuple(files),
        )
        document, key = publish(spec, manifest.model_dump(mode="json"), TABLE_TYPE, self._store, self._backends, signer)
        return SealResult(
            tenant=spec.tenant,
            data_set=spec.data_set,
            version=spec.version,
            url=spec.url,
            manifest=f"{self._store.url}/{MANIFEST}",
            manifest_digest=digest(document),
            signer=key,
            rows=manifest.rows,
            shards=len(files),
            plaintext_bytes=plaintext_bytes,
            transformations=spec.transformations,
        )

    def _batches(self, rows: Rows, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for batch in rows.batches:
            try:
                arrays = [
                    arrow_array(batch[c.name] if c.variable else fixed(batch[c.name], c), c) for c in self.columns
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
            except (pa.ArrowException, ValueError) as error:
                raise TrainerError(
                    Reason.BAD_SOURCE, f"rows {rows.start} to {rows.stop}: not as declared ({type(error).__name__})"
                ) from error

    def _upload(self, number: int, path: Path, material: str, rows: int) -> None:
        identity = file_identity(path)
        with path.open("rb") as file:
            self._store.upload(f"files/{_name(number)}", file)
            size = file.seek(0, 2)
        # For other readers. Ours takes the copy in the signed manifest.
        self._store.put(f"files/{material_name(_name(number))}", material.encode())
        self._added[number] = _Added(rows, size, identity, material)


def seal_table(
    spec: SealSpec, source: Source, backends: Backends, progress: Progress | None, signer: Ed25519PrivateKey | None
) -> SealResult:
    """Seals a source as encrypted Parquet; see `trainer.ingest.seal.seal_data_set`."""
    columns = source.columns()
    steps = (*source.transformations, *spec.transformations)
    sealing = TableSealing(spec.model_copy(update={"transformations": steps}), columns, backends)
    total = 0
    with _writing(sealing, source) as finished:
        for rows in finished:
            total += rows.size
            if progress:
                progress(rows.stop, total)
    return sealing.publish(source.description, total, signer)


@contextmanager
def _writing(sealing: TableSealing, source: Source) -> Iterator[Iterator[Rows]]:
    """Cuts as their files are finished, in order; at most `workers` + 1 are in memory at any time."""
    spec = sealing.spec
    groups = tuple(
        Group(id=f"g{number:03d}", sensitivity=column.sensitivity, columns=(column,))
        for number, column in enumerate(sealing.columns)
    )
    slots = threading.Semaphore(spec.workers + 1)
    with tempfile.TemporaryDirectory(prefix="bulkhead-seal-") as folder, ThreadPoolExecutor(spec.workers) as pool:

        def write(number: int, rows: Rows) -> Rows:
            try:
                sealing.write(number, rows, Path(folder))
                rows.batches.clear()
            finally:
                slots.release()
            return rows

        def run() -> Iterator[Rows]:
            waiting: list[Future[Rows]] = []
            for number, rows in enumerate(cut_rows(source, groups, spec.shard_bytes)):
                slots.acquire()
                waiting.append(pool.submit(write, number, rows))
                while waiting and waiting[0].done():
                    yield waiting.pop(0).result()
            for future in waiting:
                yield future.result()

        yield run()


def _name(number: int) -> str:
    return f"part-{number:06d}.parquet"


def _material(path: Path) -> str:
    beside = path.parent / material_name(path.name)
    try:
        return beside.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TrainerError(
            Reason.BAD_SOURCE, f"{beside}: the key material cannot be read: {error}; write it outside the file"
        ) from error
