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

_EXPRESSION = re.compile(r"(?<!\$)\$\{([^{}]*)\}")
_REFERENCE = re.compile(r"(data\.)?(google_[a-z0-9_]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_.\[\]\"-]+)")
_REMOTE = re.compile(r"data\.terraform_remote_state\.cross-stack-reference-input-([a-z0-9-]+)\.outputs\.([\w-]+)")
_ZIPMAP = re.compile(r"zipmap\(\[([^\[\]]*)\], \[([^\[\]]*)\]\)")
_META = frozenset({"//", "depends_on", "lifecycle", "provider", "count", "for_each", "provisioner", "connection"})
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
    problems: list[str] = []
    documents: dict[str, _Stack] = {}
    for name, path in sorted(stacks.items()):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise LocalCloudError(f"{path}: cannot be read as a stack: {error}; synthesise it again") from error
        documents[name] = _Stack(name, document, problems, documents)
    found = [resource for stack in documents.values() for resource in stack.resources()]
    if problems:
        raise LocalCloudError(
            "the stacks cannot be loaded as if applied:\n" + "\n".join(f"  {line}" for line in sorted(problems))
        )
    return found


class _Stack:
    def __init__(self, name: str, document: Mapping[str, Any], problems: list[str], all_: Mapping[str, _Stack]) -> None:
        self._name = name
        self._problems = problems
        self._all = all_
        self._outputs = document.get("output", {})
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

    def output(self, name: str, where: str, depth: int) -> Any:
        """The value of one of the stack's outputs; None where it has none."""
        held = self._outputs.get(name)
        return None if held is None else self._resolved(held["value"], where, depth)

    def _resolved(self, value: Any, where: str, depth: int) -> Any:
        if isinstance(value, Mapping):
            return {
                key: self._resolved(item, f"{where}.{key}", depth) for key, item in value.items() if key not in _META
            }
        if isinstance(value, list):
            return [self._resolved(item, f"{where}[{number}]", depth) for number, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        # `$${` is an escaped dollar: text of an expression language of Google's own, such as a log filter.
        parts = _EXPRESSION.split(value)
        found = [self._evaluated(part, where, depth) if number % 2 else part for number, part in enumerate(parts)]
        if len(parts) == 3 and not parts[0] and not parts[2]:
            return found[1]
        return "".join(str(part) for part in found).replace("$${", "${")

    def _evaluated(self, text: str, where: str, depth: int) -> Any:
        """The value of what stands between `${` and `}`: a reference, or a map made of two lists of references."""
        zipped = _ZIPMAP.fullmatch(text)
        if zipped:
            keys, values = (
                [self._evaluated(one.strip(), where, depth) for one in g.split(",")] for g in zipped.groups()
            )
            return dict(zip(keys, values, strict=True))
        found = None
        if depth and (reference := _REFERENCE.fullmatch(text)):
            found = self._attribute(*reference.groups(), where=where, depth=depth)
        elif depth and (remote := _REMOTE.fullmatch(text)) and remote[1] in self._all:
            found = self._all[remote[1]].output(remote[2], where, depth - 1)
        if found is None:
            self._problems.append(f"{where}: ${{{text}}} has no value here")
        return found

    def _attribute(self, kind: str | None, type_: str, label: str, attribute: str, *, where: str, depth: int) -> Any:
        from localcloud.gcp.computed import computed  # noqa: PLC0415 - each needs the other

        values = self._raw.get((kind or "", type_, label))
        if values is None:
            return None
        given = self._resolved(values, f"{self._name}: {type_}.{label}", depth - 1)
        try:
            return computed(type_, given, attribute)
        except KeyError as missing:
            self._problems.append(f"{where}: {type_}.{label} has no {missing}")
            return ""
