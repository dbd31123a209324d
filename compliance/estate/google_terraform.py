"""Terraform's documents as `google_…` resources with values, references between stacks included."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_REFERENCE: Final = re.compile(r"\$\{(google_[a-z0-9_]+)\.([A-Za-z0-9_-]+)\.([a-z0-9_]+)[^}]*\}")
_REMOTE: Final = re.compile(r"\$\{data\.terraform_remote_state\.([A-Za-z0-9_-]+)\.outputs\.([A-Za-z0-9_-]+)\}")
_INPUT: Final = "cross-stack-reference-input-"


@dataclass(frozen=True, slots=True)
class Planned:
    """A resource that will be there; `values` have their references replaced by names."""

    stack: str
    type: str
    address: str
    values: Mapping[str, Any]


Namer = Callable[[str, str, Mapping[str, Any], str], str]
"""Type, address, raw values and attribute to the value that the attribute will have."""


class _Stacks:
    """Raw resources of every stack, and the values that references to them have."""

    def __init__(self, documents: Mapping[str, Any], name: Namer) -> None:
        self.name = name
        self.raw: dict[tuple[str, str, str], Mapping[str, Any]] = {}
        self.outputs: dict[tuple[str, str], Any] = {}
        for stack, document in documents.items():
            for kind, address, values in _resources(document):
                self.raw[stack, kind, address] = values
            for output, body in (document.get("output") or {}).items():
                self.outputs[stack, output] = (body or {}).get("value") if isinstance(body, Mapping) else None

    def settle(self, value: Any, stack: str, depth: int = 0) -> Any:
        """A value with every reference replaced."""
        if isinstance(value, str) and "${" in value and depth < 8:
            return self._text(value, stack, depth)
        if isinstance(value, list):
            return [self.settle(item, stack, depth) for item in value]
        if isinstance(value, Mapping):
            return {key: self.settle(item, stack, depth) for key, item in value.items() if key != "//"}
        return value

    def _text(self, text: str, stack: str, depth: int) -> str:
        def remote(found: re.Match[str]) -> str:
            other = found[1].removeprefix(_INPUT)
            return str(self.settle(self.outputs.get((other, found[2]), f"unknown-{found[2]}"), other, depth + 1))

        def local(found: re.Match[str]) -> str:
            kind, address, attribute = found.groups()
            values = self.raw.get((stack, kind, address), {})
            settled = {k: self.settle(v, stack, depth + 1) for k, v in values.items() if k not in ("//", "depends_on")}
            return self.name(kind, f"{stack}:{kind}.{address}", settled, attribute)

        return _REFERENCE.sub(local, _REMOTE.sub(remote, text)).replace("$${", "${")


def _resources(document: Any) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    if isinstance(document, Mapping) and "planned_values" in document:
        yield from _of_plan(document)
        return
    for kind, named in (document.get("resource") or {}).items() if isinstance(document, Mapping) else ():
        if kind.startswith("google_"):
            for address, values in named.items():
                yield kind, address, values


def _of_plan(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Resources of `terraform show -json`; what is not known yet refers to the resource it comes from."""
    configured = {
        resource["address"]: resource.get("expressions") or {}
        for resource in ((document.get("configuration") or {}).get("root_module") or {}).get("resources") or ()
    }
    for resource in ((document.get("planned_values") or {}).get("root_module") or {}).get("resources") or ():
        if resource.get("mode") != "managed" or not str(resource.get("type", "")).startswith("google_"):
            continue
        values = dict(resource.get("values") or {})
        for attribute, expression in configured.get(resource["address"], {}).items():
            references = expression.get("references") if isinstance(expression, Mapping) else None
            if values.get(attribute) in (None, "") and references:
                first = next((r for r in references if r.count(".") >= 2), "")
                values[attribute] = f"${{{first}}}" if first.startswith("google_") else None
        yield resource["type"], resource["name"], values


def settled(documents: Mapping[str, Any], name: Namer) -> list[Planned]:
    """Every `google_…` resource of plans or synthesised stacks, with its references replaced."""
    stacks = _Stacks(documents, name)
    return [
        Planned(stack, kind, address, stacks.settle(values, stack))
        for (stack, kind, address), values in stacks.raw.items()
    ]


def google_resources(documents: Mapping[str, Any], namer: Any) -> list[Planned]:
    """As `settled`, with the names that an inventory gives."""
    return settled(documents, namer.attribute)


def one(value: Any) -> Mapping[str, Any]:
    """A block: the object, or the only item of the list that a plan makes of it."""
    if isinstance(value, list):
        value = value[0] if value else {}
    return value if isinstance(value, Mapping) else {}


def many(value: Any) -> list[Mapping[str, Any]]:
    """Blocks: a list of objects, or one object."""
    if isinstance(value, Mapping):
        return [value]
    return [item for item in value or () if isinstance(item, Mapping)]


_LISTS: Final = frozenset(
    {
        "rules", "ingress_policies", "egress_policies", "operations", "method_selectors", "sources", "conditions",
        "layer4_configs", "src_secure_tags", "target_secure_tags", "vpc_network_sources", "binding",
    }
)  # fmt: skip
"""Names of blocks that may be there several times; every other block is one object in the API."""


def camel(value: Any, name: str = "") -> Any:
    """A document in the API's spelling (`restricted_services` is `restrictedServices`), single blocks as objects."""
    if isinstance(value, Mapping):
        return {_camel(key): camel(item, key) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        if len(value) == 1 and isinstance(value[0], Mapping) and name not in _LISTS:
            return camel(value[0])
        return [camel(item) for item in value]
    if isinstance(value, str) and name in ("method_selectors", "identity_type") and not value:
        return None
    return value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
