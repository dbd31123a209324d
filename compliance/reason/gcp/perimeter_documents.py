"""Service perimeters as Access Context Manager prints them.

Source: Access Context Manager REST reference, `accessPolicies.servicePerimeters`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.gcp.members import Member, parse_member
from compliance.reason.gcp.shapes import a_list, a_text, an_object, texts
from compliance.reason.iam.shape import refuse_lookalikes

_BRIDGE: Final = "PERIMETER_TYPE_BRIDGE"
_REGULAR: Final = ("PERIMETER_TYPE_REGULAR", "")
_STATUS: Final = (
    "resources", "accessLevels", "restrictedServices", "vpcAccessibleServices", "ingressPolicies", "egressPolicies",
)  # fmt: skip
_IDENTITY_TYPES: Final = ("", "IDENTITY_TYPE_UNSPECIFIED", "ANY_IDENTITY", "ANY_USER_ACCOUNT", "ANY_SERVICE_ACCOUNT")


@dataclass(frozen=True, slots=True)
class Operation:
    """A service with the methods and permissions of it; `methods` may hold `*`."""

    service: str
    methods: tuple[str, ...]
    permissions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """An ingress or egress rule.

    Attributes:
        sources: (`accessLevel` or `resource`, name); None if the rule does not ask where the request comes from.
    """

    identity_type: str
    identities: tuple[Member, ...]
    sources: tuple[tuple[str, str], ...] | None
    resources: frozenset[str]
    to_anything: bool
    operations: tuple[Operation, ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Perimeter:
    """What of a perimeter is enforced.

    Attributes:
        resources: `projects/<number>` and `//compute.googleapis.com/projects/…/global/networks/…`.
        accessible: services that networks in it may reach; None if that is not restricted.
    """

    label: str
    name: str
    bridge: bool
    resources: frozenset[str]
    restricted: frozenset[str]
    access_levels: tuple[str, ...]
    ingress: tuple[Rule, ...]
    egress: tuple[Rule, ...]
    accessible: frozenset[str] | None


def parse_perimeter(document: Any, place: str) -> Perimeter:
    """A perimeter; of `status` only, since `spec` is a dry run.

    Raises:
        ComplianceError: naming the place of what has another shape.
    """
    body = an_object(document, place, "a service perimeter with `status`")
    refuse_lookalikes(dict(body), ("name", "title", "perimeterType", "status", "spec", "useExplicitDryRunSpec"), place)
    kind = a_text(body, "perimeterType", place)
    if kind != _BRIDGE and kind not in _REGULAR:
        raise ComplianceError(f"{place}.perimeterType", f"unknown type of perimeter {kind!r}")
    status = an_object(body.get("status") or {}, f"{place}.status", "a configuration of a perimeter")
    where = f"{place}.status"
    refuse_lookalikes(dict(status), _STATUS, where)
    restricted = frozenset(texts(status, "restrictedServices", where))
    return Perimeter(
        place.removeprefix("$."),
        a_text(body, "name", place),
        kind == _BRIDGE,
        frozenset(texts(status, "resources", where)),
        restricted,
        texts(status, "accessLevels", where),
        _rules(status, "ingressPolicies", where, "ingress"),
        _rules(status, "egressPolicies", where, "egress"),
        _accessible(status.get("vpcAccessibleServices"), restricted, f"{where}.vpcAccessibleServices"),
    )


def _accessible(document: Any, restricted: frozenset[str], place: str) -> frozenset[str] | None:
    if document is None:
        return None
    body = an_object(document, place, "`enableRestriction` and `allowedServices`")
    if not body.get("enableRestriction"):
        return None
    allowed = set(texts(body, "allowedServices", place))
    if "RESTRICTED-SERVICES" in allowed:
        allowed |= restricted
    return frozenset(allowed)


def _rules(status: Any, name: str, place: str, direction: str) -> tuple[Rule, ...]:
    items = a_list(status.get(name), f"{place}.{name}", "a list of rules")
    return tuple(_rule(item, f"{place}.{name}[{index}]", direction) for index, item in enumerate(items))


def _rule(document: Any, place: str, direction: str) -> Rule:
    body = an_object(document, place, f"an object with `{direction}From` and `{direction}To`")
    start = an_object(body.get(f"{direction}From") or {}, f"{place}.{direction}From", "an object")
    end = an_object(body.get(f"{direction}To") or {}, f"{place}.{direction}To", "an object")
    refuse_lookalikes(dict(body), ("title", f"{direction}From", f"{direction}To"), place)
    at_start, at_end = f"{place}.{direction}From", f"{place}.{direction}To"
    refuse_lookalikes(dict(start), ("identityType", "identities", "sources", "sourceRestriction"), at_start)
    refuse_lookalikes(dict(end), ("operations", "resources", "externalResources", "roles"), at_end)
    identity_type = a_text(start, "identityType", at_start)
    if identity_type not in _IDENTITY_TYPES:
        raise ComplianceError(f"{at_start}.identityType", f"unknown type of identity {identity_type!r}")
    members = texts(start, "identities", at_start)
    sources: tuple[tuple[str, str], ...] | None = tuple(_sources(start, at_start))
    if direction == "egress" and start.get("sourceRestriction") != "SOURCE_RESTRICTION_ENABLED":
        sources = None
    resources = texts(end, "resources", at_end)
    items = a_list(end.get("operations"), f"{at_end}.operations", "a list of operations")
    return Rule(
        identity_type,
        tuple(parse_member(member, f"{at_start}.identities[{i}]") for i, member in enumerate(members)),
        sources,
        frozenset(resources),
        "*" in resources,
        tuple(_operation(item, f"{at_end}.operations[{index}]") for index, item in enumerate(items)),
        texts(end, "roles", at_end),
    )


def _sources(start: Any, place: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for index, item in enumerate(a_list(start.get("sources"), f"{place}.sources", "a list of sources")):
        body = an_object(item, f"{place}.sources[{index}]", "an object with `accessLevel` or `resource`")
        named = [(kind, str(body[kind])) for kind in ("accessLevel", "resource") if body.get(kind)]
        if not named:
            raise ComplianceError(f"{place}.sources[{index}]", "expected `accessLevel` or `resource`")
        found += named
    return found


def _operation(document: Any, place: str) -> Operation:
    body = an_object(document, place, "an object with `serviceName`")
    methods: list[str] = []
    permissions: list[str] = []
    for index, item in enumerate(a_list(body.get("methodSelectors"), f"{place}.methodSelectors", "a list")):
        selector = an_object(item, f"{place}.methodSelectors[{index}]", "an object with `method` or `permission`")
        if selector.get("method"):
            methods.append(str(selector["method"]))
        if selector.get("permission"):
            permissions.append(str(selector["permission"]))
    return Operation(a_text(body, "serviceName", place), tuple(methods), tuple(permissions))
