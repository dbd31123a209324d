"""The answer to a request, and its explanation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Reason:
    """One step of an explanation.

    Attributes:
        policy: the document, as a path into the question (`serviceControlPolicies[0].policies[1]`), or the rule.
        statement: the Sid, or `Statement[i]`; empty where a whole document failed to allow.
        effect: `allows`, `denies` or `does not allow`; `may …` when the request is only partly known.
        text: a sentence for people.
    """

    policy: str
    statement: str
    effect: str
    text: str

    def as_json(self) -> dict[str, Any]:
        """The JSON form."""
        return {"policy": self.policy, "statement": self.statement or None, "effect": self.effect, "text": self.text}


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to a request.

    Attributes:
        decision: `allowed` or `denied`; `unknown` only for a partly known request.
        decided_by: what settled it.
        explain: everything that spoke for or against, in the order of evaluation.
    """

    decision: Literal["allowed", "denied", "unknown"]
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
