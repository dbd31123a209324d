"""The manifest of an exported model, its publication by the agent, and reading it back as the tenant."""

from __future__ import annotations

import base64
import io
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, cast

from pydantic import ValidationError

from trainer.backends import Backends
from trainer.checkpoint.ports import FileGrant
from trainer.errors import Reason, TrainerError
from trainer.formats.container import HEADER_BYTES, KEY_BYTES, model_binding, open_header, parse_header, sealed_size
from trainer.formats.names import Digest, Frozen, Name
from trainer.formats.reading import SealedReader
from trainer.formats.signing import MODEL_TYPE, digest, open_signed, public_key_text, sign_document
from trainer.keys.service import model_context
from trainer.ledger.publication import acceptable, check_current, run_stream

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from torch import Tensor

MANIFEST = "manifest.json"
_FILE = "model.safetensors"


class DataOrigin(Frozen):
    """A data set that the model was trained on."""

    data_set: Name
    version: Name
    manifest: Digest
    columns: tuple[str, ...]


class Provenance(Frozen):
    """How the model came about; everything needed to ask the ledger for more."""

    job_digest: Digest
    recipe: dict[str, Any]
    training: dict[str, Any]
    data: tuple[DataOrigin, ...]
    purpose: Name
    trainer: str
    sandbox: dict[str, Any]


class ModelManifest(Frozen):
    """An exported model."""

    format: Literal["bulkhead-model/1"]
    tenant: Name
    run: Name
    model: Name
    created: datetime
    step: int
    metrics: dict[str, float]
    kms_key: str
    wrapped_key: str
    object: str
    length: int
    commitment: Digest
    provenance: Provenance


@dataclass
class ModelExport:
    """Publishes one model of a run; the file's key is the KMS data key itself, one per model."""

    backends: Backends
    tenant: str
    run: str
    model: str
    url: str
    kms_key: str
    scratch: Path
    signer: Ed25519PrivateKey
    provenance: Provenance
    _pending: tuple[bytes, bytes, BinaryIO] | None = None

    def begin(self) -> FileGrant:
        """A key and an empty file for the weights; the key's use is in the ledger first."""
        context = model_context(self.tenant, self.run, self.model)
        self.backends.log.append(run_stream(self.run), "key-generate", {"key": self.kms_key, "context": context})
        key = self.backends.keys.generate(self.kms_key, context)
        if len(key.plaintext) != KEY_BYTES:
            raise TrainerError(Reason.WRONG_KEY, f"key {self.kms_key} of tenant {self.tenant}: not a 256-bit data key")
        file = cast("BinaryIO", tempfile.TemporaryFile(dir=self.scratch))  # noqa: SIM115 - kept until commit
        self._pending = (key.plaintext, key.wrapped, file)
        theirs = os.fdopen(os.dup(file.fileno()), "w+b")
        return FileGrant(key.plaintext, model_binding(self.tenant, self.run, self.model, _FILE), theirs)

    def commit(self, step: int, length: int, metrics: dict[str, float]) -> tuple[str, str]:
        """Checks the file, records the export, uploads, signs; the manifest's URL and digest."""
        if self._pending is None:
            raise TrainerError(Reason.PROTOCOL, "an export is committed that was not begun")
        (key, wrapped, file), self._pending = self._pending, None
        binding = model_binding(self.tenant, self.run, self.model, _FILE)
        total = os.fstat(file.fileno()).st_size
        header = parse_header(os.pread(file.fileno(), HEADER_BYTES, 0), total, binding.describe())
        open_header(header, key, binding, binding.describe())
        if total != sealed_size(length):
            raise TrainerError(Reason.PROTOCOL, f"{binding.describe()}: has {total} bytes, not those of {length}")
        # A name of its own: until the manifest is replaced, the model that was exported before stays whole.
        weights = f"weights-{header.commitment.hex()[:32]}.safetensors.bh"
        manifest = ModelManifest(
            format="bulkhead-model/1",
            tenant=self.tenant,
            run=self.run,
            model=self.model,
            created=datetime.now(UTC),
            step=step,
            metrics=metrics,
            kms_key=self.kms_key,
            wrapped_key=base64.b64encode(wrapped).decode(),
            object=weights,
            length=length,
            commitment=header.commitment.hex(),
            provenance=self.provenance,
        )
        document = sign_document(manifest.model_dump(mode="json"), MODEL_TYPE, self.signer)
        details = {"run": self.run, "model": self.model, "step": step, "manifest": digest(document)}
        details["signer"] = public_key_text(self.signer)
        store = self.backends.open_store(model_url(self.url, self.run, self.model))
        self.backends.log.append(run_stream(self.run), "model-publish", details)
        with file:
            store.upload(weights, file)
        store.put(MANIFEST, document)
        self.backends.log.append(run_stream(self.run), "model-published", details)
        return f"{store.url}/{MANIFEST}", digest(document)


def model_url(url: str, run: str, model: str) -> str:
    """Where a model's objects lie."""
    return f"{url.rstrip('/')}/{run}/{model}"


def load_model(
    backends: Backends, tenant: str, run: str, model: str, url: str, kms_key: str
) -> tuple[ModelManifest, dict[str, Tensor]]:
    """The manifest and the weights of an exported model, verified against the tenant's ledger, key and signature.

    Weights are decrypted into memory, never to disk. Raises `TrainerError`.
    """
    import safetensors.torch  # noqa: PLC0415 - heavy

    store = backends.open_store(model_url(url, run, model))
    name = f"{store.url}/{MANIFEST}"
    data = store.get(name=MANIFEST)
    records = backends.log.read(run_stream(run))
    publications = acceptable(records, "model-publish", "model-published", {"run": run, "model": model})
    signer = check_current(digest(data), publications, name, None)
    try:
        manifest = ModelManifest.model_validate(open_signed(data, MODEL_TYPE, (signer,), name))
    except ValidationError as error:
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: not a model manifest: {error}") from error
    if (manifest.tenant, manifest.run, manifest.model) != (tenant, run, model):
        raise TrainerError(Reason.FOREIGN, f"{name}: belongs to another tenant, run or model")
    context = model_context(tenant, run, model)
    backends.log.append(run_stream(run), "key-unwrap", {"key": kms_key, "context": context})
    key = backends.keys.unwrap(kms_key, base64.b64decode(manifest.wrapped_key), context)
    sealed = io.BytesIO()
    store.download(manifest.object, sealed)
    with SealedReader(sealed.getvalue(), key, model_binding(tenant, run, model, _FILE), name) as reader:
        if reader.commitment.hex() != manifest.commitment or reader.length != manifest.length:
            raise TrainerError(Reason.FOREIGN, f"{name}: the weights are not the file that the manifest lists")
        plaintext = reader.read(0, reader.length)
    return manifest, safetensors.torch.load(plaintext)
