"""Every control of every catalogue is in one of two lists: rules support it, or someone else answers for it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from compliance.controls import applicability as module
from compliance.controls.applicability import WHO, applicability, expanded
from compliance.controls.load import catalogues
from compliance.errors import ComplianceError
from operations.cli import build

COMPLETE = {"iso-27001": 93, "iso-42001": 38, "soc2": 61, "csa-ccm": 197, "csa-aicm": 13, "eu-ai-act": 7}
"""How many controls each catalogue is known to have."""


@pytest.mark.parametrize("catalogue", catalogues())
def test_each_control_stands_once_with_rules_and_limits_or_with_who_and_why(catalogue):
    found = applicability(catalogue)
    names = [one.control for one in found]
    assert len(names) == len(set(names))
    assert set(catalogues()[catalogue].controls) <= set(names)
    for one in found:
        assert bool(one.rules) != bool(one.who)
        assert bool(one.limits) == bool(one.rules) == bool(one.title and one.rules)
        assert one.rules or (one.who in WHO and one.why)


@pytest.mark.parametrize(("catalogue", "number"), COMPLETE.items())
def test_catalogues_are_complete(catalogue, number):
    assert len(applicability(catalogue)) == number


def test_all_families_of_nist_are_there():
    families = {one.control.partition("-")[0] for one in applicability("nist-800-53")}
    assert families == {
        "AC",
        "AT",
        "AU",
        "CA",
        "CM",
        "CP",
        "IA",
        "IR",
        "MA",
        "MP",
        "PE",
        "PL",
        "PM",
        "PS",
        "PT",
        "RA",
        "SA",
        "SC",
        "SI",
        "SR",
    }
    withdrawn = {"AC-13", "AC-15", "AT-5", "AU-15", "CA-4", "CP-5", "IR-10", "PE-7", "RA-4", "SC-9", "SI-9"}
    assert not withdrawn & {one.control for one in applicability("nist-800-53")}


def test_ranges():
    assert expanded("AC-2..AC-4") == ["AC-2", "AC-3", "AC-4"]
    assert expanded("MDS-08..MDS-11") == ["MDS-08", "MDS-09", "MDS-10", "MDS-11"]
    assert expanded("A.6.2.2..A.6.2.3") == ["A.6.2.2", "A.6.2.3"]
    assert expanded("164.312(b)") == ["164.312(b)"]


@pytest.mark.parametrize("part", ["AC-4..AC-2", "AC-1..AT-3"])
def test_a_range_that_is_none_is_refused(part):
    with pytest.raises(ComplianceError, match="range"):
        expanded(part)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([{"who": "nobody", "why": "x", "controls": ["P1.1"]}], "not one of"),
        ([{"who": "tenant", "why": "x", "controls": ["P1.1", "P1.1"]}], "twice"),
    ],
)
def test_bad_data_is_refused(monkeypatch, entries, said):
    monkeypatch.setattr(module, "read", lambda name: {"soc2": entries})
    with pytest.raises(ComplianceError, match=said):
        applicability.__wrapped__("soc2")


def test_the_command_lists_them():
    done = CliRunner().invoke(build(), ["controls", "--catalogue", "csa-aicm", "--json"])
    listed = {one["control"]: one for one in json.loads(done.stdout)["controls"]}
    assert listed["MDS-08"]["supported"]
    assert listed["MDS-08"]["rules"]
    assert not listed["MDS-03"]["supported"]
    assert listed["MDS-03"]["who"] == "tenant"
    assert "rules support 2 of 13" in CliRunner().invoke(build(), ["controls", "--catalogue", "csa-aicm"]).stdout
