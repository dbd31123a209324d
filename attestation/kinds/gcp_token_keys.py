"""Who signed a Google token: a key of a JWKS, a key or certificate given, or a chain that the token carries (`x5c`).

RFC 7515 (JWS), RFC 7517 (JWK); Google Cloud, "Validate attestation tokens": OIDC tokens name a key of the issuer's
JWKS, PKI tokens carry a chain that ends in Confidential Space's root certificate.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jwt
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from attestation.certificates import Roots, build_path, load_certificates, load_der
from attestation.documents import load_json
from attestation.errors import AttestationError
from attestation.result import Check, failed, passed

_MAX_KEYS = 64
_MINIMUM_BITS = 2048
_MAX_CHAIN = 8


def load_keys(data: bytes) -> dict[str, rsa.RSAPublicKey]:
    """RSA keys by key id: from a JWKS, from PEM certificates by key id as Google also publishes them, from PEM or DER.

    Keys without an id are named by their position.

    Raises:
        AttestationError: none of these.
    """
    found = _read_keys(data)
    small = {name: key.key_size for name, key in found.items() if key.key_size < _MINIMUM_BITS}
    if small:
        raise AttestationError(f"token keys: RSA keys of fewer than {_MINIMUM_BITS} bits: {small}")
    return found


def _read_keys(data: bytes) -> dict[str, rsa.RSAPublicKey]:
    if data.lstrip()[:1] in {b"{", b"["}:
        return _json_keys(data)
    try:
        if _is_certificate(data):
            found = [certificate.public_key() for certificate in load_certificates(data, "token keys")]
        else:
            found = [serialization.load_pem_public_key(data)]  # type: ignore[list-item]
    except (ValueError, UnsupportedAlgorithm) as error:
        raise AttestationError(f"token keys: neither JWKS nor PEM: {error}") from error
    return {str(index): key for index, key in enumerate(found) if isinstance(key, rsa.RSAPublicKey)}


def _is_certificate(data: bytes) -> bool:
    return b"BEGIN CERTIFICATE" in data or data[:1] == b"\x30"


def _json_keys(data: bytes) -> dict[str, rsa.RSAPublicKey]:
    document = load_json(data, "token keys")
    if isinstance(document, Mapping) and document and all(_is_pem(value) for value in document.values()):
        return _by_id(document)
    entries = document.get("keys", [document]) if isinstance(document, Mapping) else document
    if not isinstance(entries, list) or len(entries) > _MAX_KEYS:
        raise AttestationError(f"token keys: expected {{keys: [...]}} with at most {_MAX_KEYS} keys")
    found: dict[str, rsa.RSAPublicKey] = {}
    for index, entry in enumerate(entries):
        if not isinstance(entry, Mapping) or not _for_rs256(entry):
            continue
        try:
            key = jwt.algorithms.RSAAlgorithm.from_jwk(dict(entry))
        except (jwt.InvalidKeyError, ValueError, KeyError, TypeError, binascii.Error) as error:
            raise AttestationError(f"token keys: key {index} is not usable: {error}") from error
        name = str(entry.get("kid", index))
        if name in found:
            raise AttestationError(f"token keys: two keys with the id {name!r}: keep one of the two")
        if isinstance(key, rsa.RSAPublicKey):
            found[name] = key
    return found


def _for_rs256(entry: Mapping[str, Any]) -> bool:
    """Whether the key's owner meant it for verifying such signatures (RFC 7517, sections 4.2 to 4.4)."""
    operations = entry.get("key_ops", ["verify"])
    return (
        entry.get("kty") == "RSA"
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", "RS256") == "RS256"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _is_pem(value: object) -> bool:
    return isinstance(value, str) and "-----BEGIN" in value


def _by_id(document: Mapping[str, str]) -> dict[str, rsa.RSAPublicKey]:
    if len(document) > _MAX_KEYS:
        raise AttestationError(f"token keys: {len(document)} keys, at most {_MAX_KEYS} are read")
    found = {}
    for name, text in document.items():
        for key in _read_keys(text.encode()).values():
            found[name] = key
    return found


def signature_checks(
    token: str, header: Mapping[str, Any], keys: bytes | None, roots: Roots | None, moment: datetime
) -> tuple[list[Check], bool]:
    """The checks on a token's signature and its signer, and whether the signer is trusted.

    Raises:
        AttestationError: unreadable keys or chain.
    """
    chain = header.get("x5c")
    if roots is None and chain is not None and keys is not None and _is_certificate(keys):
        roots, keys = Roots(certificates=load_certificates(keys, "token keys")), None
    checks: list[Check] = []
    candidates: list[rsa.RSAPublicKey] = []
    anchored = False
    if keys is not None:
        candidates = _named(load_keys(keys), header.get("kid"))
        anchored = bool(candidates)
        if not candidates:
            return [
                failed(
                    "signature",
                    expected=sorted(load_keys(keys)),
                    actual=header.get("kid"),
                    detail="no key with the token's kid",
                )
            ], False
    elif isinstance(chain, list) and roots is not None:
        checks, candidates, anchored = _x5c(chain, roots, moment)
    if not candidates:
        return [
            *checks,
            failed("signature", detail="no keys were given (--certificates JWKS): nothing is verified"),
        ], False
    for key in candidates:
        try:
            jwt.api_jws.PyJWS().decode(token, key=key, algorithms=["RS256"])
        except (jwt.InvalidTokenError, jwt.InvalidKeyError, ValueError):
            continue
        return [*checks, passed("signature", detail=f"RS256, kid {header.get('kid')}")], anchored
    return [*checks, failed("signature", detail="the RS256 signature does not verify under the keys given")], False


def _named(loaded: Mapping[str, rsa.RSAPublicKey], kid: object) -> list[rsa.RSAPublicKey]:
    """The key that the token names; all of them where token or keys carry no id."""
    if isinstance(kid, str) and kid in loaded:
        return [loaded[kid]]
    by_position = all(name.isdigit() for name in loaded)
    return list(loaded.values()) if by_position or kid is None else []


def _x5c(chain: list[Any], roots: Roots, moment: datetime) -> tuple[list[Check], list[rsa.RSAPublicKey], bool]:
    if not 1 <= len(chain) <= _MAX_CHAIN:
        raise AttestationError(f"token: x5c holds {len(chain)} certificates, expected 1 to {_MAX_CHAIN}")
    certificates: list[x509.Certificate] = []
    for index, entry in enumerate(chain):
        if not isinstance(entry, str):
            raise AttestationError(f"token: x5c[{index}] is not text")
        try:
            certificates.append(load_der(base64.b64decode(entry, validate=True), f"token x5c[{index}]"))
        except (binascii.Error, ValueError) as error:
            raise AttestationError(f"token: x5c[{index}] is not base64: {error}") from error
    path = build_path(certificates[0], certificates[1:], roots, moment)
    try:
        key = certificates[0].public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise AttestationError(f"token: the key of x5c[0] cannot be used: {error}") from error
    return list(path.checks), [key] if isinstance(key, rsa.RSAPublicKey) else [], path.anchored
