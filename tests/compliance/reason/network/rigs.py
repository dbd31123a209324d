"""Small networks in the words of `aws ec2 describe-*`, for tests to take apart."""

from __future__ import annotations

import copy
from typing import Any

from compliance.reason.network import FactDocument, Network, Reach, reach
from compliance.reason.network.protocols import header_of

ANYWHERE = "0.0.0.0/0"
ANYWHERE_V6 = "::/0"


class Rig:
    """One dictionary of responses that grows object by object; `with_` copies it for a negative twin."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.more: list[FactDocument] = []

    def add(self, key: str, **fields: Any) -> Rig:
        """Adds an object under a top-level key; underscores are not translated, names are AWS's own."""
        self.facts.setdefault(key, []).append(fields)
        return self

    def document(self, content: dict[str, Any], source: str, account: str | None = None) -> Rig:
        """Adds a response of its own."""
        self.more.append(FactDocument(content, source, account))
        return self

    def copy(self) -> Rig:
        """An independent copy."""
        twin = Rig()
        twin.facts, twin.more = copy.deepcopy(self.facts), list(self.more)
        return twin

    def item(self, key: str, **match: Any) -> dict[str, Any]:
        """The object under the key whose fields have the values."""
        return next(item for item in self.facts[key] if all(item.get(k) == v for k, v in match.items()))

    def network(self) -> Network:
        """The network that the rig describes."""
        return Network.load([FactDocument(self.facts, "rig.json"), *self.more])

    def reach(self, source: str, target: str, protocol: str = "-1", port: str | None = None, **options: Any) -> Reach:
        """The answer for a pair of ends."""
        return reach(self.network(), source, target, header=header_of(protocol, port), **options)

    def says(self, source: str, target: str, protocol: str = "-1", port: str | None = None, **options: Any) -> str:
        """The disposition for a pair of ends."""
        return self.reach(source, target, protocol, port, **options).disposition

    # objects -----------------------------------------------------------------------------------------------------

    def vpc(self, name: str, *blocks: str, owner: str = "111111111111", v6: str | None = None) -> Rig:
        v4 = [{"CidrBlock": block, "CidrBlockState": {"State": "associated"}} for block in blocks]
        six = [{"Ipv6CidrBlock": v6, "Ipv6CidrBlockState": {"State": "associated"}}] if v6 else []
        return self.add(
            "Vpcs",
            VpcId=name,
            OwnerId=owner,
            CidrBlock=blocks[0],
            CidrBlockAssociationSet=v4,
            Ipv6CidrBlockAssociationSet=six,
        )

    def subnet(
        self,
        name: str,
        vpc: str,
        block: str,
        *,
        zone: str = "eu-west-1a",
        owner: str = "111111111111",
        v6: str | None = None,
    ) -> Rig:
        six = [{"Ipv6CidrBlock": v6, "Ipv6CidrBlockState": {"State": "associated"}}] if v6 else []
        return self.add(
            "Subnets",
            SubnetId=name,
            VpcId=vpc,
            CidrBlock=block,
            AvailabilityZone=zone,
            OwnerId=owner,
            Ipv6CidrBlockAssociationSet=six,
        )

    def table(
        self,
        name: str,
        vpc: str,
        *routes: dict[str, Any],
        subnets: tuple[str, ...] = (),
        main: bool = False,
        gateway: str = "",
    ) -> Rig:
        associations: list[dict[str, Any]] = [{"Main": False, "SubnetId": subnet} for subnet in subnets]
        associations += [{"Main": True}] if main else []
        associations += [{"Main": False, "GatewayId": gateway}] if gateway else []
        return self.add("RouteTables", RouteTableId=name, VpcId=vpc, Associations=associations, Routes=list(routes))

    def group(
        self,
        name: str,
        vpc: str,
        *,
        ingress: list[dict[str, Any]] | None = None,
        egress: list[dict[str, Any]] | None = None,
        owner: str = "111111111111",
    ) -> Rig:
        return self.add(
            "SecurityGroups",
            GroupId=name,
            VpcId=vpc,
            OwnerId=owner,
            IpPermissions=[] if ingress is None else ingress,
            IpPermissionsEgress=[allow()] if egress is None else egress,
        )

    def host(self, name: str, vpc: str, subnet: str, address: str, *groups: str, **fields: Any) -> Rig:
        """An interface `eni-<name>` of an instance `i-<name>`."""
        record: dict[str, Any] = {
            "NetworkInterfaceId": f"eni-{name}",
            "VpcId": vpc,
            "SubnetId": subnet,
            "OwnerId": "111111111111",
            "InterfaceType": "interface",
            "PrivateIpAddress": address,
            "PrivateIpAddresses": [{"PrivateIpAddress": address, "Primary": True}],
            "Groups": [{"GroupId": group} for group in groups],
            "SourceDestCheck": True,
            "Attachment": {"InstanceId": f"i-{name}", "Status": "attached"},
        }
        return self.add("NetworkInterfaces", **(record | fields))

    def peering(self, name: str, requester: str, accepter: str, status: str = "active") -> Rig:
        return self.add(
            "VpcPeeringConnections",
            VpcPeeringConnectionId=name,
            RequesterVpcInfo={"VpcId": requester},
            AccepterVpcInfo={"VpcId": accepter},
            Status={"Code": status},
        )

    def acl(
        self, name: str, vpc: str, *entries: dict[str, Any], subnets: tuple[str, ...] = (), default: bool = False
    ) -> Rig:
        return self.add(
            "NetworkAcls",
            NetworkAclId=name,
            VpcId=vpc,
            IsDefault=default,
            Associations=[{"SubnetId": subnet, "NetworkAclId": name} for subnet in subnets],
            Entries=[*entries, *(entry(32767, "deny", egress=way) for way in (True, False))],
        )


