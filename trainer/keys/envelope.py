"""Opening what KMS answers to an attested machine: `CiphertextForRecipient`, a CMS EnvelopedData.

Sources: RFC 5652 section 6 (EnvelopedData), RFC 8017 appendix A.2.1 (RSAES-OAEP parameters), RFC 3565 (AES in CMS);
AWS KMS API reference, `Decrypt`. Decryption is `cryptography`'s; this file reads the ASN.1 around it and accepts the
one suite that KMS uses.
"""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from trainer.errors import Reason, TrainerError
from trainer.keys.ber import OCTETS, SEQUENCE, SET, BerError, Node, oid, read

_ENVELOPED_DATA = "1.2.840.113549.1.7.3"
_DATA = "1.2.840.113549.1.7.1"
_RSAES_OAEP = "1.2.840.113549.1.1.7"
_MGF1 = "1.2.840.113549.1.1.8"
_SHA256 = "2.16.840.1.101.3.4.2.1"
_AES256_CBC = "2.16.840.1.101.3.4.1.42"


def open_envelope(envelope: bytes, key: RSAPrivateKey) -> bytes:
    """The plaintext of an EnvelopedData with one recipient, RSAES-OAEP with SHA-256 and AES-256-CBC.

    Raises:
        TrainerError: another structure or suite, or the envelope was not made for `key`.
    """
    try:
        encrypted_key, iv, content = _parts(read(envelope))
        oaep = rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        decryptor = Cipher(algorithms.AES256(key.decrypt(encrypted_key, oaep)), modes.CBC(iv)).decryptor()
        unpadder = padding.PKCS7(128).unpadder()
        padded = decryptor.update(content) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except (BerError, ValueError) as error:
        raise TrainerError(
            Reason.ATTESTATION, f"the key service's answer to this machine cannot be opened: {error}"
        ) from error


def _parts(info: Node) -> tuple[bytes, bytes, bytes]:
    """Encrypted key, initialisation vector and encrypted content."""
    kind, wrapped = _children(info, SEQUENCE, 2)
    if oid(kind) != _ENVELOPED_DATA or wrapped.tag != 0xA0:
        raise BerError("not a CMS EnvelopedData")
    (enveloped,) = _children(wrapped, 0xA0, 1)
    # Certificates of the originator and unprotected attributes are optional and of no use here.
    parts = [part for part in _children(enveloped, SEQUENCE) if part.tag not in {0xA0, 0xA1}]
    if len(parts) != 3:
        raise BerError("an EnvelopedData of another form")
    recipients = _children(parts[1], SET, 1)
    _, _, scheme, encrypted_key = _children(recipients[0], SEQUENCE, 4)
    _check_oaep(scheme)
    content_type, cipher, content = _children(parts[2], SEQUENCE, 3)
    name, iv = _children(cipher, SEQUENCE, 2)
    if oid(content_type) != _DATA or oid(name) != _AES256_CBC or content.tag & ~0x20 != 0x80:
        raise BerError("the content is not data under AES-256-CBC")
    if encrypted_key.tag & ~0x20 != OCTETS or iv.tag != OCTETS or len(iv.content) != 16:
        raise BerError("no encrypted key or initialisation vector where one is expected")
    return encrypted_key.octets(), iv.content, content.octets()


def _check_oaep(scheme: Node) -> None:
    """RSAES-OAEP with SHA-256 for the hash and for MGF1, without label: nothing weaker by default values."""
    name, parameters = _children(scheme, SEQUENCE, 2)
    if oid(name) != _RSAES_OAEP:
        raise BerError(f"the key is not under RSAES-OAEP but {oid(name)}")
    found = {part.tag: part for part in _children(parameters, SEQUENCE)}
    (digest,) = _children(found.get(0xA0, parameters), 0xA0, 1)
    (mask,) = _children(found.get(0xA1, parameters), 0xA1, 1)
    mask_name, mask_digest = _children(mask, SEQUENCE, 2)
    digests = {oid(_children(node, SEQUENCE)[0]) for node in (digest, mask_digest)}
    if oid(mask_name) != _MGF1 or digests != {_SHA256} or 0xA2 in found:
        raise BerError("RSAES-OAEP with other parameters than SHA-256")


def _children(node: Node, tag: int, count: int | None = None) -> tuple[Node, ...]:
    if node.tag != tag or (count is not None and len(node.parts) != count) or not node.parts:
        raise BerError(
            f"expected tag {tag:#x} with {count or 'some'} parts, found {node.tag:#x} with {len(node.parts)}"
        )
    return node.parts
