"""The keys of a run, in `run.json`: wrapped by KMS for this tenant and run, so nobody else can have made them."""

from __future__ import annotations

import base64
import binascii
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field, ValidationError

from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json, parse_json_object
from trainer.formats.names import Frozen, Name
from trainer.formats.signing import public_key_text
from trainer.keys.service import run_context
from trainer.keys.wrapping import signing_key
from trainer.ledger.publication import run_stream
from trainer.store.objects import ObjectStore

RUN = "run.json"


class RunDocument(Frozen):
    """`run.json`. It needs no signature: KMS opens its keys only for this tenant and run."""

    format: Literal["bulkhead-run/1"]
    tenant: Name
    run: Name
    kms_key: str
    keys: tuple[str, ...] = Field(min_length=1, max_length=1000)


class RunKeys:
    """The run's keys in clear, in the agent's memory only; the newest wraps and signs, all open and verify."""

    def __init__(
        self, backends: Backends, document: RunDocument | None, place: RunDocument, store: ObjectStore
    ) -> None:
        self._backends, self._store = backends, store
        self._document = place
        self._plain: list[bytes] = []
        if document is None:
            self.add()
            return
        for wrapped in document.keys:
            try:
                blob = base64.b64decode(wrapped, validate=True)
            except binascii.Error as error:
                raise TrainerError(Reason.BAD_FORMAT, f"{store.url}/{RUN}: a wrapped key is not base64") from error
            self._record("key-unwrap")
            self._plain.append(backends.keys.unwrap(place.kms_key, blob, self._context))
        self._document = document

    @property
    def newest(self) -> int:
        """The index of the key that wraps and signs."""
        return len(self._plain) - 1

    def add(self) -> None:
        """Generates one more key and stores it wrapped, before anything depends on it."""
        self._record("key-generate")
        fresh = self._backends.keys.generate(self._document.kms_key, self._context)
        known = self._document.keys if self._plain else ()
        keys = (*known, base64.b64encode(fresh.wrapped).decode())
        self._document = self._document.model_copy(update={"keys": keys})
        self._store.put(RUN, canonical_json(self._document.model_dump(mode="json")))
        self._plain.append(fresh.plaintext)

    def wrapping(self, index: int) -> bytes:
        """The key with this index; `TrainerError` when the run has none."""
        if index >= len(self._plain):
            raise TrainerError(Reason.WRONG_KEY, f"run {self._document.run}: has no key {index}; run.json is too old")
        return self._plain[index]

    def signer(self, index: int) -> Ed25519PrivateKey:
        """The signing key that belongs to the key with this index."""
        return signing_key(self.wrapping(index))

    def public_keys(self) -> tuple[str, ...]:
        """The public keys of all the run's keys, by index."""
        return tuple(public_key_text(signing_key(key)) for key in self._plain)

    @property
    def _context(self) -> dict[str, str]:
        return run_context(self._document.tenant, self._document.run)

    def _record(self, kind: str) -> None:
        details = {"key": self._document.kms_key, "context": self._context}
        self._backends.log.append(run_stream(self._document.run), kind, details)


def open_run_keys(backends: Backends, tenant: str, run: str, kms_key: str, store: ObjectStore) -> RunKeys:
    """The run's keys: those of `run.json`, or a first one for a new run."""
    place = RunDocument(format="bulkhead-run/1", tenant=tenant, run=run, kms_key=kms_key, keys=("",))
    if not store.exists(RUN):
        return RunKeys(backends, None, place, store)
    name = f"{store.url}/{RUN}"
    try:
        document = RunDocument.model_validate(parse_json_object(store.get(RUN), name))
    except ValidationError as error:
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: not a run document: {error}") from error
    if (document.tenant, document.run, document.kms_key) != (tenant, run, kms_key):
        raise TrainerError(
            Reason.FOREIGN, f"{name}: belongs to another tenant, run or key than {tenant}, {run}, {kms_key}"
        )
    return RunKeys(backends, document, place, store)
