"""Whom a resource's policy lets in from outside its account, as far as the policy's own words show.

The proof engine decides whether a request can succeed through all layers; this reads one layer, strictly: what is not
clearly confined to known accounts counts as open.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from compliance.rules.populations import listed, statements

_ACCOUNT_IN_ARN = re.compile(r"^arn:[^:]*:[^:]*:[^:]*:(\d{12}):")
_CONFINING = (
    "aws:principalaccount",
    "aws:sourceaccount",
    "aws:sourceowner",
    "kms:calleraccount",
    "s3:dataaccesspointaccount",
)
_CONFINING_ARNS = ("aws:sourcearn", "aws:principalarn", "kms:encryptioncontext:aws:logs:arn")
_EXACT = ("stringequals", "stringlike", "stringequalsignorecase")
_EXACT_ARN = ("arnequals", "arnlike", *_EXACT)


def guests(policy: Any, own: Iterable[str]) -> list[str]:
    """Who is let in besides the accounts in `own`: account ids, `anyone`, or services that may act for anyone."""
    mine = set(own)
    found: dict[str, None] = {}
    for statement in statements(policy):
        if statement.get("Effect") != "Allow":
            continue
        confined = _confined_to(statement.get("Condition") or {})
        for guest in _named(statement):
            if guest in mine:
                continue
            if confined is not None and confined <= mine:
                continue
            if guest == "anyone" and confined:
                found.update(dict.fromkeys(sorted(confined - mine)))
            else:
                found[guest] = None
    return list(found)


def _named(statement: dict[str, Any]) -> list[str]:
    if "NotPrincipal" in statement:
        return ["anyone"]
    principal = statement.get("Principal")
    if principal is None:
        msg = "a statement of a resource's policy names no principal"
        raise ValueError(msg)
    if principal == "*":
        return ["anyone"]
    found = []
    for kind, entries in principal.items():
        for entry in listed(entries):
            if kind == "AWS":
                found.append(account_of(entry))
            elif kind == "Service":
                found.append(f"{entry} for anyone")
            else:
                found.append(f"{kind} {entry}")
    return found


def account_of(principal: str) -> str:
    """The account of a principal in a policy: 12 digits, `anyone` for a star, or the entry itself."""
    if principal == "*":
        return "anyone"
    if re.fullmatch(r"\d{12}", principal):
        return principal
    match = _ACCOUNT_IN_ARN.match(principal)
    return match.group(1) if match else principal


def _confined_to(condition: dict[str, Any]) -> set[str] | None:
    """The accounts that the conditions confine a request to; None if they do not confine it."""
    for operator, keys in condition.items():
        name = operator.lower().removeprefix("foranyvalue:")
        for key, values in keys.items():
            values = [str(value) for value in listed(values)]  # noqa: PLW2901 -- one element or a list
            if name in _EXACT and key.lower() in _CONFINING and all(value.isdigit() for value in values):
                return set(values)
            if name in _EXACT_ARN and key.lower() in _CONFINING_ARNS:
                accounts = {account_of(value) for value in values}
                if all(account.isdigit() for account in accounts):
                    return accounts
    return None
