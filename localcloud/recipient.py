"""KMS's `Recipient`: keys go to a machine that proves what it booted, and to nobody else.

Source: AWS KMS Developer Guide, "Cryptographic attestation support in AWS KMS" and "Condition keys for attested
platforms"; API Reference, `RecipientInfo`. The document is verified by `attestation`; its registers become condition
keys; the answer carries `CiphertextForRecipient` in place of the plaintext.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from attestation.certificates import Roots, fingerprint
from attestation.errors import AttestationError
from attestation.kinds import nitro
from attestation.result import Claims, Status
from attestation.roots import AWS_NITRO
from localcloud.access import Access, ContextValue
from localcloud.backend import Response
from localcloud.cms import envelop
from localcloud.errors import ApiError
from localcloud.operation import Operation
from localcloud.resources.kms import decode_blob

OPERATIONS = frozenset({"Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair", "GenerateRandom"})
_ALGORITHM = "RSAES_OAEP_SHA_256"
_LIFETIME = timedelta(minutes=5)
# Where each operation's answer has the secret.
_SECRETS = ("Plaintext", "PrivateKeyPlaintext", "SharedSecret")


@dataclass(frozen=True)
class Recipient:
    """A verified recipient: the key to encrypt to, and the condition keys that its document gives."""

    key: RSAPublicKey
    context: Mapping[str, ContextValue]
    claims: Claims


def trusted_roots(directory: Path) -> Roots:
    """AWS's root and those whose certificates (PEM) lie in `directory`: the local machines' root among them."""
    found = set(AWS_NITRO.fingerprints)
    for path in sorted(directory.glob("*.pem")) if directory.is_dir() else ():
        try:
            found.add(fingerprint(x509.load_pem_x509_certificate(path.read_bytes())))
        except ValueError as error:
            raise ApiError("KMSInternalException", f"{path} is not a certificate: {error}", 500) from error
    return Roots(frozenset(found))


def of_request(operation: Operation, roots: Roots, now: datetime) -> Recipient | None:
    """The recipient of a KMS request, verified; None where it names none.

    Raises:
        ApiError: the document is malformed, not genuine, from another root, too old, or has no usable key.
    """
    given = operation.params.get("Recipient")
    if operation.name not in OPERATIONS or not isinstance(given, Mapping) or not given:
        return None
    if given.get("KeyEncryptionAlgorithm") != _ALGORITHM:
        raise ApiError("ValidationException", f"KeyEncryptionAlgorithm must be {_ALGORITHM}", 400)
    evidence = decode_blob(given.get("AttestationDocument"))
    try:
        claims = nitro.verify(evidence, now=now, roots=roots)
    except AttestationError as error:
        raise ApiError("ValidationException", f"The attestation document is malformed: {error}", 400) from error
    if not claims.genuine or not claims.anchored:
        failed = ", ".join(check.name for check in claims.checks if check.status is Status.FAIL) or "root not trusted"
        raise ApiError("ValidationException", f"The attestation document is not genuine: {failed}", 400)
    issued = datetime.fromisoformat(str(claims.values["timestamp"]))
    if now - issued > _LIFETIME:
        raise ApiError("ValidationException", f"The attestation document of {issued.isoformat()} has expired", 400)
    return Recipient(_public_key(claims), _context(claims), claims)


def _public_key(claims: Claims) -> RSAPublicKey:
    try:
        key = load_der_public_key(bytes.fromhex(claims.values["public_key"] or ""))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ApiError("ValidationException", "The attestation document has no usable public key", 400) from error
    if not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise ApiError("ValidationException", "The document's public key must be RSA of at least 2048 bits", 400)
    return key


def _context(claims: Claims) -> dict[str, ContextValue]:
    registers: Mapping[str, str] = claims.values["pcrs"]
    if claims.values["shape"] == "enclave":
        found: dict[str, ContextValue] = {f"kms:RecipientAttestation:PCR{n}": value for n, value in registers.items()}
        if "0" in registers:
            found["kms:RecipientAttestation:ImageSha384"] = registers["0"]
        return found
    return {f"kms:RecipientAttestation:NitroTPMPCR{n}": value for n, value in registers.items()}


def attested(accesses: tuple[Access, ...], recipient: Recipient) -> tuple[Access, ...]:
    """The accesses with the recipient's condition keys."""
    return tuple(replace(access, context={**access.context, **recipient.context}) for access in accesses)


def sealed(response: Response, recipient: Recipient) -> Response:
    """A successful answer with its secret encrypted to the recipient and the plaintext gone."""
    if response.status != 200:
        return response
    answer = json.loads(response.body)
    for name in _SECRETS:
        if name in answer:
            secret = base64.b64decode(answer[name])
            answer[name] = ""
            answer["CiphertextForRecipient"] = base64.b64encode(envelop(secret, recipient.key)).decode()
    body = json.dumps(answer).encode()
    headers = tuple((name, value) for name, value in response.headers if name != "content-length")
    return Response(response.status, (*headers, ("content-length", str(len(body)))), body)
