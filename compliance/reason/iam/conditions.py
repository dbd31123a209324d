"""The `Condition` element: parsed once, evaluated in three-valued logic.

Several operators and several keys must all hold; several values of one key are alternatives (for a negated operator:
none of them may match). See IAM User Guide, "IAM JSON policy elements: Condition" and "Set operators for multivalued
context keys".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from compliance.errors import ComplianceError
from compliance.reason.iam.context import Context, Unknown, Value, text_of
from compliance.reason.iam.globs import Piece, arn_pieces, disjoint, is_arn, plain_text, within
from compliance.reason.iam.operators import OPERATORS, Operator
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, agree, both, certain, either, negate
from compliance.reason.iam.variables import Resolved, Template, parse_template, resolve

Qualifier = Literal["", "ForAllValues", "ForAnyValue"]

EPOCH: Final = "aws:epochtime"
"""The time of a request as a number of seconds; `aws:CurrentTime` is a date, which no numeric operator can read."""
_YEAR: Final = re.compile(r"\s*\d{4}\s*")
_QUALIFIERS: Final[tuple[Qualifier, ...]] = ("ForAllValues", "ForAnyValue")


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator.

    Attributes:
        written: the operator as the policy writes it, for explanations.
        operator: None for `Null`.
        key: in lower case; `key_written` as in the policy.
        values: the alternatives.
    """

    written: str
    operator: Operator | None
    qualifier: Qualifier
    if_exists: bool
    key: str
    key_written: str
    values: tuple[Template, ...]


def parse_operator(name: str, place: str) -> tuple[Operator | None, Qualifier, bool]:
    """Splits `ForAllValues:StringLikeIfExists` into operator, set qualifier and `IfExists`.

    Raises:
        ComplianceError: AWS has no such operator; the name is case-sensitive.
    """
    qualifier: Qualifier = ""
    rest = name
    for candidate in _QUALIFIERS:
        if rest.startswith(f"{candidate}:"):
            qualifier, rest = candidate, rest[len(candidate) + 1 :]
            break
    if rest == "Null":
        return None, qualifier, False
    if_exists = rest.endswith("IfExists")
    base = rest.removesuffix("IfExists")
    if base not in OPERATORS:
        raise ComplianceError(place, f"unknown condition operator {name!r}; see the IAM list of condition operators")
    return OPERATORS[base], qualifier, if_exists


def parse_conditions(document: Any, place: str, *, with_variables: bool) -> tuple[Condition, ...]:
    """The conditions of a statement.

    Raises:
        ComplianceError: the element has another shape than operator to key to value or values; an operator is unknown.
    """
    if not isinstance(document, dict):
        raise ComplianceError(place, "expected an object of operators")
    conditions: list[Condition] = []
    for name, keys in document.items():
        where = f"{place}.{name}"
        operator, qualifier, if_exists = parse_operator(name, where)
        if not isinstance(keys, dict):
            raise ComplianceError(where, "expected an object of condition keys to values")
        for key, values in keys.items():
            spot = f"{where}[{key!r}]"
            items = values if isinstance(values, list) else [values]
            if not items:
                raise ComplianceError(spot, "expected a value or a non-empty list of values")
            texts = [text_of(item, spot) for item in items]
            variables = with_variables and operator is not None and operator.variables
            templates = tuple(parse_template(text, with_variables=variables) for text in texts)
            if operator is None and any(text.lower() not in ("true", "false") for text in texts):
                raise ComplianceError(spot, 'Null takes "true" or "false"')
            conditions.append(Condition(name, operator, qualifier, if_exists, key.lower(), key, templates))
    return tuple(conditions)


def evaluate_conditions(conditions: tuple[Condition, ...], context: Context) -> Truth:
    """Whether every condition holds."""
    result: Truth = TRUE
    for condition in conditions:
        result = both(result, evaluate_condition(condition, context))
        if result == FALSE:
            break
    return result


def evaluate_condition(condition: Condition, context: Context) -> Truth:
    """Whether one condition holds."""
    value = context.get(condition.key)
    if condition.operator is None:
        return _null(condition, value)
    operator = condition.operator
    if isinstance(value, Unknown):
        held = _held_by_unknown(condition, operator, value, context)
        return agree(held, _when_absent(condition, operator)) if value.may_be_absent else held
    if not value or (condition.qualifier == "ForAllValues" and value == ("",)):
        return _when_absent(condition, operator)
    singles = [_single(operator, one, condition.values, context) for one in value]
    if condition.qualifier == "ForAllValues":
        return min(singles)
    if condition.qualifier == "ForAnyValue":
        return max(singles)
    # Without a set operator a list of values matches when one of them does; its negation holds when none does.
    return min(singles) if operator.negated else max(singles)


