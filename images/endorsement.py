"""The endorsement key's certificate, and that the attestation key lives in the TPM that it is about.

TCG "EK Credential Profile" 2.5 and TPM 2.0 part 1, section 24 (credential activation): a secret is encrypted to the
certified endorsement key and bound to the attestation key's name; only a TPM that holds both gives it back. Whoever
registers a machine does this once, and believes the machine's quotes from then on.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from images import tpm
from images.errors import ImageError
from images.guest.evidence import AK_HANDLE

EK_HANDLE = "0x81010001"
"""Persistent handle of the RSA endorsement key (TCG "Registry of Reserved TPM 2.0 Handles")."""
EK_CERTIFICATE = "0x1c00002"
"""NV index of its certificate (EK Credential Profile, section 2.2.1.4)."""
EK_USAGE = x509.ObjectIdentifier("2.23.133.8.1")
"""tcg-kp-EKCertificate."""


@dataclass(frozen=True)
class Authority:
    """The certificate authority of the TPMs that are made here: swtpm's own, in one directory.

    Args:
        directory: its keys, certificates and configuration; made when the first TPM is.
    """

    directory: Path

    def options(self) -> list[str]:
        """What `swtpm_setup` is told so that it has an endorsement certificate made."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = self.directory.resolve()
        files = {
            "localca.conf": f"statedir = {place}\nsigningkey = {place}/signkey.pem\n"
            f"issuercert = {place}/issuercert.pem\ncertserial = {place}/certserial\n",
            "localca.options": "--platform-manufacturer Bulkhead\n--platform-version 1\n--platform-model QEMU\n",
            "setup.conf": f"create_certs_tool = {tpm.program('swtpm_localca')}\n"
            f"create_certs_tool_config = {place}/localca.conf\n"
            f"create_certs_tool_options = {place}/localca.options\n",
        }
        for name, text in files.items():
            (place / name).write_text(text)
        return ["--config", str(place / "setup.conf"), "--create-ek-cert"]

    def chain(self) -> tuple[x509.Certificate, ...]:
        """The issuer of endorsement certificates and its root.

        Raises:
            ImageError: no TPM was made yet, or the files are not certificates.
        """
        names = ("issuercert.pem", "swtpm-localca-rootca-cert.pem")
        try:
            return tuple(x509.load_pem_x509_certificate((self.directory / name).read_bytes()) for name in names)
        except (OSError, ValueError) as error:
            raise ImageError(f"{self.directory}: no usable certificates of the TPMs' maker: {error}") from error


def certified(directory: Path, authority: Authority, *, now: datetime | None = None) -> bytes:
    """The DER certificate of a machine's endorsement key, once everything that hangs on it was checked.

    Args:
        directory: a machine whose TPM `tpm.manufacture` made with this authority; it must be off.
        authority: whose certificates are believed.
        now: the time to judge by; the present unless given.

    Raises:
        ImageError: no certificate, one of another maker, or the attestation key is not in the TPM that it is about.
    """
    with tpm.running(directory / "tpm", tcti=True) as socket, tempfile.TemporaryDirectory() as scratch:
        access = {"TPM2TOOLS_TCTI": f"swtpm:path={socket}"}
        file = Path(scratch) / "ek.der"
        tpm.run([tpm.program("tpm2_startup"), "-c"], access)
        tpm.run([tpm.program("tpm2_nvread"), "-C", "o", "-o", str(file), EK_CERTIFICATE], access)
        encoded = file.read_bytes()
        key = endorsement_key(encoded, authority.chain(), now or datetime.now(UTC))
        activate(key, directory / "ak.pub", Path(scratch), access)
        tpm.run([tpm.program("tpm2_shutdown"), "-c"], access)
    return encoded


def endorsement_key(encoded: bytes, chain: tuple[x509.Certificate, ...], now: datetime) -> rsa.RSAPublicKey:
    """The key that an endorsement certificate is about.

    Raises:
        ImageError: it is malformed, not in force, not for endorsement keys, or not issued along `chain`.
    """
    try:
        certificate = x509.load_der_x509_certificate(encoded)
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise ImageError(f"endorsement certificate: {error}") from error
    if EK_USAGE not in list(usage):
        raise ImageError("endorsement certificate: it is for something else than endorsement keys")
    subject = certificate
    for issuer in chain:
        try:
            subject.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError, TypeError) as error:
            name = issuer.subject.rfc4514_string()
            raise ImageError(f"endorsement certificate: {name} did not issue it ({type(error).__name__})") from error
        subject = issuer
    for entry in (certificate, *chain):
        if not entry.not_valid_before_utc <= now <= entry.not_valid_after_utc:
            raise ImageError(f"endorsement certificate: {entry.subject.rfc4514_string()} is not in force at {now}")
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise ImageError(f"endorsement certificate: a {type(key).__name__}, an RSA key was expected")
    return key


def activate(endorsement: rsa.RSAPublicKey, attestation: Path, scratch: Path, access: dict[str, str]) -> None:
    """Has the TPM show that it holds both keys.

    Args:
        endorsement: the certified key.
        attestation: TPM2B_PUBLIC of the attestation key, as it is to be registered.
        scratch: an empty directory.
        access: how tpm2-tools reach the TPM.

    Raises:
        ImageError: it does not.
    """
    public, secret, wrapped = scratch / "ek.pem", scratch / "secret", scratch / "wrapped"
    session, opened = scratch / "session", scratch / "opened"
    public.write_bytes(endorsement.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    secret.write_bytes(secrets.token_bytes(32))
    # The name of the key that is about to be registered, computed outside the TPM from its public area.
    name = key_name(attestation.read_bytes()).hex()
    make = ["-T", "none", "-u", str(public), "-G", "rsa", "-s", str(secret), "-n", name]
    tpm.run([tpm.program("tpm2_makecredential"), *make, "-o", str(wrapped), "-Q"])
    tpm.run([tpm.program("tpm2_startauthsession"), "--policy-session", "-S", str(session)], access)
    tpm.run([tpm.program("tpm2_policysecret"), "-S", str(session), "-c", "e", "-Q"], access)
    answer = ["-c", AK_HANDLE, "-C", EK_HANDLE, "-P", f"session:{session}", "-i", str(wrapped), "-o", str(opened)]
    try:
        tpm.run([tpm.program("tpm2_activatecredential"), *answer, "-Q"], access)
    except ImageError as error:
        raise ImageError(f"the attestation key is not in the TPM that the certificate is about: {error}") from error
    if not hmac.compare_digest(opened.read_bytes(), secret.read_bytes()):
        raise ImageError(
            "the attestation key is not in the TPM that the certificate is about: another secret came back"
        )


def key_name(tpm2b_public: bytes) -> bytes:
    """The name of a key whose name algorithm is SHA-256: the algorithm and the digest of its public area.

    TPM 2.0 part 1, section 16.

    Raises:
        ImageError: it is not a TPM2B_PUBLIC, or has another name algorithm.
    """
    area = tpm2b_public[2:]
    if len(area) < 4 or int.from_bytes(tpm2b_public[:2], "big") != len(area) or area[2:4] != b"\x00\x0b":
        raise ImageError("the attestation key's public area is malformed or not named with SHA-256")
    return b"\x00\x0b" + hashlib.sha256(area).digest()
