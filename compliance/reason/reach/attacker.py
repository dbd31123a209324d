"""Whoever acts: a principal with its policies, and the steps by which it was reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from compliance.estate.model import Account, Identity, Resource
from compliance.reason.iam import (
    Documents,
    Labelled,
    Level,
    Possibility,
    Principal,
    Request,
    Unknown,
    compile_policy,
    open_request,
    parse_arn_principal,
    possible,
)
from compliance.reason.iam.context import Value
from compliance.reason.iam.s3 import access_point_keys
from compliance.reason.iam.symbolic import request_as_json

ADMINISTRATOR = Labelled(
    "an administrator of the account",
    compile_policy(
        {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}},
        "identity",
        "administrator",
    ),
)


def keys_of_the_way(resource: Resource, caller_account: str) -> dict[str, Value]:
    """What is certain of the keys by which S3 tells through which access point a request comes.

    Those that lead to the bucket from its own account are resources of their own, if all are known. A caller of the
    account itself might make one more.
    """
    point = resource.s3.access_point if resource.s3 is not None else None
    if point is not None:
        return dict(access_point_keys(point))
    own = resource.account
    if not resource.ways_known or caller_account == own:
        return {}
    return {
        "s3:DataAccessPointAccount": Unknown(True, "*", (own,)),
        "s3:DataAccessPointArn": Unknown(True, "*", (f"arn:*:s3:*:{own}:accesspoint/*",)),
    }


@dataclass(frozen=True, slots=True)
class Attacker:
    """A principal, what limits it, what is known of its requests, and the steps that led to it."""

    principal: Principal
    identity: tuple[Labelled, ...]
    boundary: tuple[Labelled, ...] | None
    scps: tuple[Level, ...]
    known: Mapping[str, Value] = field(default_factory=dict)
    steps: tuple[dict[str, Any], ...] = ()

    @property
    def account(self) -> str:
        """Its account."""
        return self.principal.account

    def documents(self, resource: Resource, account: Account | None) -> Documents:
        """Every policy between it and a resource."""
        return Documents(
            identity=self.identity,
            boundaries=self.boundary,
            resource=resource.policy,
            scps=self.scps,
            rcps=account.rcps if account is not None else (),
            grants=resource.grants,
            s3=resource.s3,
        )

    def attempt(
        self, action: str, on: str, resource: Resource, account: Account | None, known: Mapping[str, Value], bound: int
    ) -> Possibility:
        """Whether a request of it can succeed. `known` adds what is certain because of whose the resource is."""
        request = self.request(action, on, resource, known)
        return possible(request, self.documents(resource, account), bound)

    def request(self, action: str, on: str, resource: Resource, known: Mapping[str, Value]) -> Request:
        """The open request that it would make."""
        tags: dict[str, Value] = {f"aws:ResourceTag/{name}": (value,) for name, value in resource.tags}
        merged = {**tags, **known, **keys_of_the_way(resource, self.account), **self.known}
        return open_request(action, on, resource.account, self.principal, merged)


def administrator(account: Account, kept_out: tuple[str, ...]) -> Attacker:
    """Anyone with full rights in an account of its own, under the organisation's policies.

    `kept_out` are globs of role ARNs in the account that the tenant cannot become.
    """
    own = Unknown(False, f"arn:*:*::{account.id}:*", kept_out)
    caller = Principal("any-of-account", account=account.id)
    return Attacker(caller, (ADMINISTRATOR,), None, account.scps, {"aws:PrincipalArn": own})


def anyone_else(*besides: str) -> Attacker:
    """Anyone with full rights in any account but these, under no organisation's policy at all."""
    return Attacker(Principal("anyone-else", besides=besides), (ADMINISTRATOR,), None, ())


def outsider(account: str) -> Attacker:
    """Anyone with full rights in an account that the organisation does not know, and so does not restrict."""
    return Attacker(Principal("any-of-account", account=account), (ADMINISTRATOR,), None, ())


def as_identity(identity: Identity, account: Account | None, steps: tuple[dict[str, Any], ...] = ()) -> Attacker:
    """A session of a role, or a user, with its own policies.

    If some of its policies could not be read it counts as an administrator. Its tags are its own unless sessions of the
    role may carry tags.
    """
    principal = parse_arn_principal(identity.arn, identity.arn)
    known: dict[str, Value] = {}
    if principal.kind == "role":
        session = f"arn:aws:sts::{principal.account}:assumed-role/{principal.name}/any"
        known["aws:PrincipalArn"] = (identity.arn,)
        principal = Principal("session", session, principal.account, principal.name, "any")
    principal = replace(principal, unique_id=identity.unique_id)
    if not _may_carry_tags(identity):
        known |= {f"aws:PrincipalTag/{name}": (value,) for name, value in identity.tags}
    return Attacker(
        principal=principal,
        identity=identity.policies if identity.whole else (ADMINISTRATOR,),
        boundary=identity.boundary,
        scps=account.scps if account is not None else (),
        known=known,
        steps=steps,
    )


def _may_carry_tags(identity: Identity) -> bool:
    if identity.trust is None:
        return False
    allows, _ = identity.trust.policy.about("sts:TagSession")
    relabels = any(policy.policy.about("iam:TagRole")[0] for policy in identity.policies)
    return bool(allows) or relabels or not identity.whole


def step(result: Possibility) -> dict[str, Any]:
    """A step of a witness: the request, and what lets it through."""
    assert result.witness is not None
    request = request_as_json(result.witness)
    return {
        "as": request["principal"].get("arn") or request["principal"],
        "action": request["action"],
        "resource": request["resource"]["arn"],
        "request": request,
        "allowedBy": result.decision.decided_by.text,
    }
