"""Evidence made by someone who knows the verifier: each lie is answered with a verdict, never with a traceback."""

import base64
import json
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
from attestation.verify import Inputs, judge
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
    variable,
)

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
