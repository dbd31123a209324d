"""The three locks of tenants on Google Cloud, each judged as if the other two were missing.

Identity: principal access boundaries alone keep the tenant's identities from a resource elsewhere that is open to all.
Resource: deny policies alone keep everyone else from the tenant's objects and keys, whatever an allow policy says.
Network: the perimeter alone stops requests from outside its networks, and requests from inside to anything outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from compliance.estate.google_model import GoogleResource
from compliance.estate.model import PLATFORM
from compliance.prove.result import Obligation, Proofs, Verdict
from compliance.reason.gcp.allow import AllowPolicy, parse_allow_policy
from compliance.reason.gcp.decide import Documents
from compliance.reason.gcp.request import Request, Source, Target
from compliance.reason.gcp.roles import CustomRole
from compliance.reason.gcp.symbolic import open_request, possible
from compliance.reason.google_reach.closure import account_principal
from compliance.reason.google_reach.world import World, step

_TRIED: Final = {
    "bucket": ("storage.objects.get", "storage.objects.create", "storage.objects.list"),
    "key": (
        "cloudkms.cryptoKeyVersions.useToDecrypt", "cloudkms.cryptoKeyVersions.useToEncrypt",
        "cloudkms.cryptoKeys.setIamPolicy",
    ),
}  # fmt: skip
_ON_OBJECTS: Final = ("storage.objects.get", "storage.objects.create")
_ALL: Final = CustomRole("organizations/0/roles/all", frozenset(p for held in _TRIED.values() for p in held))
_WIDE_OPEN: Final[AllowPolicy] = parse_allow_policy(
    {"bindings": [{"role": _ALL.name, "members": ["allUsers"]}]}, "the resource", "a policy that is open to all"
)
_SOMEWHERE: Final = {
    "bucket": ("storage.googleapis.com/Object", "//storage.googleapis.com/projects/_/buckets/elsewhere/objects/*"),
    "key": (
        "cloudkms.googleapis.com/CryptoKey", "//cloudkms.googleapis.com/projects/e/locations/l/keyRings/r/cryptoKeys/k",
    ),
}  # fmt: skip
_BOUND: Final = 200
_ELSEWHERE: Final = "projects/999999999999"


def prove_google_locks(proofs: Proofs, world: World) -> None:
    """Adds the locks of every tenant on Google Cloud."""
    for tenant in proofs.tenants:
        if tenant in world.estate.tenants:
            proofs.locks += [*_identity(world, tenant), *_network_out(world, tenant)]
    for resource in world.estate.resources:
        if resource.kind in _TRIED and resource.owner in proofs.tenants:
            proofs.locks += [*_resource(world, resource), *_network_in(world, resource)]


def _open() -> Documents:
    return Documents(allow=(_WIDE_OPEN,), roles={_ALL.name: _ALL})


def _judge(
    lock: str,
    tenant: str,
    subject: str,
    request: Request,
    documents: Documents,
    sources: tuple[Source, ...] | None = None,
) -> Obligation:
    result = possible(request, documents, _BOUND, sources)
    verdicts: dict[str, Verdict] = {"impossible": "proved", "possible": "violated", "undecided": "undecided"}
    verdict = verdicts[result.verdict]
    reasons = (result.decision.decided_by.text,)
    if verdict != "proved":
        reasons = (f"nothing of this lock refuses {request.permission} for certain",)
    witness = {"steps": [step(result)]} if verdict == "violated" else None
    return Obligation("anyone", tenant, lock, f"{lock} lock: {request.permission}", subject, verdict, reasons, witness)


def _somewhere(world: World, kind: str) -> Target:
    type_, name = _SOMEWHERE[kind]
    above = f"organizations/{world.estate.whose.organisation}"
    return Target(name, type_, (_ELSEWHERE, above), ("projects/project-of-somebody-else",))


def _identity(world: World, tenant: str) -> Iterator[Obligation]:
    for account in world.accounts_of(tenant):
        caller = account_principal(account)
        documents = replace(_open(), boundaries=world.boundaries(caller))
        for kind, permissions in _TRIED.items():
            request = open_request(permissions[0], _somewhere(world, kind), caller)
            yield _judge("identity", tenant, account.email, request, documents)


def _resource(world: World, resource: GoogleResource) -> Iterator[Obligation]:
    deny = world.documents(resource).deny
    documents = replace(_open(), deny=deny, directory=world.directory)
    for permission in _TRIED[resource.kind]:
        target = world.target(resource, _inside(resource, permission))
        request = open_request(permission, target, world.strangers[resource.owner])
        yield _judge("resource", resource.owner, resource.name, request, documents)


def _network_in(world: World, resource: GoogleResource) -> Iterator[Obligation]:
    """From anywhere but the owner's networks, with whatever credentials of somebody else."""
    stay_out = world.networks(resource.owner, PLATFORM)
    for permission in _TRIED[resource.kind]:
        target = world.target(resource, _inside(resource, permission))
        documents = replace(_open(), borders=world.borders(target.nodes, ()), directory=world.directory)
        request = open_request(permission, target, world.strangers[resource.owner], not_from=stay_out)
        yield _judge("network", resource.owner, resource.name, request, documents)


def _network_out(world: World, tenant: str) -> Iterator[Obligation]:
    """From the tenant's networks to a resource elsewhere, with whatever credentials of somebody else."""
    anyone = world.strangers[tenant]
    for network in sorted(name for name in world.networks(tenant) if name.startswith("//")):
        project = world.estate.whose.node(network.split("/projects/")[1].split("/")[0])
        source = Source(project=project, network=network)
        for kind, permissions in _TRIED.items():
            target = _somewhere(world, kind)
            documents = replace(_open(), borders=world.borders(target.nodes, (source,)), directory=world.directory)
            request = replace(open_request(permissions[0], target, anyone), source=source)
            yield _judge("network", tenant, network, request, documents, (source,))


def _inside(resource: GoogleResource, permission: str) -> str:
    return f"{resource.name}/objects/*" if permission in _ON_OBJECTS else resource.name
