"""Evidence made by someone who knows the verifier: each lie is answered with a verdict, never with a traceback."""

import base64
import json
import struct
from datetime import timedelta

import cbor2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from typer.testing import CliRunner

from attestation.errors import AttestationError
from attestation.kinds.tdx_quote import parse as parse_quote
from attestation.nitro_issuer import issue, make_root
from attestation.policy import AppraisalPolicy
from attestation.tcg.tpm_structures import parse_signature
from attestation.verify import Inputs, judge, verify
from operations.cli import build
from operations.errors import CommandError
from tests.attestation.makers import (
    DER,
    NOW,
    Authority,
    TokenIssuer,
    Tpm,
    as_bytes,
    boot_log,
    event,
    nvidia_report,
    pem,
    snp_report,
    tdx_quote,
    tpm2b,
    variable,
)
from tests.attestation.test_layouts import azure

ISSUER = TokenIssuer()
BANKS = ("sha256", "sha384")


@pytest.fixture
def run(tmp_path):
    """Exit codes of both verbs, in words and as JSON; and what was printed."""

    def _run(kind, evidence, **files):
        (tmp_path / "evidence").write_bytes(evidence)
        options = ["--kind", kind, "--evidence", str(tmp_path / "evidence"), "--at", NOW.isoformat()]
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
            options += [f"--{name}", str(tmp_path / name)]
        codes, said = set(), ""
        for verb in ("verify", "explain"):
            for form in ([], ["--json"]):
                result = CliRunner().invoke(build(), ["attest", verb, *options, *form])
                known = isinstance(result.exception, CommandError | SystemExit | None)
                assert known, (verb, form, result.exception)
                error = result.exception
                codes.add(int(error.code) if isinstance(error, CommandError) else result.exit_code)
                said += result.stdout
                if form:
                    json.loads(result.stdout, parse_constant=pytest.fail)
        assert len(codes) == 1, codes
        return codes.pop(), said

    return _run


def token(claims, header=b'{"alg":"RS256","kid":"key-1"}'):
    """A token whose payload is the good one's with `claims`, JSON text, put before its end."""
    payload = ISSUER.token().split(b".")[1]
    text = base64.urlsafe_b64decode(payload + b"==")[:-1] + b"," + claims + b"}"
    message = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, text))
    signature = ISSUER.key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return message + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (b'"a": 1', 0),
        (b'"a": "\\ud800"', 0),
        (b'"a": 1e999', 2),
        (b'"a": ' + b"[" * 63 + b"]" * 63, 0),
        (b'"a": ' + b"[" * 64 + b"]" * 64, 2),
        (b'"a": ' + b'{"a":' * 3000 + b"1" + b"}" * 3000, 2),
    ],
)
def test_what_a_token_may_hold(run, claims, expected):
    assert run("gcp-token", token(claims), certificates=ISSUER.jwks())[0] == expected


@pytest.mark.parametrize("text", ["\\ud800", "\\u001b[2J\\u001b]0;owned\\u0007", "\\u202e"])
def test_nothing_of_the_evidence_steers_the_terminal(run, text):
    header = json.dumps({"alg": "RS256", "kid": "?"}).replace("?", text).encode()
    code, said = run("gcp-token", token(b'"a": 1', header), certificates=ISSUER.jwks())
    assert code == 1
    assert not {"\x1b", "\x07", "\u202e", "\ud800"} & set(said)


def test_claims_of_other_types_than_expected_are_rejected(run):
    for mode in (b'["ON"]', b'{"ON": 1}', b'"DEVTOOLS"', b"true"):
        changed = ISSUER.token(submods={"nvidia_gpu": {"cc_mode": json.loads(mode)}})
        policy = b"gpu_cc_mode_waiver: a machine in the laboratory\n"
        assert run("gcp-token", changed, certificates=ISSUER.jwks(), policy=policy)[0] == 1


