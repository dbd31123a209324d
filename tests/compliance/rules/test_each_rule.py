"""Every rule: passes the good fleet, fails the broken one, and says indeterminate when it cannot read what it needs."""

from __future__ import annotations

import pytest

from compliance.facts.fact import Status
from compliance.results import Verdict
from compliance.rules.catalogue import RULES, rule_of
from compliance.rules.model import About
from compliance.rules.view import MAY_LACK_THE_LIST
from tests.compliance.rules.breaks import data, machines, organisation
from tests.compliance.world import ACME, AUDIT, GLOBEX, MANAGEMENT, world

BREAKS = organisation.BREAKS | machines.BREAKS | data.BREAKS
FROM_SCOPE = {"data.retention-within-class", "coverage.reconciled"}
"""Judged from the tenant file alone, or with Terraform's state beside the facts, which has a test file of its own."""


def tenant_of(rule_id: str) -> str:
    return "platform" if rule_of(rule_id).about is About.PLATFORM else "acme"


def test_every_rule_has_its_negative():
    assert set(BREAKS) | set(data.INDETERMINATE) | {"coverage.reconciled"} == {rule.id for rule in RULES}
    assert len(BREAKS) == len(organisation.BREAKS) + len(machines.BREAKS) + len(data.BREAKS)


@pytest.mark.parametrize("rule_id", sorted(BREAKS))
def test_good_passes_and_broken_fails(rule_id):
    good = {result.status for result in world().judge(rule_id, tenant_of(rule_id))}
    assert good <= {Verdict.PASS, Verdict.NOT_APPLICABLE}
    broken = world()
    BREAKS[rule_id](broken)
    failed = [result for result in broken.judge(rule_id, tenant_of(rule_id)) if result.status is Verdict.FAIL]
    assert failed, [(r.status, r.reason) for r in broken.judge(rule_id, tenant_of(rule_id))]
    assert all(result.reason for result in failed)


@pytest.mark.parametrize("rule_id", sorted(set(BREAKS) - {"perimeter.account-per-tenant"}))
def test_the_other_tenant_is_not_blamed(rule_id):
    """What is wrong in acme's account is not found in globex's, except where the organisation itself is broken."""
    if tenant_of(rule_id) == "platform" or rule_id.startswith("perimeter."):
        broken = world()
        BREAKS[rule_id](broken)
        assert broken.judge(rule_id, tenant_of(rule_id)) != world().judge(rule_id, tenant_of(rule_id))
        return
    broken = world()
    BREAKS[rule_id](broken)
    assert {r.status for r in broken.judge(rule_id, "globex")} <= {Verdict.PASS, Verdict.NOT_APPLICABLE}


NEEDED = [(rule.id, api) for rule in RULES for api in rule.needs if rule.id not in FROM_SCOPE]


@pytest.mark.parametrize(("rule_id", "api"), NEEDED)
@pytest.mark.parametrize("status", [Status.DENIED, Status.UNIMPLEMENTED])
def test_what_cannot_be_read_is_indeterminate_and_named(rule_id, api, status):
    blind = world()
    blind.fail(api, status)
    results = blind.judge(rule_id, tenant_of(rule_id))
    if rule_id == "coverage.complete" and status is Status.UNIMPLEMENTED:
        assert {result.status for result in results} == {Verdict.PASS}
        return
    told = [result for result in results if result.status is Verdict.INDETERMINATE and api in result.reason]
    assert told, [(r.status, r.reason) for r in results]
    assert Verdict.FAIL not in {result.status for result in results}


@pytest.mark.parametrize(("rule_id", "api"), NEEDED)
def test_what_was_never_asked_is_indeterminate(rule_id, api):
    blind = world()
    for account in (ACME, GLOBEX, AUDIT, MANAGEMENT):
        blind.drop(account, api)
    statuses = {result.status for result in blind.judge(rule_id, tenant_of(rule_id))}
    assert Verdict.INDETERMINATE in statuses


HARMLESS = {
    ("identity.passwords-long", "iam:GetAccountPasswordPolicy"): "nobody has a password, so no policy is asked for one",
    ("sharing.event-buses", "events:DescribeEventBus"): "a bus without a policy has no such member",
    ("sharing.secrets", "secretsmanager:GetResourcePolicy"): "a secret without a policy has no such member",
}
"""Answers that a rule may pass without understanding, and why."""
UNDERSTOOD = [
    (rule.id, api) for rule in RULES for api in rule.needs if rule.id not in FROM_SCOPE | {"coverage.complete"}
]


ODD = {
    "entries with nothing in them": [{}],
    "entries that are null": [None],
    "entries that are text": ["x"],
    "null": None,
    "text": "x",
    "empty text": "",
    "a number": 5,
    "zero": 0,
    "an object": {},
}
UNTOUCHED = {
    ("node.default-disk-key", "ec2:GetEbsDefaultKmsKeyId"): "any name of a key but AWS's own is one of ours",
}
"""Answers of one text, of which any is understood."""


@pytest.mark.parametrize(("rule_id", "api"), UNDERSTOOD)
def test_malformed_answers_never_pass(rule_id, api):
    """Every member of an answer is of another kind, or the answer is an empty object where members are promised."""
    seen = {MANAGEMENT, AUDIT} if tenant_of(rule_id) == "platform" else {MANAGEMENT, AUDIT, ACME}
    passed = []
    for name, value in [*ODD.items(), ("an answer with nothing in it", None)]:
        odd, touched = world(), set()
        for key, (params, response) in list(odd.answers.items()):
            if key[1] == api and response:
                content = {} if name.startswith("an answer") else dict.fromkeys(response, value)
                odd.answers[key] = (params, content)
                touched.add(key[0])
        results = odd.judge(rule_id, tenant_of(rule_id))
        assert results
        if touched & seen and {result.status for result in results} <= {Verdict.PASS, Verdict.NOT_APPLICABLE}:
            passed.append(name)
    if (rule_id, api) in HARMLESS:
        return
    if (rule_id, api) in UNTOUCHED:
        passed = [name for name in passed if "text" not in name]
    if api in MAY_LACK_THE_LIST:
        passed = [name for name in passed if not name.startswith("an answer")]
    assert passed == []


@pytest.mark.parametrize("rule_id", sorted(data.INDETERMINATE))
def test_rules_that_only_say_what_is_unknown(rule_id):
    blind = world()
    data.INDETERMINATE[rule_id](blind)
    (result,) = blind.judge(rule_id)
    assert result.status is Verdict.INDETERMINATE
    assert "kms:ListGrants" in result.reason
