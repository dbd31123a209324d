"""Every control of every catalogue: the rules that support it and their limits, or who else answers for it and why."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from compliance.controls.load import catalogues, controls_of, objectives, read
from compliance.errors import ComplianceError
from compliance.rules.catalogue import RULES

WHO = ("organisation", "cloud", "tenant", "not judged")
_RANGE = re.compile(r"^(?P<head>.*?)(?P<first>\d+)\.\.(?P<again>.*?)(?P<last>\d+)$")


@dataclass(frozen=True)
class Applicability:
    """One control. Either `rules` support it, with `limits`, or `who` answers for it, and `why` says why no rule does.

    `who` is `organisation`, `cloud`, `tenant` or `not judged`.
    """

    catalogue: str
    control: str
    title: str
    rules: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    who: str = ""
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """The control as `bulkhead controls --json` prints it."""
        held = {"catalogue": self.catalogue, "control": self.control, "title": self.title}
        if self.rules:
            lists = {"rules": list(self.rules), "objectives": list(self.objectives), "limits": list(self.limits)}
            return {**held, "supported": True, **lists}
        return {**held, "supported": False, "who": self.who, "why": self.why}


@cache
def applicability(catalogue: str) -> tuple[Applicability, ...]:
    """Every control of a catalogue, those that rules support first.

    Raises:
        ComplianceError: the data names no such catalogue, a range that is none, or a control twice.
    """
    if catalogue not in catalogues():
        raise ComplianceError(f"catalogue {catalogue}", f"there are {', '.join(catalogues())}")
    titles = catalogues()[catalogue].controls
    supported = [one for control, title in titles.items() if (one := _supported(catalogue, control, title)).rules]
    known = {one.control for one in supported}
    others: dict[str, Applicability] = {}
    for entry in read("beyond.yaml").get(catalogue, ()):
        if entry["who"] not in WHO:
            raise ComplianceError(f"beyond.yaml: {catalogue}.who", f"{entry['who']} is not one of {', '.join(WHO)}")
        for control in (one for part in entry["controls"] for one in expanded(part)):
            if control in others:
                raise ComplianceError(f"beyond.yaml: {catalogue}", f"{control} stands there twice")
            others[control] = Applicability(
                catalogue, control, titles.get(control, ""), who=entry["who"], why=entry["why"]
            )
    return (*supported, *(one for control, one in others.items() if control not in known))


def expanded(part: str) -> list[str]:
    """The controls of a range such as `AC-2..AC-6`; a single control is itself.

    Raises:
        ComplianceError: the two ends differ in more than their last number, or run backwards.
    """
    found = _RANGE.match(part)
    if found is None:
        return [part]
    first, last = int(found["first"]), int(found["last"])
    if found["head"] != found["again"] or last < first:
        raise ComplianceError(f"beyond.yaml: {part}", "the ends of a range differ in their last number only, upwards")
    width = len(found["first"]) if found["first"].startswith("0") else 0
    return [f"{found['head']}{number:0{width}d}" for number in range(first, last + 1)]


def _supported(catalogue: str, control: str, title: str) -> Applicability:
    rules = tuple(rule.id for rule in RULES if control in controls_of(rule).get(catalogue, ()))
    aims = tuple(
        dict.fromkeys(
            name for name, aim in objectives().items() if control in aim.controls.get(catalogue, ()) and rules
        )
    )
    return Applicability(catalogue, control, title, rules, aims, tuple(objectives()[name].limits for name in aims))
