"""Transit gateways, attachments and their routes out of `describe-transit-gateway-*`, `get-…` and `search-…`."""

from __future__ import annotations

from compliance.errors import ComplianceError
from compliance.reason.network.addresses import parse_cidr
from compliance.reason.network.fields import Record
from compliance.reason.network.model import TransitAttachment, TransitGateway, TransitRoute


def parse_transit_gateway(record: Record) -> TransitGateway:
    """One item of `TransitGateways`; security group referencing is off by default at this level."""
    options = record.child("Options")
    default = options.text("AssociationDefaultRouteTableId")
    return TransitGateway(
        id=record.required("TransitGatewayId"),
        owner=record.owner("OwnerId"),
        region=record.document.region,
        state=record.text("State") or "available",
        group_references=options.text("SecurityGroupReferencingSupport") == "enable",
        default_association=default if options.text("DefaultRouteTableAssociation") == "enable" else None,
    )


def parse_vpc_attachment(record: Record) -> TransitAttachment:
    """One item of `TransitGatewayVpcAttachments`: it says the subnets but not the route table."""
    return TransitAttachment(
        id=record.required("TransitGatewayAttachmentId"),
        gateway=record.required("TransitGatewayId"),
        kind="vpc",
        resource=record.required("VpcId"),
        state=_state(record),
        subnets=tuple(sorted(record.texts("SubnetIds"))),
        group_references=record.child("Options").text("SecurityGroupReferencingSupport") != "disable",
    )


def parse_attachment(record: Record) -> TransitAttachment:
    """One item of `TransitGatewayAttachments`: it says the associated route table."""
    association = record.child("Association")
    table = association.text("TransitGatewayRouteTableId") or ""
    if association.text("State") in ("disassociating", "disassociated"):
        table = ""
    kind = record.required("ResourceType")
    return TransitAttachment(
        id=record.required("TransitGatewayAttachmentId"),
        gateway=record.required("TransitGatewayId"),
        kind="peering" if kind == "tgw-peering" else kind,
        resource=record.text("ResourceId") or "",
        state=_state(record),
        table=table,
    )


def parse_peering_attachment(record: Record) -> tuple[TransitAttachment, TransitAttachment]:
    """One item of `TransitGatewayPeeringAttachments` as each of the two gateways sees it."""
    ends = [record.child(name).required("TransitGatewayId") for name in ("RequesterTgwInfo", "AccepterTgwInfo")]
    attachment = record.required("TransitGatewayAttachmentId")
    far = record.text("AccepterTransitGatewayAttachmentId") or attachment
    state = _state(record)
    return (
        TransitAttachment(attachment, ends[0], "peering", ends[1], state),
        TransitAttachment(far, ends[1], "peering", ends[0], state),
    )


def _state(record: Record) -> str:
    """An attachment that is being modified goes on carrying packets."""
    state = record.text("State") or "available"
    return "available" if state == "modifying" else state


def parse_transit_route(record: Record) -> TransitRoute | None:
    """One item of the `Routes` of `search-transit-gateway-routes`; None while it is being made or removed."""
    state = record.text("State") or "active"
    if state in ("deleting", "deleted", "pending"):
        return None
    if state not in ("active", "blackhole"):
        raise ComplianceError(f"{record.place}.State", f"is {state!r}, but must be active or blackhole")
    text = record.text("DestinationCidrBlock")
    if text is None:
        raise ComplianceError(record.place, "has no DestinationCidrBlock; is this search-transit-gateway-routes?")
    block, length = parse_cidr(text, record.place)
    attachments = tuple(
        sorted(item.required("TransitGatewayAttachmentId") for item in record.children("TransitGatewayAttachments"))
    )
    return TransitRoute(
        block, length, text, record.text("Type") != "propagated", state == "active" and bool(attachments), attachments
    )
