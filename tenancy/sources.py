"""YAML files as plain values that remember their lines.

`yaml.safe_load` forgets where a value stood and lets a later duplicate key win in silence; both matter when a file
decides who may reach whom. Parsing goes through PyYAML's node tree instead, and only the safe constructor is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tenancy.errors import Problem

Place = tuple[str | int, ...]

MAX_BYTES = 1_000_000
"""Larger than any tenant file; a bound on what a hostile file can make the parser do."""
MAX_NODES = 50_000


@dataclass
class Source:
    """A parsed file: its value, the line of every place in it, and what was wrong with its text."""

    file: str
    value: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    under: Source | None = None
    """The file whose values hold where this one is silent."""

    def where(self, place: Place) -> tuple[str, int]:
        """File and line of `place`, counted from 1; of the nearest place around it where no file writes it down."""
        if place not in self.lines and self.under is not None and place in self.under.lines:
            return self.under.where(place)
        while place and place not in self.lines:
            place = place[:-1]
        return self.file, self.lines.get(place, 0)

    def problem(self, place: Place, value: str, message: str, way_out: str) -> Problem:
        """A problem at `place`, with the file and line where it stands."""
        return Problem(*self.where(place), dotted(place) or "(file)", value, message, way_out)


class _Builder:
    """Turns a node tree into values, lines and problems."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.loader = yaml.SafeLoader("")
        self.nodes = 0

    def build(self, node: yaml.Node, place: Place) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            # Counts every visit, so a chain of aliases that multiplies ("billion laughs") ends here too.
            raise yaml.YAMLError(f"more than {MAX_NODES} values after expanding aliases")
        self.source.lines.setdefault(place, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*place, index)) for index, child in enumerate(node.value)]
        try:
            return self.loader.construct_object(node)
        except (ValueError, yaml.constructor.ConstructorError) as error:
            self._problem(node, place, str(node.value), f"not a value that YAML understands ({error})", "Quote it")
            return None

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or key_node.tag != "tag:yaml.org,2002:str":
                self._problem(key_node, place, str(key), "a key that is not a plain word", "Quote the key")
                continue
            here = (*place, key)
            if key in result:
                self._problem(key_node, here, key, "the key stands twice in this block", "Keep one of the two")
                continue
            self.source.lines[here] = key_node.start_mark.line + 1
            result[key] = self.build(value_node, here)
        return result

    def _problem(self, node: yaml.Node, place: Place, value: str, message: str, way_out: str) -> None:
        line = node.start_mark.line + 1
        self.source.problems.append(Problem(self.source.file, line, dotted(place) or "(file)", value, message, way_out))


def dotted(place: Place) -> str:
    """`("datasets", 0, "id")` as `datasets[0].id`."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read(path: Path, *, shown: str | None = None) -> Source:
    """The file at `path`. Never raises for what the file says: `problems` carries it and `value` is then None."""
    source = Source(shown or str(path))

    def unusable(line: int, message: str, way_out: str) -> Source:
        source.problems.append(Problem(source.file, line, "(file)", "", message, way_out))
        return source

    try:
        raw = path.read_bytes()
    except OSError as error:
        return unusable(0, f"cannot be read: {error.strerror}", "Check that the file exists and its permissions")
    if len(raw) > MAX_BYTES:
        return unusable(0, f"{len(raw)} bytes, more than {MAX_BYTES}", "A tenant file is a page of YAML; split it")
    try:
        node = yaml.compose(raw.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError as error:
        return unusable(0, f"not UTF-8 at byte {error.start}", "Save the file as UTF-8")
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        return unusable(line, f"not YAML: {error.problem}", "Mend the syntax at this line")
    except (yaml.YAMLError, RecursionError) as error:
        return unusable(0, f"not YAML: {error}", "Mend the syntax")
    if node is None:
        return unusable(0, "empty", "Write at least the required fields; `bulkhead tenants new ID` makes a start")
    try:
        value = _Builder(source).build(node, ())
    except (yaml.YAMLError, RecursionError) as error:
        return unusable(0, str(error) or "nested too deeply", "Write the values out plainly")
    if not isinstance(value, dict):
        return unusable(1, "not a mapping of fields to values", "Start with `id:`")
    source.value = value
    return source