def _when_absent(condition: Condition, operator: Operator) -> Truth:
    if condition.if_exists or condition.qualifier == "ForAllValues":
        return TRUE
    if condition.qualifier == "ForAnyValue":
        return FALSE
    return certain(operator.negated)


def _null(condition: Condition, value: Value) -> Truth:
    if isinstance(value, Unknown):
        absent: Truth = UNKNOWN if value.may_be_absent else FALSE
    else:
        absent = certain(not value)
    result: Truth = FALSE
    for wanted in condition.values:
        result = either(result, absent if wanted.text.lower() == "true" else negate(absent))
    return result


def _single(operator: Operator, value: str, templates: tuple[Template, ...], context: Context) -> Truth:
    """Whether one request value passes: some policy value matches, or, negated, each of them differs."""
    result: Truth = TRUE if operator.negated else FALSE
    for template in templates:
        matched = _pair(operator, value, resolve(template, context))
        if operator.negated:
            result = both(result, FALSE if matched is None else negate(matched))
        elif matched is not None:
            result = either(result, matched)
    return result


def _pair(operator: Operator, value: str, resolved: Resolved) -> Truth | None:
    if resolved.null:
        return FALSE
    if resolved.exact:
        matched = operator.compare(value, resolved.pieces)
        return None if matched is None else certain(matched)
    if operator.family in ("string", "like", "arn") and disjoint((("literal", value),), resolved.pieces):
        return FALSE
    return UNKNOWN


def _held_by_unknown(condition: Condition, operator: Operator, value: Unknown, context: Context) -> Truth:
    """The truth for a key that is present with a value not known beyond its pattern."""
    pattern = arn_pieces(value.pattern)
    matched: Truth = FALSE
    for template in condition.values:
        resolved = resolve(template, context)
        if resolved.null:
            continue
        if operator.family in ("string", "like", "arn"):
            pieces = resolved.pieces if operator.family != "string" else _literal(resolved)
            if disjoint(pattern, pieces) or _excluded(value, operator, pieces):
                continue
            if operator.family == "like" and resolved.exact and pieces == (("glob", "*"),):
                matched = TRUE
                continue
        if value.not_before is not None and resolved.exact:
            matched = either(matched, _from_then_on(condition.key, operator, value.not_before, resolved.pieces))
            continue
        matched = either(matched, UNKNOWN)
    if matched == UNKNOWN or not (operator.family in ("string", "like", "arn") or value.not_before is not None):
        return UNKNOWN
    # An ARN operator that cannot read the value holds in neither sense.
    if operator.family == "arn" and operator.negated and not is_arn(value.pattern):
        return UNKNOWN
    return negate(matched) if operator.negated else matched


def _from_then_on(key: str, operator: Operator, not_before: Decimal, pieces: tuple[Piece, ...]) -> Truth:
    """Whether every time from `not_before` on compares so with the policy's (in the positive sense), or none does."""
    if operator.family != "date" and not (operator.family == "numeric" and key == EPOCH):
        return UNKNOWN
    if _YEAR.fullmatch("".join(text for _, text in pieces)):
        return UNKNOWN  # a number of seconds, or a year alone: documentation allows both readings
    text = format(not_before, "f")
    if operator.name.endswith(("GreaterThan", "GreaterThanEquals")):
        return TRUE if operator.compare(text, pieces) else UNKNOWN
    if operator.name.endswith(("LessThan", "LessThanEquals")):
        return FALSE if operator.compare(text, pieces) is False else UNKNOWN
    later = OPERATORS["DateGreaterThan" if operator.family == "date" else "NumericGreaterThan"]
    return FALSE if later.compare(text, pieces) else UNKNOWN


def may_be(value: Value, text: str) -> Truth:
    """Whether a single-valued key has this very value."""
    if not isinstance(value, Unknown):
        return certain(value == (text,))
    literal: tuple[Piece, ...] = (("literal", text),)
    barred = disjoint((("glob", value.pattern),), literal) or any(within(literal, each) for each in value.excluding)
    return FALSE if barred else UNKNOWN


def _excluded(value: Unknown, operator: Operator, pieces: tuple[Piece, ...]) -> bool:
    if operator.family == "arn" and all(kind == "glob" for kind, _ in pieces):
        pieces = arn_pieces(plain_text(pieces))
    return any(within(pieces, pattern) for pattern in value.excluding)


def _literal(resolved: Resolved) -> tuple[Piece, ...]:
    """For `StringEquals` a `*` in the policy is a plain character; only an unknown variable's pattern is a glob."""
    if resolved.exact:
        return tuple(("literal", text) for _, text in resolved.pieces)
    return resolved.pieces
