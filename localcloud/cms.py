"""CMS EnvelopedData as KMS answers to an attested recipient.

Sources: RFC 5652 section 6 (EnvelopedData), RFC 8017 appendix A.2.1 (RSAES-OAEP parameters), RFC 3565 (AES in CMS);
AWS KMS API Reference, `RecipientInfo` and `CiphertextForRecipient`. Encryption is `cryptography`'s; this file only
writes the ASN.1 around it, in the form in which KMS sends it: indefinite lengths and the content as an octet string
inside (X.690 sections 8.1.3.6 and 8.7), which a reader of DER alone refuses.
"""

from __future__ import annotations

import secrets

from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509 import SubjectKeyIdentifier

_SEQUENCE, _SET, _INTEGER, _OCTETS, _OID = 0x30, 0x31, 0x02, 0x04, 0x06
_ENVELOPED_DATA = "1.2.840.113549.1.7.3"
_DATA = "1.2.840.113549.1.7.1"
_RSAES_OAEP = "1.2.840.113549.1.1.7"
_MGF1 = "1.2.840.113549.1.1.8"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_AES256_CBC = "2.16.840.1.101.3.4.1.42"


def envelop(plaintext: bytes, recipient: RSAPublicKey) -> bytes:
    """BER of a ContentInfo with EnvelopedData: AES-256-CBC under a fresh key, that under RSAES-OAEP with SHA-256."""
    key, iv = secrets.token_bytes(32), secrets.token_bytes(16)
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    content = encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()
    oaep = rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    sha256 = _tlv(_SEQUENCE, _oid(_SHA256))
    parameters = _tlv(_SEQUENCE, _tlv(0xA0, sha256) + _tlv(0xA1, _tlv(_SEQUENCE, _oid(_MGF1) + sha256)))
    version_2 = _tlv(_INTEGER, b"\2")
    info = _tlv(
        _SEQUENCE,
        version_2
        + _tlv(0x80, SubjectKeyIdentifier.from_public_key(recipient).digest)
        + _tlv(_SEQUENCE, _oid(_RSAES_OAEP) + parameters)
        + _tlv(_OCTETS, recipient.encrypt(key, oaep)),
    )
    cipher = _tlv(_SEQUENCE, _oid(_AES256_CBC) + _tlv(_OCTETS, iv))
    encrypted = _open(_SEQUENCE, _oid(_DATA) + cipher + _open(0xA0, _tlv(_OCTETS, content)))
    enveloped = _open(_SEQUENCE, version_2 + _tlv(_SET, info) + encrypted)
    return _open(_SEQUENCE, _oid(_ENVELOPED_DATA) + _open(0xA0, enveloped))


def _open(tag: int, value: bytes) -> bytes:
    """Tag, indefinite length, value and the end-of-contents octets (X.690 section 8.1.3.6)."""
    return bytes((tag, 0x80)) + value + b"\0\0"


def _tlv(tag: int, value: bytes) -> bytes:
    """Tag, definite length and value (X.690 section 8.1)."""
    if len(value) < 0x80:
        return bytes((tag, len(value))) + value
    length = len(value).to_bytes((len(value).bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value


def _oid(text: str) -> bytes:
    """An object identifier (X.690 section 8.19)."""
    first, second, *rest = (int(part) for part in text.split("."))
    content = bytearray()
    for arc in (first * 40 + second, *rest):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | (arc & 0x7F))
        content += bytes(reversed(digits))
    return _tlv(_OID, bytes(content))
