"""Synthetic evidence of every kind, signed by roots of our own: the suite means something without real evidence."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from attestation.certificates import Roots

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DER = serialization.Encoding.DER
PEM = serialization.Encoding.PEM


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(c.public_bytes(PEM) for c in certificates)


@dataclass
class Authority:
    """A two-level certification authority."""

    curve: ec.EllipticCurve = field(default_factory=ec.SECP384R1)

    def __post_init__(self):
        self.root_key = ec.generate_private_key(self.curve)
        self.middle_key = ec.generate_private_key(self.curve)
        self.root = self.issue("root", self.root_key.public_key(), "root", self.root_key, ca=True)
        self.middle = self.issue("middle", self.middle_key.public_key(), "root", self.root_key, ca=True)

    @property
    def roots(self):
        return Roots(certificates=(self.root,))

    def issue(self, subject, key, issuer, signer, *, ca=False, extensions=(), start=NOW - timedelta(days=1), days=30):
        def name(text):
            return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name(issuer))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        for oid, value in extensions:
            builder = builder.add_extension(
                x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), critical=False
            )
        return builder.sign(signer, hashes.SHA384())

    def leaf(self, subject, key, **more):
        return self.issue(subject, key, "middle", self.middle_key, **more)


def raw_signature(key, message, algorithm, size, order="big"):
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(algorithm)))
    return r.to_bytes(size, order) + s.to_bytes(size, order)


# --- event log -------------------------------------------------------------------------------------------------------

ALGORITHMS = {"sha1": (4, 20), "sha256": (11, 32), "sha384": (12, 48)}


def spec_id(banks):
    data = b"Spec ID Event03\0" + struct.pack("<IBBBBI", 0, 0, 2, 0, 2, len(banks))
    return data + b"".join(struct.pack("<HH", *ALGORITHMS[bank]) for bank in banks) + b"\0"


def event(index, kind, data, banks, measured=None):
    """One crypto-agile event; `measured` is what is hashed when it is not the data."""
    digests = b"".join(
        struct.pack("<H", ALGORITHMS[bank][0]) + hashlib.new(bank, data if measured is None else measured).digest()
        for bank in banks
    )
    return struct.pack("<III", index, kind, len(banks)) + digests + struct.pack("<I", len(data)) + data


def header_event(banks, index=0):
    data = spec_id(banks)
    return struct.pack("<II", index, 3) + bytes(20) + struct.pack("<I", len(data)) + data


def variable(name, value, guid="8be4df61-93ca-11d2-aa0d-00e098032b8c"):
    encoded = name.encode("utf-16-le")
    return uuid.UUID(guid).bytes_le + struct.pack("<QQ", len(name), len(value)) + encoded + value


def file_path(path):
    text = (path + "\0").encode("utf-16-le")
    return struct.pack("<BBH", 4, 4, 4 + len(text)) + text + b"\x7f\xff\x04\0"


def boot_log(banks=("sha256", "sha384"), *, secure_boot=True, image=b"image", extra=b"", locality=0):
    """A plausible UEFI boot: variables, separators, boot application, command line."""
    parts = [header_event(banks)]
    if locality:
        parts.append(event(0, 3, b"StartupLocality\0" + bytes([locality]), banks, measured=b""))
    parts.append(event(0, 8, "v1\0".encode("utf-16-le"), banks))
    parts.append(event(7, 0x80000001, variable("SecureBoot", bytes([secure_boot])), banks))
    parts += [event(index, 4, bytes(4), banks) for index in range(8)]
    path = file_path("\\EFI\\BOOT\\BOOTX64.EFI")
    load = struct.pack("<QQQQ", 0x1000, 0x2000, 0, len(path)) + path
    parts.append(event(4, 0x80000003, load, banks, measured=image))
    parts.append(event(12, 13, "console=ttyS0\0".encode("utf-16-le"), banks))
    return b"".join(parts) + extra


# --- TPM -------------------------------------------------------------------------------------------------------------


def tpm2b(data):
    return struct.pack(">H", len(data)) + data


@dataclass
class Tpm:
    """Signs quotes as a TPM would, with a key whose public area says what a real one says."""

    attributes: int = 0x50072
    ecc: bool = True

    def __post_init__(self):
        if self.ecc:
            self.key = ec.generate_private_key(ec.SECP256R1())
            numbers = self.key.public_key().public_numbers()
            unique = tpm2b(numbers.x.to_bytes(32, "big")) + tpm2b(numbers.y.to_bytes(32, "big"))
            parameters = struct.pack(">HHHHH", 0x10, 0x18, 0x0B, 3, 0x10)
            self.public = struct.pack(">HHI", 0x23, 0x0B, self.attributes) + tpm2b(b"") + parameters + unique
        else:
            self.key = rsa.generate_private_key(65537, 2048)
            modulus = self.key.public_key().public_numbers().n.to_bytes(256, "big")
            parameters = struct.pack(">HHHHI", 0x10, 0x14, 0x0B, 2048, 0)
            self.public = struct.pack(">HHI", 0x01, 0x0B, self.attributes) + tpm2b(b"") + parameters + tpm2b(modulus)

    def quote(self, pcrs, bank="sha256", nonce=b"nonce", kind=0x8018, magic=0xFF544347):
        bits = sum(1 << index for index in pcrs).to_bytes(3, "little")
        digest = hashlib.sha256(b"".join(pcrs[index] for index in sorted(pcrs))).digest()
        selection = struct.pack(">IHB", 1, ALGORITHMS[bank][0], 3) + bits
        clock = struct.pack(">QIIB", 1000, 1, 2, 1) + struct.pack(">Q", 7)
        return (
            struct.pack(">IH", magic, kind)
            + tpm2b(b"\0\x0b" + bytes(32))
            + tpm2b(nonce)
            + clock
            + selection
            + tpm2b(digest)
        )

    def sign(self, message):
        if self.ecc:
            r, s = utils.decode_dss_signature(self.key.sign(message, ec.ECDSA(hashes.SHA256())))
            return struct.pack(">HH", 0x18, 0x0B) + tpm2b(r.to_bytes(32, "big")) + tpm2b(s.to_bytes(32, "big"))
        return struct.pack(">HH", 0x14, 0x0B) + tpm2b(self.key.sign(message, padding.PKCS1v15(), hashes.SHA256()))

    def evidence(self, log=None, pcrs=None, bank="sha256", nonce=b"nonce", **more):
        """Our own JSON layout; PCR values are those the log leads to unless given."""
        from attestation.tcg.eventlog import parse
        from attestation.tcg.replay import replay

        if pcrs is None:
            replayed = replay(parse(log), bank) if log else {}
            pcrs = {i: replayed.get(i, bytes(ALGORITHMS[bank][1])) for i in range(16)}
        message = self.quote(pcrs, bank, nonce)
        document = {
            "quote": base64.b64encode(message).decode(),
            "signature": base64.b64encode(self.sign(message)).decode(),
            "ak_public": base64.b64encode(tpm2b(self.public)).decode(),
            "pcrs": {bank: {str(i): value.hex() for i, value in pcrs.items()}},
            **more,
        }
        if log is not None:
            document["event_log"] = base64.b64encode(log).decode()
        return document


def as_bytes(document):
    return json.dumps(document).encode()


# --- TDX -------------------------------------------------------------------------------------------------------------


def tdx_quote(
    authority, *, version=4, attributes=0x10000000, report_data=bytes(64), rtmrs=(), mr_td=b"\x11" * 48, tee=0x81
):
    pck_key, attestation_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    registers = [*rtmrs, *[bytes(48)] * (4 - len(rtmrs))]
    body = bytes(16) + b"\x22" * 48 + bytes(48) + bytes(8) + attributes.to_bytes(8, "little") + bytes(8)
    body += mr_td + bytes(144) + b"".join(registers) + report_data
    head = (
        struct.pack("<HHI", version, 2, tee) + bytes(4) + bytes.fromhex("939a7233f79c4ca9940a0db3957f0607") + bytes(20)
    )
    if version == 5:
        body = struct.pack("<HI", 3, 648) + body + bytes(64)
    signed = head + body
    numbers = attestation_key.public_key().public_numbers()
    public = numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")
    auth = bytes(range(32))
    qe_report = bytes(320) + hashlib.sha256(public + auth).digest() + bytes(32)
    leaf = authority.leaf("pck", pck_key.public_key())
    chain = pem(leaf, authority.middle, authority.root)
    inner = qe_report + raw_signature(pck_key, qe_report, hashes.SHA256(), 32) + struct.pack("<H", len(auth)) + auth
    inner += struct.pack("<HI", 5, len(chain)) + chain
    section = (
        raw_signature(attestation_key, signed, hashes.SHA256(), 32) + public + struct.pack("<HI", 6, len(inner)) + inner
    )
    return signed + struct.pack("<I", len(section)) + section


# --- SNP -------------------------------------------------------------------------------------------------------------


def integer(value):
    return bytes([2, 1, value]) if value < 128 else bytes([2, 2, 0, value])


def snp_report(
    authority,
    *,
    policy=0x30000,
    version=2,
    chip=b"\x77" * 64,
    report_data=bytes(64),
    tcb=(3, 0, 8, 115),
    certified=None,
    vlek=False,
    measurement=b"\x33" * 48,
    vmpl=0,
):
    """The report and its leaf certificate."""
    key = ec.generate_private_key(ec.SECP384R1())
    certified = certified or tcb
    arc = "1.3.6.1.4.1.3704.1."
    extensions = [
        (arc + suffix, integer(value)) for suffix, value in zip(("3.1", "3.2", "3.3", "3.8"), certified, strict=True)
    ]
    extensions.append((arc + "5", b"\x0c\x04test") if vlek else (arc + "4", chip))
    leaf = authority.leaf("SEV-VLEK" if vlek else "SEV-VCEK", key.public_key(), extensions=extensions)
    packed = bytes([tcb[0], tcb[1], 0, 0, 0, 0, tcb[2], tcb[3]])
    raw = bytearray(0x4A0)
    raw[0:4], raw[8:16] = version.to_bytes(4, "little"), policy.to_bytes(8, "little")
    raw[0x30:0x34], raw[0x34:0x38] = vmpl.to_bytes(4, "little"), (1).to_bytes(4, "little")
    for at in (0x38, 0x180, 0x1E0, 0x1F0):
        raw[at : at + 8] = packed
    raw[0x48:0x4C] = ((1 if vlek else 0) << 2).to_bytes(4, "little")
    raw[0x50:0x90], raw[0x90:0xC0], raw[0x1A0:0x1E0] = report_data, measurement, chip
    if version >= 3:
        raw[0x188:0x18B] = b"\x19\x01\x01"
    signature = raw_signature(key, bytes(raw[:0x2A0]), hashes.SHA384(), 72, "little")
    raw[0x2A0 : 0x2A0 + 144] = signature
    return bytes(raw), leaf


# --- NVIDIA ----------------------------------------------------------------------------------------------------------


def nvidia_report(
    authority, *, nonce=b"\x42" * 32, fwid=b"\x55" * 48, certified_fwid=None, driver=b"570.86.15\0", measurements=3
):
    """The report and its leaf certificate."""
    key = ec.generate_private_key(ec.SECP384R1())
    extension = ("2.23.133.5.4.1", b"\x30\x32" + (certified_fwid or fwid))
    leaf = authority.leaf("GH100 test", key.public_key(), extensions=[extension])
    blocks = b"".join(struct.pack("<BBHBH", i, 1, 51, 1, 48) + bytes([i]) * 48 for i in range(1, measurements + 1))
    opaque = b"".join(struct.pack("<HH", kind, len(v)) + v for kind, v in ((3, driver), (20, fwid)))
    request = b"\x11\xe0\x01\xff" + nonce + b"\0"
    response = b"\x11\x60\0\0" + bytes([measurements]) + len(blocks).to_bytes(3, "little") + blocks + b"\x99" * 32
    message = request + response + struct.pack("<H", len(opaque)) + opaque
    return message + raw_signature(key, message, hashes.SHA384(), 48), leaf


SWID = "http://standards.iso.org/iso/19770/-2/2015/schema.xsd"
DSIG = "http://www.w3.org/2000/09/xmldsig#"


def rim(authority, values, version="570.86.15"):
    """A signed manifest. Its text is written in canonical form by hand, so that nothing here canonicalises."""
    key = ec.generate_private_key(ec.SECP384R1())
    leaf = authority.leaf("RIM signer", key.public_key())
    space = 'xmlns:h="http://www.w3.org/2001/04/xmlenc#sha384"'
    resources = "".join(
        f'<Resource {space} active="{active}" index="{index}" h:Hash0="{value}"></Resource>'
        for index, (active, value) in values.items()
    )
    meta = f'<Meta colloquialVersion="{version}" product="GH100"></Meta>'
    open_tag = f'<SoftwareIdentity xmlns="{SWID}" name="a &amp; b">\n'
    body = f"{meta}\n<Payload>{resources}</Payload>\n"
    digest = hashlib.sha384(f"{open_tag}{body}</SoftwareIdentity>".encode()).digest()
    methods = (
        '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2006/12/xml-c14n11"></ds:CanonicalizationMethod>'
        '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"></ds:SignatureMethod>'
    )
    reference = (
        '<ds:Reference URI=""><ds:Transforms>'
        f'<ds:Transform Algorithm="{DSIG}enveloped-signature"></ds:Transform></ds:Transforms>'
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#sha384"></ds:DigestMethod>'
        f"<ds:DigestValue>{base64.b64encode(digest).decode()}</ds:DigestValue></ds:Reference>"
    )
    spaces = f' xmlns="{SWID}" xmlns:ds="{DSIG}"'
    signed = f"<ds:SignedInfo{spaces}>{methods}{reference}</ds:SignedInfo>".encode()
    value = base64.b64encode(raw_signature(key, signed, hashes.SHA384(), 48)).decode()
    chain = "".join(
        f"<ds:X509Certificate>{base64.b64encode(c.public_bytes(DER)).decode()}</ds:X509Certificate>"
        for c in (leaf, authority.middle, authority.root)
    )
    signature = (
        f'<ds:Signature xmlns:ds="{DSIG}"><ds:SignedInfo>{methods}{reference}</ds:SignedInfo>'
        f"<ds:SignatureValue>{value}</ds:SignatureValue>"
        f"<ds:KeyInfo><ds:X509Data>{chain}</ds:X509Data></ds:KeyInfo></ds:Signature>"
    )
    return f"{open_tag}{body}{signature}</SoftwareIdentity>".encode()


# --- Google token ----------------------------------------------------------------------------------------------------


@dataclass
class TokenIssuer:
    kid: str = "key-1"

    def __post_init__(self):
        self.key = rsa.generate_private_key(65537, 2048)

    def jwks(self):
        entry = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return json.dumps({"keys": [{**entry, "kid": self.kid, "use": "sig", "alg": "RS256"}]}).encode()

    def token(self, *, header=None, **changes):
        claims = {
            "iss": "https://confidentialcomputing.googleapis.com",
            "aud": "https://sts.googleapis.com",
            "iat": int(NOW.timestamp()),
            "nbf": int(NOW.timestamp()),
            "exp": int(NOW.timestamp()) + 3600,
            "eat_nonce": "nonce-of-8-bytes",
            "dbgstat": "disabled-since-boot",
            "hwmodel": "GCP_INTEL_TDX",
            "swname": "CONFIDENTIAL_SPACE",
            "secboot": True,
            "google_service_accounts": ["trainer@acme.iam.gserviceaccount.com"],
            "submods": {
                "container": {"image_digest": "sha256:" + "ab" * 32, "env_override": {}, "cmd_override": []},
                "confidential_space": {"support_attributes": ["LATEST", "STABLE", "USABLE"]},
                "gce": {"project_number": "123456", "zone": "us-central1-a"},
                "nvidia_gpu": {"cc_mode": "ON"},
            },
        }
        claims.update(changes)
        return jwt.encode(claims, self.key, algorithm="RS256", headers=header or {"kid": self.kid}).encode()
