"""The files in which evidence is found: go-attestation's dump, Azure's HCL report, hex and JSON wrappings."""

import base64
import hashlib
import json
import struct

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.errors import AttestationError
from attestation.kinds import snp, tdx, tpm
from attestation.tcg.eventlog import parse
from attestation.tcg.replay import replay
from tests.attestation.makers import NOW, Authority, Tpm, as_bytes, boot_log, snp_report, tdx_quote, tpm2b


def failing(claims):
    return {check.name for check in claims.checks if check.ok is False}


def b64(data):
    return base64.b64encode(data).decode()


def creation(machine, name=None):
    """CreationData and TPM2_CertifyCreation by the key itself."""
    data = b"creation data"
    name = name or b"\0\x0b" + hashlib.sha256(machine.public).digest()
    message = struct.pack(">IH", 0xFF544347, 0x801A) + tpm2b(bytes(34)) + tpm2b(b"") + bytes(25)
    message += tpm2b(name) + tpm2b(hashlib.sha256(data).digest())
    return {"CreateData": b64(data), "CreateAttestation": b64(message), "CreateSignature": b64(machine.sign(message))}


def dump(machine, **key):
    log = boot_log()
    registers = replay(parse(log), "sha256")
    pcrs = {i: registers.get(i, bytes(32)) for i in range(24)}
    message = machine.quote(pcrs)
    return {
        "Static": {"TPMVersion": 2, "EKPem": None},
        "AK": {"Public": b64(machine.public), "UseTCSDActivationFormat": False, **(key or creation(machine))},
        "Quote": {"Nonce": b64(b"nonce"), "Alg": 11, "Quote": b64(message), "Signature": b64(machine.sign(message))},
        "Log": {
            "PCRs": [{"Index": i, "Digest": b64(v), "DigestAlg": 5} for i, v in pcrs.items()],
            "PCRAlg": 0,
            "Raw": b64(log),
        },
    }


def test_go_attestation_dump():
    claims = tpm.verify(as_bytes(dump(Tpm())), nonce=b"nonce")
    assert claims.genuine
    assert {check.name for check in claims.checks} >= {"ak_creation", "quoted_bank", "nonce_in_file", "event_log"}


@pytest.mark.parametrize(
    ("part", "name", "value", "expected"),
    [
        ("Quote", "Nonce", b64(b"other"), "nonce_in_file"),
        ("Quote", "Alg", 4, "quoted_bank"),
        ("AK", "CreateData", b64(b"other"), "ak_creation"),
        ("Log", "Raw", b64(boot_log(image=b"other")), "event_log"),
    ],
)
def test_go_attestation_dump_with_a_field_changed(part, name, value, expected):
    document = dump(Tpm())
    document[part][name] = value
    assert expected in failing(tpm.verify(as_bytes(document)))


def test_a_creation_certificate_of_another_key_is_refused():
    machine = Tpm()
    document = dump(machine, **creation(machine, name=b"\0\x0b" + bytes(32)))
    assert failing(tpm.verify(as_bytes(document))) == {"ak_creation"}


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("Static", "TPMVersion", 1),
        ("AK", "CreateData", None),
        ("AK", "Public", "AAAA"),
        ("Quote", "Quote", None),
        ("Quote", "Alg", 99),
        ("Log", "PCRs", [{"Index": 1, "Digest": "AAAA", "DigestAlg": 5}]),
        ("Log", "PCRs", 5),
        ("Log", "Raw", "!"),
    ],
)
def test_a_malformed_dump_is_named(part, name, value):
    document = dump(Tpm())
    document[part][name] = value
    with pytest.raises(AttestationError):
        tpm.verify(as_bytes(document))


# --- Azure


def hcl_report(vendor, key, *, bound=True):
    """A report whose data is the hash of claims with the attestation key."""
    numbers = key.public_key().public_numbers()

    def number(value, size):
        return base64.urlsafe_b64encode(value.to_bytes(size, "big")).rstrip(b"=").decode()

    jwk = {"kid": "HCLAkPub", "kty": "RSA", "n": number(numbers.n, 256), "e": number(numbers.e, 3)}
    claims = json.dumps({"keys": [jwk]}).encode()
    data = hashlib.sha256(claims).digest() if bound else bytes(32)
    report, leaf = snp_report(vendor, report_data=data + bytes(32))
    runtime = struct.pack("<IIIII", 20 + len(claims), 1, 2, 1, len(claims)) + claims
    return b"HCLA" + bytes(28) + report + runtime + bytes(64), leaf


def azure(vendor, machine=None, *, bound=True):
    machine = machine or Tpm(ecc=False)
    report, leaf = hcl_report(vendor, machine.key, bound=bound)
    pcrs = {0: b"\1" * 32}
    message = machine.quote(pcrs)
    quote = {"message": message.hex(), "signature": machine.sign(message)[6:].hex(), "pcrs": ["01" * 32]}
    certificates = [c.public_bytes(serialization.Encoding.PEM).decode() for c in (leaf, vendor.middle, vendor.root)]
    return {"version": 1, "hcl_report": b64(report), "tpm_quote": quote, "certificates": certificates}


def test_azure_evidence_as_tpm_and_as_snp():
    vendor = Authority()
    document = as_bytes(azure(vendor))
    assert tpm.verify(document).genuine
    assert snp.verify(document, roots=vendor.roots, now=NOW).genuine
    loose = as_bytes(azure(vendor, bound=False))
    assert failing(tpm.verify(loose)) == {"hcl_key_binding"}
    assert failing(snp.verify(loose, roots=vendor.roots, now=NOW)) == {"runtime_claims"}


@pytest.mark.parametrize("change", [lambda r: r[:-1] + b"\1", lambda r: r[:1300], lambda r: b"HCLX" + r[4:]])
def test_a_malformed_hcl_report(change):
    report, leaf = hcl_report(Authority(), Tpm(ecc=False).key)
    with pytest.raises(AttestationError):
        snp.verify(change(report), certificates=[leaf], now=NOW)


def test_snp_guest_response_and_json():
    vendor = Authority()
    raw, leaf = snp_report(vendor)
    response = struct.pack("<II", 0, 0x4A0) + bytes(24) + raw + bytes(2000)
    chain = [leaf, vendor.middle, vendor.root]
    assert snp.verify(response, certificates=chain, roots=vendor.roots, now=NOW).genuine
    assert snp.verify(
        as_bytes({"attestation_report": b64(raw)}), certificates=chain, roots=vendor.roots, now=NOW
    ).genuine
    with pytest.raises(AttestationError, match="must be zero"):
        snp.verify(response[:-1] + b"\1", certificates=chain, roots=vendor.roots, now=NOW)


def test_tdx_as_hex_and_json():
    intel = Authority(ec.SECP256R1())
    quote = tdx_quote(intel)
    for evidence in (
        quote.hex().encode(),
        b"0x" + quote.hex().encode(),
        as_bytes({"quote": quote.hex()}),
        as_bytes({"td_quote": b64(quote)}),
    ):
        assert tdx.verify(evidence, now=NOW, roots=intel.roots).genuine
    with pytest.raises(AttestationError):
        tdx.verify(as_bytes({"other": 1}), now=NOW)