@pytest.mark.parametrize("issued", [10**30, 1e30, -1, True, "now", None, [1]])
def test_an_age_that_cannot_be_told_is_too_old(run, issued):
    policy = (
        b"maximum_age_seconds: 600\nwaivers: [{check: iat, reason: clocks differ, expires: 2027-01-01T00:00:00Z}]\n"
    )
    assert run("gcp-token", ISSUER.token(), certificates=ISSUER.jwks(), policy=policy)[0] == 0
    assert run("gcp-token", ISSUER.token(iat=issued), certificates=ISSUER.jwks(), policy=policy)[0] == 1


def test_a_claim_called_timestamp_does_not_make_a_token_younger():
    policy = AppraisalPolicy(maximum_age_seconds=60)
    for stamp in (NOW.isoformat(), "yesterday"):
        old = ISSUER.token(iat=int(NOW.timestamp()) - 1000, timestamp=stamp)
        verdict = judge("gcp-token", Inputs(old, certificates=(ISSUER.jwks(),), at=NOW), policy)
        assert [check.name for check in verdict.checks if check.ok is False] == ["age"]


# --- Secure Boot


def secure_boot(log):
    policy = AppraisalPolicy(require_secure_boot=True)
    verdict = judge("tpm", Inputs(as_bytes(Tpm().evidence(log)), at=NOW), policy)
    return verdict.accepted, verdict.claims.values["secure_boot"], verdict.claims.genuine


def test_only_firmwares_own_event_speaks_of_secure_boot():
    lie = variable("SecureBoot", b"\x01")
    off = boot_log(secure_boot=False)
    assert secure_boot(boot_log()) == (True, True, True)
    assert secure_boot(off) == (False, False, True)
    for register in (7, 8, 14):
        # The running system extends a register and writes the event into the log, where nothing keeps its place.
        said = event(register, 0x80000001, lie, BANKS)
        assert secure_boot(off + said) == (False, False, True)
        at = off.index(event(7, 0x80000001, variable("SecureBoot", b"\0"), BANKS))
        if register != 7:
            assert secure_boot(off[:at] + said + off[at:]) == (False, False, True)
    # The honest event under another type is not seen, and what comes after the separator is not believed.
    hidden = off.replace(
        event(7, 0x80000001, variable("SecureBoot", b"\0"), BANKS),
        event(7, 0x80000002, variable("SecureBoot", b"\0"), BANKS),
    )
    assert secure_boot(hidden + event(7, 0x80000001, lie, BANKS)) == (False, None, True)


def test_secure_boot_of_a_register_that_is_not_quoted_is_not_known():
    log = boot_log()
    machine = Tpm()
    evidence = as_bytes(machine.evidence(log, pcrs={4: bytes(32)}))
    waived = [{"check": "event_log", "reason": "the log is incomplete", "expires": "2027-01-01T00:00:00Z"}]
    policy = AppraisalPolicy.model_validate({"require_secure_boot": True, "waivers": waived})
    verdict = judge("tpm", Inputs(evidence, at=NOW), policy)
    assert [check.name for check in verdict.checks if check.ok is False] == ["secure_boot"]


# --- demands of a policy that a kind cannot meet


def others():
    intel, vendor, root = Authority(ec.SECP256R1()), Authority(), make_root("x", NOW)
    report, leaf = snp_report(vendor)
    gpu, gpu_leaf = nvidia_report(vendor)
    chain = pem(vendor.middle, vendor.root)
    return {
        "tdx": Inputs(tdx_quote(intel), roots=(pem(intel.root),), at=NOW),
        "snp": Inputs(report, certificates=(pem(leaf) + chain,), roots=(pem(vendor.root),), at=NOW),
        "nvidia": Inputs(gpu, certificates=(pem(gpu_leaf) + chain,), roots=(pem(vendor.root),), at=NOW),
        "nitro": Inputs(
            issue(root, module_id="i", pcrs={4: bytes(48)}, now=NOW), roots=(pem(root.certificate),), at=NOW
        ),
        "gcp-token": Inputs(ISSUER.token(), certificates=(ISSUER.jwks(),), at=NOW),
    }


