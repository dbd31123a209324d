"""The simulation keeps its own rules: every call is made once, no quota is exceeded, more workers are never slower."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.scale.__main__ import simulated, table
from benchmarks.scale.calls import LARGE, PAGE, SMALL, Size, calls_of, organisation_calls
from benchmarks.scale.simulate import (
    DOORS,
    KUBERNETES,
    PER_CALL,
    PLATFORMS,
    STEP_FUNCTIONS,
    STS,
    THREADS,
    account_seconds,
    fleet_seconds,
)
from compliance.collect.families import FAMILIES
from compliance.collect.rates import Rate, rate_of


def test_calls_are_those_that_the_collectors_make():
    small = calls_of(SMALL)
    assert small["s3:GetBucketPolicy"] == SMALL.buckets
    assert small["kms:ListGrants"] == SMALL.keys
    assert small["ec2:DescribeVpcs"] == 1
    assert not any(api.startswith("organizations:") for api in small)
    assert any(api.startswith("organizations:") for api in calls_of(SMALL, management=True))
    assert len(FAMILIES) > 10


@given(st.integers(0, 400), st.integers(0, 400))
def test_calls_grow_with_what_there_is_and_with_its_pages(buckets, keys):
    found = calls_of(Size(buckets=buckets, keys=keys))
    assert found["s3:GetBucketAcl"] == buckets
    assert found["kms:DescribeKey"] == keys
    assert found["kms:ListKeys"] == max(1, math.ceil(keys / PAGE))


def test_a_region_more_is_the_regional_calls_once_more():
    one, two = calls_of(Size()), calls_of(replace(Size(), regions=2))
    assert two["ec2:DescribeVpcs"] == 2 * one["ec2:DescribeVpcs"]
    assert two["iam:GetAccountAuthorizationDetails"] == one["iam:GetAccountAuthorizationDetails"]


def test_an_account_takes_as_long_as_its_narrowest_quota():
    rate = rate_of("ec2:DescribeSnapshotAttribute")
    seconds, waited = account_seconds({"ec2:DescribeSnapshotAttribute": 1000}, 0.01)
    assert seconds == pytest.approx((1000 - rate.burst) / rate.per_second, rel=0.02)
    assert set(waited) == {"ec2:DescribeSnapshotAttribute"}


def test_without_narrow_quotas_it_is_latency_and_threads():
    seconds, waited = account_seconds({"s3:GetBucketPolicy": 120}, 0.1)
    assert seconds == pytest.approx(120 / THREADS * 0.1)
    assert not waited


def test_an_account_never_takes_less_than_the_processor_needs():
    assert account_seconds({"s3:GetBucketPolicy": 300}, 0.0)[0] >= 300 * PER_CALL


def test_every_account_is_read_once():
    found = fleet_seconds(500, {"s3:ListBuckets": 1, "kms:ListKeys": 2}, KUBERNETES, organisation={"a:B": 7})
    assert found.calls == {
        "s3:ListBuckets": 500,
        "kms:ListKeys": 1000,
        "sts:AssumeRole": 500,
        "sts:GetCallerIdentity": 500,
        "a:B": 7,
    }


@pytest.mark.parametrize("platform", PLATFORMS, ids=lambda one: one.name.partition(",")[0])
def test_no_more_is_asked_of_sts_than_its_bucket_holds(platform):
    found = fleet_seconds(3000, {"s3:ListBuckets": 1}, platform)
    assert 0 < found.assume_peak <= STS.burst + STS.per_second + DOORS


def test_sts_is_the_floor_when_accounts_are_quick():
    slow = Rate(10, 10)
    found = fleet_seconds(1000, {"s3:ListBuckets": 1}, KUBERNETES, sts=slow)
    assert found.seconds >= (1000 * DOORS - slow.burst) / slow.per_second


@given(st.integers(1, 400), st.integers(1, 60))
def test_more_workers_are_never_slower(accounts, workers):
    calls = calls_of(SMALL)
    few = fleet_seconds(accounts, calls, replace(KUBERNETES, workers=workers, starts=Rate(1000, 1000)))
    more = fleet_seconds(accounts, calls, replace(KUBERNETES, workers=workers * 2, starts=Rate(1000, 1000)))
    assert more.seconds <= few.seconds + 1e-6
    assert few.calls == more.calls


def test_a_worker_that_ends_with_its_account_starts_again_for_the_next():
    calls = {"s3:ListBuckets": 1}
    one = replace(STEP_FUNCTIONS, workers=1, start_seconds=5.0)
    assert fleet_seconds(10, calls, one).seconds >= 10 * 5.0
    assert fleet_seconds(10, calls, replace(one, ends_with_account=False)).seconds < 10.0


def test_accounts_that_outlast_their_worker_are_counted():
    calls = calls_of(LARGE)
    assert fleet_seconds(20, calls, STEP_FUNCTIONS, rates=0.25).over_limit == 20
    assert fleet_seconds(20, calls, STEP_FUNCTIONS).over_limit == 0
    assert fleet_seconds(20, calls, KUBERNETES, rates=0.25).over_limit == 0


def test_less_of_a_quota_is_never_faster():
    calls = calls_of(LARGE)
    assert account_seconds(calls, 0.06, 0.25)[0] > account_seconds(calls, 0.06)[0]


def test_organizations_is_read_by_pages():
    assert organisation_calls(10_000, 40)["organizations:ListAccounts"] == 500


def test_the_same_every_time_and_as_a_table():
    rows = simulated(200)
    assert rows == simulated(200)
    assert len(rows) == 2 * 2 * len(PLATFORMS)
    assert table(rows).count("\n") == len(rows) + 2


def test_the_document_quotes_what_the_simulation_says():
    page = Path(__file__).parents[2] / "docs" / "scale.md"
    assert table(simulated()).strip() in page.read_text(encoding="utf-8")
