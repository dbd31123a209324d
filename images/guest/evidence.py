"""Collects what this machine can show about its boot: registers, event log, and a quote over a caller's nonce.

The quote is made by the attestation key that the host made in the machine's TPM at manufacture (`AK_HANDLE`).
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .eventlog import USERSPACE_LOG, record, records, whole

AK_HANDLE = "0x81010002"
"""Persistent handle of the attestation key (owner hierarchy, TCG "Registry of Reserved TPM 2.0 Handles")."""
QUOTED = (*range(10), *range(11, 15))
"""Registers that are quoted. 10 is not: with Secure Boot the kernel's IMA extends it with every module loaded, so it
changes while evidence is gathered. 15 carries the machine's identity, which is another matter.
"""
JOB_REGISTER = 14
"""Free for application events (UAPI "Linux TPM PCR Registry"): the hash of the job that runs."""
BANKS = ("sha256", "sha384")
TPM = Path("/sys/class/tpm/tpm0")
EVENT_LOG = Path("/sys/kernel/security/tpm0/binary_bios_measurements")


class EvidenceError(Exception):
    """The TPM or the firmware's log could not be read; the message says which and how."""


def registers(banks: tuple[str, ...] = BANKS) -> dict[str, dict[str, str]]:
    """The live registers that are quoted, bank -> number -> lower-case hex, as the kernel reads them from the TPM."""
    return {
        bank: {str(index): (TPM / f"pcr-{bank}" / str(index)).read_text().strip().lower() for index in QUOTED}
        for bank in banks
    }


def quote(nonce: bytes, handle: str = AK_HANDLE) -> dict[str, str]:
    """A TPM2_Quote over `nonce` and both banks.

    Returns base64 of TPMS_ATTEST (`message`), TPMT_SIGNATURE (`signature`) and TPM2B_PUBLIC of the key (`ak_public`).

    Raises:
        EvidenceError: the TPM refused; the message holds the tool's last line.
    """
    selection = "+".join(f"{bank}:{','.join(map(str, QUOTED))}" for bank in BANKS)
    with tempfile.TemporaryDirectory() as work:
        attest, signature, public = (Path(work) / name for name in ("attest", "signature", "public"))
        tool(
            [
                *("tpm2_quote", "-c", handle, "-l", selection, "-q", nonce.hex(), "-g", "sha256"),
                *("-m", str(attest), "-s", str(signature), "-Q"),
            ]
        )
        tool(["tpm2_readpublic", "-c", handle, "-o", str(public), "-Q"])
        return {
            "message": encode(attest.read_bytes()),
            "signature": encode(signature.read_bytes()),
            "ak_public": encode(public.read_bytes()),
        }


def tool(command: list[str]) -> None:
    """Runs one TPM tool.

    Raises:
        EvidenceError: it failed.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EvidenceError(f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-400:]}")


def measure_job(job: bytes) -> dict[str, Any]:
    """Extends the job register with the hash of a job, before it runs; returns the record for the event log.

    Raises:
        EvidenceError: the TPM refused.
    """
    digests = {bank: hashlib.new(bank, job).hexdigest() for bank in BANKS}
    tool(["tpm2_pcrextend", f"{JOB_REGISTER}:" + ",".join(f"{bank}={digest}" for bank, digest in digests.items())])
    return record(JOB_REGISTER, job.decode("utf-8", "replace"), digests)


def event_log(own: list[dict[str, Any]]) -> bytes:
    """The log of the whole boot: firmware, systemd, and our own extends.

    Raises:
        EvidenceError: a log is malformed.
        OSError: a log cannot be read.
    """
    userspace = USERSPACE_LOG.read_text() if USERSPACE_LOG.exists() else ""
    try:
        return whole(EVENT_LOG.read_bytes(), [*records(userspace), *own], QUOTED)
    except ValueError as error:
        raise EvidenceError(str(error)) from error


def collect(nonce: bytes, own: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Everything the verifier asks for, as one JSON-able object (`docs/image.md`, "Boot evidence").

    Args:
        nonce: what the quote is made over.
        own: records of extends that the caller made.

    Raises:
        EvidenceError: the TPM refused.
        OSError: a register or the log cannot be read.
    """
    quoted = quote(nonce)
    public = quoted.pop("ak_public")
    return {
        "kind": "bulkhead-boot-evidence",
        "version": 1,
        "nonce": nonce.hex(),
        "tpm_quote": {**quoted, "pcrs": registers()},
        "ak_public": public,
        "event_log": encode(event_log(own or [])),
        "command_line": Path("/proc/cmdline").read_text().strip(),
        "os_release": Path("/etc/os-release").read_text(),
    }


def encode(data: bytes) -> str:
    """Base64 as text."""
    return base64.b64encode(data).decode()
