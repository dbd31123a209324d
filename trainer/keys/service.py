"""What the trainer asks of a key service. Keys are named by alias; every use carries an encryption context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

Context = Mapping[str, str]
"""KMS encryption context: authenticated with the wrapped key, and what key policies and grants can condition on."""


@dataclass(frozen=True)
class DataKey:
    """A fresh 256-bit key and the same key wrapped by the key service."""

    plaintext: bytes = field(repr=False)
    wrapped: bytes


class KeyService(Protocol):
    """A cloud's key management. Every failure is a `TrainerError` that names the key and the tenant."""

    def generate(self, key: str, context: Context) -> DataKey:
        """A new data key wrapped under `key`."""
        ...

    def wrap(self, key: str, plaintext: bytes, context: Context) -> bytes:
        """A data key that exists already, wrapped under `key` for one more context."""
        ...

    def unwrap(self, key: str, wrapped: bytes, context: Context) -> bytes:
        """The 32 bytes wrapped under `key` with exactly this context."""
        ...

    def rewrap(self, key: str, wrapped: bytes, context: Context) -> bytes:
        """The same data key wrapped anew under the current material of `key`; plaintext never leaves the service."""
        ...


def data_context(tenant: str, data_set: str, sensitivity: str, purpose: str) -> dict[str, str]:
    """The context of a data-set key: one per sensitivity class and purpose."""
    return {"tenant": tenant, "dataset": data_set, "class": sensitivity, "purpose": purpose}


def run_context(tenant: str, run: str) -> dict[str, str]:
    """The context of the key of a training run, under which its checkpoints' keys are wrapped."""
    return {"tenant": tenant, "run": run, "purpose": "checkpoint"}


def model_context(tenant: str, run: str, model: str) -> dict[str, str]:
    """The context of the key of an exported model."""
    return {"tenant": tenant, "run": run, "model": model, "purpose": "export"}
