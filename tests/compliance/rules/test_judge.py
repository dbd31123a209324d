"""Judging a bundle depends on the bundle alone, and says what it covered."""

from __future__ import annotations

import json
from dataclasses import replace

from compliance.facts.bundle import open_bundle
from compliance.facts.fact import Status
from compliance.results import Verdict, worst
from compliance.rules.judge import judge
from tests.compliance.bundles import write
from tests.compliance.world import ACME, GLOBEX, world


def text(bundle):
    return json.dumps(judge(bundle).to_json(), sort_keys=True)


def test_order_of_facts_does_not_show(tmp_path):
    made = world()
    first = write(made, tmp_path / "a")
    made.answers = dict(reversed(made.answers.items()))
    second = write(made, tmp_path / "b")
    strip = [json.loads(text(one)) for one in (first, second)]
    for one in strip:
        del one["coverage"]["facts"]
    assert strip[0] == strip[1]
    assert text(first) == text(open_bundle(tmp_path / "a"))


def test_only_the_tenants_asked_for(tmp_path):
    made = world()
    made.scope = replace(made.scope, judged=("acme",))
    found = judge(write(made, tmp_path))
    assert {result.tenant for result in found.results} == {"acme"}
    assert found.coverage["tenants_not_judged"] == ["globex"]


def test_coverage_counts_calls_and_names_what_was_not_read(tmp_path):
    made = world()
    made.statuses[ACME, "kms:ListGrants"] = Status.DENIED
    made.statuses[GLOBEX, "ram:GetResourceShares"] = Status.UNIMPLEMENTED
    coverage = judge(write(made, tmp_path)).coverage
    assert coverage["apis"]["kms:ListGrants"] == {"denied": 5, "ok": 5}
    assert {(entry["api"], entry["account"]) for entry in coverage["unread"]} == {
        ("kms:ListGrants", ACME),
        ("ram:GetResourceShares", GLOBEX),
    }
    assert coverage["unimplemented"] == ["ram:GetResourceShares"]
    assert coverage["local_test_double"] is True


def test_nothing_judged_is_not_clean():
    assert worst([]) is Verdict.INDETERMINATE


def test_summary_counts_every_result(tmp_path):
    found = judge(write(world(), tmp_path))
    summary = found.summary
    assert sum(summary[str(verdict)] for verdict in Verdict) == len(found.results)
    assert summary["worst"] == "pass"
    assert set(summary["tenants"]) == {"acme", "globex", "platform"}


def test_account_that_could_not_be_entered_is_indeterminate_throughout(tmp_path):
    made = world()
    made.answers = {key: value for key, value in made.answers.items() if key[0] != ACME}
    results = judge(write(made, tmp_path)).of("acme")
    from_account = [
        one
        for one in results
        if not one.rule.startswith(("perimeter.", "data.retention-within", "coverage.reconciled"))
    ]
    assert {one.status for one in from_account} == {Verdict.INDETERMINATE}
