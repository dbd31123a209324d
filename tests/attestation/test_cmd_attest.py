"""`bulkhead attest`: exit codes, the JSON document, sentences."""

import json

import pytest
from typer.testing import CliRunner

from attestation.nitro_issuer import issue, make_root
from attestation.policy import AppraisalPolicy
from operations.cli import build
from operations.errors import CommandError
from tests.attestation.makers import NOW, Authority, TokenIssuer, Tpm, as_bytes, boot_log, pem, snp_report, tdx_quote

AT = ["--at", NOW.isoformat()]


@pytest.fixture
def run(tmp_path):
    def _run(verb, kind, evidence, *arguments, **files):
        (tmp_path / "evidence").write_bytes(evidence)
        options = ["attest", verb, "--kind", kind, "--evidence", str(tmp_path / "evidence"), *arguments]
        for index, (name, content) in enumerate(files.items()):
            path = tmp_path / f"file{index}"
            path.write_bytes(content)
            options += [f"--{name.rstrip('_0123456789').replace('_', '-')}", str(path)]
        result = CliRunner().invoke(build(), options)
        if isinstance(result.exception, CommandError):
            return int(result.exception.code), result.stdout, str(result.exception)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, ""

    return _run


def test_accepted_is_zero_and_the_document_is_complete(run):
    code, out, _ = run("verify", "tpm", as_bytes(Tpm().evidence(boot_log())), "--nonce", b"nonce".hex(), "--json", *AT)
    document = json.loads(out)
    assert code == 0
    assert document["verdict"] == "accepted"
    assert document["kind"] == "tpm"
    assert document["claims"]["pcrs"]["sha256"]["4"]
    assert document["reasons"] == []
    for check in document["checks"]:
        assert set(check) == {"name", "ok", "status", "expected", "actual", "detail"}
    assert "ak_trust" in document["not_evaluated"]


def test_rejected_is_one_with_reasons(run):
    code, out, _ = run("verify", "tpm", as_bytes(Tpm().evidence(boot_log())), "--nonce", "00", "--json", *AT)
    document = json.loads(out)
    assert code == 1
    assert document["verdict"] == "rejected"
    assert document["reasons"][0].startswith("nonce")


@pytest.mark.parametrize(
    ("kind", "evidence"),
    [
        ("tpm", b"{}"),
        ("nitro", b"\x84\x00"),
        ("tdx", b"\4\0"),
        ("snp", b"x" * 10),
        ("nvidia", b"zz"),
        ("gcp-token", b"a.b"),
        ("tpm", b""),
        ("nitro", b""),
        ("tdx", b""),
        ("snp", b""),
        ("nvidia", b""),
        ("gcp-token", b""),
        ("other", b"x"),
    ],
)
def test_malformed_is_two(run, kind, evidence):
    code, out, message = run("verify", kind, evidence, "--json")
    assert code == 2
    assert json.loads(out)["verdict"] == "malformed"
    assert message


@pytest.mark.parametrize("arguments", [["--nonce", "xyz"], ["--nonce", ""], ["--nonce", "0x"], ["--at", "yesterday"]])
def test_bad_options_are_two(run, arguments):
    code, out, message = run("verify", "tpm", as_bytes(Tpm().evidence(boot_log())), *arguments, "--json")
    assert code == 2
    assert json.loads(out)["verdict"] == "malformed"
    assert arguments[0] in message


def test_a_missing_file_is_two(tmp_path):
    arguments = ["attest", "verify", "--kind", "tpm", "--evidence", str(tmp_path / "none")]
    result = CliRunner().invoke(build(), arguments)
    assert isinstance(result.exception, CommandError)
    assert int(result.exception.code) == 2


def test_a_bad_policy_is_two_and_names_the_field(run):
    evidence = as_bytes(Tpm().evidence(boot_log()))
    code, _, message = run("verify", "tpm", evidence, policy=b"maximum_age_seconds: -1\nsurprise: 1\n")
    assert code == 2
    assert "maximum_age_seconds" in message
    assert "surprise" in message


def test_a_policy_decides(run):
    evidence = as_bytes(Tpm().evidence(boot_log()))
    assert run("verify", "tpm", evidence, *AT, policy=b"require_anchored: true\n")[0] == 1
    assert run("verify", "tpm", evidence, *AT, policy=b"require_secure_boot: true\n")[0] == 0


def test_a_waiver_is_named_and_expires(run):
    evidence = as_bytes(Tpm(attributes=0x40072).evidence(boot_log()))
    waiver = b"waivers: [{check: ak_attributes, reason: old machine in the lab, expires: 2026-04-01T00:00:00Z}]\n"
    assert run("verify", "tpm", evidence, *AT)[0] == 1
    assert run("verify", "tpm", evidence, *AT, policy=waiver)[0] == 0
    assert run("verify", "tpm", evidence, "--at", "2026-05-01T00:00:00Z", policy=waiver)[0] == 1


