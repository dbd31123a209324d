"""Ways out of the network: gateways, peerings, VPNs, mirrors, public addresses."""

from __future__ import annotations

from typing import Any

from compliance.rules.model import About, Outcome, Population, Resource, Rule, Severity, decide, judge_problems
from compliance.rules.populations import the_account
from compliance.rules.view import View

ANYWHERE = ("0.0.0.0/0", "::/0")

_GONE = {"deleted", "deleting", "rejected", "failed", "expired"}


def _absent(operation: str, member: str, identifier: str, what: str, state: str = "State") -> Any:
    """A check: the account has none of these that is not on its way out."""

    def check(view: View, _resource: Resource) -> Outcome:
        present = [
            item[identifier] for item in view.items(f"ec2:{operation}", member) if _state(item, state) not in _GONE
        ]
        return decide(not present, f"no {what}", f"{what}: {', '.join(sorted(present))}")

    return check


def _state(item: dict[str, Any], member: str) -> str:
    value = item.get(member, "")
    return str(value.get("Code", "") if isinstance(value, dict) else value).lower()


def _peerings(view: View, _resource: Resource) -> Outcome:
    problems = []
    for peering in view.items("ec2:DescribeVpcPeeringConnections", "VpcPeeringConnections"):
        if _state(peering, "Status") in _GONE:
            continue
        ends = {peering[side].get("OwnerId", "?") for side in ("AccepterVpcInfo", "RequesterVpcInfo")}
        owners = sorted(view.fleet_accounts().get(end, end) for end in ends - {view.account}) or [view.name]
        problems.append(f"{peering['VpcPeeringConnectionId']} joins {', '.join(owners)}")
    return judge_problems(problems, "no peering")


def network_rule(
    name: str, title: str, severity: Severity, needs: tuple[str, ...], population: Population, check: Any, **parts: Any
) -> Rule:
    """A rule about the network."""
    return Rule(
        id=f"network.{name}",
        title=title,
        severity=severity,
        about=About.TENANT,
        needs=needs,
        population=population,
        check=check,
        objectives=parts.pop("objectives", ("isolation.network",)),
        remediation=parts.pop(
            "remediation", "Delete it and deploy the tenant's perimeter; find out in the trail who made it."
        ),
        **parts,
    )


def _none(name: str, title: str, listing: tuple[str, str, str], what: str, severity: Severity, threat: str) -> Rule:
    operation, member, identifier = listing
    return network_rule(
        name,
        title,
        severity,
        (f"ec2:{operation}",),
        the_account,
        _absent(operation, member, identifier, what),
        threat=threat,
        blind="Regions that the scan does not read; the SCP on regions closes those.",
    )


DATA_OUT = "Training code sends the data to the internet."

BETWEEN_TENANTS = "Packets of one tenant reach another's machines."

RULES: tuple[Rule, ...] = (
    _none(
        "no-internet-gateway",
        "There is no internet gateway",
        ("DescribeInternetGateways", "InternetGateways", "InternetGatewayId"),
        "internet gateway",
        Severity.CRITICAL,
        DATA_OUT,
    ),
    _none(
        "no-egress-only-gateway",
        "There is no egress-only internet gateway",
        ("DescribeEgressOnlyInternetGateways", "EgressOnlyInternetGateways", "EgressOnlyInternetGatewayId"),
        "egress-only internet gateway",
        Severity.CRITICAL,
        DATA_OUT,
    ),
    _none(
        "no-nat-gateway",
        "There is no NAT gateway",
        ("DescribeNatGateways", "NatGateways", "NatGatewayId"),
        "NAT gateway",
        Severity.CRITICAL,
        DATA_OUT,
    ),
    _none(
        "no-carrier-gateway",
        "There is no carrier gateway",
        ("DescribeCarrierGateways", "CarrierGateways", "CarrierGatewayId"),
        "carrier gateway",
        Severity.HIGH,
        DATA_OUT,
    ),
    network_rule(
        "no-peering",
        "No VPC is peered",
        Severity.CRITICAL,
        ("ec2:DescribeVpcPeeringConnections",),
        the_account,
        _peerings,
        threat=BETWEEN_TENANTS,
        blind="Whether routes use the peering; any peering is a finding.",
    ),
    _none(
        "no-transit-gateway",
        "Nothing is attached to a transit gateway",
        ("DescribeTransitGatewayAttachments", "TransitGatewayAttachments", "TransitGatewayAttachmentId"),
        "transit gateway attachment",
        Severity.CRITICAL,
        BETWEEN_TENANTS,
    ),
    _none(
        "no-vpn-gateway",
        "There is no VPN gateway",
        ("DescribeVpnGateways", "VpnGateways", "VpnGatewayId"),
        "VPN gateway",
        Severity.CRITICAL,
        DATA_OUT,
    ),
    _none(
        "no-vpn-connection",
        "There is no VPN connection",
        ("DescribeVpnConnections", "VpnConnections", "VpnConnectionId"),
        "VPN connection",
        Severity.CRITICAL,
        DATA_OUT,
    ),
    _none(
        "no-client-vpn",
        "There is no client VPN endpoint",
        ("DescribeClientVpnEndpoints", "ClientVpnEndpoints", "ClientVpnEndpointId"),
        "client VPN endpoint",
        Severity.HIGH,
        "Someone's laptop joins the tenant's network.",
    ),
    _none(
        "no-connect-endpoint",
        "There is no instance connect endpoint",
        ("DescribeInstanceConnectEndpoints", "InstanceConnectEndpoints", "InstanceConnectEndpointId"),
        "instance connect endpoint",
        Severity.HIGH,
        "An operator opens a shell on a node from outside.",
    ),
    _none(
        "no-traffic-mirror",
        "No traffic is mirrored",
        ("DescribeTrafficMirrorSessions", "TrafficMirrorSessions", "TrafficMirrorSessionId"),
        "traffic mirror session",
        Severity.CRITICAL,
        "A copy of every packet goes elsewhere.",
    ),
    _none(
        "no-public-addresses",
        "There is no elastic address",
        ("DescribeAddresses", "Addresses", "AllocationId"),
        "elastic address",
        Severity.HIGH,
        "A machine with a public address is reachable from the internet.",
    ),
)
