"""The three locks, each judged as if the other two were missing.

A cross-tenant request must need three separate mistakes. So the identity lock is tried against a resource that lets
everyone in, the resource lock against a caller whom nothing holds back, and the network lock against both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from compliance.estate.model import PLATFORM, Account, Resource
from compliance.prove.result import Obligation, Proofs, Verdict
from compliance.reason.iam import (
    Documents,
    Labelled,
    Policy,
    Unknown,
    authorise,
    compile_policy,
    parse_arn_principal,
    possible,
)
from compliance.reason.iam.context import Value
from compliance.reason.iam.decision import Decision
from compliance.reason.iam.request import Request
from compliance.reason.iam.symbolic import open_request
from compliance.reason.reach.attacker import ADMINISTRATOR, Attacker, administrator, anyone_else, step
from compliance.reason.reach.world import World

_WIDE_OPEN: Final = compile_policy(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}},
    "resource",
    "a resource that lets everyone in",
)
_TRIED: Final = {
    "bucket": ("s3:GetObject", "s3:PutObject", "s3:ListBucket"),
    "key": ("kms:Decrypt", "kms:GenerateDataKey", "kms:CreateGrant"),
}
_SERVICE: Final = {"s3": ("s3:GetObject", "s3:PutObject"), "kms": ("kms:Decrypt", "kms:GenerateDataKey")}
_STRANGER: Final = "999999999999"
"""An account that stands for any other."""
_SOMEWHERE: Final = {"s3": "arn:aws:s3:::somewhere-else/*", "kms": "arn:aws:kms:us-east-1:*:key/*"}


def prove_locks(proofs: Proofs, world: World) -> None:
    """Adds the locks of every tenant that has an account of its own; a shared account has none of the three."""
    for tenant in proofs.tenants:
        for account in world.accounts_of(tenant):
            if account.shared:
                continue
            proofs.locks += [
                *_identity(world, tenant, account),
                *_resource(world, tenant, account),
                *_network(world, tenant, account),
            ]


def _judge(tenant: str, lock: str, subject: str, request: Request, documents: Documents) -> Obligation:
    decision: Decision = authorise(request, documents)
    verdict: Verdict = "proved" if decision.decision == "denied" else "violated"
    subject_of = f"{lock} lock: {request.action}"
    if verdict == "proved":
        return Obligation("anyone", tenant, lock, subject_of, subject, verdict, (decision.decided_by.text,))
    reasons = (f"nothing of this lock refuses {request.action}",)
    return Obligation("anyone", tenant, lock, subject_of, subject, verdict, reasons, _witness(request, documents))


def _witness(request: Request, documents: Documents) -> dict[str, Any] | None:
    """A complete request that the lock alone lets through: of some other account, or to one."""
    caller = request.principal
    if caller.kind == "anyone-else":
        caller = parse_arn_principal(f"arn:aws:sts::{_STRANGER}:assumed-role/any/any", "stranger")
    kept = (
        ("aws:sourcevpc", "aws:sourcevpce", "aws:principalarn") if caller is request.principal else ("aws:sourcevpc",)
    )
    known: dict[str, Value] = {key: value for key, value in request.context.items() if key in kept}
    account = request.resource_account or _STRANGER
    found = possible(open_request(request.action, request.resource, account, caller, known), documents)
    return {"steps": [step(found)]} if found.verdict == "possible" else None


def _another_account(*trusted: str) -> dict[str, Value]:
    whose = Unknown(False, "*", trusted)
    return {"aws:ResourceAccount": whose, "s3:ResourceAccount": whose}


def _somewhere(action: str) -> str:
    return _SOMEWHERE[action.partition(":")[0]]


def _identity(world: World, tenant: str, account: Account) -> Iterator[Obligation]:
    """SCPs alone keep the tenant's principals from resources of other accounts that let everyone in."""
    kept = tuple(r.arn for r in world.by_account.get(account.id, ()) if r.kind == "role" and r.owner == PLATFORM)
    caller = administrator(account, kept)
    elsewhere = _another_account(account.id, *world.platform_accounts)
    for actions in _SERVICE.values():
        for action in actions:
            request = open_request(action, _somewhere(action), "", caller.principal, {**elsewhere, **caller.known})
            documents = Documents((ADMINISTRATOR,), resource=Labelled("open", _WIDE_OPEN), scps=account.scps)
            yield _judge(tenant, "identity", account.id, request, documents)


def _resource(world: World, tenant: str, account: Account) -> Iterator[Obligation]:
    """RCPs and the resource's own denies alone keep out everyone of another account."""
    for resource in world.by_account.get(account.id, ()):
        if resource.kind not in _TRIED or resource.owner != tenant:
            continue
        stranger = world.stranger(resource)
        for action in _TRIED[resource.kind]:
            on = f"{resource.arn}/*" if "Object" in action else resource.arn
            request = stranger.request(action, on, resource, world.outside_of(account.id, network_open=False))
            documents = Documents(
                (ADMINISTRATOR,), resource=Labelled(resource.arn, _opened(resource)), rcps=account.rcps
            )
            yield _judge(tenant, "resource", resource.arn, request, documents)


def _opened(resource: Resource) -> Policy:
    """The resource's policy as if somebody had added a statement that lets everyone in."""
    own = resource.policy.policy.statements if resource.policy is not None else ()
    return Policy("resource", (*own, *_WIDE_OPEN.statements))


def _network(world: World, tenant: str, account: Account) -> Iterator[Obligation]:
    """Endpoint policies alone let through neither foreign credentials nor requests for foreign resources."""
    for endpoint in world.endpoints_of.get(account.id, ()):
        if endpoint.service not in _SERVICE:
            continue
        trusted = (account.id, *world.platform_accounts)
        own = administrator(account, ())
        foreign: Attacker = anyone_else(*trusted)
        elsewhere = _another_account(*trusted)
        here: dict[str, Value] = {"aws:ResourceAccount": (account.id,)}
        for action in _SERVICE[endpoint.service]:
            for who, known in ((own, elsewhere), (foreign, here)):
                target = account.id if known is here else ""
                request = open_request(action, _somewhere(action), target, who.principal, {**known, **who.known})
                documents = Documents((ADMINISTRATOR,), resource=Labelled("open", _WIDE_OPEN), endpoint=endpoint.policy)
                yield _judge(tenant, "network", endpoint.id, request, documents)
