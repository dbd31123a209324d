"""Where attestation documents come from, and the choice between the sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from trainer.errors import Reason, TrainerError

SETTING = "BULKHEAD_ATTESTATION"
"""Environment variable: `nitro-tpm`, `hosted:<address>` or `none`."""


class DocumentSource(Protocol):
    """A machine's means to prove what it booted."""

    def document(self, public_key: bytes, nonce: bytes | None = None, user_data: bytes | None = None) -> bytes:
        """A fresh NitroTPM attestation document (COSE_Sign1) that carries the given values.

        Args:
            public_key: DER SubjectPublicKeyInfo of an RSA key, to which the key service encrypts its answer.
            nonce: what a relying party asked for.
            user_data: free.

        Raises:
            TrainerError: reason `attestation`, with what refused or failed.
        """
        ...


def chosen(environment: Mapping[str, str]) -> DocumentSource | None:
    """The source that `BULKHEAD_ATTESTATION` names; None for `none` and where nothing is said.

    Without a document a key that is bound to measurements is refused by its own policy, so nothing is opened by
    leaving the variable out.

    Raises:
        TrainerError: the setting is unknown, or a hosted source does not say which machine this is.
    """
    setting = environment.get(SETTING, "none")
    if setting == "none":
        return None
    if setting == "nitro-tpm":
        from trainer.attest.nitro_tpm import NitroTpm  # noqa: PLC0415 - only the chosen source is loaded

        return NitroTpm()
    kind, _, address = setting.partition(":")
    if kind == "hosted" and address:
        from trainer.attest.hosted import HostedTpm  # noqa: PLC0415
        from trainer.attest.metadata import machine_id  # noqa: PLC0415

        return HostedTpm(address, machine_id(environment), tcti=environment.get("TPM2TOOLS_TCTI"))
    raise TrainerError(
        Reason.ATTESTATION, f"{SETTING}={setting!r}: expected nitro-tpm, hosted:<address of the host's service> or none"
    )
