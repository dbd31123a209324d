"""TDX, SEV-SNP and NVIDIA evidence made under roots of our own."""

import base64
import hashlib
import json
import struct
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from attestation.appraise import appraise
from attestation.errors import AttestationError
from attestation.kinds import nvidia, snp, tdx
from attestation.policy import AppraisalPolicy
from attestation.tcg.eventlog import parse
from attestation.tcg.replay import replay
from tests.attestation.makers import NOW, Authority, event, header_event, nvidia_report, pem, rim, snp_report, tdx_quote

BANK = ("sha384",)


def failing(result):
    return {check.name for check in result.checks if check.ok is False}


@pytest.fixture(scope="module")
def intel():
    return Authority(ec.SECP256R1())


@pytest.fixture(scope="module")
def vendor():
    return Authority()


@pytest.mark.parametrize("version", [4, 5])
def test_tdx_quote(intel, version):
    claims = tdx.verify(tdx_quote(intel, version=version), now=NOW, roots=intel.roots)
    assert claims.genuine
    assert claims.anchored
    assert claims.values["version"] == version
    assert appraise(claims, AppraisalPolicy(), now=NOW).accepted
    assert not appraise(claims, AppraisalPolicy(tdx_require_tcb=True), now=NOW).accepted


def test_tdx_under_another_root(intel):
    assert "certificate_chain" in failing(tdx.verify(tdx_quote(intel), now=NOW))


def test_tdx_after_its_certificates_lapsed(intel):
    claims = tdx.verify(tdx_quote(intel), now=NOW + timedelta(days=60), roots=intel.roots)
    assert failing(claims) == {"certificate_validity"}


@pytest.mark.parametrize("attributes", [1, 2, 0x10000001])
def test_a_debug_or_untrusted_td_is_rejected_though_genuine(intel, attributes):
    claims = tdx.verify(tdx_quote(intel, attributes=attributes), now=NOW, roots=intel.roots)
    assert claims.genuine
    assert not appraise(claims, AppraisalPolicy(), now=NOW).accepted


def test_a_debug_td_can_be_waived_in_words(intel):
    claims = tdx.verify(tdx_quote(intel, attributes=1), now=NOW, roots=intel.roots)
    verdict = appraise(claims, AppraisalPolicy(allow_debug="bring-up of the lab machine"), now=NOW)
    assert verdict.accepted
    assert any("bring-up" in check.detail for check in verdict.checks)


@pytest.mark.parametrize(
    "form",
    [
        lambda n: n.ljust(64, b"\0"),
        lambda n: hashlib.sha256(n).digest().ljust(64, b"\0"),
        lambda n: hashlib.sha512(n).digest(),
    ],
)
def test_tdx_nonce_forms(intel, form):
    quote = tdx_quote(intel, report_data=form(b"fresh"))
    assert tdx.verify(quote, nonce=b"fresh", now=NOW, roots=intel.roots).genuine
    assert failing(tdx.verify(quote, nonce=b"stale", now=NOW, roots=intel.roots)) == {"nonce"}


def test_ccel_replays_into_the_rtmrs(intel):
    raw = header_event(BANK, 1) + event(1, 4, bytes(4), BANK) + event(2, 5, b"Calling EFI Application", BANK)
    log = parse(raw)
    registers = replay(log, "sha384", tdx=True)
    quote = tdx_quote(intel, rtmrs=[registers[1], registers[2]])
    assert tdx.verify(quote, now=NOW, roots=intel.roots, event_log=log).genuine
    other = parse(raw + event(3, 5, b"more", BANK))
    assert failing(tdx.verify(quote, now=NOW, roots=intel.roots, event_log=other)) == {"event_log"}
    twice = parse(raw + event(1, 4, bytes(4), BANK))
    registers = replay(twice, "sha384", tdx=True)
    quote = tdx_quote(intel, rtmrs=[registers[1], registers[2]])
    assert failing(tdx.verify(quote, now=NOW, roots=intel.roots, event_log=twice)) == {"separators"}


