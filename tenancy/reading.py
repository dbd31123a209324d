"""From the values of a file to a model of them, with every problem at its line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import ValidationError

from tenancy.base import Spec
from tenancy.errors import Problem
from tenancy.sources import Place, Source

SpecT = TypeVar("SpecT", bound=Spec)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Mappings merge field by field; everything else, lists included, is replaced whole."""
    merged = dict(base)
    for key, value in over.items():
        held = merged.get(key)
        merged[key] = merge(held, value) if isinstance(held, dict) and isinstance(value, Mapping) else value
    return merged


def parsed(model: type[SpecT], value: Mapping[str, Any], source: Source, problems: list[Problem]) -> SpecT | None:
    """`value` as a specification, or None with what is wrong appended to `problems`."""
    try:
        return model.model_validate(value)
    except ValidationError as invalid:
        for error in invalid.errors():
            place: Place = tuple(error["loc"])
            if error["type"] == "extra_forbidden":
                problems.append(unknown_field(source, place, _fields_around(model, place)))
                continue
            shown = "" if error["type"] == "missing" or isinstance(error["input"], dict) else repr(error["input"])
            message = error["msg"].removeprefix("Value error, ")
            problems.append(source.problem(place, shown[:80], message, _way_out(error["type"])))
        return None


def _way_out(kind: str) -> str:
    if kind == "missing":
        return "Add the field, or give it a value in defaults.yaml"
    if kind.endswith(("_type", "_parsing")):
        return "Write a value of that type"
    return "See `bulkhead tenants schema` for what the field takes"


def _fields_around(model: type[Spec], place: Place) -> list[str]:
    """The fields that the mapping around `place` takes; empty where that is not a specification of ours."""
    current: Any = model
    in_mapping = False
    for part in place[:-1]:
        if isinstance(part, int) or in_mapping:
            in_mapping = False
            continue
        field = getattr(current, "model_fields", {}).get(part)
        if field is None:
            return []
        inner = [field.annotation, *get_args(field.annotation)]
        current = next((kind for kind in inner if isinstance(kind, type) and issubclass(kind, Spec)), None)
        in_mapping = get_origin(field.annotation) is dict
    return sorted(getattr(current, "model_fields", {}))


def unknown_field(source: Source, place: Place, fields: list[str]) -> Problem:
    """The problem of a field that is none of `fields`, the ones known around it."""
    name = str(place[-1])
    close = difflib.get_close_matches(name, fields, n=1)
    known = f"Known here: {', '.join(fields)}" if fields else "Remove it"
    return source.problem(place, "", "unknown field", f"Did you mean `{close[0]}`?" if close else known)
