"""Sealing: source → cuts → shards, encrypted in parallel → uploads → signed manifest, which is published last."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trainer.backends import Backends
from trainer.formats.container import KEY_BYTES, shard_binding
from trainer.formats.manifest import FORMAT, MANIFEST, Group, Manifest, Origin, Shard
from trainer.formats.sealing import seal_stream
from trainer.formats.signing import DATA_SET_TYPE, digest
from trainer.ingest.cutting import Cut, cut
from trainer.ingest.publishing import Progress, SealResult, check_columns, class_keys, open_version, publish
from trainer.ingest.spec import SealSpec, partition
from trainer.ingest.tables import seal_table
from trainer.keys.wrapping import wrap_key
from trainer.sources.batches import Source
from trainer.sources.open import open_source
from trainer.store.objects import ObjectStore

__all__ = ["SealResult", "seal_data_set"]


def seal_data_set(
    spec: SealSpec,
    backends: Backends,
    progress: Progress | None = None,
    source: Source | None = None,
    signer: Ed25519PrivateKey | None = None,
) -> SealResult:
    """Seals what `spec` describes (or the given `source`) and publishes its manifest.

    The signing key is fresh for every publication unless one is given; what makes it trusted is the ledger's record
    of it, or a job that pins it. An existing version is never replaced. Plaintext stays in memory; a version that was
    not finished has no manifest and is invisible to readers. Raises `TrainerError`.
    """
    chosen = source or open_source(spec.source)
    if spec.format == "parquet":
        return seal_table(spec, chosen, backends, progress, signer)
    store = open_version(spec, backends)
    columns = chosen.columns()
    check_columns(spec, columns)
    groups = partition(spec, columns)
    wrapping, keys = class_keys(spec, {group.sensitivity for group in groups}, backends)
    with _sealing(spec, chosen, groups, wrapping, store) as shards:
        sealed: list[Shard] = []
        for shard in shards:
            sealed.append(shard)
            if progress:
                progress(max(entry.stop for entry in sealed), sum(entry.length for entry in sealed))
    now = datetime.now(UTC)
    manifest = Manifest(
        format=FORMAT,
        tenant=spec.tenant,
        data_set=spec.data_set,
        version=spec.version,
        created=now,
        retain_until=now + timedelta(days=spec.retention_days),
        purposes=spec.purposes,
        origin=Origin(source=chosen.description, transformations=(*chosen.transformations, *spec.transformations)),
        rows=max(shard.stop for shard in sealed),
        groups=groups,
        keys=keys,
        shards=tuple(sealed),
    )
    document, key = publish(spec, manifest.model_dump(mode="json"), DATA_SET_TYPE, store, backends, signer)
    return SealResult(
        tenant=spec.tenant,
        data_set=spec.data_set,
        version=spec.version,
        url=spec.url,
        manifest=f"{store.url}/{MANIFEST}",
        manifest_digest=digest(document),
        signer=key,
        rows=manifest.rows,
        shards=len(sealed),
        plaintext_bytes=sum(shard.length for shard in sealed),
        transformations=manifest.origin.transformations,
    )


@contextmanager
def _sealing(
    spec: SealSpec, source: Source, groups: tuple[Group, ...], wrapping: dict[str, bytes], store: ObjectStore
) -> Iterator[Iterator[Shard]]:
    """Shards as they are finished, in order; at most `workers` + 1 cuts are in memory at any time."""
    slots = threading.Semaphore(spec.workers + 1)
    with ThreadPoolExecutor(spec.workers) as pool:

        def seal_cut(number: int, piece: Cut) -> list[Shard]:
            try:
                return [_seal_shard(spec, group, number, piece, wrapping[group.sensitivity], store) for group in groups]
            finally:
                slots.release()

        def run() -> Iterator[Shard]:
            waiting: list[Future[list[Shard]]] = []
            for number, piece in enumerate(cut(source, groups, spec.shard_bytes)):
                slots.acquire()
                waiting.append(pool.submit(seal_cut, number, piece))
                while waiting and waiting[0].done():
                    yield from waiting.pop(0).result()
            for future in waiting:
                yield from future.result()

        yield run()


def _seal_shard(
    spec: SealSpec, group: Group, number: int, piece: Cut, wrapping_key: bytes, store: ObjectStore
) -> Shard:
    name = f"{group.id}-{number:06d}"
    binding = shard_binding(spec.tenant, spec.data_set, spec.version, name, group.sensitivity)
    payload = piece.payloads.pop(group.id)
    length = sum(len(part) for part in payload)
    key = os.urandom(KEY_BYTES)
    target = f"shards/{name}.bh"
    # Anonymous memory, not a temporary file: even ciphertext does not have to touch the owner's disk.
    with os.fdopen(os.memfd_create(name), "w+b") as file:
        header = seal_stream(payload, length, key, binding, file.write)
        file.flush()
        file.seek(0)
        store.upload(target, file)
    return Shard(
        id=name,
        group=group.id,
        object=target,
        start=piece.start,
        stop=piece.stop,
        length=length,
        commitment=header.commitment.hex(),
        wrapped_key=wrap_key(wrapping_key, key, binding),
    )
