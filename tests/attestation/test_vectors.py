"""Real evidence made by others: what it says and that it verifies."""

from datetime import UTC, datetime

import pytest

from attestation.policy import AppraisalPolicy
from attestation.verify import Inputs, judge, verify
from tests.attestation.real import AT, CASES, Case
from tests.attestation.vectors import vector


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.evidence}-{'accepted' if c.accepted else c.reason}")
def test_verdict(case: Case):
    verdict = judge(case.kind, case.inputs(), AppraisalPolicy())
    assert verdict.accepted is case.accepted, verdict.reasons
    assert case.reason in " ".join(verdict.reasons)


def test_the_debug_report_is_genuine_and_accepted_when_waived():
    inputs = next(case for case in CASES if case.kind == "snp").inputs()
    assert verify("snp", inputs).genuine
    assert judge("snp", inputs, AppraisalPolicy(allow_debug="a published test vector")).accepted


def test_what_the_snp_report_says():
    values = verify("snp", next(case for case in CASES if case.kind == "snp").inputs()).values
    assert values["product"] == "Milan"
    assert values["tcb"]["reported"] == {"boot_loader": 2, "tee": 0, "snp": 5, "microcode": 68}


def test_what_the_tdx_quote_says():
    values = verify("tdx", CASES[5].inputs()).values
    assert values["tcb_status"] == "UpToDate"
    assert values["advisory_ids"] == []
    assert values["mr_td"].startswith("91eb2b44d141d4ece09f0c75c2c53d24")


def test_what_the_nitro_document_says():
    values = verify("nitro", CASES[3].inputs()).values
    assert values["module_id"] == "i-0827e799ec9232d44-enc019b55a68bd2ed4b"
    assert values["shape"] == "enclave"
    assert values["root_sha256"] == "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
    assert values["debug"] is False


def test_what_the_gpu_report_says():
    values = verify("nvidia", CASES[-2].inputs()).values
    assert values["driver_version"] == "590.12"
    assert values["vbios_version"] == "96.00.A5.00.01"
    assert values["feature_flag"] == "PPCIE"
    assert values["cc_mode"] is None


def test_the_gpu_nonce():
    inputs = Inputs(vector("nvidia/hopper_evidence.json"), at=AT)
    nonce = bytes.fromhex("e97b23a1718095a0e9e35edca810768c70a6a5a389b705e753b197912bc11576")
    for given, accepted in ((nonce, True), (nonce[::-1], False)):
        changed = Inputs(inputs.evidence, nonce=given, at=AT)
        assert judge("nvidia", changed, AppraisalPolicy()).accepted is accepted


def test_what_the_windows_quote_says():
    values = verify("tpm", CASES[0].inputs()).values
    assert values["layout"] == "go-attestation"
    assert values["signature_hash"] == "sha1"
    assert values["secure_boot"] is True
    strict = judge("tpm", CASES[0].inputs(), AppraisalPolicy(pcr_banks=("sha256", "sha384"), require_anchored=True))
    assert {reason.split(":")[0] for reason in strict.reasons} == {"pcr_banks", "anchored"}


def test_event_logs_are_typed_throughout():
    for name in ("tpm/eventlog_debian-10.bin", "tpm/eventlog_ubuntu-2404-amd-sevsnp.bin"):
        claims = verify("tpm", Inputs(vector(name), at=AT))
        for event in claims.extras["event_log"].events:
            assert not event.type.startswith("EV_0x"), event
            assert "undecoded" not in event.content, event


def test_a_chip_certificate_alone_leads_to_the_published_root():
    alone = Inputs(vector("snp/attestation.bin"), certificates=(vector("snp/vcek.testcer"),), at=AT)
    claims = verify("snp", alone)
    assert claims.genuine
    assert claims.anchored
    assert claims.values["product"] == "Milan"


@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_collateral_at_a_time_far_away_is_rejected(year):
    quote, collateral = vector("tdx/tdx_quote"), vector("tdx/tdx_quote_collateral.json")
    verdict = judge("tdx", Inputs(quote, collateral=collateral, at=datetime(year, 1, 2, tzinfo=UTC)), AppraisalPolicy())
    assert not verdict.accepted
    assert "tcb_collateral" in " ".join(verdict.reasons)
