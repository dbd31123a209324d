"""TPM 2.0 structures that a quote is made of (TPM 2.0 Library, Part 2): TPMS_ATTEST, TPMT_SIGNATURE, TPMT_PUBLIC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from attestation.errors import AttestationError
from attestation.reader import Reader
from attestation.tcg.algorithms import HASHES, SIZES, digest

GENERATED = 0xFF544347
QUOTE = 0x8018
CREATION = 0x801A
RSA, ECC, NULL = 0x0001, 0x0023, 0x0010
RSASSA, RSAPSS, ECDSA = 0x0014, 0x0016, 0x0018
BARE_RSA = 0
"""Not a TPM_ALG_ID: a signature without its wrapping, which does not say whether it is RSASSA or RSAPSS."""
_CURVES: Mapping[int, type[ec.EllipticCurve]] = {0x0003: ec.SECP256R1, 0x0004: ec.SECP384R1, 0x0005: ec.SECP521R1}
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - quotes of older machines are signed with it; policy decides
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True)
class Attest:
    """TPMS_ATTEST (section 10.12.12) of type quote or creation."""

    kind: int
    qualified_signer: bytes
    extra_data: bytes
    clock: int
    reset_count: int
    restart_count: int
    safe: bool
    firmware_version: int
    selections: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """For a quote: banks in order with the PCRs selected, ascending."""
    pcr_digest: bytes = b""
    object_name: bytes = b""
    creation_hash: bytes = b""

    @property
    def digest_hash(self) -> str:
        """The hash that made `pcr_digest`, by its size: a TPM takes that of the signing scheme (Part 3, 18.4.1)."""
        return {size: HASHES[i] for i, size in SIZES.items() if i in HASHES}.get(len(self.pcr_digest), "sha256")


def parse_attest(data: bytes) -> Attest:
    """Reads a TPMS_ATTEST, with or without its TPM2B size.

    Raises:
        AttestationError: not one, or neither a quote nor a creation certificate.
    """
    if len(data) > 2 and int.from_bytes(data[:2], "big") == len(data) - 2:
        data = data[2:]
    reader = Reader(data, "TPMS_ATTEST")
    magic = reader.be(4, "magic")
    if magic != GENERATED:
        raise AttestationError(f"TPMS_ATTEST: magic {magic:#x}, expected {GENERATED:#x}: not made by a TPM 2.0")
    kind = reader.be(2, "type")
    if kind not in {QUOTE, CREATION}:
        raise AttestationError(f"TPMS_ATTEST: type {kind:#x}, expected {QUOTE:#x} (quote)")
    signer, extra = reader.tpm2b("qualifiedSigner", 128), reader.tpm2b("extraData", 128)
    clock, resets, restarts = reader.be(8, "clock"), reader.be(4, "resetCount"), reader.be(4, "restartCount")
    safe, firmware = reader.be(1, "safe"), reader.be(8, "firmwareVersion")
    if kind == CREATION:
        name, creation = reader.tpm2b("objectName", 128), reader.tpm2b("creationHash", 128)
        reader.end()
        return Attest(
            kind, signer, extra, clock, resets, restarts, bool(safe), firmware, object_name=name, creation_hash=creation
        )
    selections = _selections(reader)
    pcr_digest = reader.tpm2b("pcrDigest", 64)
    reader.end()
    return Attest(kind, signer, extra, clock, resets, restarts, bool(safe), firmware, selections, pcr_digest)


def _selections(reader: Reader) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """TPML_PCR_SELECTION (section 10.9.7)."""
    count = reader.be(4, "number of PCR selections")
    if count > 16:
        raise AttestationError(f"TPMS_ATTEST: {count} PCR selections, at most 16 are allowed")
    selections = []
    for _ in range(count):
        algorithm, size = reader.be(2, "PCR bank"), reader.be(1, "sizeofSelect")
        if algorithm not in HASHES:
            raise AttestationError(f"TPMS_ATTEST: PCR bank {algorithm:#x} is not one of {sorted(HASHES.values())}")
        if size > 4:
            raise AttestationError(f"TPMS_ATTEST: sizeofSelect {size}, at most 4")
        bits = int.from_bytes(reader.take(size, "pcrSelect"), "little")
        selections.append((HASHES[algorithm], tuple(i for i in range(8 * size) if bits >> i & 1)))
    return tuple(selections)


@dataclass(frozen=True)
class Signature:
    """TPMT_SIGNATURE (section 11.3.4): scheme, hash name, and the signature (DER for ECDSA)."""

    scheme: int
    hash_name: str
    value: bytes


def parse_signature(data: bytes, key: PublicKey, bare_hash: str = "sha256") -> Signature:
    """Reads a TPMT_SIGNATURE, or a signature without that wrapping (`tpm2_quote -f plain`).

    Bare is what has an RSA key's length, or the DER of r and s; it does not name its hash, so `bare_hash` does.

    Raises:
        AttestationError: neither.
    """
    if isinstance(key, rsa.RSAPublicKey) and len(data) == key.key_size // 8:
        return Signature(BARE_RSA, bare_hash, data)
    if isinstance(key, ec.EllipticCurvePublicKey) and data[:1] == b"\x30":
        return Signature(ECDSA, bare_hash, _der_signature(data))
    reader = Reader(data, "TPMT_SIGNATURE")
    scheme = reader.be(2, "scheme")
    if scheme not in {RSASSA, RSAPSS, ECDSA}:
        raise AttestationError(f"TPMT_SIGNATURE: scheme {scheme:#x}, expected RSASSA, RSAPSS or ECDSA")
    algorithm = reader.be(2, "hash")
    if algorithm not in HASHES:
        raise AttestationError(f"TPMT_SIGNATURE: hash {algorithm:#x} is not one of {sorted(HASHES.values())}")
    if scheme == ECDSA:
        longest = (key.key_size + 7) // 8 if isinstance(key, ec.EllipticCurvePublicKey) else 128
        r, s = (int.from_bytes(reader.tpm2b(name, longest), "big") for name in ("r", "s"))
        value = utils.encode_dss_signature(r, s)
    else:
        value = reader.tpm2b("signature", 1024)
    reader.end()
    return Signature(scheme, HASHES[algorithm], value)


def _der_signature(data: bytes) -> bytes:
    try:
        numbers = utils.decode_dss_signature(data)
    except ValueError as error:
        raise AttestationError(f"ECDSA signature: not DER: {error}") from error
    if utils.encode_dss_signature(*numbers) != data:
        raise AttestationError("ECDSA signature: not in its shortest DER form, which no signer writes")
    return data


def signature_verifies(signature: Signature, key: PublicKey, message: bytes) -> bool:
    """True when `signature` is the key's over `message`."""
    algorithm = _HASHES[signature.hash_name]
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            if signature.scheme != ECDSA:
                return False
            key.verify(signature.value, message, ec.ECDSA(algorithm))
        elif signature.scheme == BARE_RSA:
            schemes = (RSASSA, RSAPSS)
            return any(signature_verifies(replace(signature, scheme=s), key, message) for s in schemes)
        elif signature.scheme == RSASSA:
            key.verify(signature.value, message, padding.PKCS1v15(), algorithm)
        elif signature.scheme == RSAPSS:
            key.verify(signature.value, message, padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO), algorithm)
        else:
            return False
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


