"""Issuers that the vendors publish apart from what they issue: AMD's of chips (ASK, ARK, ASVK), Google's of AKs.

A vendor's service hands out a chip's or a machine's certificate and its issuers apart, so evidence often comes with the
first alone. Nothing is trusted for being here: the root must be one that `attestation.roots` pins, and every
signature on the way is verified. They stand in only where no issuer was given.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from cryptography import x509

from attestation.certificates import load_certificates


@cache
def amd() -> tuple[x509.Certificate, ...]:
    """ASK, ARK and ASVK of Milan, Genoa and Turin."""
    return _read("amd-milan.pem", "amd-genoa.pem", "amd-turin.pem")


@cache
def google() -> tuple[x509.Certificate, ...]:
    """The issuers of Google Cloud's EK and AK certificates, of both generations."""
    return _read("google.pem")


def _read(*names: str) -> tuple[x509.Certificate, ...]:
    files = (Path(__file__).with_name(name) for name in names)
    return tuple(c for file in files for c in load_certificates(file.read_bytes(), str(file)))
