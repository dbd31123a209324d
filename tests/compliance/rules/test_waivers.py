"""A waiver covers what it names until the end of its last day; afterwards the finding fails and says so."""

from __future__ import annotations

import pytest

from compliance.results import Verdict
from compliance.rules.judge import judge
from tests.compliance.bundles import waive, write
from tests.compliance.rules.breaks import data
from tests.compliance.world import world

RULE = "storage.versioned"


@pytest.fixture
def broken():
    made = world()
    data.BREAKS[RULE](made)
    return made


def statuses(made, today="2026-03-01"):
    return {result.resource: result.status for result in made.judge(RULE, today=today)}


def test_waived_with_everything_said(broken):
    waive(broken, RULE, "2026-03-01", "bh-acme-data")
    (result,) = [one for one in broken.judge(RULE) if one.status is Verdict.WAIVED]
    assert result.waiver.expires == "2026-03-01"
    for words in ("versioning is suspended", "ada@acme.example", "moving house", "a guard stands there", "2026-03-01"):
        assert words in result.reason


def test_expired_fails_and_says_so(broken):
    waive(broken, RULE, "2026-02-28")
    (result,) = [one for one in broken.judge(RULE) if one.status is Verdict.FAIL]
    assert "expired on 2026-02-28" in result.reason


@pytest.mark.parametrize("resource", ["bh-acme-model", "bh-acme-dat", "arn:aws:s3:::bh-acme-model"])
def test_other_resource_is_not_covered(broken, resource):
    waive(broken, RULE, "2027-01-01", resource)
    assert Verdict.FAIL in statuses(broken).values()


@pytest.mark.parametrize("resource", [None, "bh-acme-data", "arn:aws:s3:::bh-acme-data"])
def test_resource_by_arn_or_name_or_all(broken, resource):
    waive(broken, RULE, "2027-01-01", resource)
    assert set(statuses(broken).values()) == {Verdict.PASS, Verdict.WAIVED}


def test_other_rule_is_not_covered(broken):
    waive(broken, "storage.tls-only", "2027-01-01")
    assert Verdict.FAIL in statuses(broken).values()


def test_waiver_does_not_cover_what_could_not_be_read(broken):
    from compliance.facts.fact import Status

    waive(broken, RULE, "2027-01-01")
    broken.fail("s3:GetBucketVersioning", Status.DENIED)
    assert set(statuses(broken).values()) == {Verdict.INDETERMINATE}


def test_later_of_two_waivers_counts(broken):
    waive(broken, RULE, "2026-01-01")
    waive(broken, RULE, "2027-01-01")
    assert Verdict.WAIVED in statuses(broken).values()


def test_waiver_without_effect_is_told(tmp_path):
    made = world()
    waive(made, "no.such-rule", "2027-01-01")
    coverage = judge(write(made, tmp_path)).coverage
    assert coverage["waivers_without_effect"] == [
        {"tenant": "acme", "rule": "no.such-rule", "resource": None, "expires": "2027-01-01"}
    ]
