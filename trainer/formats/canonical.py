"""Canonical JSON (RFC 8785): the one encoding of everything that is hashed, signed or authenticated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import rfc8785

from trainer.errors import Reason, TrainerError


def canonical_json(document: Any) -> bytes:
    """The RFC 8785 encoding of `document` in UTF-8; raises `TrainerError` for what JSON cannot carry exactly."""
    try:
        return rfc8785.dumps(document)
    except rfc8785.CanonicalizationError as error:
        raise TrainerError(Reason.BAD_FORMAT, f"not representable as canonical JSON: {error}") from error


def parse_json_object(data: bytes, name: str, limit: int = 256 * 1024 * 1024) -> dict[str, Any]:
    """The JSON object in `data`; duplicate names, NaN, other types and oversize input are refused, naming `name`."""
    if len(data) > limit:
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: {len(data)} bytes are more than the limit of {limit}")
    try:
        parsed = json.loads(data, object_pairs_hook=_no_duplicates, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: not a JSON document: {error}") from error
    if not isinstance(parsed, Mapping):
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: expected a JSON object, found {type(parsed).__name__}")
    return dict(parsed)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object repeats a name")
    return result


def _refuse_constant(value: str) -> Any:
    raise ValueError(f"{value} is not JSON")
