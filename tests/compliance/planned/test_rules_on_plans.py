"""The rules on what is about to be deployed: our stacks pass, and every edit that breaks a rule is refused by it."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

import pytest

from compliance.planned.facts import IGNORED, TRANSLATIONS
from compliance.planned.judge import ONLY_DEPLOYED, judge_plans
from compliance.results import Verdict
from compliance.rules.catalogue import EVERY_RULE, RULES, rule_of
from compliance.rules.model import About
from operations import checkov
from tests.compliance.planned.breaks import BREAKS, MENDS
from tests.compliance.planned.edits import add, as_plan, change, policy

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FROM_FILES = {"data.retention-within-class", "keys.not-being-deleted", "keys.attested-use"}
"""Judged on plans, and not by an edit of the stacks: from the tenant file, by a state that no plan makes, and below."""
WAITING = set(ONLY_DEPLOYED) & {rule.id for rule in RULES}


def failing(documents, scope, form=lambda document: document):
    found = judge_plans({name: form(body) for name, body in documents.items()}, scope, NOW)
    return found, {result.rule for result, _ in found.of(Verdict.FAIL)}


def about(rule):
    return "platform" if rule_of(rule).about is About.PLATFORM else "acme"


def excused():
    lines = checkov.read_exemptions(Path("checkov-exceptions.yaml"))
    return {line.check for line in lines if not line.of_checkov}


def test_every_rule_is_judged_or_named_as_one_that_waits():
    assert set(BREAKS) | set(MENDS) | FROM_FILES | WAITING == {rule.id for rule in RULES}
    assert set(ONLY_DEPLOYED) <= {rule.id for rule in EVERY_RULE}
    assert not set(ONLY_DEPLOYED) & (set(BREAKS) | set(MENDS))
    assert not set(IGNORED) & set(TRANSLATIONS)


@pytest.mark.parametrize("form", [lambda d: d, as_plan], ids=["synthesised", "planned"])
def test_our_own_stacks_break_no_rule_without_a_reason(written, scope, form):
    found, rules = failing(written, scope, form)
    assert rules <= excused()
    assert found.judgement.coverage["types_not_read"] == []
    assert len(found.of(Verdict.PASS)) > 400
    assert {entry["rule"] for entry in found.judgement.coverage["not_on_plans"]} == WAITING


def test_our_stacks_leave_nothing_open_once_references_are_followed(written, scope):
    found, _ = failing(written, scope)
    assert found.of(Verdict.INDETERMINATE) == []


@pytest.mark.parametrize("rule", sorted(BREAKS))
def test_an_edit_that_breaks_a_rule_is_refused_by_it(written, scope, rule):
    documents = deepcopy(written)
    BREAKS[rule](documents)
    found, _ = failing(documents, scope)
    caught = [(result, sources) for result, sources in found.of(Verdict.FAIL) if result.rule == rule]
    assert caught, [(r.status, r.resource, r.reason) for r in found.judgement.results if r.rule == rule]
    assert {result.tenant for result, _ in caught} <= {about(rule), "acme", "globex", "platform"}
    for result, sources in caught:
        assert result.reason
        assert sources or rule in {"storage.buckets-exist", "identity.roles-exist", "keys.exist", "audit.trail-exists"}


REFERRED = {"storage.right-key", "node.template-disks-encrypted"}


@pytest.mark.parametrize("rule", sorted(set(BREAKS) - REFERRED))
def test_the_same_edit_in_a_plan_never_passes(written, scope, rule):
    """A first plan leaves more open than the configuration says; what it leaves open is not taken for good."""
    documents = deepcopy(written)
    BREAKS[rule](documents)
    found, rules = failing(documents, scope, as_plan)
    open_ = {result.rule for result, _ in found.of(Verdict.INDETERMINATE)}
    assert rule in rules | open_


@pytest.mark.parametrize("rule", sorted(MENDS))
def test_what_the_cloud_profile_adds_satisfies_the_rule(written, scope, rule):
    _, before = failing(written, scope)
    documents = deepcopy(written)
    MENDS[rule](documents)
    found, _ = failing(documents, scope)
    assert rule in before
    assert Verdict.FAIL not in {r.status for r in found.judgement.results if r.rule == rule and r.tenant == "acme"}


def test_keys_without_measurements_are_refused_and_with_them_are_not(written, scope):
    documents = deepcopy(written)
    measured = {
        "Sid": "DenyUnmeasured",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "kms:*",
        "Resource": "*",
        "Condition": {"StringNotEqualsIfExists": {"kms:RecipientAttestation:NitroTPMPCR4": "aa" * 48}},
    }

    def only(statements):
        return [s for s in statements if "RecipientAttestation" not in json.dumps(s.get("Condition", {}))]

    for part in ("keys_data", "keys_checkpoint"):
        policy("acme-vault", "aws_kms_key", part, "policy", only)(documents)
    assert "keys.attested-use" in failing(documents, scope)[1]
    for tenant in ("acme", "globex"):
        for part in ("keys_data", "keys_checkpoint"):
            policy(f"{tenant}-vault", "aws_kms_key", part, "policy", lambda held: [*only(held), measured])(documents)
    assert "keys.attested-use" not in failing(documents, scope)[1]


def test_what_is_known_only_later_is_open_for_the_rule_that_asks_and_for_no_other(written, scope):
    documents = deepcopy(written)
    change("acme-compute", "aws_launch_template", image_id="${data.aws_ami.own.id}")(documents)
    found, rules = failing(documents, scope)
    open_ = found.of(Verdict.INDETERMINATE)
    assert [(result.tenant, result.rule) for result, _ in open_] == [("acme", "node.template-approved-image")]
    assert "ImageId is known only after Terraform has applied" in open_[0][0].reason
    assert rules <= excused()


def test_a_bucket_policy_known_only_later_is_open_for_every_rule_that_reads_it(written, scope):
    documents = deepcopy(written)
    change("acme-vault", "aws_s3_bucket_policy", "storage_data", policy="${data.http.policy.body}")(documents)
    found, _ = failing(documents, scope)
    open_ = {result.rule for result, _ in found.of(Verdict.INDETERMINATE)}
    assert {"storage.tls-only", "storage.no-guests", "storage.own-endpoint-only"} <= open_


@pytest.mark.parametrize(
    ("argument", "rule"),
    [
        ("website", "storage.no-web-site"),
        ("replication_configuration", "storage.no-foreign-replication"),
        ("lifecycle_rule", "data.retention-enforced"),
    ],
)
def test_legacy_arguments_of_a_bucket_never_pass(written, scope, argument, rule):
    documents = deepcopy(written)
    change("acme-vault", "aws_s3_bucket", "storage_data", **{argument: [{"x": 1}]})(documents)
    del documents["acme-vault"]["resource"]["aws_s3_bucket_lifecycle_configuration"]
    found, _ = failing(documents, scope)
    bad = found.of(Verdict.FAIL, Verdict.INDETERMINATE)
    assert (rule, "arn:aws:s3:::bh-acme-data") in {(result.rule, result.resource) for result, _ in bad}


def test_types_that_nothing_reads_are_named(written, scope):
    documents = deepcopy(written)
    add("acme-vault", "aws_efs_file_system_policy", policy="{}")(documents)
    assert failing(documents, scope)[0].judgement.coverage["types_not_read"] == ["1 × aws_efs_file_system_policy"]


def test_a_tenant_without_stacks_is_not_judged_and_named(written, scope):
    found, _ = failing({name: body for name, body in written.items() if not name.startswith("globex")}, scope)
    assert found.judgement.coverage["tenants_not_judged"] == ["globex"]
    assert "globex" not in {result.tenant for result in found.judgement.results}


def test_the_resource_that_is_at_fault_is_named(written, scope):
    documents = deepcopy(written)
    BREAKS["keys.rotation"](documents)
    found, _ = failing(documents, scope)
    ((_, sources),) = [one for one in found.of(Verdict.FAIL) if one[0].rule == "keys.rotation"]
    assert [source.stack for source in sources] == ["acme-vault"]
    assert sources[0].address.startswith("aws_kms_key.keys_data")
