"""Retention on Google Cloud: what a bucket's lifecycle leaves, and the class of a data set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.facts.data_sets import DataSetScope
from compliance.facts.fact import Fact, Status
from compliance.graph import Graph
from compliance.results import Verdict
from compliance.rules.catalogue import rule_of
from compliance.rules.runner import judge_google
from tests.leaks.google_clean import GoogleState

BUCKET = "bh-initech-data"
DAY = 86400


def delete(**condition: Any) -> dict[str, Any]:
    return {"action": {"type": "Delete"}, "condition": condition}


def judged(
    rules: list[dict[str, Any]], days: int = 30, *, rule: str = "enforced", **bucket: Any
) -> tuple[Verdict, str]:
    base = GoogleState().scope()
    assert base.google is not None
    tenant = replace(
        base.google.tenants[0],
        buckets={"data": BUCKET},
        datasets=(DataSetScope("claims", "confidential", days), DataSetScope("public-claims", "public", 4000)),
    )
    scope = replace(
        base, google=replace(base.google, tenants=(tenant,)), class_retention={"confidential": 60, "public": 4000}
    )
    data = {"name": BUCKET, "lifecycle": {"rule": rules}, "versioning": {"enabled": True}, **bucket}
    asset = {
        "name": f"//storage.googleapis.com/{BUCKET}",
        "assetType": "storage.googleapis.com/Bucket",
        "ancestors": [f"projects/{tenant.project_number}"],
        "resource": {"data": data},
    }
    facts = [
        Fact(
            "cloudasset:ListAssets",
            {"contentType": "RESOURCE"},
            number,
            "global",
            "",
            "",
            "",
            Status.OK,
            {"assets": [asset] if number == tenant.project_number else []},
        )
        for number in tenant.projects
    ]
    found = judge_google(scope, "initech", Graph(facts), [rule_of(f"data.gcp-retention-{rule}")], "2026-11-23")
    return found[0].status, found[0].reason


OTHER = [delete(age=3999, isLive=True, matchesPrefix=["public-claims/"]),
         delete(daysSinceNoncurrentTime=1, isLive=False, matchesPrefix=["public-claims/"])]  # fmt: skip
GOOD = [delete(age=29, isLive=True, matchesPrefix=["claims/"]),
        delete(daysSinceNoncurrentTime=1, isLive=False, matchesPrefix=["claims/"]), *OTHER]  # fmt: skip


def test_what_our_stacks_write_holds():
    assert judged(GOOD)[0] is Verdict.PASS


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([], "nothing deletes claims"),
        (GOOD[1:], "nothing deletes claims"),
        ([GOOD[0], *OTHER], "nothing deletes claims and its old versions"),
        ([delete(age=30, isLive=True), GOOD[1], *OTHER], "gone after 31 days, 30 are allowed"),
        ([delete(age=1, matchesStorageClass=["NEARLINE"]), *OTHER], "nothing deletes claims"),
        ([delete(age=1, matchesPrefix=["claims/2020/"]), *OTHER], "nothing deletes claims"),
        ([{"action": {"type": "SetStorageClass"}, "condition": {"age": 1}}, *OTHER], "nothing deletes claims"),
        ([delete(numNewerVersions=1, isLive=False), GOOD[0], *OTHER], "nothing deletes claims"),
    ],
)
def test_what_leaves_something_behind_fails(rules, words):
    verdict, reason = judged(rules)
    assert verdict is Verdict.FAIL
    assert words in reason


def test_without_versions_one_rule_is_enough_and_a_bin_counts_as_time():
    rules = [delete(age=30), *OTHER]
    assert judged(rules, versioning={"enabled": False})[0] is Verdict.PASS
    soft = {"softDeletePolicy": {"retentionDurationSeconds": str(7 * DAY)}}
    verdict, reason = judged(rules, versioning={"enabled": False}, **soft)
    assert verdict is Verdict.FAIL
    assert "gone after 37 days" in reason


@given(st.integers(1, 400), st.integers(0, 40), st.integers(1, 400))
def test_live_and_noncurrent_days_add_up(live, old, allowed):
    rules = [delete(age=live, isLive=True), delete(daysSinceNoncurrentTime=old, isLive=False)]
    assert (judged(rules, allowed)[0] is Verdict.PASS) is (live + old <= min(allowed, 4000))


@pytest.mark.parametrize(("days", "verdict"), [(60, Verdict.PASS), (61, Verdict.FAIL)])
def test_a_data_set_is_held_to_its_class(days, verdict):
    assert judged(GOOD, days, rule="within-class")[0] is verdict


def test_a_bucket_that_is_not_there_fails():
    assert judged([], name="elsewhere") == (Verdict.FAIL, "the bucket does not exist")
