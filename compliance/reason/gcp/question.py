"""Reads a question about Google Cloud from the documented JSON form (`docs/authorize.md`)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from compliance.errors import ComplianceError
from compliance.reason.gcp.access_levels import parse_access_level
from compliance.reason.gcp.acl import parse_acl
from compliance.reason.gcp.allow import AllowPolicy, parse_allow_policy
from compliance.reason.gcp.boundary import parse_boundary
from compliance.reason.gcp.cel.functions import timestamp
from compliance.reason.gcp.cel.values import Failure
from compliance.reason.gcp.decide import Documents
from compliance.reason.gcp.deny import parse_deny_policy
from compliance.reason.gcp.holders import holders_of
from compliance.reason.gcp.members import parse_member
from compliance.reason.gcp.organisation_policy import parse_constraint_policy
from compliance.reason.gcp.perimeter import Borders
from compliance.reason.gcp.perimeter_documents import parse_perimeter
from compliance.reason.gcp.principals import Directory, Principal
from compliance.reason.gcp.request import Request, Source, Target, type_of
from compliance.reason.gcp.roles import parse_roles
from compliance.reason.gcp.shapes import a_list, a_text, an_object, texts
from compliance.reason.iam.shape import refuse_lookalikes

_ELEMENTS: Final = (
    "cloud", "request", "allowPolicies", "denyPolicies", "principalAccessBoundaries", "organizationPolicies",
    "servicePerimeters", "accessLevels", "acl", "roles", "groups",
)  # fmt: skip
_REQUEST: Final = ("permission", "method", "service", "resource", "principal", "context", "source", "members", "also")
_PARTS: Final = ("rules", "spec", "booleanPolicy", "listPolicy", "restoreDefault")
"""What makes an object a policy itself rather than a level of policies."""
_PERMISSION: Final = re.compile(r"[a-zA-Z0-9]+(?:\.[a-zA-Z0-9_]+){2,}")
_NODE: Final = re.compile(r"(?:projects|folders|organizations)/[^/]+")
_Parsed = TypeVar("_Parsed")


def parse_question(document: Any, place: str = "$") -> tuple[Request, Documents]:
    """A request and everything that applies to it.

    Raises:
        ComplianceError: with the place, when the question or a policy in it is malformed.
    """
    body = an_object(document, place, "an object with `request` and the policies that apply")
    refuse_lookalikes(dict(body), _ELEMENTS, place)
    if body.get("cloud") not in (None, "gcp"):
        raise ComplianceError(f"{place}.cloud", "expected gcp")
    request = parse_request(body.get("request"), f"{place}.request")
    return request, parse_documents(body, place, request.target)


def parse_documents(body: Mapping[str, Any], place: str, target: Target | None = None) -> Documents:
    """The policies of a question. `target` tells which allow policy is that of the resource's project."""
    allow = _by_level(body.get("allowPolicies"), f"{place}.allowPolicies", "policy", parse_allow_policy)
    groups = an_object(body.get("groups") or {}, f"{place}.groups", "an object of members by group")
    members = {name.lower().removeprefix("group:"): _members(groups, name, f"{place}.groups") for name in groups}
    levels = [
        parse_access_level(item, f"{place}.accessLevels[{i}]")
        for i, item in enumerate(a_list(body.get("accessLevels"), f"{place}.accessLevels", "a list of access levels"))
    ]
    return Documents(
        allow=allow,
        deny=_policies(body.get("denyPolicies"), f"{place}.denyPolicies", parse_deny_policy),
        boundaries=tuple(
            parse_boundary(item, f"{place}.principalAccessBoundaries[{i}]")
            for i, item in enumerate(
                a_list(body.get("principalAccessBoundaries"), f"{place}.principalAccessBoundaries", "a list")
            )
        ),
        constraints=_policies(
            body.get("organizationPolicies"), f"{place}.organizationPolicies", parse_constraint_policy
        ),
        borders=Borders(
            tuple(
                parse_perimeter(item, f"{place}.servicePerimeters[{i}]")
                for i, item in enumerate(
                    a_list(body.get("servicePerimeters"), f"{place}.servicePerimeters", "a list of perimeters")
                )
            ),
            {level.name: level for level in levels},
        ),
        acl=parse_acl(body.get("acl"), f"{place}.acl"),
        roles=parse_roles(body.get("roles"), f"{place}.roles"),
        directory=Directory(members, holders_of(allow, target.nodes if target is not None else ())),
    )


