"""Each format: its own schema or rules, every result in it, nothing hostile in it."""

from __future__ import annotations

import csv
import io
import json
import re
import uuid

import pytest

from compliance.controls.load import catalogues, control_results, controls_of, objectives
from compliance.facts.fact import Status
from compliance.report import csv as csv_writer
from compliance.report import guarantees, html, ocsf, oscal, pdf, risks, sarif
from compliance.report.model import report_of
from compliance.report.neutral import cell, printable
from compliance.report.proofs import ProofError, parse_proofs
from compliance.results import Verdict
from compliance.rules.catalogue import RULES
from compliance.rules.judge import judge
from tests.compliance.bundles import waive, write
from tests.compliance.rules.breaks import data
from tests.compliance.world import ACME, world

HOSTILE = "</script><script>alert(1)</script>\x1b[31m\u202e=cmd|' /C calc'!A0"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    made = world()
    for rule in ("storage.versioned", "keys.rotation", "keys.grants-by-services-only"):
        data.BREAKS[rule](made)
    waive(made, "storage.versioned", "2027-01-01")
    made.statuses[ACME, "ec2:DescribeFlowLogs"] = Status.DENIED
    grants = [
        value for key, value in made.answers.items() if key[:2] == (ACME, "kms:ListGrants") and value[1]["Grants"]
    ]
    grants[0][1]["Grants"][0]["Name"] = HOSTILE
    return write(made, tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def report(bundle):
    return report_of(bundle, judge(bundle))


def test_fixture_has_every_value(report):
    assert {result.status for result in report.judgement.results} == set(Verdict)
    assert any(HOSTILE[:8] in result.reason for result in report.judgement.results)


def test_csv_holds_every_result_and_no_formula(report):
    rows = list(csv.DictReader(io.StringIO(csv_writer.render(report))))
    assert [(r["tenant"], r["rule"], r["status"]) for r in rows] == [
        (one.tenant, one.rule, str(one.status)) for one in report.judgement.results
    ]
    for row in rows:
        for value in row.values():
            assert value[:1] not in {"=", "+", "-", "@", "\t", "\r"}
            assert "\x1b" not in value
            assert "\u202e" not in value


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "|x", "%x"])
def test_cell_is_never_a_formula(text):
    assert cell(text).startswith("'")


def test_cell_leaves_plain_text():
    assert cell("arn:aws:s3:::a-b") == "arn:aws:s3:::a-b"


def test_printable_shows_what_hides():
    assert printable("a\x1b[2J\u202eb\u200b\n") == "a\\x1b[2J\\u202eb\\u200b\\x0a"
    assert printable("Größe ✓ 数据") == "Größe ✓ 数据"


def test_sarif_levels_and_kinds(report):
    log = json.loads(sarif.render(report))
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert len(run["results"]) == len(report.judgement.results)
    for written, result in zip(run["results"], report.judgement.results, strict=True):
        assert run["tool"]["driver"]["rules"][written["ruleIndex"]]["id"] == written["ruleId"] == result.rule
        assert (written["kind"] == "fail") == (result.status in {Verdict.FAIL, Verdict.WAIVED})
        assert written["level"] == "none" or written["kind"] == "fail"
        assert ("suppressions" in written) == (result.status is Verdict.WAIVED)
    kinds = {
        result.status: entry["kind"] for entry, result in zip(run["results"], report.judgement.results, strict=True)
    }
    assert kinds[Verdict.INDETERMINATE] == "review"
    assert "\u202e" not in sarif.render(report)


def test_ocsf_class_and_status(report):
    lines = [json.loads(line) for line in ocsf.render(report).splitlines()]
    assert len(lines) == len(report.judgement.results)
    words = {Verdict.PASS: 1, Verdict.WAIVED: 2, Verdict.FAIL: 3, Verdict.INDETERMINATE: 0, Verdict.NOT_APPLICABLE: 99}
    for line, result in zip(lines, report.judgement.results, strict=True):
        assert (line["class_uid"], line["type_uid"], line["category_uid"]) == (2003, 200301, 2)
        assert line["compliance"]["status_id"] == words[result.status]
        uuid.UUID(line["finding_info"]["uid"])
    assert max(len(json.dumps(line)) for line in lines) < 9000