def test_a_register_the_log_does_not_explain_is_refused(intel):
    log = parse(header_event(BANK, 1) + event(1, 4, bytes(4), BANK))
    quote = tdx_quote(intel, rtmrs=[replay(log, "sha384", tdx=True)[1], b"\x66" * 48])
    assert failing(tdx.verify(quote, now=NOW, roots=intel.roots, event_log=log)) == {"event_log"}


@pytest.mark.parametrize(("at", "value", "match"), [(0, 3, "version"), (2, 3, "key type"), (4, 0, "TEE type")])
def test_what_is_no_tdx_quote_is_malformed(intel, at, value, match):
    quote = bytearray(tdx_quote(intel))
    quote[at] = value
    with pytest.raises(AttestationError, match=match):
        tdx.verify(bytes(quote), now=NOW, roots=intel.roots)


def test_bytes_after_the_quote_are_named(intel):
    claims = tdx.verify(tdx_quote(intel) + b"\nmore\n", now=NOW, roots=intel.roots)
    assert claims.genuine
    assert any(check.name == "trailing_bytes" for check in claims.checks)
    assert tdx.verify(tdx_quote(intel) + bytes(64), now=NOW, roots=intel.roots).genuine
    with pytest.raises(AttestationError, match="follows its end"):
        tdx.verify(tdx_quote(intel) + bytes(8) + b"\1" + bytes(8), now=NOW, roots=intel.roots)


# --- SEV-SNP


def verify_snp(vendor, raw, leaf, **more):
    return snp.verify(raw, certificates=[vendor.root, vendor.middle, leaf], roots=vendor.roots, now=NOW, **more)


@pytest.mark.parametrize("version", [2, 3, 5])
@pytest.mark.parametrize("vlek", [False, True])
def test_snp_report(vendor, version, vlek):
    raw, leaf = snp_report(vendor, version=version, vlek=vlek)
    claims = verify_snp(vendor, raw, leaf)
    assert claims.genuine
    assert appraise(claims, AppraisalPolicy(), now=NOW).accepted


def test_snp_with_its_certificate_table(vendor):
    raw, leaf = snp_report(vendor)
    der = [c.public_bytes(Encoding.DER) for c in (leaf, vendor.middle, vendor.root)]
    offset, entries, body = 4 * 24, b"", b""
    for index, blob in enumerate(der):
        entries += bytes([index + 1]) * 16 + struct.pack("<II", offset + len(body), len(blob))
        body += blob
    extended = raw + entries + bytes(24) + body
    assert snp.verify(extended, roots=vendor.roots, now=NOW).genuine
    with pytest.raises(AttestationError, match="outside the file"):
        snp.verify(extended[:-100], roots=vendor.roots, now=NOW)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"certified": (2, 0, 8, 115)}, "certificate_tcb"),
        ({"certified": (3, 0, 8, 116)}, "certificate_tcb"),
    ],
)
def test_snp_tcb_is_that_of_the_certificate(vendor, change, check):
    raw, leaf = snp_report(vendor, **change)
    assert failing(verify_snp(vendor, raw, leaf)) == {check}


def test_snp_chip_is_that_of_the_certificate(vendor):
    raw, _ = snp_report(vendor)
    _, other = snp_report(vendor, chip=b"\x01" * 64)
    assert {"certificate_chip", "report_signature"} <= failing(verify_snp(vendor, raw, other))


def test_snp_without_certificates_or_under_another_root(vendor):
    raw, leaf = snp_report(vendor)
    assert failing(snp.verify(raw, now=NOW)) == {"report_signature"}
    assert "certificate_chain" in failing(snp.verify(raw, certificates=[leaf, vendor.middle, vendor.root], now=NOW))


@pytest.mark.parametrize(
    ("change", "policy", "check"),
    [
        ({"policy": 0xB0000}, {}, "debug"),
        ({"policy": 0x70000}, {}, "migration"),
        ({"vmpl": 2}, {"snp_maximum_vmpl": 0}, "vmpl"),
        ({}, {"snp_minimum_tcb": {"microcode": 200}}, "minimum_tcb"),
    ],
)
def test_snp_appraisal(vendor, change, policy, check):
    raw, leaf = snp_report(vendor, **change)
    claims = verify_snp(vendor, raw, leaf)
    assert claims.genuine
    assert failing(appraise(claims, AppraisalPolicy.model_validate(policy), now=NOW)) == {check}