def _members(groups: Mapping[str, Any], name: str, place: str) -> tuple[str, ...]:
    found = texts(groups, name, place)
    for index, member in enumerate(found):
        parse_member(member, f"{place}.{name}[{index}]")
    return found


def _by_level(
    document: Any, place: str, member: str, parse: Callable[[Any, str, str], AllowPolicy]
) -> tuple[AllowPolicy, ...]:
    found: list[AllowPolicy] = []
    for index, item in enumerate(a_list(document, place, "a list of levels, each with `level` and `policy`")):
        where = f"{place}[{index}]"
        level = an_object(item, where, "an object with `level` and `policy`")
        if "bindings" in level:
            found.append(parse(level, a_text(level, "level", where, str(index)), where))
            continue
        refuse_lookalikes(dict(level), ("level", member), where)
        if member not in level:
            raise ComplianceError(where, f"expected `{member}`, the policy of this level")
        found.append(parse(level[member], a_text(level, "level", where, str(index)), f"{where}.{member}"))
    return tuple(found)


def _policies(document: Any, place: str, parse: Callable[[Any, str, str], _Parsed]) -> tuple[_Parsed, ...]:
    found: list[_Parsed] = []
    for index, item in enumerate(a_list(document, place, "a list of levels, each with `level` and `policies`")):
        where = f"{place}[{index}]"
        level = an_object(item, where, "an object with `level` and `policies`")
        if any(part in level for part in _PARTS):
            found.append(parse(level, a_text(level, "level", where, str(index)), where))
            continue
        refuse_lookalikes(dict(level), ("level", "policies"), where)
        if not isinstance(level.get("policies"), list):
            raise ComplianceError(where, "expected an object with `level` and `policies` (a list)")
        name = a_text(level, "level", where, str(index))
        found += [parse(policy, name, f"{where}.policies[{i}]") for i, policy in enumerate(level["policies"])]
    return tuple(found)