@pytest.mark.parametrize("kind", ["tdx", "snp", "nvidia", "nitro", "gcp-token"])
def test_what_a_kind_cannot_show_is_not_met(kind):
    inputs = others()[kind]
    assert judge(kind, inputs, AppraisalPolicy()).accepted
    assert not judge(kind, inputs, AppraisalPolicy(require_event_log=True)).accepted
    secure = judge(kind, inputs, AppraisalPolicy(require_secure_boot=True))
    assert secure.accepted is (kind == "gcp-token")


# --- TDX


def test_text_after_a_quote_is_whole_lines():
    quote = tdx_quote(Authority(ec.SECP256R1()))
    assert parse_quote(quote + bytes(70)).trailing == 0
    assert parse_quote(quote + b"\na line\n").trailing == 8
    for after in (b"x", b"garbage", b"\nno end", b"no start\n", b"\n\x01\n", b"\0" * 9 + b"\1", b"\n\0\n"):
        with pytest.raises(AttestationError, match="follows its end"):
            parse_quote(quote + after)


# --- Nitro: documents that their signer made ill


def nitro(payload=None, header=b"\xa1\x01\x38\x22", **changes):
    """A document under a root of our own over `payload`, bytes, or over a good one with `changes`; and the root."""
    root, key = make_root("x", NOW), ec.generate_private_key(ec.SECP384R1())
    good = cbor2.loads(cbor2.loads(issue(root, module_id="i", pcrs={4: bytes(48)}, now=NOW))[2])
    builder = x509.CertificateBuilder().subject_name(root.certificate.subject).issuer_name(root.certificate.subject)
    builder = builder.public_key(key.public_key()).serial_number(1).not_valid_before(NOW)
    leaf = builder.not_valid_after(NOW + timedelta(hours=1)).sign(root.key, hashes.SHA384())
    good |= {"certificate": leaf.public_bytes(DER)} | changes
    good = {name: value for name, value in good.items() if value is not ...}
    body = payload(cbor2.dumps(good)) if payload else cbor2.dumps(good)
    r, s = utils.decode_dss_signature(
        key.sign(cbor2.dumps(["Signature1", header, b"", body]), ec.ECDSA(hashes.SHA384()))
    )
    return cbor2.dumps([header, {}, body, r.to_bytes(48, "big") + s.to_bytes(48, "big")]), pem(root.certificate)


def more(member):
    """The payload, a map of nine members, with one more."""
    return lambda payload: b"\xaa" + payload[1:] + member


TWO_VALUES = b"\xa2\x04" + cbor2.dumps(b"\1" * 48) + b"\x04" + cbor2.dumps(bytes(48))


@pytest.mark.parametrize(
    ("expected", "payload", "changes"),
    [
        (0, None, {}),
        (0, lambda payload: b"\xbf" + payload[1:] + b"\xff", {}),  # AWS's own form: a map of unsaid length
        (2, more(cbor2.dumps("digest") + cbor2.dumps("SHA384")), {}),
        (2, lambda payload: payload.replace(cbor2.dumps({4: bytes(48)}), TWO_VALUES), {}),
        (
            2,
            lambda payload: payload.replace(cbor2.dumps({4: bytes(48)}), TWO_VALUES.replace(b"\0\x04", b"\0\x18\x04")),
            {},
        ),
        (2, more(b"\x81\x01\x01"), {}),
        (2, more(b"\x01\x01"), {}),
        (2, more(cbor2.dumps("x") + b"\x81" * 20 + b"\x00"), {}),
        (2, more(cbor2.dumps("x") + b"\x81" * 100000 + b"\x00"), {}),
        (2, lambda payload: payload + b"\0", {}),
        (2, lambda payload: payload[:-1], {}),
        (1, None, {"nitrotpm_pcrs": ..., "pcrs": {0: bytes(48), 1: b"\1" * 48, 2: b"\1" * 48}}),
        (1, None, {"nitrotpm_pcrs": ..., "pcrs": {4: bytes(48)}}),
        (0, None, {"nitrotpm_pcrs": ..., "pcrs": dict.fromkeys(range(3), b"\1" * 48)}),
        (1, None, {"module_id": "i", "digest": "SHA512"}),
        (2, None, {"pcrs": {0: b"\1" * 48}}),
    ],
)
def test_documents_that_their_signer_made_ill(run, expected, payload, changes):
    document, root = nitro(payload, **changes)
    assert run("nitro", document, root=root)[0] == expected


