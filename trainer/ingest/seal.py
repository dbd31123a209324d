"""Sealing: source → cuts → shards, encrypted in parallel → uploads → signed manifest, which is published last."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.formats.container import KEY_BYTES, shard_binding
from trainer.formats.manifest import FORMAT, MANIFEST, ClassKey, Group, Manifest, Origin, Shard
from trainer.formats.names import Frozen
from trainer.formats.sealing import seal_stream
from trainer.formats.signing import DATA_SET_TYPE, digest, public_key_text, sign_document
from trainer.ingest.cutting import Cut, cut
from trainer.ingest.spec import SealSpec, partition
from trainer.keys.service import data_context
from trainer.keys.wrapping import wrap_key
from trainer.ledger.publication import data_stream
from trainer.sources.batches import Source
from trainer.sources.open import open_source
from trainer.store.objects import ObjectStore

Progress = Callable[[int, int], None]
"""Called with rows sealed and plaintext bytes sealed so far."""


class SealResult(Frozen):
    """What was sealed; `signer` is what a job may pin."""

    tenant: str
    data_set: str
    version: str
    url: str
    manifest: str
    manifest_digest: str
    signer: str
    rows: int
    shards: int
    plaintext_bytes: int


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
    store = backends.open_store(f"{spec.url.rstrip('/')}/{spec.prefix}")
    if store.exists(MANIFEST):
        raise TrainerError(Reason.BAD_JOB, f"{store.url} exists already; seal under a new version")
    chosen = source or open_source(spec.source)
    groups = partition(spec, chosen.columns())
    if unknown := set(spec.classes) - {column.name for group in groups for column in group.columns}:
        raise TrainerError(Reason.BAD_JOB, f"classes name columns that the source lacks: {sorted(unknown)}")
    stream = data_stream(spec.data_set)
    wrapping, keys = _data_set_keys(spec, groups, backends)
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
        origin=Origin(source=chosen.description, transformations=spec.transformations),
        rows=max(shard.stop for shard in sealed),
        groups=groups,
        keys=keys,
        shards=tuple(sealed),
    )
    key = signer or Ed25519PrivateKey.generate()
    document = sign_document(manifest.model_dump(mode="json"), DATA_SET_TYPE, key)
    published = {"data_set": spec.data_set, "version": spec.version, "manifest": digest(document)}
    backends.log.append(stream, "data-publish", published | {"signer": public_key_text(key)})
    store.put(MANIFEST, document, exclusive=True)
    backends.log.append(stream, "data-published", published | {"signer": public_key_text(key)})
    return SealResult(
        tenant=spec.tenant,
        data_set=spec.data_set,
        version=spec.version,
        url=spec.url,
        manifest=f"{store.url}/{MANIFEST}",
        manifest_digest=digest(document),
        signer=public_key_text(key),
        rows=manifest.rows,
        shards=len(sealed),
        plaintext_bytes=sum(shard.length for shard in sealed),
    )


def _data_set_keys(
    spec: SealSpec, groups: tuple[Group, ...], backends: Backends
) -> tuple[dict[str, bytes], tuple[ClassKey, ...]]:
    """A fresh data-set key per class, and its wrapped form per class and purpose; each use is in the ledger first."""
    plain: dict[str, bytes] = {}
    wrapped: list[ClassKey] = []
    for sensitivity in sorted({group.sensitivity for group in groups}):
        for purpose in spec.purposes:
            context = data_context(spec.tenant, spec.data_set, sensitivity, purpose)
            use = {"key": spec.key, "context": context, "version": spec.version}
            backends.log.append(data_stream(spec.data_set), "key-wrap", use)
            if sensitivity in plain:
                blob = backends.keys.wrap(spec.key, plain[sensitivity], context)
            else:
                fresh = backends.keys.generate(spec.key, context)
                plain[sensitivity], blob = fresh.plaintext, fresh.wrapped
            entry = base64.b64encode(blob).decode()
            wrapped.append(ClassKey(sensitivity=sensitivity, purpose=purpose, kms_key=spec.key, wrapped=entry))
    return plain, tuple(wrapped)


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