def parse_request(document: Any, place: str) -> Request:
    """The request of a question.

    Raises:
        ComplianceError: with the place of what is missing or malformed.
    """
    body = an_object(document, place, "an object with permission, resource, principal and context")
    refuse_lookalikes(dict(body), _REQUEST, place)
    permission = a_text(body, "permission", place)
    if not _PERMISSION.fullmatch(permission):
        raise ComplianceError(f"{place}.permission", f"{permission!r} is not a permission such as storage.objects.get")
    context = dict(an_object(body.get("context") or {}, f"{place}.context", "an object of attributes to values"))
    time = context.pop("request.time", None)
    when = timestamp(time) if isinstance(time, str) and _is_time(time) else None
    if time is not None and (when is None or isinstance(when, Failure)):
        raise ComplianceError(f"{place}.context['request.time']", f"{time!r} is no time such as 2026-11-23T04:00:00Z")
    target = parse_target(body.get("resource"), f"{place}.resource")
    source = parse_source(body.get("source"), f"{place}.source")
    if source.project in target.aliases:
        source = replace(source, project=target.project)
    levels = context.pop("request.auth.access_levels", None)
    if isinstance(levels, list):
        source = replace(source, access_levels=frozenset(str(level) for level in levels))
    return Request(
        permission=permission,
        principal=parse_principal(body.get("principal"), f"{place}.principal"),
        target=target,
        source=source,
        method=a_text(body, "method", place),
        service_host=a_text(body, "service", place),
        time=when,
        attributes=context,
        also=texts(body, "also", place),
        members=texts(body, "members", place) if "members" in body else None,
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_time(text: str) -> bool:
    try:
        timestamp(text)
    except ValueError:
        return False
    return True


def parse_target(document: Any, place: str) -> Target:
    """The resource: `{"name", "type", "project", "projectId", "ancestors", "tags", "tagIds"}`."""
    body = an_object(document, place, "an object with name, type and ancestors")
    refuse_lookalikes(dict(body), ("name", "type", "project", "projectId", "ancestors", "tags", "tagIds"), place)
    name = a_text(body, "name", place)
    if not name.startswith("//") or name.count("/") < 3:
        raise ComplianceError(
            f"{place}.name", f"{name!r} is no full resource name such as //storage.googleapis.com/projects/_/buckets/b"
        )
    ancestors = texts(body, "ancestors", place)
    for index, node in enumerate(ancestors):
        if not _NODE.fullmatch(node):
            raise ComplianceError(f"{place}.ancestors[{index}]", f"{node!r} is not of the form projects/123")
    project = a_text(body, "project", place)
    project = project if not project or "/" in project else f"projects/{project}"
    if project and project not in ancestors:
        ancestors = (project, *ancestors)
    alias = a_text(body, "projectId", place)
    tags = an_object(body.get("tags") or {}, f"{place}.tags", "an object of values by namespaced key")
    ids = an_object(body.get("tagIds") or {}, f"{place}.tagIds", "an object of tagValues/… by tagKeys/…")
    return Target(
        name, a_text(body, "type", place) or type_of(name), ancestors, (f"projects/{alias}",) if alias else (),
        tuple((k, str(v)) for k, v in tags.items()), tuple((k, str(v)) for k, v in ids.items()),
    )  # fmt: skip


def parse_source(document: Any, place: str) -> Source:
    """Where the request comes from: `{"ip"}`, `{"project", "network"}`, `{"accessLevels"}`; nothing: not known.

    A network names its project, if nothing else does.
    """
    if document is None:
        return Source(known=False)
    body = an_object(document, place, "an object with ip, or project and network")
    refuse_lookalikes(dict(body), ("ip", "project", "network", "accessLevels", "region"), place)
    project, network = a_text(body, "project", place), a_text(body, "network", place)
    if not project and "/projects/" in network:
        project = network.partition("/projects/")[2].partition("/")[0]
    ip = a_text(body, "ip", place)
    if ip and not _is_address(ip):
        raise ComplianceError(f"{place}.ip", f"{ip!r} is no IP address")
    levels = frozenset(texts(body, "accessLevels", place)) if "accessLevels" in body else None
    return Source(
        ip=ip,
        project=project if not project or "/" in project else f"projects/{project}",
        network=network,
        access_levels=levels,
        region=a_text(body, "region", place),
    )


def parse_principal(document: Any, place: str) -> Principal:
    """The caller.

    A member as text, `{"member", "groups", "ancestors", "attributes", "poolGroups", "customer"}`, or
    `{"type": "anonymous"}`.
    """
    if isinstance(document, str):
        document = {"type": "anonymous"} if document in ("anonymous", "allUsers") else {"member": document}
    body = an_object(document, place, "a member such as user:ada@example.com, or an object with `member`")
    refuse_lookalikes(
        dict(body), ("member", "type", "groups", "ancestors", "attributes", "poolGroups", "customer"), place
    )
    if "member" not in body:
        if body.get("type") != "anonymous":
            raise ComplianceError(place, "expected `member`, or `type` anonymous")
        return Principal("anonymous")
    text = a_text(body, "member", place)
    member = parse_member(text, f"{place}.member")
    groups = (
        frozenset(g.lower().removeprefix("group:") for g in texts(body, "groups", place)) if "groups" in body else None
    )
    ancestors = texts(body, "ancestors", place)
    customer = a_text(body, "customer", place)
    if member.kind == "user":
        return Principal("user", member.value, groups, ancestors, customer=customer)
    if member.kind == "serviceAccount":
        return Principal("serviceAccount", member.value, groups, ancestors)
    if member.kind != "subject":
        raise ComplianceError(f"{place}.member", f"{text!r} names a set of principals; a request has one caller")
    attributes = None
    if "attributes" in body:
        named = an_object(body["attributes"] or {}, f"{place}.attributes", "an object of texts")
        attributes = tuple((str(k), str(v)) for k, v in named.items())
    pool_groups = frozenset(texts(body, "poolGroups", place)) if "poolGroups" in body else None
    return Principal(
        "federated", text, groups, ancestors, member.value, member.selected,
        attributes, pool_groups,
    )  # fmt: skip
