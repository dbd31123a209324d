"""What one layer of the evaluation says, and the decision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from compliance.reason.iam.decision import Reason
from compliance.reason.iam.truth import Truth


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether something holds (an allow grants, a deny applies, a perimeter stops), and why."""

    truth: Truth
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a request; `indeterminate` if what is known does not settle it, for the reasons of `explain`."""

    decision: Literal["allowed", "denied", "indeterminate"]
    decided_by: Reason
    explain: tuple[Reason, ...]

    @property
    def allowed(self) -> bool:
        """Whether the request goes through."""
        return self.decision == "allowed"

    def as_json(self) -> dict[str, Any]:
        """`{"decision", "decidedBy", "explain"}`."""
        return {
            "decision": self.decision,
            "decidedBy": self.decided_by.as_json(),
            "explain": [reason.as_json() for reason in self.explain],
        }
