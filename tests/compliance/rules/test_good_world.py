"""The fleet in which everything is right passes every rule, and every fact in it has the form that its API gives."""

from __future__ import annotations

import botocore.session
import pytest

from compliance.graph import Graph
from compliance.results import Verdict
from compliance.rules.catalogue import RULES
from compliance.rules.runner import judge_tenant
from tests.compliance.world import world

WORLD = world()
GRAPH = Graph(WORLD.facts())
RESULTS = {name: judge_tenant(WORLD.scope, name, GRAPH, RULES, "2026-03-01") for name in ("acme", "globex", "platform")}


@pytest.mark.parametrize("name", RESULTS)
def test_everything_passes(name):
    bad = [(r.rule, r.resource, r.status, r.reason) for r in RESULTS[name] if r.status is not Verdict.PASS]
    expected = {Verdict.NOT_APPLICABLE}
    assert [one for one in bad if one[2] not in expected] == []


def test_every_rule_judges_something():
    judged = {result.rule for results in RESULTS.values() for result in results if result.status is Verdict.PASS}
    # These judge only what the good fleet has none of.
    empty = {"coverage.reconciled", "identity.no-users", "identity.access-keys-fresh", "identity.second-factor"}
    assert {rule.id for rule in RULES} - judged == empty


def test_every_result_rests_on_facts():
    known = {fact.digest for fact in WORLD.facts()}
    # A data set's class and its retention stand in the scope, not in the cloud.
    for result in RESULTS["acme"]:
        assert set(result.facts) <= known
        assert result.facts or result.rule in {
            "data.retention-within-class",
            "coverage.complete",
            "coverage.reconciled",
        }


def _conforms(shape, value, where):
    kind = shape.type_name
    if kind == "structure":
        unknown = set(value) - set(shape.members)
        assert not unknown, f"{where}: the API has no {unknown}"
        for name, inner in value.items():
            _conforms(shape.members[name], inner, f"{where}.{name}")
    elif kind == "list":
        for inner in value:
            _conforms(shape.member, inner, where)
    elif kind == "map":
        for inner in value.values():
            _conforms(shape.value, inner, where)


def test_answers_have_the_members_that_the_services_model_gives_them():
    session = botocore.session.get_session()
    for fact in WORLD.facts():
        service, _, operation = fact.api.partition(":")
        model = session.get_service_model(service).operation_model(operation)
        assert set(fact.params) <= set(model.input_shape.members if model.input_shape else ()), fact.api
        if fact.response is not None:
            _conforms(model.output_shape, _documents_as_text(fact.api, fact.response), fact.api)


def _documents_as_text(api, response):
    """boto3 parses IAM's policy documents, which the model calls strings."""
    if api != "iam:GetAccountAuthorizationDetails":
        return response
    names = {"AssumeRolePolicyDocument", "PolicyDocument", "Document"}

    def text(value):
        if isinstance(value, dict):
            return {key: "" if key in names else text(inner) for key, inner in value.items()}
        return [text(inner) for inner in value] if isinstance(value, list) else value

    return text(response)


def test_rules_say_what_they_are():
    ids = [rule.id for rule in RULES]
    assert len(ids) == len(set(ids)) >= 80
    for rule in RULES:
        for words in (rule.title, rule.threat, rule.blind, rule.remediation):
            assert words
        assert rule.objectives
        session = botocore.session.get_session()
        for api in rule.needs:
            service, _, operation = api.partition(":")
            assert operation in session.get_service_model(service).operation_names, api
