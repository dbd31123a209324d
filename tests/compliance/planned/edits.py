"""Edits of synthesised stacks: drop, change or add resources, as someone who writes Terraform might."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

Documents = dict[str, Any]
Edit = Callable[[Documents], None]


def matching(documents: Documents, stack: str, kind: str, part: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Resources of a type in a stack whose logical name contains `part`."""
    held = documents[stack]["resource"].get(kind, {})
    found = [(name, body) for name, body in held.items() if part in name]
    assert found, f"{stack} has no {kind} with {part!r}"
    yield from found


def drop(stack: str, kind: str, part: str = "") -> Edit:
    """The resources go."""

    def edit(documents: Documents) -> None:
        for name, _ in list(matching(documents, stack, kind, part)):
            del documents[stack]["resource"][kind][name]

    return edit


def change(stack: str, kind: str, part: str = "", **values: Any) -> Edit:
    """Arguments of the resources get other values; None takes an argument away."""

    def edit(documents: Documents) -> None:
        for _, body in matching(documents, stack, kind, part):
            for name, value in values.items():
                if value is None:
                    body.pop(name, None)
                else:
                    body[name] = value

    return edit


def add(stack: str, kind: str, **values: Any) -> Edit:
    """One more resource, named `added`."""

    def edit(documents: Documents) -> None:
        documents[stack]["resource"].setdefault(kind, {})["added"] = values

    return edit


def policy(stack: str, kind: str, part: str, argument: str, alter: Callable[[list[Any]], list[Any]]) -> Edit:
    """The statements of a policy are altered."""

    def edit(documents: Documents) -> None:
        for _, body in matching(documents, stack, kind, part):
            held = json.loads(body[argument])
            held["Statement"] = alter(held["Statement"])
            body[argument] = json.dumps(held)

    return edit


def without(*names: str) -> Callable[[list[Any]], list[Any]]:
    """The statements without those whose Sid begins so."""
    return lambda statements: [one for one in statements if not str(one.get("Sid", "")).startswith(names)]


def plus(*more: dict[str, Any]) -> Callable[[list[Any]], list[Any]]:
    """The statements and some more."""
    return lambda statements: [*statements, *more]


def both(*edits: Edit) -> Edit:
    """Several edits."""

    def edit(documents: Documents) -> None:
        for one in edits:
            one(documents)

    return edit


def ref(documents: Documents, stack: str, kind: str, part: str, attribute: str = "id") -> str:
    """A reference to a resource, as Terraform writes it."""
    name, _ = next(matching(documents, stack, kind, part))
    return f"${{{kind}.{name}.{attribute}}}"


def added(stack: str, kind: str, refers: dict[str, tuple[str, str, str]], **values: Any) -> Edit:
    """One more resource with references: by argument the type, part of the name and attribute that it refers to."""

    def edit(documents: Documents) -> None:
        linked = {name: ref(documents, stack, *target) for name, target in refers.items()}
        add(stack, kind, **linked, **values)(documents)

    return edit


def as_plan(document: dict[str, Any]) -> dict[str, Any]:
    """What Terraform shows of a plan of this stack before anything exists: values, what is unknown, references."""
    planned, configured, changes = [], [], []
    for kind, named in document["resource"].items():
        for name, body in named.items():
            held = {key: value for key, value in body.items() if key not in ("//", "provider", "depends_on")}
            known, unknown, expressions = _split(held)
            address = f"{kind}.{name}"
            head = {"address": address, "mode": "managed", "type": kind, "name": name}
            planned.append(head | {"values": known})
            key = str(body.get("provider", "aws"))
            configured.append(head | {"expressions": expressions, "provider_config_key": key})
            changes.append({"address": address, "change": {"actions": ["create"], "after_unknown": unknown}})
    providers = {}
    for given in document["provider"]["aws"]:
        named = f"aws.{given['alias']}" if given.get("alias") else "aws"
        expressions = {
            key: [{k: {"constant_value": v} for k, v in item.items()} for item in value]
            if key == "assume_role"
            else {"constant_value": value}
            for key, value in given.items()
            if key in ("allowed_account_ids", "region", "assume_role")
        }
        providers[named] = {"name": "aws", "expressions": expressions}
    return {
        "format_version": "1.2",
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": changes,
        "configuration": {"provider_config": providers, "root_module": {"resources": configured}},
    }


def _split(body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    known: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    expressions: dict[str, Any] = {}
    for key, value in body.items():
        refers = _references(value)
        if (isinstance(value, dict) and key not in ("tags", "permissions")) or _is_blocks(value):
            parts = [_split(item) for item in (value if isinstance(value, list) else [value])]
            known[key], unknown[key], expressions[key] = (list(column) for column in zip(*parts, strict=True))
        elif refers:
            unknown[key] = True
            expressions[key] = {"references": refers}
        else:
            known[key] = json.loads(json.dumps(value).replace("$${", "${"))
            expressions[key] = {"constant_value": value}
    return known, unknown, expressions


def _is_blocks(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _references(value: Any) -> list[str]:
    text = json.dumps(value).replace("$${", "")
    found = []
    for part in text.split("${")[1:]:
        inside = part.partition("}")[0].partition("[")[0]
        found += [inside, inside.rpartition(".")[0]]
    return found
