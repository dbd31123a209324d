"""Policy texts, compiled once each, with the words by which refusals name them."""

from __future__ import annotations

from functools import lru_cache

from compliance.reason.iam import Labelled, compile_policy
from compliance.reason.iam.policy import PolicyKind


@lru_cache(maxsize=4096)
def labelled(label: str, text: str, kind: PolicyKind) -> Labelled:
    """A compiled policy with its label.

    Raises:
        ComplianceError: the text is not a policy of this kind that AWS would have accepted.
    """
    return Labelled(label, compile_policy(text, kind, label))
