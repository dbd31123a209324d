"""Rotation of a data set's keys: the manifest changes, the shards stay byte for byte as they are."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trainer.backends import Backends
from trainer.formats.manifest import MANIFEST, ClassKey, Manifest, Shard, open_manifest
from trainer.formats.names import Frozen
from trainer.formats.parquet_keys import material_name, rewrap_material
from trainer.formats.signing import TABLE_TYPE, digest, payload_type, public_key_text, sign_document
from trainer.formats.table_manifest import TableFile, TableManifest, open_table_manifest
from trainer.keys.service import data_context
from trainer.keys.wrapping import unwrap_key, wrap_key
from trainer.ledger.publication import acceptable, check_current, data_stream

Sealed = Manifest | TableManifest


class RotationResult(Frozen):
    """What a rotation changed."""

    manifest_digest: str
    signer: str
    data_set_keys: int
    shard_keys: int
    """How many shards or files had their keys wrapped anew; 0 when only the KMS layer rotated."""


def rotate_data_set(
    backends: Backends, tenant: str, data_set: str, version: str, url: str, *, fresh: bool = False
) -> RotationResult:
    """Re-wraps the data-set keys of a version under the current material of their KMS keys.

    With `fresh` the data-set keys themselves are replaced and the keys of shards or files are wrapped under the new
    ones (this needs the right to unwrap; plain rotation needs only ReEncrypt). The new manifest is published through
    the ledger, so the old one is refused from then on. Raises `TrainerError`.
    """
    store = backends.open_store(f"{url.rstrip('/')}/{data_set}/{version}")
    where = f"{store.url}/{MANIFEST}"
    data = store.get(MANIFEST)
    match = {"data_set": data_set, "version": version}
    stream = data_stream(data_set)
    publications = acceptable(backends.log.read(stream), "data-publish", "data-published", match)
    signer = check_current(digest(data), publications, where, None)
    kind = payload_type(data, where)
    old: Sealed = (open_table_manifest if kind == TABLE_TYPE else open_manifest)(
        data, (signer,), tenant, data_set, version, where
    )
    changes = _replace(backends, old) if fresh else {"keys": tuple(_rewrap(backends, old, key) for key in old.keys)}
    new = old.model_copy(update=changes)
    key = Ed25519PrivateKey.generate()
    document = sign_document(new.model_dump(mode="json"), kind, key)
    details = match | {"manifest": digest(document), "signer": public_key_text(key)}
    backends.log.append(stream, "data-publish", details)
    store.put(MANIFEST, document)
    backends.log.append(stream, "data-published", details)
    objects: Sequence[Shard | TableFile] = new.files if isinstance(new, TableManifest) else new.shards
    if fresh:
        for entry in objects:
            if isinstance(entry, TableFile):
                folder, _, last = entry.object.rpartition("/")
                # The copy for other readers; ours has taken the manifest's since it was published.
                store.put(f"{folder}/{material_name(last)}", entry.key_material.encode())
    return RotationResult(
        manifest_digest=digest(document),
        signer=public_key_text(key),
        data_set_keys=len(old.keys),
        shard_keys=len(objects) if fresh else 0,
    )


def _rewrap(backends: Backends, manifest: Sealed, key: ClassKey) -> ClassKey:
    context = data_context(manifest.tenant, manifest.data_set, key.sensitivity, key.purpose)
    _record(backends, manifest, "key-rewrap", key.kms_key, context)
    wrapped = backends.keys.rewrap(key.kms_key, base64.b64decode(key.wrapped), context)
    return key.model_copy(update={"wrapped": base64.b64encode(wrapped).decode()})


def _replace(backends: Backends, manifest: Sealed) -> dict[str, Any]:
    """New data-set keys for all classes, and every shard key under the new key of its class."""
    old: dict[str, bytes] = {}
    new: dict[str, bytes] = {}
    keys: list[ClassKey] = []
    for key in manifest.keys:
        context = data_context(manifest.tenant, manifest.data_set, key.sensitivity, key.purpose)
        if key.sensitivity not in new:
            _record(backends, manifest, "key-unwrap", key.kms_key, context)
            old[key.sensitivity] = backends.keys.unwrap(key.kms_key, base64.b64decode(key.wrapped), context)
            _record(backends, manifest, "key-generate", key.kms_key, context)
            generated = backends.keys.generate(key.kms_key, context)
            new[key.sensitivity], blob = generated.plaintext, generated.wrapped
        else:
            _record(backends, manifest, "key-wrap", key.kms_key, context)
            blob = backends.keys.wrap(key.kms_key, new[key.sensitivity], context)
        keys.append(key.model_copy(update={"wrapped": base64.b64encode(blob).decode()}))
    replaced = _table_files(manifest, old, new) if isinstance(manifest, TableManifest) else _shards(manifest, old, new)
    return {"keys": tuple(keys)} | replaced


def _shards(manifest: Manifest, old: dict[str, bytes], new: dict[str, bytes]) -> dict[str, Any]:
    classes = {group.id: group.sensitivity for group in manifest.groups}
    shards = []
    for shard in manifest.shards:
        binding, sensitivity = manifest.binding(shard), classes[shard.group]
        plain = unwrap_key(old[sensitivity], shard.wrapped_key, binding)
        shards.append(shard.model_copy(update={"wrapped_key": wrap_key(new[sensitivity], plain, binding)}))
    return {"shards": tuple(shards)}


def _table_files(manifest: TableManifest, old: dict[str, bytes], new: dict[str, bytes]) -> dict[str, Any]:
    names = tuple(column.name for column in manifest.columns)
    before, after = manifest.column_keys(old, names), manifest.column_keys(new, names)
    files = [
        file.model_copy(update={"key_material": rewrap_material(file.key_material, before, after, file.object)})
        for file in manifest.files
    ]
    return {"files": tuple(files)}


def _record(backends: Backends, manifest: Sealed, kind: str, key: str, context: dict[str, str]) -> None:
    details = {"key": key, "context": context, "version": manifest.version}
    backends.log.append(data_stream(manifest.data_set), kind, details)