@pytest.mark.parametrize("catalogue", sorted(catalogues()))
def test_oscal_is_valid_against_trestle(report, catalogue):
    from trestle.oscal.assessment_results import AssessmentResults

    document = json.loads(oscal.render(report, catalogue))["assessment-results"]
    AssessmentResults.parse_obj(document)
    assert document["metadata"]["oscal-version"] == "1.2.1"


def test_oscal_says_satisfied_only_for_what_passed(report):
    document = oscal.document(report)["assessment-results"]
    for result, tenant in zip(document["results"], report.tenants, strict=True):
        controls = {one.title: one for one in control_results("nist-800-53", report.results(tenant=tenant))}
        states = {finding["title"]: finding["target"]["status"] for finding in result["findings"]}
        for title, status in states.items():
            assert (status["state"] == "satisfied") == (controls[title].verdict is Verdict.PASS)
        assert {status["reason"] for status in states.values()} <= {"pass", "fail", "waived", "indeterminate"}


def test_oscal_waiver_is_an_open_risk_with_its_deviation_approved(report):
    acme = oscal.document(report)["assessment-results"]["results"][0]
    waived = [risk for risk in acme["risks"] if risk["status"] == "deviation-approved"]
    assert [risk["title"] for risk in waived] == ["Every bucket keeps versions"]
    assert waived[0]["deadline"].startswith("2027-01-01")
    assert "a guard stands there" in waived[0]["mitigating-factors"][0]["description"]


def test_oscal_references_resolve_and_are_stable(report):
    text = oscal.render(report)
    assert text == oscal.render(report)
    document = json.loads(text)["assessment-results"]
    known = {"#" + resource["uuid"] for resource in document["back-matter"]["resources"]}
    for result in document["results"]:
        observations = {one["uuid"] for one in result["observations"]}
        for one in result["observations"]:
            assert {evidence["href"] for evidence in one.get("relevant-evidence", [])} <= known
        for finding in result["findings"]:
            assert {one["observation-uuid"] for one in finding["related-observations"]} <= observations
    assert document["import-ap"]["href"] in known


def test_oscal_says_that_it_is_the_double(report, tmp_path):
    assert "local test double" in oscal.document(report)["assessment-results"]["metadata"]["remarks"]
    real = write(world(), tmp_path, "https://s3.us-east-1.amazonaws.com")
    assert (
        "test double" not in oscal.document(report_of(real, judge(real)))["assessment-results"]["metadata"]["remarks"]
    )


def test_html_is_self_contained_and_neutral(report):
    page = html.render(report)
    assert "alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert links
    assert all(link.startswith("#") for link in links)
    assert not re.search(r"url\(|@import|<link|<img|<iframe", page)
    assert page.count("<script>") == 1
    assert page == html.render(report)


def test_html_says_on_top_what_was_scanned(report, tmp_path):
    header = html.render(report).partition("<main>")[0]
    for words in ("This is the local test double, not AWS", "http://127.0.0.1:1", "2026-03-01 12:00:00 UTC", "scanner"):
        assert words in header
    assert "Could not be collected" in header
    assert "<code>ec2:DescribeFlowLogs</code>" in header
    real = write(world(), tmp_path, "https://s3.us-east-1.amazonaws.com")
    assert "Every API that was asked answered." in html.render(report_of(real, judge(real))).partition("<main>")[0]
    assert "test double" not in html.render(report_of(real, judge(real)))


