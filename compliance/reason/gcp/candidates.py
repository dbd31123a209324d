"""What a symbolic search tries for the parts of a request that are open: the values that the policies speak of."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from compliance.reason.gcp.cel.functions import timestamp
from compliance.reason.gcp.cel.parse import Call, Entries, Items, Literal, Name, Node, Select, literals, parse
from compliance.reason.gcp.decide import Documents
from compliance.reason.gcp.members import Member, parse_member
from compliance.reason.gcp.principals import Principal, names
from compliance.reason.gcp.request import Request, Source, relative_name
from compliance.reason.iam.truth import FALSE

_NOW: Final = datetime(2026, 11, 23, 12, tzinfo=UTC)
_SOMEWHERE: Final = Source(ip="198.51.100.7")
_ANYONE: Final = "user:anyone@outside.example"
_FIXED: Final = ("resource", "request.time", "request.auth", "principal", "api")


def _conditions(documents: Documents) -> Iterator[str]:
    for policy in documents.allow:
        yield from (binding.condition for binding in policy.bindings if binding.condition)
    for denying in documents.deny:
        yield from (rule.condition for rule in denying.rules if rule.condition)
    for constraint in documents.constraints:
        yield from (setting.condition for setting in constraint.settings if setting.condition)
    for level in (documents.borders.levels or {}).values():
        if level.expression:
            yield level.expression


def _trees(documents: Documents) -> list[Node]:
    return [parse(text) for text in dict.fromkeys(_conditions(documents))]


def _texts(documents: Documents) -> list[str]:
    found = [value for tree in _trees(documents) for value in literals(tree)]
    return list(dict.fromkeys(value for value in found if isinstance(value, str)))


def callers(request: Request, documents: Documents) -> list[Principal]:
    """The callers to try: the given one; for a stranger, those that the policies may name, and anybody."""
    caller = request.principal
    if caller.kind != "stranger":
        return [caller]
    found = [Principal("anonymous"), _principal(parse_member(_ANYONE, "anyone"))]
    members = [member for policy in documents.allow for binding in policy.bindings for member in binding.members]
    members += [member for entry in (documents.acl.entries if documents.acl else ()) for member in entry.members]
    for member in dict.fromkeys(members):
        found += _standing_for(member, caller, documents, frozenset())
    return list(dict.fromkeys(found))


def _standing_for(
    member: Member, stranger: Principal, documents: Documents, seen: frozenset[str]
) -> Iterator[Principal]:
    """Callers that a stranger may be and that a member names."""
    if member.text in seen or names(member, stranger, documents.directory) == FALSE:
        return
    if member.kind in ("user", "serviceAccount", "subject"):
        yield _principal(member)
    elif member.kind == "domain":
        yield _principal(parse_member(f"user:anyone@{member.value}", "domain"))
    elif member.kind == "group":
        for text in documents.directory.groups.get(member.value, ()):
            yield from _standing_for(parse_member(text, "groups"), stranger, documents, seen | {member.text})
    elif member.kind == "pool":
        text = f"principal://iam.googleapis.com/{member.value}/subject/anyone"
        selected = member.selected if member.selector.startswith("attribute.") else ""
        attributes = ((member.selector.removeprefix("attribute."), selected),) if selected else ()
        groups = frozenset({member.selected}) if member.selector == "group" else None
        yield Principal("federated", text, None, (), member.value, "anyone", attributes, groups)


def _principal(member: Member) -> Principal:
    if member.kind == "subject":
        return Principal("federated", member.text, pool=member.value, subject=member.selected)
    return Principal("user" if member.kind == "user" else "serviceAccount", member.value)


def sources_to_try(request: Request, documents: Documents) -> list[Source]:
    """The internet, then every network and address that a perimeter or access level speaks of."""
    if request.source.known:
        return []
    found = [_SOMEWHERE]
    for perimeter in documents.borders.perimeters:
        named = [*sorted(perimeter.resources)]
        named += [v for rule in perimeter.ingress for kind, v in rule.sources or () if kind == "resource"]
        for text in named:
            if text in request.source.besides:
                continue
            found.append(Source(project=text) if text.startswith("projects/") else Source(network=text))
    for level in (documents.borders.levels or {}).values():
        for condition in level.conditions:
            blocks = [ipaddress.ip_network(block, strict=False) for block in condition.networks]
            found += [Source(ip=str(block[0])) for block in blocks]
    return list(dict.fromkeys(found))


def names_to_try(request: Request, documents: Documents) -> list[str]:
    """Names for the `*` of a resource: any, and those that conditions compare with."""
    name = request.target.name
    if not name.endswith("*"):
        return []
    stem, relative = name[:-1], relative_name(name)[:-1]
    ends = [text[len(relative) :] for text in _texts(documents) if text.startswith(relative)]
    return list(
        dict.fromkeys([f"{stem}any", *(f"{stem}{end}" for end in ends if end), *(f"{stem}{end}any" for end in ends)])
    )


def tags_to_try(request: Request, documents: Documents) -> list[tuple[tuple[str, str], ...]]:
    """No tags, and each pair of texts that conditions ask for together; nothing to try where tags are known."""
    if request.target.tags is not None and request.target.tag_ids is not None:
        return []
    pairs = [pair for tree in _trees(documents) for pair in _tag_pairs(tree)]
    return [(), *((pair,) for pair in dict.fromkeys(pairs)), tuple(dict(pairs).items())]


def _tag_pairs(node: Node) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for each in nodes_of(node):
        if isinstance(each, Call) and each.function in ("matchTag", "matchTagId", "hasTagKey", "hasTagKeyId"):
            values = [a.value for a in each.arguments if isinstance(a, Literal) and isinstance(a.value, str)]
            if values:
                found.append((values[0], values[1] if len(values) > 1 else "any"))
    return found


def times_to_try(request: Request, documents: Documents) -> list[datetime]:
    """Now, around every time that a condition names, and, where one reads a calendar, each hour of a week."""
    trees = _trees(documents)
    if request.time is not None or not any(_asks_time(tree) for tree in trees):
        return []
    earliest = request.not_before or _NOW
    found = [earliest]
    for text in _texts(documents):
        at = _time(text)
        if at is not None:
            found += _around(at, (timedelta(0), timedelta(seconds=-1), timedelta(seconds=1)))
    if any(
        isinstance(n, Call) and n.function.startswith("get") and n.function != "getAttribute"
        for t in trees
        for n in nodes_of(t)
    ):
        found += [at for base in list(found) for at in _around(base, [timedelta(hours=h) for h in range(24 * 7)])]
    return [at for at in dict.fromkeys(found) if request.not_before is None or at >= request.not_before]


def _around(at: datetime, steps: Iterable[timedelta]) -> Iterator[datetime]:
    """The times at these distances that the calendar has: it ends with the year 9999."""
    for step in steps:
        try:
            yield at + step
        except OverflowError:
            continue


def _time(text: str) -> datetime | None:
    try:
        at = timestamp(text)
    except ValueError:
        return None
    return at if isinstance(at, datetime) else None


def _asks_time(tree: Node) -> bool:
    return any("request.time" in (path_of(node) or "") for node in nodes_of(tree))


def open_attributes(documents: Documents) -> list[str]:
    """The attributes that a caller sets and a condition reads, by dotted name."""
    found: list[str] = []
    for tree in _trees(documents):
        for node in nodes_of(tree):
            path = path_of(node)
            if path and path.count(".") and not path.startswith(_FIXED):
                found.append(path)
            if isinstance(node, Call) and node.function == "getAttribute" and node.arguments:
                name = node.arguments[0]
                if isinstance(name, Literal) and isinstance(name.value, str):
                    found.append(f"api.{name.value}")
    return list(dict.fromkeys(found))


def values_to_try(name: str, documents: Documents) -> list[Any]:
    """Not there (None), and what conditions compare such a thing with."""
    values: list[Any] = []
    for tree in _trees(documents):
        for value in literals(tree):
            if isinstance(value, str) and _time(value) is None:
                values += [value, f"{value}any", [value]] if name.startswith("api.") else [value, f"{value}any"]
            elif isinstance(value, int) and not isinstance(value, bool):
                values += [value, value + 1, value - 1]
    unique = {repr(value): value for value in values}
    return [None, *unique.values()]


def path_of(node: Node) -> str | None:
    """`a.b.c` of a chain of fields; None for anything else."""
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Select):
        inner = path_of(node.operand)
        return None if inner is None else f"{inner}.{node.field}"
    return None


def paths_of(tree: Node) -> list[str]:
    """The longest chains of fields that an expression reads (`assertion.submods.gce.zone`)."""
    found = list(dict.fromkeys(path for node in nodes_of(tree) if (path := path_of(node)) and "." in path))
    return [path for path in found if not any(other.startswith(f"{path}.") for other in found)]


@lru_cache(maxsize=4096)
def nodes_of(node: Node) -> tuple[Node, ...]:
    """A tree and every part of it."""
    inner: tuple[Node, ...] = ()
    if isinstance(node, Select):
        inner = (node.operand,)
    elif isinstance(node, Call):
        inner = ((node.target,) if node.target is not None else ()) + node.arguments
    elif isinstance(node, Items):
        inner = node.items
    elif isinstance(node, Entries):
        inner = tuple(part for entry in node.entries for part in entry)
    return (node, *(found for part in inner for found in nodes_of(part)))
