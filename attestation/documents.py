"""Reading YAML and JSON that decide something: a name that stands twice in one block is refused, never the later taken.

`yaml.safe_load` and `json.loads` let the later of two equal keys win in silence, so what a person read in a policy or a
file's author signed off may not be what is used.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

import yaml

from attestation.errors import AttestationError

_DEEPEST = 64
"""Levels of lists and objects; what is deeper than any real document could be read and then not be written again."""
_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader that compares the keys of every block."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)  # before merges write their keys into it
        _distinct(node)
        return node


class _TextLoader(yaml.BaseLoader):
    """The same for PyYAML's loader that leaves every scalar as text."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        _distinct(node)
        return node


def _distinct(node: yaml.MappingNode) -> None:
    seen: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
            continue
        line = key.start_mark.line + 1
        # As text, because `4` and `"4"` are two keys to YAML and one register to whoever reads the values.
        if key.value in seen:
            problem = f"{key.value!r} stands twice in one block, first on line {seen[key.value]}: keep one of the two"
            raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key.start_mark)
        seen[key.value] = line


def load_yaml(text: str | bytes, source: str, *, texts: bool = False) -> Any:
    """The value of one YAML or JSON document; with `texts` every scalar as it is written.

    Raises:
        AttestationError: not YAML, or a key twice in a block, with file and line.
    """
    try:
        return yaml.load(text, Loader=_TextLoader if texts else _Loader)  # noqa: S506 - both build plain values only
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise AttestationError(f"{source}{line}: not YAML: {error.problem or error}") from error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:  # ValueError: a date that no calendar has
        raise AttestationError(f"{source}: not YAML: {error}") from error


def load_json(text: str | bytes, what: str) -> Any:
    """The value of one JSON document.

    Raises:
        AttestationError: not JSON, a number that JSON has not (NaN) or nobody can compare (1e999), a name twice in an
            object, or more than 64 levels.
    """
    try:
        found = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise AttestationError(f"{what}: not JSON: {error}") from error
    level = [found]
    for _ in range(_DEEPEST):
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return found
    raise AttestationError(f"{what}: lists and objects in more than {_DEEPEST} levels")


def _inside(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, number in Counter(name for name, _ in pairs).items() if number > 1)
        raise ValueError(f"{twice!r} stands twice in one object: keep one of the two")
    return found


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
