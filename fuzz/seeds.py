"""Seeds for the fuzzer: synthetic evidence of every kind, and the real one where it is present."""

from __future__ import annotations

import struct
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from attestation.nitro_issuer import issue, make_root
from fuzz.targets import AT
from tests.attestation.makers import (
    Authority,
    TokenIssuer,
    Tpm,
    as_bytes,
    boot_log,
    nvidia_report,
    pem,
    rim,
    snp_report,
    tdx_quote,
)
from tests.attestation.vectors import VECTORS

_LARGEST = 64 * 1024


def write(name: str, directory: Path) -> int:
    """Writes the seeds of one target; returns how many."""
    seeds = [*_synthetic(name), *_real(name)]
    for index, seed in enumerate(seeds):
        (directory / f"seed-{index}").write_bytes(seed)
    return len(seeds)


def _synthetic(name: str) -> list[bytes]:
    vendor = Authority()
    if name == "tpm":
        return [as_bytes(Tpm().evidence(boot_log())), as_bytes(Tpm(ecc=False).evidence()), boot_log()]
    if name == "nitro":
        return [issue(make_root("fuzz", AT), module_id="i-1", pcrs={4: bytes(48)}, now=AT)]
    if name == "tdx":
        return [tdx_quote(Authority(ec.SECP256R1()), version=version) for version in (4, 5)]
    if name == "snp":
        return [snp_report(vendor)[0]]
    if name == "nvidia":
        return [nvidia_report(vendor)[0]]
    if name == "gcp-token":
        return [TokenIssuer().token()]
    if name == "event-log":
        return [boot_log(), boot_log(("sha1",))]
    if name == "rim":
        return [rim(vendor, {0: ("True", "01" * 48), 1: ("False", "00" * 48)})]
    if name == "certificates":
        return [pem(vendor.root, vendor.middle)]
    if name == "pcr-file":
        selection = struct.pack("<IHB5x", 1, 11, 3) + bytes(15 * 8)
        digests = struct.pack("<II", 1, 2) + 2 * (struct.pack("<H", 32) + bytes(64)) + bytes(6 * 66)
        marshaled = struct.pack(">IHB3sII", 1, 11, 3, b"\x81\0\0", 1, 2) + 2 * (struct.pack(">H", 32) + bytes(32))
        return [selection.replace(b"\x03\0\0", b"\x03\x81\0", 1) + digests, bytes(64), marshaled]
    if name == "tpm-parts":
        tpm = Tpm()
        message = tpm.quote({0: bytes(32)})
        return [b"\xfe\xfe".join([message, tpm.sign(message), tpm.public, pem(vendor.root), boot_log()])]
    if name == "policy":
        return [b"maximum_age_seconds: 60\nreference_sets: [{name: a, version: 1, pcrs: {sha384: {4: ['00']}}}]\n"]
    return [b'{"decision":"allowed","tenant":"acme"}']


def _real(name: str) -> list[bytes]:
    folder = VECTORS / {"event-log": "tpm"}.get(name, name)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return [file.read_bytes() for file in files if file.stat().st_size <= _LARGEST]