def allow(peer: str = ANYWHERE, protocol: str = "-1", ports: tuple[int, int] | None = None) -> dict[str, Any]:
    """A permission of a security group for a block, a prefix list (pl-…) or a group (sg-…)."""
    permission: dict[str, Any] = {"IpProtocol": protocol}
    if ports is not None:
        permission |= {"FromPort": ports[0], "ToPort": ports[1]}
    if peer.startswith("sg-"):
        return permission | {"UserIdGroupPairs": [{"GroupId": peer, "UserId": "111111111111"}]}
    if peer.startswith("pl-"):
        return permission | {"PrefixListIds": [{"PrefixListId": peer}]}
    if ":" in peer:
        return permission | {"Ipv6Ranges": [{"CidrIpv6": peer}]}
    return permission | {"IpRanges": [{"CidrIp": peer}]}


def route(destination: str, target: str, state: str = "active", **fields: Any) -> dict[str, Any]:
    """A route of a VPC route table; the target's prefix says which field it goes into."""
    key = "DestinationCidrBlock"
    if destination.startswith("pl-"):
        key = "DestinationPrefixListId"
    elif ":" in destination:
        key = "DestinationIpv6CidrBlock"
    names = {
        "nat-": "NatGatewayId",
        "tgw-": "TransitGatewayId",
        "pcx-": "VpcPeeringConnectionId",
        "eni-": "NetworkInterfaceId",
        "i-": "InstanceId",
        "eigw-": "EgressOnlyInternetGatewayId",
        "cagw-": "CarrierGatewayId",
    }
    field = next((name for prefix, name in names.items() if target.startswith(prefix)), "GatewayId")
    return {key: destination, field: target, "State": state, "Origin": "CreateRoute"} | fields


def entry(
    number: int,
    action: str,
    block: str = ANYWHERE,
    *,
    egress: bool = False,
    protocol: str = "-1",
    ports: tuple[int, int] | None = None,
) -> dict[str, Any]:
    """A rule of a network ACL."""
    made: dict[str, Any] = {"RuleNumber": number, "RuleAction": action, "Egress": egress, "Protocol": protocol}
    made["Ipv6CidrBlock" if ":" in block else "CidrBlock"] = block
    if ports is not None:
        made["PortRange"] = {"From": ports[0], "To": ports[1]}
    return made


def two_vpcs() -> Rig:
    """VPCs a (10.1) and b (10.2), one subnet and one host each, groups that allow everything, and no way between."""
    rig = Rig()
    for name, number in (("a", 1), ("b", 2)):
        vpc, subnet, group = f"vpc-{name}", f"subnet-{name}", f"sg-{name}"
        rig.vpc(vpc, f"10.{number}.0.0/16").subnet(subnet, vpc, f"10.{number}.1.0/24")
        rig.group(group, vpc, ingress=[allow()])
        rig.host(name, vpc, subnet, f"10.{number}.1.10", group)
        rig.acl(
            f"acl-{name}", vpc, entry(100, "allow"), entry(100, "allow", egress=True), subnets=(subnet,), default=True
        )
        rig.table(f"rtb-{name}", vpc, route(f"10.{number}.0.0/16", "local"), main=True)
    return rig


def peered() -> Rig:
    """Two VPCs with an active peering and routes both ways."""
    rig = two_vpcs().peering("pcx-1", "vpc-a", "vpc-b")
    rig.item("RouteTables", RouteTableId="rtb-a")["Routes"].append(route("10.2.0.0/16", "pcx-1"))
    rig.item("RouteTables", RouteTableId="rtb-b")["Routes"].append(route("10.1.0.0/16", "pcx-1"))
    return rig
