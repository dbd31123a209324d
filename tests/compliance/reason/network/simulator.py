"""A second opinion: sends one concrete packet after another through the raw describe responses.

It shares no code with the search: addresses by `ipaddress`, rules one by one, no sets of packets. It knows subnets,
route tables, peering, transit gateways with tables, security groups and network ACLs.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

NUMBERS = {"tcp": 6, "udp": 17}


@dataclass(frozen=True)
class Sent:
    """One packet of TCP or UDP."""

    source: str
    destination: str
    protocol: int
    source_port: int
    port: int

    def reply(self) -> Sent:
        return Sent(self.destination, self.source, self.protocol, self.port, self.source_port)


class Simulator:
    """Answers for one packet at a time."""

    def __init__(self, facts: dict[str, Any], transit_routes: dict[str, list[dict[str, Any]]]) -> None:
        self.facts = facts
        self.transit_routes = transit_routes

    def find(self, key: str, **match: Any) -> dict[str, Any]:
        return next(item for item in self.facts[key] if all(item.get(k) == v for k, v in match.items()))

    def arrives(self, sender: dict[str, Any], receiver: dict[str, Any], packet: Sent, *, connection: bool) -> bool:
        """Whether the packet gets from one interface to the other (and its reply past the ACLs on the way)."""
        if not self.group_allows(sender, "IpPermissionsEgress", packet.destination, packet, None):
            return False
        subnet = self.find("Subnets", SubnetId=sender["SubnetId"])
        if inside(packet.destination, subnet["CidrBlock"]):
            return self.lands(receiver, packet, subnet, sender, connection=connection, same=True)
        hop = self.next_hop(subnet, packet.destination)
        if hop is None:
            return False
        attached = hop.startswith("tgw-") and self.attachment(subnet["VpcId"])["SubnetIds"] == [subnet["SubnetId"]]
        if not self.acl_allows(subnet, packet, egress=True):
            return False
        if connection and not attached and not self.acl_allows(subnet, packet.reply(), egress=False):
            return False
        if hop == "local":
            return self.lands(receiver, packet, subnet, sender, connection=connection, same=False)
        if hop.startswith("pcx-"):
            return self.over_peering(hop, subnet["VpcId"], receiver, packet, sender, connection=connection)
        return self.over_transit(subnet, receiver, packet, sender, connection=connection)

    def over_peering(self, name, vpc, receiver, packet, sender, *, connection: bool) -> bool:
        peering = self.find("VpcPeeringConnections", VpcPeeringConnectionId=name)
        ends = [peering["RequesterVpcInfo"]["VpcId"], peering["AccepterVpcInfo"]["VpcId"]]
        if peering["Status"]["Code"] != "active" or vpc not in ends:
            return False
        far = ends[1 - ends.index(vpc)]
        if receiver["VpcId"] != far:
            return False
        return self.lands(receiver, packet, None, sender, connection=connection, same=False)

    def over_transit(self, subnet, receiver, packet, sender, *, connection: bool) -> bool:
        near = self.attachment(subnet["VpcId"])
        entry = self.find("Subnets", SubnetId=near["SubnetIds"][0])
        if not self.acl_allows(entry, packet, egress=False):
            return False
        same = entry["SubnetId"] == subnet["SubnetId"]
        if connection and not same and not self.acl_allows(entry, packet.reply(), egress=True):
            return False
        table = self.find("TransitGatewayAttachments", ResourceId=subnet["VpcId"])["Association"]
        routes = [
            route
            for route in self.transit_routes[table["TransitGatewayRouteTableId"]]
            if inside(packet.destination, route["DestinationCidrBlock"])
        ]
        if not routes:
            return False
        best = max(routes, key=lambda r: (ip_network(r["DestinationCidrBlock"]).prefixlen, r["Type"] == "static"))
        if best["State"] == "blackhole":
            return False
        far = next(
            a
            for a in self.facts["TransitGatewayVpcAttachments"]
            if a["TransitGatewayAttachmentId"] == best["TransitGatewayAttachments"][0]["TransitGatewayAttachmentId"]
        )
        out = self.find("Subnets", SubnetId=far["SubnetIds"][0])
        if far["VpcId"] != receiver["VpcId"]:
            return False
        if inside(packet.destination, out["CidrBlock"]):
            if connection and not all(self.acl_allows(out, packet.reply(), egress=way) for way in (True, False)):
                return False
            return self.lands(receiver, packet, out, None, connection=connection, same=True)
        if self.next_hop(out, packet.destination) != "local" or not self.acl_allows(out, packet, egress=True):
            return False
        if connection and not self.acl_allows(out, packet.reply(), egress=False):
            return False
        return self.lands(receiver, packet, out, None, connection=connection, same=False)

    def attachment(self, vpc: str) -> dict[str, Any]:
        return self.find("TransitGatewayVpcAttachments", VpcId=vpc)

    def lands(self, receiver, packet, came_from, sender, *, connection: bool, same: bool) -> bool:
        if packet.destination != receiver["PrivateIpAddress"]:
            return False
        subnet = self.find("Subnets", SubnetId=receiver["SubnetId"])
        if came_from is not None and came_from["VpcId"] != subnet["VpcId"]:
            return False
        if not same:
            if not self.acl_allows(subnet, packet, egress=False):
                return False
            if connection and not self.acl_allows(subnet, packet.reply(), egress=True):
                return False
        return self.group_allows(receiver, "IpPermissions", packet.source, packet, sender)

    def next_hop(self, subnet: dict[str, Any], destination: str) -> str | None:
        tables = [t for t in self.facts["RouteTables"] if t["VpcId"] == subnet["VpcId"]]
        own = [t for t in tables if any(a.get("SubnetId") == subnet["SubnetId"] for a in t["Associations"])]
        table = (own or [t for t in tables if any(a.get("Main") for a in t["Associations"])])[0]
        routes = [r for r in table["Routes"] if inside(destination, r["DestinationCidrBlock"])]
        if not routes:
            return None
        best = max(routes, key=lambda r: ip_network(r["DestinationCidrBlock"]).prefixlen)
        if best["State"] != "active":
            return None
        return next(best[k] for k in ("GatewayId", "VpcPeeringConnectionId", "TransitGatewayId") if k in best)

    def group_allows(self, host, key: str, peer: str, packet: Sent, sender) -> bool:
        for name in host["Groups"]:
            for permission in self.find("SecurityGroups", GroupId=name["GroupId"])[key]:
                if not matches(permission["IpProtocol"], packet.protocol):
                    continue
                ports = (permission.get("FromPort", 0), permission.get("ToPort", 65535))
                if permission["IpProtocol"] != "-1" and not ports[0] <= packet.port <= ports[1]:
                    continue
                if any(inside(peer, block["CidrIp"]) for block in permission.get("IpRanges", [])):
                    return True
                groups = {pair["GroupId"] for pair in permission.get("UserIdGroupPairs", [])}
                if sender is not None and groups & {group["GroupId"] for group in sender["Groups"]}:
                    return True
        return False

    def acl_allows(self, subnet: dict[str, Any], packet: Sent, *, egress: bool) -> bool:
        acl = next(
            a for a in self.facts["NetworkAcls"] if any(s["SubnetId"] == subnet["SubnetId"] for s in a["Associations"])
        )
        peer = packet.destination if egress else packet.source
        for rule in sorted(acl["Entries"], key=lambda e: e["RuleNumber"]):
            if rule["Egress"] != egress or not matches(rule["Protocol"], packet.protocol):
                continue
            ports = rule.get("PortRange", {"From": 0, "To": 65535})
            if rule["Protocol"] != "-1" and not ports["From"] <= packet.port <= ports["To"]:
                continue
            if inside(peer, rule["CidrBlock"]):
                return rule["RuleAction"] == "allow"
        return False


def inside(address: str, block: str) -> bool:
    return ip_address(address) in ip_network(block)


def matches(written: str, protocol: int) -> bool:
    return written == "-1" or NUMBERS.get(written, written) in (protocol, str(protocol))
