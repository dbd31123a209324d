"""Access control lists of Cloud Storage: a second way to be allowed, where uniform bucket-level access is off.

Source: Cloud Storage, "Access control lists", "IAM roles for Cloud Storage" (each ACL role equals a legacy role),
"Public access prevention".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.gcp.members import Member, parse_member
from compliance.reason.gcp.outcome import Outcome
from compliance.reason.gcp.principals import Directory, names
from compliance.reason.gcp.request import Request
from compliance.reason.gcp.roles import holds_permission
from compliance.reason.gcp.shapes import a_list, a_text, an_object
from compliance.reason.iam.decision import Reason
from compliance.reason.iam.shape import refuse_lookalikes
from compliance.reason.iam.truth import FALSE, TRUE, Truth, both, either

_ROLES: Final = {
    ("bucket", "READER"): "roles/storage.legacyBucketReader",
    ("bucket", "WRITER"): "roles/storage.legacyBucketWriter",
    ("bucket", "OWNER"): "roles/storage.legacyBucketOwner",
    ("object", "READER"): "roles/storage.legacyObjectReader",
    ("object", "OWNER"): "roles/storage.legacyObjectOwner",
}
_ELEMENTS: Final = ("uniformBucketLevelAccess", "publicAccessPrevention", "bucket", "object", "iamConfiguration")
_PREVENTION: Final = ("", "enforced", "inherited", "unspecified")
_TEAMS: Final = {
    "project-owners-": "projectOwner",
    "project-editors-": "projectEditor",
    "project-viewers-": "projectViewer",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; an e-mail address may be a user's or a service account's, so it is both members."""

    label: str
    role: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Acl:
    """The lists of a bucket and of an object in it (or what new objects get).

    Attributes:
        uniform: whether uniform bucket-level access makes the lists void.
        prevented: whether the bucket enforces public access prevention itself.
    """

    uniform: bool
    prevented: bool
    entries: tuple[Entry, ...] = ()


def parse_acl(document: Any, place: str) -> Acl | None:
    """`{"uniformBucketLevelAccess", "publicAccessPrevention", "bucket": [{"entity", "role"}], "object": […]}`.

    The first two may stand in `iamConfiguration`, as buckets have them.

    Raises:
        ComplianceError: naming the place of what has another shape.
    """
    if document is None:
        return None
    body = an_object(document, place, "an object with `bucket` and `object` lists")
    refuse_lookalikes(dict(body), _ELEMENTS, place)
    configuration = an_object(body.get("iamConfiguration") or {}, f"{place}.iamConfiguration", "an object")
    refuse_lookalikes(dict(configuration), _ELEMENTS, f"{place}.iamConfiguration")
    settings = {**configuration, **body}
    uniform = settings.get("uniformBucketLevelAccess") or False
    uniform = uniform.get("enabled", False) if isinstance(uniform, dict) else uniform
    if not isinstance(uniform, bool):
        raise ComplianceError(f"{place}.uniformBucketLevelAccess", f"{uniform!r} is neither true nor false")
    prevention = a_text(settings, "publicAccessPrevention", place)
    if prevention not in _PREVENTION:
        raise ComplianceError(f"{place}.publicAccessPrevention", f"{prevention!r} is neither enforced nor inherited")
    found: list[Entry] = []
    for kind in ("bucket", "object"):
        for index, item in enumerate(a_list(body.get(kind), f"{place}.{kind}", "a list of entries")):
            found.append(_entry(item, kind, f"{place}.{kind}[{index}]"))
    return Acl(uniform, prevention == "enforced", tuple(found))


def _entry(document: Any, kind: str, place: str) -> Entry:
    body = an_object(document, place, "an entry with `entity` and `role`")
    role = _ROLES.get((kind, a_text(body, "role", place).upper()))
    if role is None:
        raise ComplianceError(f"{place}.role", f"{body.get('role')!r} is no role of a list of {kind}s")
    members = tuple(parse_member(text, f"{place}.entity") for text in _texts(a_text(body, "entity", place), place))
    return Entry(place.removeprefix("$."), role, members)


def _texts(entity: str, place: str) -> tuple[str, ...]:
    if entity in ("allUsers", "allAuthenticatedUsers"):
        return (entity,)
    for prefix, member in _TEAMS.items():
        if entity.startswith(prefix):
            return (f"{member}:{entity.removeprefix(prefix)}",)
    kind, _, value = entity.partition("-")
    if kind == "user" and "@" in value:
        return (f"user:{value}", f"serviceAccount:{value}")
    if kind in ("group", "domain") and value:
        return (f"{kind}:{value}",)
    raise ComplianceError(f"{place}.entity", f"{entity!r} is no entity of an access control list")


def listed(acl: Acl | None, request: Request, directory: Directory, *, prevented: bool) -> Outcome:
    """Whether a list grants the permission."""
    if acl is None or acl.uniform:
        return Outcome(FALSE)
    result: Truth = FALSE
    reasons: list[Reason] = []
    for entry in acl.entries:
        held = holds_permission(entry.role, request.permission, {})
        if held == FALSE:
            continue
        named: Truth = FALSE
        for member in entry.members:
            if not (prevented and member.kind in ("everyone", "authenticated")):
                named = either(named, names(member, request.principal, directory))
        truth = both(held, named)
        if truth != FALSE:
            result = either(result, truth)
            effect = "allows" if truth == TRUE else "may allow"
            reasons.append(
                Reason(entry.label, "", effect, f"{entry.label}, an entry of an access control list, {effect} it")
            )
    reasons.sort(key=lambda reason: reason.effect != "allows")
    return Outcome(result, tuple(reasons))
