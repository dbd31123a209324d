"""When a scanner counts as having found a leak.

A leak is found if the scanner reports at least one finding that

1. *names* what leaks: one of its subjects contains the id or name of the leaking resource (V1 the bucket or its
   policy, V2 the key or the grant, V3 the peering, or a VPC, route table or route at either end of it);
2. is *new*: the same check did not say the same of the same subject in the clean state, so it says something about the
   leak and not about the resource in general;
3. is *about access*: its check or its text speaks of who may reach the resource, in any of the words of `ABOUT_ACCESS`.

That is generous: a finding need not say who gets in. All of our own findings are held to the same three, and must
also carry a witness from the attacker to the victim on the path in question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

ABOUT_ACCESS = re.compile(
    r"cross.?(account|tenant)|(other|another|external|foreign|unknown|trusted) (aws )?(account|tenant|principal)|"
    r"public|anyone|any principal|principal|wildcard|\bshared?\b|\bgrants?\b|least.?privilege|peering|"
    r"arrives|allows it|gives",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Finding:
    """One thing a scanner objects to. `subjects` are the ids and names in it; `witness` is only ours."""

    check: str
    text: str
    subjects: tuple[str, ...]
    pair: tuple[str, str, str] | None = None
    witness: bool = False

    @property
    def key(self) -> tuple[str, str, tuple[str, ...], tuple[str, str, str] | None]:
        """What makes it the same finding in two states."""
        return self.check, self.text, self.subjects, self.pair

    @property
    def about_access(self) -> bool:
        """The third condition."""
        return ABOUT_ACCESS.search(f"{self.check} {self.text}") is not None

    def names(self, resources: Iterable[str]) -> bool:
        """The first condition."""
        patterns = [re.compile(rf"(?<![\w-]){re.escape(resource)}(?![\w-])") for resource in resources]
        return any(pattern.search(subject) for pattern in patterns for subject in self.subjects)


def judge(
    leak: Sequence[str], clean: Iterable[Finding], leaking: Iterable[Finding], passed: Iterable[Finding] = ()
) -> dict[str, Any]:
    """Whether a leak is found, by which findings; what else was said of what leaks.

    `passed` are checks that a scanner reports as passed: those about access that name what leaks are wrong about it.
    """
    before = {finding.key for finding in clean}
    named = [finding for finding in leaking if finding.names(leak)]
    new = [finding for finding in named if finding.key not in before]
    telling = [finding for finding in new if finding.about_access]
    return {
        "found": bool(telling),
        "by": [_said(finding) for finding in telling],
        "new_but_not_about_access": [_said(finding) for finding in new if not finding.about_access],
        "also_said_of_the_clean_state": len(named) - len(new),
        "passed_about_access": sorted({each.check for each in passed if each.about_access and each.names(leak)}),
    }


def _said(finding: Finding) -> dict[str, Any]:
    return {key: value for key, value in asdict(finding).items() if value not in (None, False)}
