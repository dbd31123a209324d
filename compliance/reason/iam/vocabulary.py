"""The values worth trying for a condition key: those that the policies themselves speak of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from compliance.errors import ComplianceError
from compliance.reason.iam.conditions import EPOCH, Condition
from compliance.reason.iam.context import ABSENT, Unknown, Value
from compliance.reason.iam.globs import plain_text, resource_regex, string_regex
from compliance.reason.iam.grants import Grant
from compliance.reason.iam.operators import parse_date
from compliance.reason.iam.policy import Policy, Statement
from compliance.reason.iam.principals import Principal, parse_arn_principal
from compliance.reason.iam.request import Request
from compliance.reason.iam.variables import Template, resolve

_YEAR_1970, _YEAR_10000 = Decimal(0), Decimal(253_402_300_800)
_FRESH: Final = "other"
_CONTEXT: Final = "kms:EncryptionContext:"


def _relevant(policies: Iterable[Policy], action: str) -> Iterator[Statement]:
    for policy in policies:
        allows, denies = policy.about(action)
        yield from allows
        yield from denies


def keys_of(policies: Iterable[Policy], action: str) -> list[str]:
    """The condition keys (lower case) that decide about an action: tested ones, then those used as variables."""
    keys: dict[str, None] = {}
    variables: dict[str, None] = {}
    for statement in _relevant(policies, action):
        templates: list[Template] = list(statement.resources or ())
        for condition in statement.conditions:
            keys[condition.key] = None
            templates += condition.values
        for template in templates:
            variables |= dict.fromkeys(variable.key for variable in template.variables)
    return list(variables | keys)


def instances_of_resource(request: Request, policies: Iterable[Policy]) -> list[str]:
    """Resources to try for one that is a pattern: what the policies speak of, then any other."""
    if not request.open_resource:
        return [request.resource]
    whole = resource_regex((("glob", request.resource),))
    found: dict[str, None] = {_instance(request.resource): None}
    for statement in _relevant(policies, request.action):
        for template in statement.resources or ():
            text = _instance(plain_text(resolve(template, request.context).pieces))
            if whole.fullmatch(text) is not None:
                found[text] = None
    return list(found)


def grant_keys(grants: Iterable[Grant]) -> dict[str, str]:
    """The keys of the encryption contexts that grants ask for, as written, by their lower-case form."""
    names = (name for grant in grants for name, _ in (*(grant.equals or ()), *(grant.subset or ())))
    return {f"{_CONTEXT}{name}".lower(): f"{_CONTEXT}{name}" for name in names}


def named_by_conditions(policies: Iterable[Policy], request: Request) -> list[Principal]:
    """Callers of the request's account whose ARN a condition on `aws:PrincipalArn` asks for."""
    account = request.principal.account
    found: list[Principal] = []
    for statement in _relevant(policies, request.action):
        for condition in statement.conditions:
            if condition.key != "aws:principalarn":
                continue
            for template in condition.values:
                parts = _instance(template.text).split(":", 5)
                if len(parts) == 6 and parts[4] in (account, "any"):
                    arn = f"arn:aws:{parts[2]}::{account}:{parts[5]}"
                    found += _principal(arn)
    return found


def _principal(arn: str) -> list[Principal]:
    try:
        return [parse_arn_principal(arn, arn)]
    except ComplianceError:
        return []


def candidates(
    policies: Iterable[Policy], grants: Iterable[Grant], request: Request, key: str, unknown: Unknown
) -> list[Value]:
    """Values to try for a key, absent first; each fits what is known of it."""
    texts: dict[str, None] = {}
    for grant in grants:
        for name, value in (*(grant.equals or ()), *(grant.subset or ())):
            if f"{_CONTEXT}{name}".lower() == key:
                texts[value] = None
    several: list[Value] = []
    for statement in _relevant(policies, request.action):
        for condition in statement.conditions:
            if condition.key == key:
                found = list(_suggestions(condition, request))
                texts |= dict.fromkeys(found)
                if condition.qualifier and len(found) > 1:
                    several.append(tuple(found))
        for value in _through_variables(statement, request, key):
            texts[value] = None
    texts[_instance(unknown.pattern) if unknown.pattern != "*" else _FRESH] = None
    fits = string_regex((("glob", unknown.pattern),))
    values: list[Value] = [ABSENT] if unknown.may_be_absent else []
    barred = [string_regex((("glob", pattern),)) for pattern in unknown.excluding]
    values += [
        (text,) for text in texts if fits.fullmatch(text) is not None and not any(bar.fullmatch(text) for bar in barred)
    ]
    if unknown.not_before is None:
        return values + several
    moments = dict.fromkeys([unknown.not_before, *(parse_date(text) for text in texts)])
    return [(_moment(key, m),) for m in moments if m is not None and m >= unknown.not_before]


def _moment(key: str, seconds: Decimal) -> str:
    """A time as the key has it: a number, or for `aws:CurrentTime` ISO 8601, which ends with the year 9999."""
    if key == EPOCH or not _YEAR_1970 <= seconds < _YEAR_10000:
        return format(seconds, "f")
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _suggestions(condition: Condition, request: Request) -> Iterator[str]:
    operator = condition.operator
    for template in condition.values:
        if operator is None:
            continue
        resolved = resolve(template, request.context)
        text = "".join(
            piece if kind == "literal" or operator.family not in ("like", "arn") else _instance(piece)
            for kind, piece in resolved.pieces
        )
        if resolved.null or not resolved.exact:
            continue
        if operator.family == "numeric" and re.fullmatch(r"-?\d+(\.\d+)?", text):
            yield from (text, str(Decimal(text) - 1), str(Decimal(text) + 1))
        elif operator.family == "date" and (moment := parse_date(text)) is not None:
            yield from (text, str(moment - 1), str(moment + 1))
        elif operator.family == "bool":
            yield from ("true", "false")
        elif operator.family == "ip":
            yield text.split("/")[0]
        else:
            yield text


def _through_variables(statement: Statement, request: Request, key: str) -> Iterator[str]:
    """Values of the keys and parts of the resource that are compared with this key as a variable."""
    for condition in statement.conditions:
        if any(variable.key == key for template in condition.values for variable in template.variables):
            other = request.context.get(condition.key)
            if not isinstance(other, Unknown):
                for template in condition.values:
                    for value in other:
                        yield from _fill(template, key, value)
                yield from other
    for template in statement.resources or ():
        if any(variable.key == key for variable in template.variables):
            yield from _fill(template, key, request.resource)


def _fill(template: Template, key: str, value: str) -> Iterator[str]:
    """What the variable must be for the template to match the value, if it stands alone between fixed texts."""
    expression = "".join(
        re.escape(part[1]).replace(r"\*", ".*").replace(r"\?", ".")
        if isinstance(part, tuple)
        else "(?P<value>.*?)"
        if part.key == key
        else ".*"
        for part in template.parts
    )
    if expression.count("(?P<value>") == 1 and (found := re.fullmatch(expression, value, re.DOTALL)):
        yield found.group("value")


def _instance(pattern: str) -> str:
    """A text that matches a glob."""
    return pattern.replace("*", "any").replace("?", "x")
