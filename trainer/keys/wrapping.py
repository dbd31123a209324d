"""Keys wrapped under keys inside the hierarchy: container keys under a data-set, run or model key."""

from __future__ import annotations

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json
from trainer.formats.container import Binding

_NONCE = 12


def wrap_key(wrapping_key: bytes, key: bytes, binding: Binding) -> str:
    """`key` wrapped with AES-256-GCM under a random nonce, bound to its container; base64 of nonce, bytes and tag.

    Random nonces stay below NIST SP 800-38D's bound (8.3) up to 2^32 wraps per wrapping key.
    """
    nonce = os.urandom(_NONCE)
    return base64.b64encode(nonce + AESGCM(wrapping_key).encrypt(nonce, key, _authenticated(binding))).decode()


def unwrap_key(wrapping_key: bytes, wrapped: str, binding: Binding) -> bytes:
    """The key that `wrap_key` wrapped; `TrainerError` when key or binding differ."""
    try:
        data = base64.b64decode(wrapped, validate=True)
        return AESGCM(wrapping_key).decrypt(data[:_NONCE], data[_NONCE:], _authenticated(binding))
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise TrainerError(Reason.WRONG_KEY, f"the wrapped key of {binding.describe()} does not open") from error


def signing_key(run_key: bytes) -> Ed25519PrivateKey:
    """The Ed25519 key of a run, derived from the run's key: whoever may unwrap that may sign and verify."""
    seed = HKDF(algorithm=SHA512(), length=32, salt=None, info=b"bulkhead run signing key/1").derive(run_key)
    return Ed25519PrivateKey.from_private_bytes(seed)


def _authenticated(binding: Binding) -> bytes:
    return b"bulkhead-wrapped-key/1\x00" + canonical_json({"kind": binding.kind, **dict(binding.fields)})
