"""A symmetric KMS key has no private key.

moto draws a 2048-bit RSA key for every key, which takes a tenth of a second each, and answers `GetPublicKey` and `Sign`
with it. KMS refuses both for a symmetric key.
"""

from __future__ import annotations

import importlib
from typing import Any


def apply() -> None:
    """Draw a private key for asymmetric key specs only."""
    models: Any = importlib.import_module("moto.kms.models")

    original = models.generate_private_key

    def generate(spec: str) -> Any:
        return original(spec) if spec.startswith(("RSA_", "ECC_", "SM2")) else _NoPrivateKey()

    models.generate_private_key = generate


class _NoPrivateKey:
    """Stands where an asymmetric key has its private key; every use of it is refused as KMS does."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        from moto.core.exceptions import JsonRESTError  # noqa: PLC0415

        raise JsonRESTError("UnsupportedOperationException", "The operation is for asymmetric keys only")
