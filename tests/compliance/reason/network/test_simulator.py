"""The search against a simulator that sends packets one by one, on small random networks."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from .rigs import Rig, allow, entry, route
from .simulator import Sent, Simulator

VPCS = ("a", "b", "c")
BLOCKS = [
    "0.0.0.0/0",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.2.0.0/16",
    "10.3.0.0/16",
    "10.2.1.0/24",
    "10.1.1.10/32",
    "10.2.1.10/32",
]
PORTS = [(22, 22), (443, 443), (0, 1023), (1024, 65535), (1024, 32767), (0, 65535)]
# one value of every class that the ranges above can tell apart
SOURCE_PORTS, TARGET_PORTS = (1024, 40000), (22, 443, 80, 2000, 40000)

protocols = st.sampled_from(["-1", "tcp", "udp"])
numbers = st.sampled_from(["-1", "6", "17"])


@st.composite
def permissions(draw: st.DrawFn, peers: list[str]) -> list[dict[str, Any]]:
    if draw(st.booleans()):
        return [allow()]
    drawn = draw(st.lists(st.tuples(st.sampled_from(peers), protocols, st.sampled_from(PORTS)), max_size=2))
    return [allow(peer, protocol, None if protocol == "-1" else ports) for peer, protocol, ports in drawn]


@st.composite
def entries(draw: st.DrawFn) -> list[dict[str, Any]]:
    if draw(st.integers(0, 2)):
        return [entry(100, "allow"), entry(100, "allow", egress=True)]
    made = []
    for egress in (True, False):
        rules = st.tuples(
            st.sampled_from(["allow", "allow", "deny"]), st.sampled_from(BLOCKS), numbers, st.sampled_from(PORTS)
        )
        for number, (action, block, protocol, ports) in enumerate(draw(st.lists(rules, min_size=1, max_size=3)), 1):
            made.append(
                entry(
                    number, action, block, egress=egress, protocol=protocol, ports=None if protocol == "-1" else ports
                )
            )
    return made


@st.composite
def networks(draw: st.DrawFn) -> tuple[Rig, dict[str, list[dict[str, Any]]]]:
    """Three VPCs with two subnets and hosts each, peered or on a transit gateway as it comes."""
    rig = Rig().add("TransitGateways", TransitGatewayId="tgw-1", State="available")
    for number, name in enumerate(VPCS, 1):
        vpc = f"vpc-{name}"
        rig.vpc(vpc, f"10.{number}.0.0/16")
        peers = [*BLOCKS, *(f"sg-{n}" for n in VPCS)]
        rig.group(f"sg-{name}", vpc, ingress=draw(permissions(peers)), egress=draw(permissions(BLOCKS)) or [allow()])
        local = route(f"10.{number}.0.0/16", "local")
        for half in (1, 2):
            subnet = f"subnet-{name}{half}"
            rig.subnet(subnet, vpc, f"10.{number}.{half}.0/24")
            rig.host(f"{name}{half}", vpc, subnet, f"10.{number}.{half}.10", f"sg-{name}")
            rig.acl(f"acl-{name}{half}", vpc, *draw(entries()), subnets=(subnet,))
            targets = st.tuples(
                st.sampled_from(["pcx-ab", "pcx-bc", "tgw-1", "tgw-1"]), st.sampled_from(["active"] * 5 + ["blackhole"])
            )
            blocks = [
                "10.1.0.0/16",
                "10.2.0.0/16",
                "10.3.0.0/16",
                *draw(st.sampled_from([[], ["10.0.0.0/8", "10.2.1.0/24"]])),
            ]
            more = {block: route(block, *draw(targets)) for block in blocks}
            # EC2 lets no gateway take part of a VPC's own range away from it
            own = {d: r for d, r in more.items() if not d.startswith(f"10.{number}.")}
            rig.table(f"rtb-{name}{half}", vpc, local, *own.values(), subnets=(subnet,))
        rig.add(
            "TransitGatewayVpcAttachments",
            TransitGatewayAttachmentId=f"tgw-attach-{name}",
            TransitGatewayId="tgw-1",
            VpcId=vpc,
            State="available",
            SubnetIds=[f"subnet-{name}1"],
        )
        rig.add(
            "TransitGatewayAttachments",
            TransitGatewayAttachmentId=f"tgw-attach-{name}",
            TransitGatewayId="tgw-1",
            ResourceType="vpc",
            ResourceId=vpc,
            State="available",
            Association={"TransitGatewayRouteTableId": f"tgw-rtb-{draw(st.sampled_from([1, 2]))}"},
        )
    for name, ends in (("pcx-ab", "ab"), ("pcx-bc", "bc")):
        rig.peering(name, f"vpc-{ends[0]}", f"vpc-{ends[1]}", draw(st.sampled_from(["active"] * 5 + ["deleted"])))
    tables = {}
    for table in ("tgw-rtb-1", "tgw-rtb-2"):
        usual = [("10.1.0.0/16", "a", "active"), ("10.2.0.0/16", "b", "active"), ("10.3.0.0/16", "c", "active")]
        routes = st.tuples(
            st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "10.2.0.0/16", "10.2.1.0/24", "10.3.0.0/16"]),
            st.sampled_from(VPCS),
            st.sampled_from(["active", "active", "blackhole"]),
        )
        drawn = [*draw(st.lists(st.sampled_from(usual), min_size=1)), *draw(st.lists(routes, max_size=2))]
        tables[table] = [
            {
                "DestinationCidrBlock": block,
                "Type": "static",
                "State": state,
                "TransitGatewayAttachments": []
                if state == "blackhole"
                else [{"TransitGatewayAttachmentId": f"tgw-attach-{name}"}],
            }
            for block, name, state in {r[0]: r for r in drawn}.values()
        ]
        rig.document({"Routes": tables[table]}, f"{table}.json")
    return rig, tables


@settings(max_examples=150, deadline=None)
@given(networks(), st.sampled_from(["a1", "a2", "b1"]), st.sampled_from(["b2", "c1", "c2", "a1"]), st.booleans())
def test_search_agrees_with_sending_every_kind_of_packet(
    drawn: tuple[Rig, dict[str, list[dict[str, Any]]]], source: str, target: str, connection: bool
) -> None:
    if source == target:
        target = "c1"
    rig, tables = drawn
    simulator = Simulator(rig.facts, tables)
    sender = simulator.find("NetworkInterfaces", NetworkInterfaceId=f"eni-{source}")
    receiver = simulator.find("NetworkInterfaces", NetworkInterfaceId=f"eni-{target}")
    packets = [
        Sent(sender["PrivateIpAddress"], receiver["PrivateIpAddress"], protocol, source_port, port)
        for protocol in (6, 17, 99)
        for source_port in SOURCE_PORTS
        for port in TARGET_PORTS
    ]
    expected = any(simulator.arrives(sender, receiver, packet, connection=connection) for packet in packets)
    answer = rig.reach(f"i-{source}", f"i-{target}", one_way=not connection)
    assert answer.disposition == ("reachable" if expected else "unreachable")
    if answer.witness is not None:
        found = answer.witness.packet.as_json()
        number = {"tcp": 6, "udp": 17}.get(str(found["protocol"]), 99)
        sent = Sent(
            str(found["source"]),
            str(found["destination"]),
            number,
            int(found.get("sourcePort", 1024)),
            int(found.get("destinationPort", 40000)),
        )
        assert simulator.arrives(sender, receiver, sent, connection=connection)
