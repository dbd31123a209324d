"""Transit gateways: attachments, route tables with associations and propagations, and the routes themselves."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.collect.request import Answer, Family, Place, Request, Where

_LISTINGS = (
    ("DescribeTransitGateways", "TransitGateways"),
    ("DescribeTransitGatewayAttachments", "TransitGatewayAttachments"),
    ("DescribeTransitGatewayVpcAttachments", "TransitGatewayVpcAttachments"),
    ("DescribeTransitGatewayPeeringAttachments", "TransitGatewayPeeringAttachments"),
)
_EVERY_ROUTE = [{"Name": "state", "Values": ["active", "blackhole"]}]


def _start(_place: Place) -> Iterator[Request]:
    for operation, member in _LISTINGS:
        yield Request(f"ec2:{operation}", expects=(member,))
    yield Request("ec2:DescribeTransitGatewayRouteTables", expects=("TransitGatewayRouteTables",), then=_tables)


def _tables(answer: Answer, _place: Place) -> Iterator[Request]:
    for table in answer["TransitGatewayRouteTables"]:
        params = {"TransitGatewayRouteTableId": table["TransitGatewayRouteTableId"]}
        yield Request("ec2:GetTransitGatewayRouteTableAssociations", params, expects=("Associations",))
        yield Request(
            "ec2:GetTransitGatewayRouteTablePropagations", params, expects=("TransitGatewayRouteTablePropagations",)
        )
        yield Request("ec2:SearchTransitGatewayRoutes", {**params, "Filters": _EVERY_ROUTE}, expects=("Routes",))


TRANSIT = Family("transit", Where.EACH_REGION, _start)
