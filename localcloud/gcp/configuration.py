"""Synthesised stacks of Google Cloud as a list of resources whose references are resolved, as if they were applied.

Terraform's JSON configuration syntax. What Google would compute (numbers, ids, e-mail addresses) is derived here, in
`computed.py`; an expression that cannot be resolved refuses the whole configuration.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.errors import LocalCloudError

_REFERENCE = re.compile(r"\$\{(data\.)?(google_[a-z0-9_]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_.\[\]\"-]+)\}")
_DEPTH = 12
"""References from attribute to attribute; a longer chain is taken for a circle."""


@dataclass(frozen=True)
class Resource:
    """One resource of a stack, every reference in its values replaced."""

    stack: str
    type: str
    label: str
    values: Mapping[str, Any]

    def block(self, name: str) -> Mapping[str, Any]:
        """The only block of a name; empty where there is none."""
        return next(iter(self.blocks(name)), {})

    def blocks(self, name: str) -> list[Mapping[str, Any]]:
        """The blocks of a name: Terraform's JSON writes one block as an object or as a list of one."""
        return as_blocks(self.values.get(name))


def as_blocks(found: Any) -> list[Mapping[str, Any]]:
    """Blocks from either of their two spellings."""
    if found is None:
        return []
    return [found] if isinstance(found, Mapping) else [entry for entry in found if isinstance(entry, Mapping)]


def load(stacks: Mapping[str, Path]) -> list[Resource]:
    """The google resources of every stack, by stack's name and `cdk.tf.json`.

    Raises:
        LocalCloudError: a file cannot be read, or an expression has no value; every such expression is named.
    """
    found: list[Resource] = []
    problems: list[str] = []
    for name, path in sorted(stacks.items()):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise LocalCloudError(f"{path}: cannot be read as a stack: {error}; synthesise it again") from error
        found += _Stack(name, document, problems).resources()
    if problems:
        raise LocalCloudError(
            "the stacks cannot be loaded as if applied:\n" + "\n".join(f"  {line}" for line in sorted(problems))
        )
    return found


class _Stack:
    def __init__(self, name: str, document: Mapping[str, Any], problems: list[str]) -> None:
        self._name = name
        self._problems = problems
        self._raw = {
            ("data." if kind == "data" else "", type_, label): values
            for kind in ("resource", "data")
            for type_, labelled in document.get(kind, {}).items()
            if type_.startswith("google_")
            for label, values in labelled.items()
        }

    def resources(self) -> list[Resource]:
        return [
            Resource(self._name, type_, label, self._resolved(values, f"{self._name}: {type_}.{label}", _DEPTH))
            for (kind, type_, label), values in self._raw.items()
            if not kind
        ]

    def _resolved(self, value: Any, where: str, depth: int) -> Any:
        if isinstance(value, Mapping):
            return {key: self._resolved(item, f"{where}.{key}", depth) for key, item in value.items()}
        if isinstance(value, list):
            return [self._resolved(item, f"{where}[{number}]", depth) for number, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        whole = _REFERENCE.fullmatch(value)
        if whole:
            return self._attribute(whole, where, depth)
        text = _REFERENCE.sub(lambda match: str(self._attribute(match, where, depth)), value)
        # `$${` is an escaped dollar: text of an expression language of Google's own, such as a log filter.
        if re.search(r"(?<!\$)\$\{", text):
            self._problems.append(f"{where}: {value!r} has no value here")
        return text.replace("$${", "${")

    def _attribute(self, match: re.Match[str], where: str, depth: int) -> Any:
        from localcloud.gcp.computed import computed  # noqa: PLC0415 - each needs the other

        kind, type_, label, attribute = match.groups()
        values = self._raw.get((kind or "", type_, label))
        if values is None or depth == 0:
            self._problems.append(f"{where}: {match.group(0)} refers to nothing")
            return match.group(0)
        here = f"{self._name}: {type_}.{label}"
        given = self._resolved(values, here, depth - 1)
        found = computed(type_, given, attribute)
        if found is None:
            self._problems.append(f"{where}: {match.group(0)} has no value here")
            return match.group(0)
        return found
