"""Certificates: reading them strictly and building a path to a pinned root (the parts of RFC 5280 section 6 used)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from attestation.errors import AttestationError
from attestation.result import Check, failed, judged, passed

MAX_CERTIFICATES = 32
MAX_PATH = 8
MAX_FILE = 512 * 1024
_LINES = re.compile(rb"(\r?\n)*\0*")
_TEXT = re.compile(rb"[\t -~\x80-\xff]*")
_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]{64,16384}?)-----END CERTIFICATE-----")


@dataclass(frozen=True)
class Roots:
    """What a path may end in: SHA-256 fingerprints of certificates or of their public keys, and certificates given."""

    fingerprints: frozenset[str] = frozenset()
    key_fingerprints: frozenset[str] = frozenset()
    certificates: tuple[x509.Certificate, ...] = ()

    def trusts(self, certificate: x509.Certificate) -> bool:
        """True when the certificate itself is an anchor.

        One that is known by its key or from a file must be signed by itself, so that nothing else in it was changed.
        """
        if fingerprint(certificate) in self.fingerprints:
            return True
        known = key_fingerprint(certificate) in self.key_fingerprints or certificate in self.certificates
        return known and issued(certificate, certificate)


@dataclass(frozen=True)
class Path:
    """A path from leaf to root, as far as it could be built, and the checks made on it."""

    certificates: tuple[x509.Certificate, ...]
    checks: tuple[Check, ...]
    anchored: bool


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER certificate, lower-case hex."""
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def key_fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER SubjectPublicKeyInfo, lower-case hex; empty when the key type is not supported."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return ""
    return hashlib.sha256(
        key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()


def load_der(der: bytes, what: str) -> x509.Certificate:
    """One DER certificate.

    AMD's VCEK has serial number 0, which RFC 5280 forbids and `cryptography` warns about: the warning is silenced here
    because the certificate is trusted by its chain and its extensions, never by its serial number.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(der)
            _ = (
                certificate.subject,
                certificate.issuer,
                certificate.not_valid_after_utc,
                certificate.not_valid_before_utc,
            )
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
        raise AttestationError(f"{what}: not an X.509 certificate: {error}") from error
    if not der.endswith(b"\0" + certificate.signature):
        # The signature's own wrapping is covered by no signature; DER leaves no choice for whole octets (X.690, 11.2).
        raise AttestationError(f"{what}: the signature's BIT STRING counts unused bits, which no issuer writes")
    return certificate


def _der_length(data: bytes, at: int, what: str) -> int:
    """The whole length of the DER SEQUENCE at `at`, header included."""
    if at + 2 > len(data) or data[at] != 0x30:
        raise AttestationError(f"{what}: expected a DER certificate (tag 0x30) at offset {at}")
    first = data[at + 1]
    if first < 0x80:
        return 2 + first
    count = first & 0x7F
    if count not in {1, 2, 3} or at + 2 + count > len(data):
        raise AttestationError(f"{what}: a DER length of {count} bytes at offset {at} is not one of a certificate")
    return 2 + count + int.from_bytes(data[at + 2 : at + 2 + count], "big")


def load_certificates(data: bytes, what: str, *, explained: bool = False) -> tuple[x509.Certificate, ...]:
    """Every certificate of a file: PEM blocks in any number, or DER certificates one after another.

    PEM is read strictly, because its text is not covered by any signature: outside and inside the blocks only what
    RFC 7468 allows is accepted, so that a changed character never goes unnoticed. Text between blocks is refused
    unless it is line ends, and NUL after the last block (Intel's chains end in NUL). With `explained`, for files that
    people hand over, whole lines of text may stand around the blocks (RFC 7468, section 5.2), such as OpenSSL writes.

    Raises:
        AttestationError: not certificates, or more than 32.
    """
    if len(data) > MAX_FILE:
        raise AttestationError(f"{what}: {len(data)} bytes, at most {MAX_FILE} are read")
    if b"-----BEGIN" in data:
        ders = _pem_blocks(data, what, explained=explained)
    else:
        ders, at = [], 0
        while at < len(data) and len(ders) <= MAX_CERTIFICATES:
            size = _der_length(data, at, what)
            if at + size > len(data):
                raise AttestationError(
                    f"{what}: the certificate at offset {at} says {size} bytes, {len(data) - at} left"
                )
            ders.append(data[at : at + size])
            at += size
    if not ders:
        raise AttestationError(f"{what}: no certificate in it; give PEM or DER")
    if len(ders) > MAX_CERTIFICATES:
        raise AttestationError(f"{what}: more than {MAX_CERTIFICATES} certificates")
    return tuple(load_der(der, f"{what}, certificate {index}") for index, der in enumerate(ders))


def _pem_blocks(data: bytes, what: str, *, explained: bool) -> list[bytes]:
    ders: list[bytes] = []
    at = 0
    for match in _BLOCK.finditer(data):
        _between(data[at : match.start()], at, what, explained=explained)
        at = match.end()
        body = match.group(1).replace(b"\r\n", b"\n").replace(b"\n", b"")
        try:
            der = base64.b64decode(body, validate=True)
        except binascii.Error as error:
            raise AttestationError(f"{what}: certificate {len(ders)} is not base64: {error}") from error
        if base64.b64encode(der) != body:
            raise AttestationError(f"{what}: certificate {len(ders)} is not in canonical base64")
        ders.append(der)
    _between(data[at:], at, what, explained=explained)
    return ders


def _between(text: bytes, at: int, what: str, *, explained: bool) -> None:
    if not _LINES.fullmatch(text) and not (explained and _whole_lines(text, at)):
        raise AttestationError(f"{what}: something that is not a certificate at offset {at}: {text[:32]!r}")


def _whole_lines(text: bytes, at: int) -> bool:
    """True for lines of printable text that begin and end where lines do, none of them part of a PEM boundary.

    A line of one character is a changed line end rather than text.
    """
    first, *middle, last = [b"", *text.split(b"\n")] if at == 0 else text.split(b"\n") + [b""] * (b"\n" not in text)
    lines = [line.rstrip(b"\r") for line in middle]
    return (
        not first.rstrip(b"\r")
        and not last
        and all(_TEXT.fullmatch(line) and b"----" not in line and len(line.strip()) != 1 for line in lines)
    )


def issued(issuer: x509.Certificate, subject: x509.Certificate) -> bool:
    """True when `issuer` signed `subject` (names match and the signature verifies)."""
    if issuer.subject != subject.issuer:
        return False
    try:
        subject.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def may_issue(certificate: x509.Certificate, below: int) -> str:
    """Empty when the certificate may sign certificates with `below` intermediates under it, else the reason."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return "has no basicConstraints"
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        return f"has unreadable extensions: {error}"
    if not constraints.ca:
        return "is not a CA"
    if constraints.path_length is not None and constraints.path_length < below:
        return f"allows {constraints.path_length} intermediates below it, there are {below}"
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return ""
    return "" if usage.key_cert_sign else "may not sign certificates (keyUsage)"


def build_path(
    leaf: x509.Certificate, pool: Iterable[x509.Certificate], roots: Roots, at: datetime, prefix: str = ""
) -> Path:
    """Walks from `leaf` through `pool` to an anchor of `roots`, every signature checked, all valid at `at`."""
    candidates = [*pool, *roots.certificates][: 4 * MAX_CERTIFICATES]
    path = [leaf]
    while not roots.trusts(path[-1]) and len(path) < MAX_PATH:
        issuer = next((c for c in candidates if c not in path and issued(c, path[-1])), None)
        if issuer is None:
            break
        path.append(issuer)
    anchored = roots.trusts(path[-1])
    names = [certificate.subject.rfc4514_string() for certificate in path]
    top = path[-1]
    checks = [
        judged(
            f"{prefix}certificate_chain",
            anchored,
            expected="a path of valid signatures to a trusted root",
            actual=names,
            detail="" if anchored else f"no trusted issuer of {names[-1]!r} was found (fingerprint {fingerprint(top)})",
        )
    ]
    faults = [f"{names[i]}: {reason}" for i, c in enumerate(path) if i > 0 and (reason := may_issue(c, i - 1))]
    if faults:
        checks.append(failed(f"{prefix}certificate_authority", expected="issuers are CAs", actual=faults))
    checks.append(_validity(path, at, prefix))
    return Path(tuple(path), tuple(checks), anchored and not faults)


def _validity(path: list[x509.Certificate], at: datetime, prefix: str) -> Check:
    for certificate in path:
        start, stop = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        if not start <= at <= stop:
            return failed(
                f"{prefix}certificate_validity",
                expected=f"{start.isoformat()} to {stop.isoformat()}",
                actual=at.isoformat(),
                detail=f"{certificate.subject.rfc4514_string()} is not valid then",
            )
    return passed(f"{prefix}certificate_validity", actual=at.isoformat())
