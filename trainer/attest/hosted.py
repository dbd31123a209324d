"""A machine with a TPM of its own whose host signs the document: the local cloud's virtual and process nodes.

The TPM quotes its registers over the host's challenge and over what the document is to carry; the host verifies the
quote with the key it made the machine with and puts the quoted registers into a NitroTPM document. On EC2 the Nitro
hypervisor does both in one step.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from trainer.attest.http import ask
from trainer.errors import Reason, TrainerError

AK_HANDLE = "0x81010002"
"""Persistent handle of the attestation key; the image's tools make it there."""
BANK = "sha384"
REGISTERS = (*range(10), *range(11, 16))
"""What is quoted. 10 is left out: the kernel's IMA extends it while evidence is gathered."""
_SIZE = 48
_PATIENCE = 120.0


class HostedTpm:
    """Documents of the machine `machine`, signed by the service at `address`.

    `tcti` is how tpm2-tools reach the TPM (tpm2-tools, `TPM2TOOLS_TCTI`); the kernel's resource manager unless given.
    """

    def __init__(self, address: str, machine: str, *, tcti: str | None = None, handle: str = AK_HANDLE) -> None:
        self._address = address.rstrip("/")
        self._machine = machine
        self._tcti = tcti
        self._handle = handle

    def document(self, public_key: bytes, nonce: bytes | None = None, user_data: bytes | None = None) -> bytes:
        """See `DocumentSource.document`."""
        challenge = self._challenge()
        evidence = self.quote(extra_data(challenge, public_key, user_data))
        asked = {
            "machine": self._machine,
            "nonce": challenge.hex(),
            "evidence": evidence,
            "public_key": _text(public_key),
            "user_data": None if user_data is None else _text(user_data),
            "document_nonce": None if nonce is None else nonce.hex(),
        }
        answer = self._post("document", asked)
        try:
            return base64.b64decode(answer["document"], validate=True)
        except (KeyError, TypeError, binascii.Error, ValueError) as error:
            raise TrainerError(Reason.ATTESTATION, f"{self._address}: answered without a document") from error

    def quote(self, nonce: bytes) -> dict[str, Any]:
        """A TPM2_Quote over `nonce`, as the JSON object that `attestation.kinds.tpm` reads.

        Raises:
            TrainerError: the TPM or a tool failed.
        """
        selection = f"{BANK}:{','.join(map(str, REGISTERS))}"
        with tempfile.TemporaryDirectory(prefix="bulkhead-quote-") as folder:
            message, signature, public, values = (Path(folder) / name for name in ("quote", "sig", "ak", "pcrs"))
            self._tool("tpm2_quote", "-c", self._handle, "-l", selection, "-q", nonce.hex(), "-g", "sha256",
                       "-m", str(message), "-s", str(signature), "-o", str(values), "-F", "values", "-Q")  # fmt: skip
            self._tool("tpm2_readpublic", "-c", self._handle, "-o", str(public), "-Q")
            registers = values.read_bytes()
            if len(registers) != _SIZE * len(REGISTERS):
                raise TrainerError(Reason.ATTESTATION, f"the TPM quoted {len(registers)} bytes of {BANK} registers")
            pcrs = {str(index): registers[_SIZE * n : _SIZE * (n + 1)].hex() for n, index in enumerate(REGISTERS)}
            return {
                "quote": _text(message.read_bytes()),
                "signature": _text(signature.read_bytes()),
                "ak_public": _text(public.read_bytes()),
                "pcrs": {BANK: pcrs},
            }

    def _challenge(self) -> bytes:
        answer = self._post("challenge", {"machine": self._machine})
        try:
            return bytes.fromhex(answer["nonce"])
        except (KeyError, TypeError, ValueError) as error:
            raise TrainerError(Reason.ATTESTATION, f"{self._address}: answered without a nonce") from error

    def _post(self, what: str, question: dict[str, Any]) -> dict[str, Any]:
        address = f"{self._address}/_bulkhead/attestation/{what}"
        body = json.dumps(question).encode()
        status, data = ask("POST", address, {"content-type": "application/json"}, body)
        try:
            answer = json.loads(data)
        except ValueError:
            answer = None
        if status != 200 or not isinstance(answer, dict):
            words = answer.get("message") if isinstance(answer, dict) else None
            raise TrainerError(
                Reason.ATTESTATION, f"machine {self._machine}: the host gives no {what}: {words or f'status {status}'}"
            )
        return answer

    def _tool(self, *command: str) -> None:
        environment = os.environ | ({"TPM2TOOLS_TCTI": self._tcti} if self._tcti else {})
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env=environment, timeout=_PATIENCE
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise TrainerError(Reason.ATTESTATION, f"{command[0]} could not be run: {error}") from error
        if done.returncode != 0:
            raise TrainerError(
                Reason.ATTESTATION, f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-400:]}"
            )


def extra_data(challenge: bytes, public_key: bytes | None, user_data: bytes | None) -> bytes:
    """What the quote is made over: SHA-256 of the challenge, the hash of the public key and that of the user data.

    Each part has 32 bytes, so no two questions give the same bytes.
    """
    parts = (challenge, _sha256(public_key or b""), _sha256(user_data or b""))
    return _sha256(b"".join(parts))


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
