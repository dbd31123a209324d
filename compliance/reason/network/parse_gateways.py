"""Gateways, peering, endpoints and public access blocks out of their `describe-*` responses."""

from __future__ import annotations

from collections.abc import Mapping

from compliance.errors import ComplianceError
from compliance.reason.network.addresses import Ranges, union
from compliance.reason.network.documents import FactDocument
from compliance.reason.network.fields import Record
from compliance.reason.network.model import (
    Endpoint,
    EndpointService,
    Gateway,
    NatGateway,
    Peering,
    PublicAccessBlock,
    PublicAccessExclusion,
)


def parse_internet_gateway(record: Record) -> Gateway:
    """One item of `InternetGateways`."""
    return _attached(record, record.required("InternetGatewayId"), "internet")


def parse_egress_only_gateway(record: Record) -> Gateway:
    """One item of `EgressOnlyInternetGateways`."""
    return _attached(record, record.required("EgressOnlyInternetGatewayId"), "egress-only")


def parse_vpn_gateway(record: Record) -> Gateway:
    """One item of `VpnGateways`."""
    gateway = record.required("VpnGatewayId")
    vpcs = [item.required("VpcId") for item in record.children("VpcAttachments") if item.text("State") != "detached"]
    if record.text("State") in ("deleted", "deleting"):
        vpcs = []
    return Gateway(gateway, "vpn", record.owner("OwnerId"), tuple(sorted(vpcs)))


def parse_carrier_gateway(record: Record) -> Gateway:
    """One item of `CarrierGateways`."""
    vpc = record.text("VpcId")
    present = record.text("State") in (None, "available", "pending") and vpc is not None
    return Gateway(
        record.required("CarrierGatewayId"), "carrier", record.owner("OwnerId"), (vpc,) if present and vpc else ()
    )


def _attached(record: Record, gateway: str, kind: str) -> Gateway:
    vpcs = [
        item.required("VpcId")
        for item in record.children("Attachments")
        if item.text("State") in (None, "available", "attached", "attaching")
    ]
    return Gateway(gateway, kind, record.owner("OwnerId"), tuple(sorted(vpcs)))


def parse_nat_gateway(record: Record) -> NatGateway:
    """One item of `NatGateways`."""
    addresses: Ranges = ()
    public: dict[tuple[Ranges, Ranges], None] = {}
    interfaces = []
    for item in record.children("NatGatewayAddresses"):
        private, outside = item.addresses("PrivateIp"), item.addresses("PublicIp")
        addresses = union(addresses, private)
        if private and outside:
            public[(private, outside)] = None
        interfaces += [interface] if (interface := item.text("NetworkInterfaceId")) else []
    return NatGateway(
        id=record.required("NatGatewayId"),
        vpc=record.text("VpcId") or "",
        subnet=record.text("SubnetId"),
        state=record.text("State") or "available",
        private=record.text("ConnectivityType") == "private",
        addresses=addresses,
        public=tuple(sorted(public)),
        route_table=record.text("RouteTableId"),
        interfaces=tuple(sorted(interfaces)),
    )


def parse_peering(record: Record) -> Peering:
    """One item of `VpcPeeringConnections`."""
    sides = []
    for name in ("RequesterVpcInfo", "AccepterVpcInfo"):
        side = record.child(name)
        blocks = [side.addresses("CidrBlock")]
        blocks += [item.addresses("CidrBlock") for item in side.children("CidrBlockSet")]
        blocks += [item.addresses("Ipv6CidrBlock") for item in side.children("Ipv6CidrBlockSet")]
        sides.append((side.required("VpcId"), union(*blocks), side.text("Region")))
    status = record.child("Status").required("Code")
    return Peering(record.required("VpcPeeringConnectionId"), status, (sides[0], sides[1]))


def parse_endpoint(record: Record) -> Endpoint:
    """One item of `VpcEndpoints`. States are compared in lower case: the CLI prints `available`."""
    return Endpoint(
        id=record.required("VpcEndpointId"),
        kind=record.text("VpcEndpointType") or "Gateway",
        vpc=record.required("VpcId"),
        service=record.text("ServiceName") or "",
        state=(record.text("State") or "available").lower(),
        owner=record.owner("OwnerId"),
        subnets=tuple(sorted(record.texts("SubnetIds"))),
        interfaces=tuple(sorted(record.texts("NetworkInterfaceIds"))),
        groups=tuple(sorted(item.required("GroupId") for item in record.children("Groups"))),
        managed=record.flag("RequesterManaged")
        or any(tag.text("Key") == "AWSNetworkFirewallManaged" for tag in record.children("Tags")),
    )


def parse_endpoint_service(record: Record) -> EndpointService:
    """One item of `ServiceConfigurations` (the provider's own view)."""
    balancers = (*record.texts("NetworkLoadBalancerArns"), *record.texts("GatewayLoadBalancerArns"))
    service = record.required("ServiceId")
    return EndpointService(
        id=service,
        name=record.text("ServiceName") or "",
        owner=next((_arn_account(arn) for arn in balancers), None) or record.document.account,
        state=(record.text("ServiceState") or "available").lower(),
        balancers=tuple(sorted(balancers)),
    )


def parse_service_detail(record: Record) -> EndpointService | None:
    """One item of `ServiceDetails` (a consumer's view): who owns the service. None for the services of AWS itself."""
    name = record.required("ServiceName")
    service = record.text("ServiceId") or name.rsplit(".", 1)[-1]
    owner = record.text("Owner")
    if not service.startswith("vpce-svc-") or owner is None or not owner.isdigit():
        return None
    return EndpointService(service, name, owner, "available", ())


def parse_public_access_block(document: FactDocument) -> PublicAccessBlock | None:
    """The object under `VpcBlockPublicAccessOptions`.

    Raises:
        ComplianceError: it is no object, or its mode is unknown.
    """
    value = document.content.get("VpcBlockPublicAccessOptions")
    if value is None:
        return None
    place = f"{document.source}: VpcBlockPublicAccessOptions"
    if not isinstance(value, Mapping):
        raise ComplianceError(place, f"is {value!r:.80}, but must be an object")
    record = Record(value, place, document)
    mode = record.text("InternetGatewayBlockMode") or "off"
    if mode not in ("off", "block-bidirectional", "block-ingress"):
        raise ComplianceError(
            f"{place}.InternetGatewayBlockMode", f"{mode!r} is not off, block-bidirectional, block-ingress"
        )
    return PublicAccessBlock(record.owner("AwsAccountId"), record.text("AwsRegion") or document.region, mode)


def parse_public_access_exclusion(record: Record) -> PublicAccessExclusion | None:
    """One item of `VpcBlockPublicAccessExclusions`; None once it is deleted or disabled."""
    state = record.text("State") or "create-complete"
    if state.startswith(("delete", "disable")) or state in ("create-failed", "create-in-progress"):
        return None
    return PublicAccessExclusion(
        record.required("ExclusionId"),
        record.required("ResourceArn").rsplit("/", 1)[-1],
        record.text("InternetGatewayExclusionMode") or "allow-bidirectional",
    )


def _arn_account(arn: str) -> str | None:
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 and parts[4] else None
