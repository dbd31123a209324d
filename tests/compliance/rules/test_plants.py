"""What an auditor plants: each opening in a world that is otherwise good fails the rule about it, naming the resource.

Beside it, other ways to write what is good, none of which is a finding.
"""

from __future__ import annotations

import pytest

from compliance.results import Verdict
from compliance.rules.catalogue import RULES
from tests.compliance.rules.plants import CLEAN, PLANTS, judged


@pytest.mark.parametrize("name", PLANTS)
def test_planted_opening_is_found_and_named(name):
    rule_id, named, plant = PLANTS[name]
    results = judged(rule_id, plant)
    failed = [one for one in results if one.status is Verdict.FAIL]
    assert [one for one in failed if named in one.resource or named in one.reason], [
        (one.resource, str(one.status), one.reason) for one in results
    ]


@pytest.mark.parametrize("name", CLEAN)
def test_other_ways_to_write_what_is_good_are_no_findings(name):
    rule_id, plant = CLEAN[name]
    results = judged(rule_id, plant)
    bad = [one for one in results if one.status not in {Verdict.PASS, Verdict.NOT_APPLICABLE}]
    assert results
    assert [(one.resource, str(one.status), one.reason) for one in bad] == []


def test_every_plant_names_a_rule():
    assert {rule for rule, *_ in (*PLANTS.values(), *CLEAN.values())} <= {rule.id for rule in RULES}
