"""Attribute conditions and mappings of workload identity providers, evaluated with cel-python.

IAM "Workload identity federation: attribute mappings and conditions". An expression that cannot be evaluated on these
claims (a member that is not there, say) refuses the exchange, as Google's does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import celpy
from celpy import celtypes
from celpy.adapter import json_to_cel
from celpy.celparser import CELParseError
from celpy.evaluation import CELEvalError

from localcloud.gcp.errors import Code, GoogleError

SUBJECT_LIMIT = 127
"""Bytes of `google.subject` (IAM, "Workload identity federation")."""


def _evaluate(expression: str, claims: Mapping[str, Any], what: str) -> Any:
    environment = celpy.Environment()
    try:
        program = environment.program(environment.compile(expression))
        return program.evaluate({"assertion": json_to_cel(dict(claims))})
    except (CELParseError, CELEvalError) as error:
        raise GoogleError(
            Code.INVALID_ARGUMENT, f"The {what} could not be evaluated: {error}", reason="invalid_grant"
        ) from error


def meets(condition: str, claims: Mapping[str, Any]) -> bool:
    """Whether the claims meet an attribute condition; an empty one is met. Raises `GoogleError`."""
    if not condition.strip():
        return True
    found = _evaluate(condition, claims, "attribute condition")
    return isinstance(found, celtypes.BoolType | bool) and bool(found)


def mapped(mapping: Mapping[str, str], claims: Mapping[str, Any]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Subject and attributes (without their prefix) of the federated identity. Raises `GoogleError`."""
    values = {name: _evaluate(text, claims, f"mapping of {name}") for name, text in sorted(mapping.items())}
    wrong = [name for name, value in values.items() if not isinstance(value, str)]
    subject = values.get("google.subject")
    if wrong or subject is None or len(str(subject).encode()) > SUBJECT_LIMIT:
        raise GoogleError(
            Code.INVALID_ARGUMENT,
            f"The mapped attributes are not acceptable: {wrong or 'google.subject'} must be text of at most "
            f"{SUBJECT_LIMIT} bytes",
            reason="invalid_grant",
        )
    attributes = {
        name.removeprefix("attribute."): str(value) for name, value in values.items() if name.startswith("attribute.")
    }
    return str(subject), tuple(sorted(attributes.items()))
