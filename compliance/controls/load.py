"""Reads the catalogues and the mapping. Only what is asked for is read, and only once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from compliance.errors import ComplianceError
from compliance.results import Result, Verdict, worst
from compliance.rules.catalogue import EVERY_RULE, rule_of
from compliance.rules.model import Rule

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Catalogue:
    """A catalogue: id, title, where it is published, short titles of our own by control."""

    id: str
    title: str
    uri: str
    controls: dict[str, str]


@dataclass(frozen=True)
class Objective:
    """What rules are for; `controls` are identifiers by catalogue."""

    id: str
    title: str
    why: str
    limits: str
    controls: dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class ControlResult:
    """What the results say about a control: the worst value of the rules that support it."""

    catalogue: str
    control: str
    title: str
    verdict: Verdict | None
    rules: tuple[str, ...]
    objectives: tuple[str, ...]


@cache
def catalogues() -> dict[str, Catalogue]:
    """Every catalogue by id."""
    return {name: Catalogue(name, **value) for name, value in read("catalogues.yaml").items()}


@cache
def objectives() -> dict[str, Objective]:
    """Every objective by id.

    Raises:
        ComplianceError: an objective names a catalogue or a control that there is not.
    """
    found = {}
    for name, value in read("objectives.yaml").items():
        controls = {catalogue: tuple(ids) for catalogue, ids in value.pop("controls").items()}
        for catalogue, ids in controls.items():
            known = catalogues().get(catalogue)
            unknown = [one for one in ids if known is None or one not in known.controls]
            if unknown:
                raise ComplianceError(f"objectives.yaml: {name}.controls.{catalogue}", f"no such control: {unknown}")
        found[name] = Objective(name, controls=controls, **value)
    return found


def controls_of(rule: Rule) -> dict[str, tuple[str, ...]]:
    """The controls that a rule supports, by catalogue."""
    found: dict[str, dict[str, None]] = {}
    for name in rule.objectives:
        for catalogue, ids in objectives()[name].controls.items():
            found.setdefault(catalogue, {}).update(dict.fromkeys(ids))
    return {catalogue: tuple(ids) for catalogue, ids in found.items()}


def control_results(catalogue: str, results: tuple[Result, ...]) -> tuple[ControlResult, ...]:
    """What results say about every control of a catalogue that some rule supports."""
    found = []
    for control, title in catalogues()[catalogue].controls.items():
        supporting = tuple(rule.id for rule in EVERY_RULE if control in controls_of(rule).get(catalogue, ()))
        chosen = [one for one in results if one.rule in supporting and one.status is not Verdict.NOT_APPLICABLE]
        aims = tuple(
            dict.fromkeys(
                aim
                for rule in supporting
                for aim in rule_of(rule).objectives
                if control in objectives()[aim].controls.get(catalogue, ())
            )
        )
        found.append(ControlResult(catalogue, control, title, worst(chosen) if chosen else None, supporting, aims))
    return tuple(found)


def read(name: str) -> dict[str, Any]:
    """A file of this folder."""
    value: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return value
