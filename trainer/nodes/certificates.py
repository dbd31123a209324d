"""Certificates that live for one generation of one job.

Two authorities, neither of which outlives the job:

- The *run's*: the Ed25519 key that is derived from the run's key. KMS releases that key only to a machine of the
  tenant that meets the key policy (attestation included), so whoever can issue under it has been let in by KMS. It
  signs the certificates with which a node asks to be admitted, and nothing else.
- The *generation's*: a fresh key in the leader's memory. It signs one certificate per rank, which binds tenant, run,
  generation, rank and the rank's WireGuard key. Only these speak for a rank.

X.509 and TLS are the standard library's and pyca/cryptography's (RFC 5280, RFC 8446).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from trainer.errors import Reason, TrainerError

LIFETIME: Final = timedelta(hours=2)
"""Certificates are judged when connections are made, which happens in the first minutes of a job."""
_SKEW: Final = timedelta(minutes=5)
_NODE: Final = re.compile(r"urn:bulkhead:node:([a-z0-9._-]+):([a-z0-9._-]+):([0-9a-f]{32}):(\d{1,4}):([0-9a-f]{64})")

PrivateKey = ec.EllipticCurvePrivateKey | Ed25519PrivateKey


@dataclass(frozen=True)
class NodeName:
    """Whom a node's certificate speaks for."""

    tenant: str
    run: str
    generation: str
    """32 hexadecimal digits, fresh each time the job is started."""
    rank: int
    wireguard: bytes = field(repr=False)
    """The rank's WireGuard public key, 32 bytes."""

    @property
    def uri(self) -> str:
        """As the certificate's one subject alternative name."""
        parts = (self.tenant, self.run, self.generation, str(self.rank), self.wireguard.hex())
        return f"urn:bulkhead:node:{':'.join(parts)}"


@dataclass(frozen=True)
class Identity:
    """A private key with its certificate."""

    key: PrivateKey = field(repr=False)
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        """The certificate's DER encoding."""
        return self.certificate.public_bytes(Encoding.DER)


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def generation_authority(generation: str) -> Identity:
    """The leader's authority for one generation."""
    key = new_key()
    name = _name(f"bulkhead job generation {generation}")
    return Identity(key, _sign(_builder(name, name, key, authority=True), key))


def run_authority(key: Ed25519PrivateKey, tenant: str, run: str) -> Identity:
    """The run's authority, from the run's signing key: the same name and key on every node that holds it."""
    name = _name(f"bulkhead run {tenant} {run}"[:64])
    return Identity(key, _sign(_builder(name, name, key, authority=True), key))


def node_certificate(authority: Identity, subject: NodeName, request: x509.CertificateSigningRequest) -> Identity:
    """The certificate of a rank for the key of `request`, without that key. Raises when the request is not signed."""
    if not request.is_signature_valid:
        raise TrainerError(Reason.PEER, f"node {subject.rank}: its certificate request is not signed by its own key")
    public = request.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise TrainerError(Reason.PEER, f"node {subject.rank}: its key is not on P-256")
    builder = _builder(_name(f"rank {subject.rank}"), authority.certificate.subject, public, authority=False)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(subject.uri)]), False)
    return Identity(authority.key, _sign(builder, authority.key))


def certificate_request(key: ec.EllipticCurvePrivateKey) -> x509.CertificateSigningRequest:
    """A request that shows that its sender has the key; what the certificate will say is the leader's decision."""
    return x509.CertificateSigningRequestBuilder().subject_name(_name("node")).sign(key, hashes.SHA256())


def enrolment(authority: Identity, tenant: str, run: str) -> Identity:
    """The certificate with which a node asks to be admitted, under the run's authority."""
    key = new_key()
    builder = _builder(_name("enrolment"), authority.certificate.subject, key, authority=False)
    uri = x509.UniformResourceIdentifier(f"urn:bulkhead:enrol:{tenant}:{run}")
    builder = builder.add_extension(x509.SubjectAlternativeName([uri]), False)
    return Identity(key, _sign(builder, authority.key))


def issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether `authority` signed the certificate and it is valid now."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc


def read_name(certificate: x509.Certificate) -> NodeName:
    """Whom a node's certificate speaks for. Raises `TrainerError(PEER)` for a certificate that says something else."""
    uris = _uris(certificate)
    found = _NODE.fullmatch(uris[0]) if len(uris) == 1 else None
    if found is None:
        raise TrainerError(Reason.PEER, f"the certificate {certificate.subject.rfc4514_string()} is not that of a node")
    tenant, run, generation, rank, key = found.groups()
    return NodeName(tenant, run, generation, int(rank), bytes.fromhex(key))


def is_enrolment(certificate: x509.Certificate, tenant: str, run: str) -> bool:
    """Whether it is a certificate to be admitted to this run with."""
    return _uris(certificate) == [f"urn:bulkhead:enrol:{tenant}:{run}"]


def public_bytes(certificate: x509.Certificate) -> bytes:
    """DER SubjectPublicKeyInfo of the certificate's key."""
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def load(der: bytes, what: str) -> x509.Certificate:
    """A certificate from DER."""
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise TrainerError(Reason.PEER, f"{what}: not a certificate: {error}") from error


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [str(name.value) for name in names]


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: PrivateKey | ec.EllipticCurvePublicKey, *, authority: bool
) -> x509.CertificateBuilder:
    public = key if isinstance(key, ec.EllipticCurvePublicKey) else key.public_key()
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(usage, critical=True)
    )
    if authority:
        return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    purposes = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    return builder.add_extension(purposes, critical=False)


def _sign(builder: x509.CertificateBuilder, key: PrivateKey) -> x509.Certificate:
    return builder.sign(key, None if isinstance(key, Ed25519PrivateKey) else hashes.SHA256())