@pytest.mark.parametrize(
    "header",
    [b"", b"\xff", b"\xa2\x01\x38\x22\x01\x38\x22", b"\xa1\x01\x39\x00\x22", b"\xa1\xf5\x38\x22", b"\xa1\x01\x26"],
)
def test_only_the_header_of_es384_is_taken(run, header):
    document, root = nitro(header=header)
    code, said = run("nitro", document, root=root)
    assert (code, "cose_algorithm" in said) == (1, True)


# --- SEV-SNP and NVIDIA: how others write it, and certificates that have nothing to do with it


def certificate_table(*certificates):
    """GUID, offset and length of each, a zero GUID, the certificates (AMD 56421)."""
    at, entries, body = 24 * (len(certificates) + 1), b"", b""
    for number, certificate in enumerate(certificates, 1):
        der = certificate.public_bytes(DER)
        entries += bytes([number]) * 16 + struct.pack("<II", at + len(body), len(der))
        body += der
    return entries + bytes(24) + body


def test_snp_with_its_certificates_in_json(run):
    vendor, other = Authority(), Authority()
    report, leaf = snp_report(vendor)
    root = pem(vendor.root)

    def b64(data):
        return base64.b64encode(data).decode()

    def shapes(*chain):
        ders = [c.public_bytes(DER) for c in chain]
        texts = [pem(c).decode() for c in chain]
        return [
            {"report": b64(report), "cert_chain": "".join(texts)},
            {"report": report.hex(), "cert_chain": texts},
            {"attestation_report": b64(report), "certificates": [list(der) for der in ders]},
            {"attestation_report": b64(report), "cert_chain": [{"cert_type": "?", "data": list(der)} for der in ders]},
            {"report": b64(report), "certificate_chain": {str(n): b64(der) for n, der in enumerate(ders)}},
            {"outblob": b64(report), "auxblob": b64(certificate_table(*chain))},
            {"sev_snp": {"report": b64(report), "certs": texts}},
            {"report": b64(report), "certs": texts, "snp": {"policy": "00"}},
            {
                "report": b64(report),
                "cert_chain": [
                    *({"cert_type": name, "data": list(der)} for name, der in zip(("VCEK", "ASK"), ders, strict=True)),
                    {"cert_type": "CRL", "data": [1, 2]},
                    {"cert_type": {"OTHER": "6c3f0a52-52ab-4c1e-9a35-50c7bd3c5f0f"}, "data": [3]},
                ],
            },
        ]

    for document in shapes(leaf, vendor.middle):
        assert run("snp", as_bytes(document), root=root)[0] == 0, document.keys()
    for document in [*shapes(leaf, other.middle), *shapes(snp_report(vendor)[1], vendor.middle)]:
        assert run("snp", as_bytes(document), root=root)[0] == 1, document.keys()
    for wrong in (
        {"cert_chain": 7},
        {"cert_chain": [7, "x"]},
        {"cert_chain": ["?"]},
        {"auxblob": "AAAA"},
        {"certs": "?"},
    ):
        assert run("snp", as_bytes({"report": b64(report)} | wrong), root=root)[0] == 2, wrong
    assert run("snp", as_bytes({"report": b64(report), "cert_chain": [None, {}]}), root=root)[0] == 1