# --- NVIDIA


def b64(data):
    return base64.b64encode(data).decode()


def test_nvidia_report_in_every_layout(vendor):
    raw, leaf = nvidia_report(vendor)
    chain = [leaf, vendor.middle, vendor.root]
    for evidence in (raw, raw.hex().encode(), raw.hex().encode() + b"\n"):
        assert nvidia.verify(evidence, certificates=chain, roots=vendor.roots, now=NOW, nonce=b"\x42" * 32).genuine
    entry = {"arch": "HOPPER", "evidence": raw.hex(), "certificate": pem(*chain).decode(), "nonce": "42" * 32}
    for document in (entry, [entry], {"evidences": [entry]}):
        assert nvidia.verify(json.dumps(document).encode(), roots=vendor.roots, now=NOW).genuine
    assert "devices_distinct" in failing(
        nvidia.verify(json.dumps([entry, entry]).encode(), roots=vendor.roots, now=NOW)
    )
    wrong = {**entry, "nonce": "43" * 32}
    assert failing(nvidia.verify(json.dumps(wrong).encode(), roots=vendor.roots, now=NOW)) == {"nonce_in_file"}
    wrong = {**entry, "arch": "BLACKWELL"}
    assert failing(nvidia.verify(json.dumps(wrong).encode(), roots=vendor.roots, now=NOW)) == {"architecture"}


def test_nvidia_lists_with_one_nonce_for_all(vendor):
    raw, leaf = nvidia_report(vendor)
    chain = pem(leaf, vendor.middle, vendor.root)
    encoded = {"evidence": b64(raw), "certificate": b64(chain)}
    older = {"attestationReportHexStr": raw.hex(), "certChainBase64Encoded": b64(chain)}
    twice = {"evidence": b64(raw.hex().encode()), "certificate": b64(chain)}
    for entry in (encoded, older, twice):
        for name in ("evidence_list", "evidences", "evidence"):
            document = {"nonce": "42" * 32, "arch": "HOPPER", name: [entry]}
            assert nvidia.verify(json.dumps(document).encode(), roots=vendor.roots, now=NOW).genuine
            wrong = document | {"nonce": "43" * 32}
            assert failing(nvidia.verify(json.dumps(wrong).encode(), roots=vendor.roots, now=NOW)) == {"nonce_in_file"}
            wrong = document | {"arch": "BLACKWELL"}
            assert failing(nvidia.verify(json.dumps(wrong).encode(), roots=vendor.roots, now=NOW)) == {"architecture"}


def test_nvidia_nonce_firmware_and_root(vendor):
    raw, leaf = nvidia_report(vendor, certified_fwid=b"\x56" * 48)
    chain = [leaf, vendor.middle, vendor.root]
    found = nvidia.verify(raw, certificates=chain, roots=vendor.roots, now=NOW, nonce=b"\x43" * 32)
    assert failing(found) == {"firmware_identity", "nonce"}
    assert "certificate_chain" in failing(nvidia.verify(raw, certificates=chain, now=NOW))
    assert failing(nvidia.verify(raw, roots=vendor.roots, now=NOW)) == {"report_signature"}


GOLDEN = {0: ("True", "01" * 48), 1: ("True", "02" * 48), 2: ("False", "ff" * 48)}


def measured(vendor, *manifests, **report):
    raw, leaf = nvidia_report(vendor, **report)
    chain = [leaf, vendor.middle, vendor.root]
    return nvidia.verify(
        raw, certificates=chain, roots=vendor.roots, manifests=manifests, manifest_roots=vendor.roots, now=NOW
    )


def test_measurements_against_a_manifest(vendor):
    claims = measured(vendor, rim(vendor, GOLDEN))
    assert claims.genuine
    assert appraise(claims, AppraisalPolicy(require_gpu_measurements=True), now=NOW).accepted
    without = appraise(measured(vendor), AppraisalPolicy(require_gpu_measurements=True), now=NOW)
    assert failing(without) == {"gpu_measurements_required"}


