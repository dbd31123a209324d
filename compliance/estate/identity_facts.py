"""Roles and users with their policies, boundaries and trust, from `iam:GetAccountAuthorizationDetails`."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from compliance.estate.build import Builder, pairs, tags_of
from compliance.estate.index import Index
from compliance.estate.model import Identity, Resource
from compliance.reason.iam import Labelled


def identities(index: Index, builder: Builder) -> None:
    """Adds every role and user; each role is also a resource that can be assumed or changed."""
    for fact in index.of("iam:GetAccountAuthorizationDetails"):
        details = fact.response
        managed = {policy["Arn"]: _default(policy) for policy in details.get("Policies") or ()}
        groups = {group["GroupName"]: group for group in details.get("GroupDetailList") or ()}
        for role in details.get("RoleDetailList") or ():
            _add(builder, fact.account, role, role.get("RolePolicyList") or [], [role], managed)
        for user in details.get("UserDetailList") or ():
            member_of = [groups[name] for name in user.get("GroupList") or () if name in groups]
            inline = list(user.get("UserPolicyList") or ())
            inline += [policy for group in member_of for policy in group.get("GroupPolicyList") or ()]
            _add(builder, fact.account, user, inline, [user, *member_of], managed)


def document_of(value: Any) -> Any:
    """A policy document as IAM gives it: an object, JSON text, or JSON text in percent-encoding."""
    if isinstance(value, str):
        text = unquote(value) if value.lstrip().startswith("%") else value
        return json.loads(text)
    return value


def _default(policy: dict[str, Any]) -> Any:
    versions = policy.get("PolicyVersionList") or []
    return next((v.get("Document") for v in versions if v.get("IsDefaultVersion")), None)


def _add(
    builder: Builder,
    account: str,
    entry: dict[str, Any],
    inline: list[dict[str, Any]],
    holders: list[dict[str, Any]],
    managed: dict[str, Any],
) -> None:
    arn = entry["Arn"]
    name = entry.get("RoleName") or entry["UserName"]
    tags = tags_of(entry.get("Tags"))
    owner = builder.owners.of(account, name, tags)
    policies: list[Labelled] = []
    whole = True
    for policy in inline:
        compiled = builder.policy(
            document_of(policy["PolicyDocument"]), "identity", f"{name}/{policy['PolicyName']}", account, ("role",)
        )
        whole = whole and compiled is not None
        policies += [compiled] if compiled is not None else []
    for holder in holders:
        for attached in holder.get("AttachedManagedPolicies") or ():
            document = managed.get(attached["PolicyArn"])
            label = f"{name}/{attached['PolicyName']}"
            compiled = None
            if document is not None:
                compiled = builder.policy(document_of(document), "identity", label, account, ("role",))
            whole = whole and compiled is not None
            policies += [compiled] if compiled is not None else []
    trust = entry.get("AssumeRolePolicyDocument")
    trusted = None
    if trust is not None:
        trusted = builder.policy(document_of(trust), "trust", f"trust policy of {name}", account, ("role",))
    identity = Identity(
        arn=arn,
        account=account,
        owner=owner,
        policies=tuple(policies),
        boundary=_boundary(builder, account, entry, name, managed),
        trust=trusted,
        unique_id=entry.get("RoleId") or entry.get("UserId") or "",
        tags=pairs(tags),
        whole=whole,
    )
    builder.identities.append(identity)
    kind = "role" if trust is not None else "user"
    builder.add(Resource(arn, account, owner, kind, "role", trusted, tags=pairs(tags)))


def _boundary(
    builder: Builder, account: str, entry: dict[str, Any], name: str, managed: dict[str, Any]
) -> tuple[Labelled, ...] | None:
    """The permissions boundary; None too if it cannot be read, so that it is not counted on."""
    arn = (entry.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    if arn is None or managed.get(arn) is None:
        return None
    compiled = builder.policy(document_of(managed[arn]), "boundary", f"boundary of {name}", account, ("role",))
    return None if compiled is None else (compiled,)


IDENTITY = (identities,)
