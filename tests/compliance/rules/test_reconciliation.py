"""Terraform's state against the listings: explained, or a finding."""

from __future__ import annotations

import json

import pytest

from compliance.collect.terraform import API, state_facts
from compliance.facts.fact import Status
from compliance.graph import Graph
from compliance.results import Verdict
from compliance.rules.catalogue import rule_of
from compliance.rules.reconciliation import LISTINGS
from compliance.rules.runner import judge_tenant
from tests.compliance.world import ACME, key_id, world

KEYS = ("disk", "data", "checkpoint", "export", "logs")


def state(**changes):
    known = {
        "aws_s3_bucket": ["bh-acme-data", "bh-acme-checkpoint", "bh-acme-model"],
        "aws_kms_key": [key_id(ACME, purpose) for purpose in KEYS],
        "aws_iam_role": ["bh-acme-trainer", "bh-acme-data-owner", "bh-acme-auditor"],
        "aws_vpc": ["vpc-acme"],
        "aws_subnet": ["subnet-acme"],
        "aws_route_table": ["rtb-acme"],
        "aws_security_group": ["sg-acme1"],
        "aws_vpc_endpoint": ["vpce-acme0", "vpce-acme1"],
        "aws_launch_template": ["lt-acme"],
        "aws_autoscaling_group": ["bh-acme"],
        "aws_cloudwatch_log_group": ["/bh/acme/ledger", "/bh/acme/flow"],
        **changes,
    }
    resources = [
        {
            "mode": "managed",
            "type": kind,
            "instances": [{"attributes": {"id": one, "arn": f"arn:aws:x:us-east-1:{ACME}:{one}"}} for one in ids],
        }
        for kind, ids in known.items()
    ]
    resources.append({"mode": "data", "type": "aws_ami", "instances": [{"attributes": {"id": "ami-1"}}]})
    return {"version": 4, "resources": resources}


def judged(folder, made=None):
    facts = [*(made or world()).facts(), *state_facts(folder, "us-east-1")]
    return {
        result.resource.split()[0]: result
        for result in judge_tenant(world().scope, "acme", Graph(facts), [rule_of("coverage.reconciled")], "2026-03-01")
    }


def test_without_state_it_does_not_apply(tmp_path):
    assert {one.status for one in judged(tmp_path).values()} == {Verdict.NOT_APPLICABLE}


def test_same_everywhere_and_the_rest_explained(tmp_path):
    (tmp_path / "acme.tfstate").write_text(json.dumps(state()))
    found = judged(tmp_path)
    assert set(found) == set(LISTINGS)
    assert {one.status for one in found.values()} == {Verdict.PASS}
    assert "OrganizationAccountAccessRole is made by Organizations" in found["aws_iam_role"].reason
    assert "sg-acme0 is made by AWS" in found["aws_security_group"].reason


@pytest.mark.parametrize("kind", sorted(LISTINGS))
def test_what_only_one_side_knows_is_a_finding(tmp_path, kind):
    (tmp_path / "acme.tfstate").write_text(json.dumps(state(**{kind: ["ghost"]})))
    result = judged(tmp_path)[kind]
    assert result.status is Verdict.FAIL
    assert "Terraform says that ghost exists" in result.reason
    assert "Terraform does not know" in result.reason


def test_listing_that_cannot_be_read_is_indeterminate(tmp_path):
    (tmp_path / "acme.tfstate").write_text(json.dumps(state()))
    made = world()
    made.fail("s3:ListBuckets", Status.DENIED)
    assert judged(tmp_path, made)["aws_s3_bucket"].status is Verdict.INDETERMINATE


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"version": 3, "resources": []}', '{"version": 4, "resources": [{}]}']
)
def test_state_that_cannot_be_read_is_a_malformed_fact(tmp_path, text):
    (tmp_path / "acme.tfstate").write_text(text)
    (fact,) = state_facts(tmp_path, "us-east-1")
    assert (fact.api, fact.status) == (API, Status.MALFORMED)
    (result,) = judged(tmp_path).values()
    assert result.status is Verdict.INDETERMINATE
    assert API in result.reason


def test_no_value_but_ids_is_taken_over(tmp_path):
    secret = state()
    secret["resources"][0]["instances"][0]["attributes"]["password"] = "hunter2"
    (tmp_path / "acme.tfstate").write_text(json.dumps(secret))
    (fact,) = state_facts(tmp_path, "us-east-1")
    assert "hunter2" not in json.dumps(fact.to_json())
    assert fact.account == ACME