def test_html_names_what_could_not_be_collected_and_who_waits(report):
    page = html.render(report)
    part = page[page.index("What could not be collected") : page.index('id="findings"')]
    assert "ec2:DescribeFlowLogs" in part
    assert "network.flow-logs" in part
    assert "denied" in part


def test_html_has_every_rule_and_every_link_leads_somewhere(report):
    page = html.render(report)
    ids = set(re.findall(r'id="([^"]+)"', page))
    assert {f"rule-{rule.id}" for rule in RULES} <= ids
    assert set(re.findall(r'href="#([^"]+)"', page)) <= ids


def test_html_is_usable_without_a_mouse(report):
    page = html.render(report)
    assert '<a class="skip"' in page
    assert ":focus-visible" in page
    assert not re.search(r"\son(click|key\w+)=", page)
    assert page.count("<summary") == page.count("<details")


PROOFS = {
    "pairs": [
        {"from": "acme", "to": "globex", "path": "data", "verdict": "violated", "resource": "b", "witness": {"a": 1}},
        {"from": "acme", "to": "globex", "path": "key", "verdict": "proved", "resource": "k"},
        {"from": "globex", "to": "acme", "path": "data", "verdict": "indeterminate", "reasons": ["s3 denied"]},
    ],
    "coverage": {},
}


def test_proof_matrix_is_shown(bundle, report):
    assert "No proof stands behind this report" in html.render(report)
    page = html.render(report_of(bundle, report.judgement, parse_proofs(PROOFS, "x")))
    assert "No proof stands behind" not in page
    assert "One tenant can reach another: 1 path open." in page.partition("<main>")[0]
    for words in ("acme → globex", "violated", "proved", "s3 denied"):
        assert words in page


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"pairs": [{}], "coverage": {}},
        {"pairs": [{"from": "a", "to": "b", "path": "x", "verdict": "proved"}], "coverage": {}},
        {"pairs": [{"from": "a", "to": "b", "path": "data", "verdict": "fine"}], "coverage": {}},
    ],
)
def test_proofs_of_another_form_are_refused(value):
    with pytest.raises(ProofError, match="here"):
        parse_proofs(value, "here")


def test_pdf_is_written(report):
    written = pdf.render(report)
    assert written.startswith(b"%PDF-")
    assert written.rstrip().endswith(b"%%EOF")


def test_every_rule_supports_controls_of_every_catalogue_it_claims():
    for rule in RULES:
        assert controls_of(rule)
    used = {aim for rule in RULES for aim in rule.objectives}
    assert used == set(objectives())
    for aim in objectives().values():
        assert {"nist-800-53", "iso-27001", "soc2", "csa-ccm", "eu-ai-act", "hipaa"} <= set(aim.controls)
        assert aim.why
        assert aim.limits


def test_every_control_in_the_catalogues_is_supported_or_not_judged(report):
    for catalogue in catalogues():
        for one in control_results(catalogue, report.judgement.results):
            assert (one.verdict is None) == (not one.rules) or one.rules


def test_guarantees_say_what_does_not_hold(report):
    text = guarantees.render(report, "acme")
    assert "# Isolation guarantees of acme" in text
    assert "This is the local test double" in text
    kept = text[text.index("### Nobody else reaches the data") :]
    assert kept.split("\n")[4].startswith("**Does not hold.**")
    own = text[text.index("### An account of its own") :]
    assert own.split("\n")[4].startswith("Holds.")
    network = text[text.index("### A record that cannot be changed") :]
    assert "**Cannot be shown**" in network.split("###")[1]
    assert "<script>" not in text


def test_risk_register_covers_every_threat(report):
    register = risks.register(report)
    assert {risk.threat for risk in register} == {rule.threat for rule in RULES}
    assert sum(len(risk.rules) for risk in register) == len(RULES)
    assert register[0].state is Verdict.FAIL
    assert register[-1].state in {Verdict.PASS, Verdict.NOT_APPLICABLE}
    assert risks.render(report).count("\n| ") >= len(register)