@pytest.mark.parametrize(
    ("values", "version", "expected"),
    [
        ({0: ("True", "02" * 48)}, "570.86.15", {"measurements"}),
        ({9: ("True", "01" * 48)}, "570.86.15", {"measurements"}),
        ({}, "570.86.15", {"measurements"}),
        (GOLDEN, "570.86.16", {"rim0_version"}),
    ],
)
def test_a_manifest_that_does_not_fit(vendor, values, version, expected):
    assert failing(measured(vendor, rim(vendor, values, version))) == expected


def test_manifests_of_two_parts_must_not_overlap(vendor):
    first, second = rim(vendor, {0: GOLDEN[0]}), rim(vendor, {1: GOLDEN[1]})
    assert measured(vendor, first, second).genuine
    assert failing(measured(vendor, first, rim(vendor, GOLDEN))) == {"rim1_conflict"}


def test_a_changed_or_foreign_manifest_is_refused(vendor):
    good = rim(vendor, GOLDEN)
    changed = good.replace(b'index="2"', b'index="3"')
    assert failing(measured(vendor, changed)) == {"rim0_signature"}
    resigned = good.replace(b"<ds:DigestValue>", b"<ds:DigestValue>AAAA", 1)
    assert "rim0_signature" in failing(measured(vendor, resigned))
    assert "rim0_certificate_chain" in failing(measured(vendor, rim(Authority(), GOLDEN)))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: b"<!DOCTYPE a [<!ENTITY x 'y'>]>" + d,
        lambda d: d.replace(b"<Payload>", b"<!-- x --><Payload>"),
        lambda d: d.replace(b"xml-c14n11", b"xml-exc-c14n#"),
        lambda d: d.replace(b"ecdsa-sha384", b"ecdsa-sha1"),
        lambda d: d.replace(b'URI=""', b'URI="#part"'),
        lambda d: d[: d.index(b"<ds:Signature ")] + b"</SoftwareIdentity>",
        lambda d: d.replace(b"</Payload>", b"</Payload><Payload></Payload>"),
        lambda d: d[:-20],
        lambda d: b"",
    ],
)
def test_what_is_no_manifest_is_malformed(vendor, change):
    with pytest.raises(AttestationError):
        measured(vendor, change(rim(vendor, GOLDEN)))


def test_attribute_order_and_self_closing_tags_do_not_matter(vendor):
    good = rim(vendor, GOLDEN)
    rewritten = good.replace(
        b'<Meta colloquialVersion="570.86.15" product="GH100"></Meta>',
        b'<Meta product="GH100"\n  colloquialVersion="570.86.15" />',
    )
    assert rewritten != good
    assert measured(vendor, rewritten).genuine


def test_confidential_mode_is_not_in_the_report_and_must_be_waived_in_words(vendor):
    raw, leaf = nvidia_report(vendor)
    claims = nvidia.verify(raw, certificates=[leaf, vendor.middle, vendor.root], roots=vendor.roots, now=NOW)
    assert claims.values["cc_mode"] is None
    assert appraise(claims, AppraisalPolicy(), now=NOW).accepted
    assert failing(appraise(claims, AppraisalPolicy(gpu_cc_mode="ON"), now=NOW)) == {"gpu_cc_mode"}
    waived = AppraisalPolicy(gpu_cc_mode="ON", gpu_cc_mode_waiver="measured by the guest into PCR 14")
    assert appraise(claims, waived, now=NOW).accepted


@pytest.mark.parametrize(
    ("driver", "accepted"), [("570.86.15", True), ("570.86.16", True), ("570.86.2", False), ("x", False)]
)
def test_minimum_driver(vendor, driver, accepted):
    raw, leaf = nvidia_report(vendor, driver=driver.encode() + b"\0")
    claims = nvidia.verify(raw, certificates=[leaf, vendor.middle, vendor.root], roots=vendor.roots, now=NOW)
    assert appraise(claims, AppraisalPolicy(gpu_minimum_driver="570.86.15"), now=NOW).accepted is accepted
