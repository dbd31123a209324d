"""AMD's published issuers of VCEK and VLEK certificates, by product line: ASK, ARK and ASVK in one PEM file each.

AMD's key distribution service gives a chip's certificate and its issuers apart, so evidence often comes with the
chip's alone. Nothing is trusted for being here: the root must be one that `attestation.roots` pins, and every
signature on the way is verified.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from cryptography import x509

from attestation.certificates import load_certificates

PRODUCTS = ("milan", "genoa", "turin")


@cache
def issuers() -> tuple[x509.Certificate, ...]:
    """ASK, ARK and ASVK of every product line."""
    files = (Path(__file__).with_name(f"{product}.pem") for product in PRODUCTS)
    return tuple(c for file in files for c in load_certificates(file.read_bytes(), str(file)))
