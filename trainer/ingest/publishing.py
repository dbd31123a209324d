"""What sealing a data set begins and ends with, whatever its form: keys of its classes, and a signed manifest."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.formats.manifest import MANIFEST, ClassKey, Column
from trainer.formats.names import Frozen
from trainer.formats.signing import digest, public_key_text, sign_document
from trainer.ingest.spec import SealSpec
from trainer.keys.service import data_context
from trainer.ledger.publication import data_stream
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
    """Sealed objects: shards, or files of a table."""
    plaintext_bytes: int
    transformations: tuple[str, ...] = ()
    """What was done to the data on the way, as in the manifest; for pictures also which number each label became."""


def open_version(spec: SealSpec, backends: Backends) -> ObjectStore:
    """The store of a version that does not exist yet; `TrainerError` for one that does."""
    store = backends.open_store(f"{spec.url.rstrip('/')}/{spec.prefix}")
    if store.exists(MANIFEST):
        raise TrainerError(Reason.BAD_JOB, f"{store.url} exists already; seal under a new version")
    return store


def check_columns(spec: SealSpec, columns: Iterable[Column]) -> None:
    """Refuses two columns of one name, and classes for columns that are not there.

    A misspelt name would leave its column less protected.
    """
    names = [column.name for column in columns]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TrainerError(Reason.BAD_SOURCE, f"{spec.prefix}: the source has more than one column {twice}; rename one")
    if unknown := set(spec.classes) - set(names):
        raise TrainerError(Reason.BAD_JOB, f"classes name columns that the source lacks: {sorted(unknown)}")


def class_keys(
    spec: SealSpec, classes: Iterable[str], backends: Backends
) -> tuple[dict[str, bytes], tuple[ClassKey, ...]]:
    """A fresh data-set key per class, and its wrapped form per class and purpose; each use is in the ledger first."""
    plain: dict[str, bytes] = {}
    wrapped: list[ClassKey] = []
    for sensitivity in sorted(set(classes)):
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


def publish(
    spec: SealSpec,
    manifest: dict[str, Any],
    payload_type: str,
    store: ObjectStore,
    backends: Backends,
    signer: Ed25519PrivateKey | None,
) -> tuple[bytes, str]:
    """Signs the manifest and publishes it through the ledger; the envelope and the public key that signed it.

    The signing key is fresh unless one is given. The intent is in the ledger before the object, the confirmation after.
    """
    key = signer or Ed25519PrivateKey.generate()
    document = sign_document(manifest, payload_type, key)
    stream, public = data_stream(spec.data_set), public_key_text(key)
    published = {"data_set": spec.data_set, "version": spec.version, "manifest": digest(document), "signer": public}
    backends.log.append(stream, "data-publish", published)
    store.put(MANIFEST, document, exclusive=True)
    backends.log.append(stream, "data-published", published)
    return document, public
