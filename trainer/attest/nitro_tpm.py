"""EC2's NitroTPM: the hypervisor signs a document about the machine's own registers.

The request is a message of the Nitro Security Module's API in CBOR, left in an NV index; the vendor command
`TPM2_VENDOR_AWS_NSM_REQUEST` names the index as authorisation and as buffer, and the answer replaces the request.
Sources: EC2 user guide, "NitroTPM attestation"; aws/NitroTPM-Tools (`nitro-tpm-attest`) and
aws/aws-nitro-enclaves-nsm-api.

NOT RUN ON EC2: tested with a software TPM whose vendor command the test plays, from the sources above.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import cbor2

from trainer.attest import tpm_commands as tpm
from trainer.errors import Reason, TrainerError

NSM_REQUEST = 0x20000001
BUFFER = 8192
"""Bytes of the message buffer: a document of about 5 KiB and three fields of at most 1 KiB."""
LONGEST_FIELD = 1024
DEVICE = Path("/dev/tpm0")
"""Not the resource manager's device: the kernel's manager may not let vendor commands pass."""
_FIRST_INDEX, _INDEXES = 0x01800000, 0x00400000
"""The owner's range (TCG Registry of Reserved TPM 2.0 Handles)."""
_TRIES = 16


class NitroTpm:
    """Documents of the machine that this runs on."""

    def __init__(self, device: Path | None = None) -> None:
        self._device = device or Path(os.environ.get("TPM_DEVICE", str(DEVICE)))

    def document(self, public_key: bytes, nonce: bytes | None = None, user_data: bytes | None = None) -> bytes:
        """See `DocumentSource.document`."""
        with _opened(self._device) as transport:
            return request(transport, public_key, nonce, user_data)


def request(
    transport: tpm.Transport,
    public_key: bytes,
    nonce: bytes | None = None,
    user_data: bytes | None = None,
    size: int = BUFFER,
) -> bytes:
    """One exchange with the TPM behind `transport`, in a buffer of `size` bytes that is gone afterwards.

    Raises:
        TrainerError: a field is too long, the TPM refused, or the module answered with an error.
    """
    fields = {"user_data": user_data, "nonce": nonce, "public_key": public_key}
    for name, value in fields.items():
        if value is not None and len(value) > LONGEST_FIELD:
            raise TrainerError(Reason.ATTESTATION, f"{name}: {len(value)} bytes, NitroTPM takes {LONGEST_FIELD}")
    password = secrets.token_bytes(64)
    index = _buffer(transport, password, size)
    try:
        tpm.write(transport, index, password, cbor2.dumps({"Attestation": fields}))
        tpm.run(transport, NSM_REQUEST, (index, index), password)
        answer = tpm.read(transport, index, password, size)
    finally:
        tpm.undefine(transport, index)
    return _document(answer)


def _buffer(transport: tpm.Transport, password: bytes, size: int) -> int:
    for _ in range(_TRIES):
        index = _FIRST_INDEX + secrets.randbelow(_INDEXES)
        try:
            tpm.define(transport, index, password, size)
        except tpm.TpmError as error:
            if error.code != tpm.NV_DEFINED:
                raise
        else:
            return index
    raise TrainerError(Reason.ATTESTATION, f"no free NV index was found in {_TRIES} tries")


def _document(answer: bytes) -> bytes:
    """The document in an answer; what follows the CBOR value in the buffer means nothing."""
    try:
        found: Any = cbor2.CBORDecoder(BytesIO(answer)).decode()
    except (cbor2.CBORError, ValueError, TypeError, RecursionError) as error:
        raise TrainerError(Reason.ATTESTATION, f"NitroTPM's answer is not CBOR: {error}") from error
    if isinstance(found, dict) and "Error" in found:
        raise TrainerError(Reason.ATTESTATION, f"NitroTPM gives no document: {found['Error']}")
    try:
        document = found["Attestation"]["document"]
    except (KeyError, TypeError) as error:
        raise TrainerError(Reason.ATTESTATION, "NitroTPM's answer holds no document") from error
    if not isinstance(document, bytes):
        raise TrainerError(Reason.ATTESTATION, "NitroTPM's document is not a byte string")
    return document


@contextmanager
def _opened(device: Path) -> Iterator[tpm.Transport]:
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise TrainerError(Reason.ATTESTATION, f"{device}: cannot be opened: {error.strerror or error}") from error

    def transport(command: bytes) -> bytes:
        try:
            os.write(descriptor, command)
            return os.read(descriptor, 1 << 16)
        except OSError as error:
            raise TrainerError(Reason.ATTESTATION, f"{device}: {error.strerror or error}") from error

    try:
        yield transport
    finally:
        os.close(descriptor)