def test_a_tdx_quote_among_several_kinds(run):
    intel = Authority(ec.SECP256R1())
    quote = base64.b64encode(tdx_quote(intel)).decode()
    root = pem(intel.root)
    for document in (
        {"tdx": {"quote": quote}},
        {"quote": quote, "tdx": {"attributes": "00"}},
        {"intel_quote": quote},
        {"outblob": quote, "auxblob": ""},
    ):
        assert run("tdx", as_bytes(document), root=root)[0] == 0
    assert run("tdx", as_bytes({"tdx": {"other": quote}}), root=root)[0] == 2


def test_certificates_given_beside_a_devices_own(run):
    vendor, other = Authority(), Authority()
    report, leaf = nvidia_report(vendor)
    chain = pem(leaf, vendor.middle, vendor.root)
    device = {"evidence": base64.b64encode(report).decode(), "certificate": base64.b64encode(chain).decode()}
    root = pem(vendor.root)
    assert run("nvidia", as_bytes([device]), root=root)[0] == 0
    assert run("nvidia", as_bytes([device]), root=root, certificates=chain)[0] == 0
    code, said = run("nvidia", as_bytes([device]), root=root, certificates=pem(other.middle, other.root))
    assert (code, "certificates_given" in said) == (1, True)


# --- TPM


def test_an_event_log_file_that_is_empty_is_not_no_event_log(run, tmp_path):
    evidence = as_bytes(Tpm().evidence(boot_log()))
    assert run("tpm", evidence)[0] == 0
    assert run("tpm", evidence, **{"event-log": b""})[0] == 2
    assert run("tpm", evidence, collateral=b"")[0] == 2


def test_numbers_of_a_signature_are_no_longer_than_the_key():
    machine = Tpm()
    document = machine.evidence(boot_log())
    signature = base64.b64decode(document["signature"])
    r, s = signature[6:38], signature[40:72]
    head = signature[:4]
    for numbers in ((r, s), (r.lstrip(b"\0"), s)):
        document["signature"] = base64.b64encode(head + tpm2b(numbers[0]) + tpm2b(numbers[1])).decode()
        assert judge("tpm", Inputs(as_bytes(document), at=NOW), AppraisalPolicy()).accepted
    for numbers in ((bytes(32), s), (r, bytes(32)), (b"", b"")):
        document["signature"] = base64.b64encode(head + tpm2b(numbers[0]) + tpm2b(numbers[1])).decode()
        assert not judge("tpm", Inputs(as_bytes(document), at=NOW), AppraisalPolicy()).accepted
    document["signature"] = base64.b64encode(head + tpm2b(b"\0" + r) + tpm2b(s)).decode()
    with pytest.raises(AttestationError, match="at most 32"):
        judge("tpm", Inputs(as_bytes(document), at=NOW), AppraisalPolicy())


def test_der_of_a_signature_has_one_form():
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    good = utils.encode_dss_signature(5, 7)
    assert parse_signature(good, key).value == good
    for wrong in (b"\x30\x07\x02\x02\0\x05\x02\x01\x07", b"\x30\x81\x06" + good[2:], good + b"\0", good[:-1], b"\x30"):
        with pytest.raises(AttestationError, match="ECDSA signature"):
            parse_signature(wrong, key)


def test_a_key_beside_azures_report_must_be_the_reports():
    vendor, machine = Authority(), Tpm(ecc=False)
    document = azure(vendor, machine)
    for key, expected in ((machine, set()), (Tpm(ecc=False), {"hcl_key"})):
        document["ak_public"] = base64.b64encode(key.public).decode()
        claims = verify("tpm", Inputs(as_bytes(document), at=NOW))
        assert {check.name for check in claims.checks if check.ok is False} - {"ak_attributes"} == expected
    document["hcl_report"] = "AAAA"
    with pytest.raises(AttestationError, match="HCL"):
        verify("tpm", Inputs(as_bytes(document), at=NOW))
