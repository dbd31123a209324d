"""Planned resources as the answers of the APIs that will describe them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from compliance.estate.build import Builder
from compliance.estate.model import PATHS, Path
from compliance.estate.terraform import Planned
from compliance.facts.fact import Fact, Status
from compliance.facts.scope import Scope

ById = Mapping[str, Planned]
"""Planned resources by the name that references to them have."""


class Answers:
    """The answers under construction, by API, account, region and subject."""

    def __init__(self, scope: Scope, builder: Builder) -> None:
        """Starts with what every account has whether planned or not."""
        self.scope = scope
        self.builder = builder
        self._answers: dict[tuple[str, str, str, str], dict[str, Any]] = {}
        self._params: dict[tuple[str, str, str, str], dict[str, Any]] = {}

    def about(self, resource: Planned, api: str, subject: str = "", **params: Any) -> dict[str, Any]:
        """The answer of an API about a subject in the account of a resource."""
        return self.at(resource.account, resource.region, api, subject, **params)

    def at(self, account: str, region: str, api: str, subject: str = "", **params: Any) -> dict[str, Any]:
        """The answer of an API about a subject."""
        key = (api, account, region, subject)
        self._params.setdefault(key, params or ({"Subject": subject} if subject else {}))
        return self._answers.setdefault(key, {})

    def lists(self, resource: Planned, api: str, member: str, item: Any, subject: str = "", **params: Any) -> None:
        """Adds an item to a list that an API answers."""
        self.about(resource, api, subject, **params).setdefault(member, []).append(item)

    def needs(self, resource: Planned, attribute: str, *paths: Path) -> bool:
        """Whether an attribute is known; if Terraform will know it only later, that is a gap."""
        if attribute in resource.unknown or (resource.values.get(attribute) is None):
            what = f"{resource.stack}: {resource.address}.{attribute}"
            self.builder.gap(resource.account, paths or PATHS, what, "is known only after the stack is applied")
            return False
        return True

    def facts(self) -> list[Fact]:
        """The answers as facts."""
        return [
            Fact(key[0], self._params[key], key[1], key[2], "plan", "", "", Status.OK, response=answer)
            for key, answer in self._answers.items()
        ]


def tags_list(resource: Planned) -> list[dict[str, str]]:
    """Tags as the list of Key and Value that APIs answer."""
    tags = resource.values.get("tags_all") or resource.values.get("tags") or {}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def bucket_name(resource: Planned, by_id: ById, attribute: str = "bucket") -> str:
    """The name of the bucket that an attribute refers to."""
    name = str(resource.values.get(attribute, ""))
    target = by_id.get(name)
    return str(target.values.get("bucket", name)) if target is not None else name


def block(resource: Planned, name: str) -> dict[str, Any]:
    """The first block of a name; empty if there is none."""
    return block_of(resource.values, name)


def block_of(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The first block of a name inside another block."""
    found = values.get(name)
    if isinstance(found, list):
        found = found[0] if found else {}
    return found if isinstance(found, dict) else {}


def blocks(resource: Planned, name: str) -> list[dict[str, Any]]:
    """Every block of a name."""
    found = resource.values.get(name)
    return [found] if isinstance(found, dict) else list(found or ())


def named(resource: Planned, by_id: ById, attribute: str, holder: str = "name") -> str:
    """The name (or another attribute) of the resource that an attribute refers to."""
    value = str(resource.values.get(attribute, ""))
    target = by_id.get(value)
    return str(target.values.get(holder, value)) if target is not None else value


Translate = Callable[[Answers, Planned, ById], None]
"""Writes a planned resource into the answers."""