@dataclass(frozen=True)
class Public:
    """TPMT_PUBLIC (section 12.2.4) of an RSA or ECC key."""

    key: PublicKey
    attributes: int
    name: bytes
    """nameAlg followed by the hash of the public area (Part 1, section 16)."""

    def lacks_for_attestation(self) -> list[str]:
        """What keeps the key from being an attestation key; empty for a restricted signing key made in a TPM."""
        wanted = {1: "fixedTPM", 4: "fixedParent", 5: "sensitiveDataOrigin", 16: "restricted", 18: "sign"}
        lacking = [name for bit, name in wanted.items() if not self.attributes >> bit & 1]
        return lacking + (["not decrypt"] if self.attributes >> 17 & 1 else [])


def parse_public(data: bytes) -> Public:
    """Reads a TPM2B_PUBLIC or TPMT_PUBLIC.

    Raises:
        AttestationError: neither, or a key type that does not sign quotes.
    """
    if len(data) > 2 and int.from_bytes(data[:2], "big") == len(data) - 2:
        data = data[2:]
    reader = Reader(data, "TPMT_PUBLIC")
    kind, name_algorithm = reader.be(2, "type"), reader.be(2, "nameAlg")
    if kind not in {RSA, ECC}:
        raise AttestationError(f"TPMT_PUBLIC: type {kind:#x}, expected RSA or ECC (a TPM 1.2 key is not supported)")
    if name_algorithm not in HASHES:
        raise AttestationError(f"TPMT_PUBLIC: nameAlg {name_algorithm:#x} is not one of {sorted(HASHES.values())}")
    attributes = reader.be(4, "objectAttributes")
    reader.tpm2b("authPolicy", 64)
    if reader.be(2, "symmetric") != NULL:
        reader.take(4, "symmetric key bits and mode")
    if reader.be(2, "scheme") != NULL:
        reader.take(2, "scheme hash")
    key = _rsa(reader) if kind == RSA else _ecc(reader)
    reader.end()
    name = name_algorithm.to_bytes(2, "big") + digest(HASHES[name_algorithm], data)
    return Public(key, attributes, name)


def _rsa(reader: Reader) -> rsa.RSAPublicKey:
    bits, exponent = reader.be(2, "keyBits"), reader.be(4, "exponent") or 65537
    modulus = int.from_bytes(reader.tpm2b("modulus", 1024), "big")
    if modulus.bit_length() != bits:
        raise AttestationError(f"TPMT_PUBLIC: a modulus of {modulus.bit_length()} bits, keyBits says {bits}")
    try:
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError as error:
        raise AttestationError(f"TPMT_PUBLIC: not an RSA key: {error}") from error


def _ecc(reader: Reader) -> ec.EllipticCurvePublicKey:
    curve = reader.be(2, "curve")
    if reader.be(2, "kdf") != NULL:
        reader.take(2, "kdf hash")
    x, y = (int.from_bytes(reader.tpm2b(name, 80), "big") for name in ("x", "y"))
    if curve not in _CURVES:
        raise AttestationError(f"TPMT_PUBLIC: curve {curve:#x}, expected P-256, P-384 or P-521")
    try:
        return ec.EllipticCurvePublicNumbers(x, y, _CURVES[curve]()).public_key()
    except ValueError as error:
        raise AttestationError(f"TPMT_PUBLIC: not a point of the curve: {error}") from error
