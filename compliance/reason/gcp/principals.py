"""Callers, and whether a member of a policy names them.

Source: IAM, "Principal types"; "Principal identifiers".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from compliance.reason.gcp.members import Member, is_service_agent, parse_member, project_of_email
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, certain, either

Kind = Literal["user", "serviceAccount", "federated", "anonymous", "stranger"]


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        kind: `stranger` is anyone but those named by `besides` and those of `projects_besides` (symbolic only).
        id: e-mail address, or the whole `principal://…` of a federated identity.
        groups: e-mail addresses of every group it is in, also indirectly; None if that is not known.
        ancestors: project, folders and organisation of a service account or a pool, as `projects/1`, or the
            organisation of a user; empty: not known.
        pool: of a federated identity; `subject`, `attributes` and `pool_groups` are what its provider mapped, None
            where that is not known.
        customer: Cloud Identity customer, if known.
        besides: texts of members that a stranger is not.
        projects_besides: ids and numbers of projects none of whose identities a stranger has.
    """

    kind: Kind
    id: str = ""
    groups: frozenset[str] | None = None
    ancestors: tuple[str, ...] = ()
    pool: str = ""
    subject: str = ""
    attributes: tuple[tuple[str, str], ...] | None = ()
    pool_groups: frozenset[str] | None = None
    customer: str = ""
    besides: frozenset[str] = frozenset()
    projects_besides: frozenset[str] = frozenset()

    @property
    def member(self) -> str:
        """Its text as a member of a policy."""
        if self.kind in ("user", "serviceAccount"):
            return f"{self.kind}:{self.id}"
        return self.id if self.kind == "federated" else self.kind

    @property
    def project(self) -> str:
        """Id or number of the project a service account or pool belongs to, as far as its name tells."""
        if self.kind == "serviceAccount":
            return project_of_email(self.id)
        return self.pool.split("/")[1] if self.pool.startswith("projects/") else ""


@dataclass(frozen=True, slots=True)
class Directory:
    """What is known of groups and of who holds basic roles.

    Attributes:
        groups: members of groups by e-mail address, as texts of members.
        holders: for `roles/owner` of `project-id` (and its number) the members with that role.
    """

    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    holders: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


EMPTY: Final = Directory()
_PLACE: Final = "groups"


def names(member: Member, caller: Principal, directory: Directory = EMPTY) -> Truth:
    """Whether a member of a policy names the caller."""
    return _names(member, caller, directory, frozenset())


def _names(member: Member, caller: Principal, directory: Directory, seen: frozenset[str]) -> Truth:
    if member.kind == "everyone":
        return TRUE
    if member.kind == "deleted":
        return FALSE
    if member.kind == "group":
        return _in_group(member.value, caller, directory, seen)
    if member.kind == "projectRole":
        held = directory.holders.get((member.selector, member.value))
        if member.text in seen:
            return FALSE
        return UNKNOWN if held is None else _any(held, caller, directory, seen | {member.text})
    if caller.kind == "stranger":
        return _stranger(member, caller)
    if caller.kind == "anonymous":
        return FALSE
    return _itself(member, caller)


def _itself(member: Member, caller: Principal) -> Truth:
    """A caller with an identity, and a member that neither group nor role stands behind."""
    if member.kind == "authenticated":
        return certain(caller.kind != "federated")
    if member.kind in ("user", "serviceAccount"):
        return certain(caller.kind == member.kind and caller.id.lower() == member.value)
    if member.kind == "domain":
        return certain(caller.kind == "user" and caller.id.lower().endswith(f"@{member.value}"))
    if member.kind == "customer":
        if caller.kind != "user":
            return FALSE
        return certain(caller.customer == member.value) if caller.customer else UNKNOWN
    if member.kind == "hierarchy":
        return _under(member, caller)
    return _of_pool(member, caller)


def _any(texts: tuple[str, ...], caller: Principal, directory: Directory, seen: frozenset[str]) -> Truth:
    result: Truth = FALSE
    for text in texts:
        result = either(result, _names(parse_member(text, _PLACE), caller, directory, seen))
    return result


def _in_group(group: str, caller: Principal, directory: Directory, seen: frozenset[str]) -> Truth:
    if caller.kind in ("anonymous", "federated") or group in seen:
        return FALSE
    if caller.kind == "stranger" and f"group:{group}" in caller.besides:
        return FALSE
    if caller.groups is not None:
        return certain(group in caller.groups)
    known = directory.groups.get(group)
    return UNKNOWN if known is None else _any(known, caller, directory, seen | {group})


def _stranger(member: Member, caller: Principal) -> Truth:
    canonical = f"{member.kind}:{member.value}" if member.kind in ("user", "serviceAccount", "domain") else member.text
    if member.text in caller.besides or canonical in caller.besides:
        return FALSE
    place = ""
    if member.kind == "serviceAccount":
        place = project_of_email(member.value)
    elif member.kind in ("subject", "pool"):
        place = member.value.split("/")[1] if "/" in member.value else ""
    elif member.kind == "hierarchy" and member.value.startswith("projects/"):
        place = member.value.split("/")[1]
    return FALSE if place and place in caller.projects_besides else UNKNOWN


def _under(member: Member, caller: Principal) -> Truth:
    """Principal sets of a project, folder or organisation: its service accounts and workload pools."""
    if caller.kind == "user":
        # Users belong to an organisation only, through its customer.
        if member.selector or not member.value.startswith("organizations/"):
            return FALSE
        return certain(member.value in caller.ancestors) if caller.ancestors else UNKNOWN
    if member.selector and not _of_type(member.selector, caller):
        return FALSE
    own = f"projects/{caller.project}"
    if member.value == own or member.value in caller.ancestors:
        return TRUE
    return FALSE if caller.ancestors else UNKNOWN


def _of_type(selector: str, caller: Principal) -> bool:
    """Whether a caller is of the type of `…/type/<selector>`: a service account of a project's own, or Google's."""
    if caller.kind != "serviceAccount":
        return False
    return selector == ("ServiceAgent" if is_service_agent(caller.id) else "ServiceAccount")


def _same_pool(left: str, right: str) -> bool:
    """Whether two names are of one pool; that of a project's GKE clusters can be named by the project alone."""
    if left == right:
        return True
    places = {name.rsplit("/", 1)[-1].removesuffix(".svc.id.goog") for name in (left, right)}
    written = sorted(name.startswith("kubernetes/") for name in (left, right))
    long = left if right.startswith("kubernetes/") else right
    return len(places) == 1 and written == [False, True] and long.endswith(".svc.id.goog")


def _of_pool(member: Member, caller: Principal) -> Truth:
    if caller.kind != "federated" or not _same_pool(caller.pool, member.value):
        return FALSE
    if member.kind == "subject":
        return certain(caller.subject == member.selected)
    if member.selector == "*":
        return TRUE
    if member.selector == "group":
        return UNKNOWN if caller.pool_groups is None else certain(member.selected in caller.pool_groups)
    if member.selector == "namespace":
        return certain(caller.subject.startswith(f"ns/{member.selected}/"))
    name = member.selector.removeprefix("attribute.")
    if caller.attributes is None:
        return UNKNOWN
    return certain(dict(caller.attributes).get(name) == member.selected)
