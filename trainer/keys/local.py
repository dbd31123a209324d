"""A key service in memory: for tests and for reading one's own data offline. It keeps KMS's rules, not its walls."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json
from trainer.keys.service import Context, DataKey


class LocalKeyService:
    """Wraps under 256-bit keys that the caller holds; the newest material of a key wraps, all of it unwraps."""

    def __init__(self, keys: dict[str, list[bytes]]) -> None:
        self._keys = keys

    def generate(self, key: str, context: Context) -> DataKey:
        """See `KeyService.generate`."""
        plaintext = os.urandom(32)
        return DataKey(plaintext, self._wrap(key, plaintext, context))

    def wrap(self, key: str, plaintext: bytes, context: Context) -> bytes:
        """See `KeyService.wrap`."""
        return self._wrap(key, plaintext, context)

    def unwrap(self, key: str, wrapped: bytes, context: Context) -> bytes:
        """See `KeyService.unwrap`."""
        for material in reversed(self._material(key, context)):
            try:
                return AESGCM(material).decrypt(wrapped[:12], wrapped[12:], canonical_json(dict(context)))
            except (InvalidTag, ValueError):
                continue
        tenant = context.get("tenant", "?")
        raise TrainerError(
            Reason.WRONG_KEY, f"key {key} of tenant {tenant} does not open this wrapped key for {dict(context)}"
        )

    def rewrap(self, key: str, wrapped: bytes, context: Context) -> bytes:
        """See `KeyService.rewrap`."""
        return self._wrap(key, self.unwrap(key, wrapped, context), context)

    def _wrap(self, key: str, plaintext: bytes, context: Context) -> bytes:
        nonce = os.urandom(12)
        material = self._material(key, context)[-1]
        return nonce + AESGCM(material).encrypt(nonce, plaintext, canonical_json(dict(context)))

    def _material(self, key: str, context: Context) -> list[bytes]:
        if not self._keys.get(key):
            tenant = context.get("tenant", "?")
            raise TrainerError(Reason.KEY_UNAVAILABLE, f"key {key} of tenant {tenant} does not exist here")
        return self._keys[key]
