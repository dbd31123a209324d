"""Asks policies questions: does this document certainly deny, or possibly allow, such a request?

A rule states the request that must not succeed and lets the evaluator look, instead of searching a document for
statements of a certain shape. What the question leaves open is unknown, so that "denied" holds for all such requests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from compliance.reason.iam import ANYTHING, Context, Labelled, Principal, build_request, compile_policy
from compliance.reason.iam.policy import PolicyKind
from compliance.reason.iam.statements import Finding, look_up
from compliance.reason.iam.truth import FALSE, TRUE
from compliance.rules.view import View

_ACCOUNT = re.compile(r"(?=(\d{12}))")
_PATTERNED = re.compile(r"\d[*?]|[*?]\d|[Nn]umeric")
STRANGER = "000000000001"
"""An account that is neither the tenant's nor the platform's."""


@dataclass(frozen=True)
class Question:
    """A request: who, what, on which resource of which account; `fixed` are the condition keys that are known."""

    action: str
    resource: str
    account: str
    principal: Principal
    fixed: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


def someone(account: str) -> Principal:
    """Any user, role or session of an account."""
    return Principal("any-of-account", account=account)


def role(account: str, name: str) -> Principal:
    """A role of an account."""
    return Principal("role", f"arn:aws:iam::{account}:role/{name}", account, name)


def service(name: str) -> Principal:
    """An AWS service acting as itself."""
    return Principal("service", name)


def anonymous() -> Principal:
    """A request without a signature."""
    return Principal("anonymous")


def alike(documents: Iterable[Any], accounts: Iterable[str]) -> list[list[str]]:
    """The accounts in groups that the documents cannot tell apart, so that one of each group stands for all.

    A document tells accounts apart by their numbers. One whose number stands nowhere in the text is treated like any
    other such one, unless the text matches numbers by a pattern or compares them by size: then each stands alone.
    """
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in documents)
    known = list(dict.fromkeys(accounts))
    if _PATTERNED.search(text):
        return [[one] for one in known]
    mentioned = set(_ACCOUNT.findall(text))
    rest = [one for one in known if one not in mentioned]
    return [[one] for one in known if one in mentioned] + ([rest] if rest else [])


def other_tenants(view: View, documents: Iterable[Any]) -> list[tuple[list[str], str]]:
    """The tenants of other accounts, in groups that the documents cannot tell apart: their ids, and an account."""
    owners = {one.account: one.id for one in view.scope.tenants if one.account != view.account}
    return [([owners[account] for account in group], group[0]) for group in alike(documents, owners)]


def certainly_denied(documents: Iterable[Any], kind: PolicyKind, question: Question) -> bool:
    """Whether some document explicitly denies every request that fits the question."""
    return _found(documents, kind, question).deny == TRUE


def possibly_allowed(documents: Iterable[Any], kind: PolicyKind, question: Question) -> bool:
    """Whether some document may allow a request that fits the question, and none certainly denies it."""
    found = _found(documents, kind, question)
    return found.allow != FALSE and found.deny != TRUE


def _found(documents: Iterable[Any], kind: PolicyKind, question: Question) -> Finding:
    policies = [
        Labelled(f"{kind} {number}", compile_policy(document, kind, f"{kind} {number}"))
        for number, document in enumerate(documents, start=1)
    ]
    values = {key: value if isinstance(value, tuple) else (value,) for key, value in question.fixed.items()}
    context = Context(values, ANYTHING)
    request = build_request(question.action, question.resource, question.account, question.principal, context)
    return look_up(policies, request)