def test_nitro_certificates_are_the_root_to_trust(run):
    root = make_root("local", NOW)
    evidence = issue(root, module_id="i-1", pcrs={4: bytes(48)}, now=NOW)
    assert run("verify", "nitro", evidence, *AT)[0] == 1
    assert run("verify", "nitro", evidence, *AT, certificates=pem(root.certificate))[0] == 0
    assert run("verify", "nitro", evidence, *AT, certificates=pem(make_root("x", NOW).certificate))[0] == 1


def test_snp_and_tdx_take_a_root_of_our_own_by_its_own_option_only(run):
    vendor = Authority()
    raw, leaf = snp_report(vendor)
    chain = pem(leaf, vendor.middle, vendor.root)
    assert run("verify", "snp", raw, *AT, certificates=chain)[0] == 1
    assert run("verify", "snp", raw, *AT, certificates=chain, root=pem(vendor.root))[0] == 0
    from cryptography.hazmat.primitives.asymmetric import ec

    intel = Authority(ec.SECP256R1())
    assert run("verify", "tdx", tdx_quote(intel), *AT)[0] == 1
    assert run("verify", "tdx", tdx_quote(intel), *AT, root=pem(intel.root))[0] == 0


def test_tokens_take_their_keys_from_either_option(run):
    issuer = TokenIssuer()
    assert run("verify", "gcp-token", issuer.token(), *AT, certificates=issuer.jwks())[0] == 0
    assert run("verify", "gcp-token", issuer.token(), *AT, collateral=issuer.jwks())[0] == 0
    assert run("verify", "gcp-token", issuer.token(), *AT)[0] == 1


def test_explain_names_register_event_and_file(run):
    policy = b"""
reference_sets:
  - {name: image, version: 1, pcrs: {sha256: {4: ["%s"]}}}
""" % (b"00" * 32)
    code, out, _ = run("explain", "tpm", as_bytes(Tpm().evidence(boot_log())), *AT, policy=policy)
    assert code == 1
    assert "PCR 4 of the sha256 bank (boot loader and kernel images)" in out
    assert "BOOTX64.EFI" in out
    assert "EV_EFI_BOOT_SERVICES_APPLICATION" in out


def test_explain_of_an_accepted_quote_says_what_was_not_judged(run):
    code, out, _ = run("explain", "tpm", as_bytes(Tpm().evidence(boot_log())), *AT)
    assert code == 0
    assert "accepted" in out.splitlines()[0]
    assert "Not evaluated: ak_trust" in out


def test_compile_gives_the_three_forms(tmp_path):
    from tests.attestation.release_fixtures import image, policy

    path = tmp_path / "release.yaml"
    path.write_text(policy([image(1)]).model_dump_json())

    def run(target):
        return CliRunner().invoke(build(), ["attest", "compile", "--policy", str(path), "--target", target])

    key_policy = json.loads(run("aws").stdout)
    assert any(statement["Sid"] == "DenyGrants" for statement in key_policy["Statement"])
    assert "disabled-since-boot" in json.loads(run("gcp").stdout)["provider"]["attribute_condition"]
    offline = json.loads(run("offline").stdout)["policies"]
    assert set(offline) == {"nitro", "tpm", "gcp-token"}
    for kind in offline:
        AppraisalPolicy.model_validate(offline[kind]["ordinary"])
    assert isinstance(run("azure").exception, CommandError)


def test_a_tdx_chain_of_somebody_else_is_rejected(run):
    from cryptography.hazmat.primitives.asymmetric import ec

    intel, other = Authority(ec.SECP256R1()), Authority(ec.SECP256R1())
    quote = tdx_quote(intel)
    root = {"root": pem(intel.root)}
    assert run("verify", "tdx", quote, *AT, certificates=pem(intel.middle, intel.root), **root)[0] == 0
    assert run("verify", "tdx", quote, *AT, certificates=pem(other.middle, other.root), **root)[0] == 1


def test_a_root_for_a_quote_whose_key_nothing_certifies_is_rejected(run):
    evidence = as_bytes(Tpm().evidence(boot_log()))
    assert run("verify", "tpm", evidence, *AT)[0] == 0
    assert run("verify", "tpm", evidence, *AT, root=pem(Authority().root))[0] == 1


@pytest.mark.parametrize(
    "policy", [b"waivers: 2001-13-45", b"a: &a [*a]", b"7", b"\0", b"[" * 3000, b"kinds: tpm", b"!!python/object:x y"]
)
def test_a_policy_of_another_type_is_two(run, policy):
    assert run("verify", "tpm", as_bytes(Tpm().evidence(boot_log())), *AT, policy=policy)[0] == 2
