"""Access levels of Access Context Manager: whether a request meets one.

Source: Access Context Manager REST reference, `accessPolicies.accessLevels`. Devices and regions are not known unless
the question says which levels are met; they count as unknown.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compliance.errors import ComplianceError
from compliance.reason.gcp.cel.evaluate import holds
from compliance.reason.gcp.cel.parse import parse
from compliance.reason.gcp.cel.values import OPEN, OpenMap
from compliance.reason.gcp.members import Member, parse_member
from compliance.reason.gcp.principals import Directory, Principal, names
from compliance.reason.gcp.request import Source
from compliance.reason.gcp.shapes import a_list, a_text, an_object, texts
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, both, certain, either, negate


@dataclass(frozen=True, slots=True)
class Condition:
    """What must all hold at once; `other` says that devices are asked for."""

    networks: tuple[str, ...]
    members: tuple[Member, ...]
    required: tuple[str, ...]
    regions: tuple[str, ...]
    vpc_networks: tuple[str, ...]
    other: bool
    negated: bool


@dataclass(frozen=True, slots=True)
class AccessLevel:
    """A basic level (conditions, joined by and or or) or a custom one (`expression`)."""

    name: str
    conditions: tuple[Condition, ...]
    any_suffices: bool
    expression: str = ""


Levels = Mapping[str, AccessLevel]


def parse_access_level(document: Any, place: str) -> AccessLevel:
    """An access level as Access Context Manager prints it.

    Raises:
        ComplianceError: naming the place of what has another shape.
    """
    body = an_object(document, place, "an access level with `name` and `basic` or `custom`")
    name = a_text(body, "name", place)
    custom = body.get("custom")
    if custom is not None:
        expr = an_object(an_object(custom, f"{place}.custom", "`expr`").get("expr"), f"{place}.custom.expr", "a text")
        expression = a_text(expr, "expression", f"{place}.custom.expr")
        parse(expression, f"{place}.custom.expr.expression")
        return AccessLevel(name, (), False, expression)
    basic = an_object(body.get("basic"), f"{place}.basic", "`conditions`")
    where = f"{place}.basic.conditions"
    items = a_list(basic.get("conditions"), where, "a list of conditions")
    found = tuple(_condition(item, f"{where}[{index}]") for index, item in enumerate(items))
    return AccessLevel(name, found, basic.get("combiningFunction") == "OR")


def _condition(document: Any, place: str) -> Condition:
    body = an_object(document, place, "a condition")
    blocks = texts(body, "ipSubnetworks", place)
    for index, block in enumerate(blocks):
        try:
            ipaddress.ip_network(block, strict=False)
        except ValueError as error:
            raise ComplianceError(f"{place}.ipSubnetworks[{index}]", str(error)) from error
    members = tuple(parse_member(m, f"{place}.members[{i}]") for i, m in enumerate(texts(body, "members", place)))
    sources = a_list(body.get("vpcNetworkSources"), f"{place}.vpcNetworkSources", "a list")
    networks = tuple(str((s.get("vpcSubnetwork") or {}).get("network", "")) for s in sources if isinstance(s, Mapping))
    return Condition(
        blocks, members, texts(body, "requiredAccessLevels", place), texts(body, "regions", place), networks,
        bool(body.get("devicePolicy")), bool(body.get("negate")),
    )  # fmt: skip


def meets(name: str, levels: Levels, caller: Principal, source: Source, directory: Directory) -> Truth:
    """Whether a request of the caller from the source meets a level."""
    return _meets(name, levels, caller, source, directory, frozenset())


def _meets(
    name: str, levels: Levels, caller: Principal, source: Source, directory: Directory, seen: frozenset[str]
) -> Truth:
    if source.access_levels is not None:
        return certain(name in source.access_levels)
    level = levels.get(name)
    if level is None or name in seen:
        return UNKNOWN
    if level.expression:
        origin: dict[str, Any] = {"ip": source.ip or OPEN, "region_code": source.region or OPEN}
        return holds(level.expression, OpenMap({"origin": origin}), name)
    result: Truth = FALSE if level.any_suffices else TRUE
    for condition in level.conditions:
        truth = _condition_met(condition, levels, caller, source, directory, seen | {name})
        result = either(result, truth) if level.any_suffices else both(result, truth)
    return result


def _condition_met(
    condition: Condition,
    levels: Levels,
    caller: Principal,
    source: Source,
    directory: Directory,
    seen: frozenset[str],
) -> Truth:
    result: Truth = TRUE
    if condition.networks or condition.vpc_networks:
        result = both(result, _from_network(condition, source))
    if condition.members:
        named: Truth = FALSE
        for member in condition.members:
            named = either(named, names(member, caller, directory))
        result = both(result, named)
    for required in condition.required:
        result = both(result, _meets(required, levels, caller, source, directory, seen))
    if condition.regions:
        result = both(result, certain(source.region in condition.regions) if source.region else UNKNOWN)
    if condition.other and not source.device:
        result = both(result, UNKNOWN)
    return negate(result) if condition.negated else result


def _from_network(condition: Condition, source: Source) -> Truth:
    if source.project or source.network:
        # Within Google's network only private addresses are seen, which public blocks do not contain.
        if source.network and source.network in condition.vpc_networks:
            return UNKNOWN
        return FALSE
    if not source.ip:
        return UNKNOWN
    address = ipaddress.ip_address(source.ip)
    return certain(any(address in ipaddress.ip_network(block, strict=False) for block in condition.networks))
