"""Roles of AWS that trust tokens of Google's: who may hold such a token.

The other way round, AWS accounts at Google's pools, is part of the reach on Google Cloud. A token of
accounts.google.com says in `sub` which service account or person it is of, one of Google Cloud Attestation which
machine of which project. Whatever else it says its holder may choose.
Source: IAM User Guide, "Available keys for AWS OIDC federation"; Confidential Space, "Attestation token claims".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from compliance.estate.google_model import GoogleEstate
from compliance.estate.model import PLATFORM, Estate, Resource
from compliance.prove.result import Finding, Obligation, Proofs
from compliance.reason.iam import Documents, Possibility, Principal, Unknown, open_request, possible
from compliance.reason.iam.context import Value
from compliance.reason.reach.attacker import Attacker, as_identity, step
from compliance.reason.reach.world import World

ACTION: Final = "sts:AssumeRoleWithWebIdentity"
_BOUND: Final = 400
_ACCOUNTS: Final = "accounts.google.com"
_ATTESTATION: Final = "confidentialcomputing.googleapis.com"
_MACHINE: Final = "https://www.googleapis.com/compute/v1/projects/"


@dataclass(frozen=True, slots=True)
class Taken:
    """A role that a tenant took, as what it acts from then on."""

    tenant: str
    attacker: Attacker


def google_tokens(proofs: Proofs, estate: Estate, world: World) -> Iterator[Taken]:
    """Judges every role of AWS that trusts an issuer of Google's; yields the roles that a tenant can take."""
    for role in world.roles:
        for provider, host in _issuers(role):
            for tenant in proofs.tenants:
                if tenant == role.owner or (role.owner != PLATFORM and role.owner not in proofs.tenants):
                    continue
                result = _best(estate, world, role, provider, host, tenant)
                yield from noted(proofs, world, role, tenant, host, result)


def _issuers(role: Resource) -> Iterator[tuple[str, str]]:
    """Federated principals of the trust policy that are issuers of Google's, with their host."""
    statements = role.policy.policy.statements if role.policy is not None else ()
    for statement in statements:
        for element in statement.principals or ():
            host = element.text.rpartition(":oidc-provider/")[2]
            if statement.allow and element.type == "Federated" and host in (_ACCOUNTS, _ATTESTATION):
                yield element.text, host


def _best(estate: Estate, world: World, role: Resource, provider: str, host: str, tenant: str) -> Possibility:
    """The worst that the tenant can do; `undecided` too if the trust names a subject of nobody known."""
    held, elsewhere, unknown = _subjects(estate.google, host, tenant)
    doubt: Possibility | None = None
    for subject in (*held, elsewhere, unknown):
        result = attempt(world, role, provider, {f"{host}:sub": subject})
        if result.verdict == "possible" and subject is not unknown:
            return result
        if result.verdict != "impossible":
            doubt = Possibility(
                "undecided", result.decision, None, f"whether {tenant} holds a token that it trusts is not known"
            )
    return doubt or attempt(world, role, provider, {f"{host}:sub": elsewhere})


def _subjects(google: GoogleEstate | None, host: str, tenant: str) -> tuple[list[Value], Value, Value]:
    """Subjects that the tenant holds, one that anybody can have, and any that is none of those known."""
    if host == _ACCOUNTS:
        accounts = list(google.accounts.values()) if google is not None else []
        held: list[Value] = [(a.unique_id,) for a in accounts if a.owner == tenant and a.unique_id]
        known = tuple(a.unique_id for a in accounts if a.unique_id)
        return held, ("100000000000000000000",), Unknown(False, "*", known)
    own = (
        [a.removeprefix("projects/") for n, a in google.aliases.items() if google.whose.of_project(n) == tenant]
        if google
        else []
    )
    every = [a.removeprefix("projects/") for a in google.aliases.values()] if google else []
    machines: list[Value] = [Unknown(False, f"{_MACHINE}{project}/*") for project in own]
    known = tuple(f"{_MACHINE}{project}/*" for project in every)
    return machines, (f"{_MACHINE}elsewhere-1/zones/us-central1-a/instances/1",), Unknown(False, f"{_MACHINE}*", known)


def attempt(world: World, role: Resource, provider: str, known: dict[str, Value]) -> Possibility:
    """Whether a role can be assumed with a token of a provider of which some claims are known."""
    account = world.account(role.account)
    request = open_request(ACTION, role.arn, role.account, Principal("federated", provider), known)
    rcps = account.rcps if account is not None else ()
    return possible(request, Documents(resource=role.policy, rcps=rcps), _BOUND)


def noted(proofs: Proofs, world: World, role: Resource, tenant: str, host: str, result: Possibility) -> Iterator[Taken]:
    """Adds what was found of a tenant and a role that trusts tokens; yields the role if the tenant can take it."""
    subject = f"{ACTION} with a token of {host}"
    reasons = (f"{subject}: {result.why or result.decision.decided_by.text}",)
    if result.verdict == "impossible":
        proofs.obligations.append(Obligation(tenant, role.owner, "role", subject, role.arn, "proved", reasons))
        return
    if result.verdict == "undecided":
        finding = Finding("undecided", role.arn, reasons)
    else:
        finding = Finding("violated", role.arn, reasons, {"steps": [step(result)]})
        identity = world.identities.get(role.arn)
        if identity is not None:
            yield Taken(tenant, as_identity(identity, world.account(identity.account), (step(result),)))
    victims = [role.owner] if role.owner != PLATFORM else [t for t in proofs.tenants if t != tenant]
    for victim in victims:
        proofs.note(tenant, victim, "role", finding)
    proofs.obligations.append(
        Obligation(tenant, role.owner, "role", subject, role.arn, finding.verdict, reasons, finding.witness)
    )
