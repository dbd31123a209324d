"""The collector's facts as documents of the network, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterable

from compliance.facts.fact import Fact, Status
from compliance.reason.network.documents import FactDocument

_SUBJECTS = ("TransitGatewayRouteTableId", "PrefixListId")
"""Parameters that a response does not repeat but that say what it is about."""
_NEEDED = (
    "Vpcs", "Subnets", "RouteTables", "SecurityGroups", "NetworkAcls", "NetworkInterfaces", "VpcPeeringConnections",
    "TransitGateways", "TransitGatewayAttachments", "TransitGatewayVpcAttachments", "VpcEndpoints",
    "InternetGateways", "EgressOnlyInternetGateways", "NatGateways",
)  # fmt: skip
_NEEDED_CALLS = frozenset(f"ec2:Describe{name}" for name in _NEEDED)


def documents_of(facts: Iterable[Fact]) -> tuple[list[FactDocument], dict[str, tuple[str, ...]]]:
    """The EC2 answers among the facts, and by account the calls that gave none but without which nothing is claimed.

    Other failed calls need no entry: what depends on them is missing where it is used.
    """
    documents: list[FactDocument] = []
    unread: dict[str, list[str]] = {}
    for fact in facts:
        if not fact.api.startswith("ec2:"):
            continue
        if fact.status is Status.OK and isinstance(fact.response, dict):
            content = fact.response | {name: fact.params[name] for name in _SUBJECTS if name in fact.params}
            documents.append(
                FactDocument(content, f"{fact.account}/{fact.region}/{fact.api}", fact.account, fact.region)
            )
        elif not fact.status.read and fact.api in _NEEDED_CALLS:
            unread.setdefault(fact.account, []).append(f"{fact.api} in {fact.region} ({fact.status.value})")
    return documents, {account: tuple(calls) for account, calls in unread.items()}
