"""What security groups and network ACLs let through."""

from __future__ import annotations

from dataclasses import dataclass

from compliance.reason.network.addresses import ANY, Ranges, covered, union
from compliance.reason.network.flow import Explain, Flow
from compliance.reason.network.hosts import UNFILTERED, hosts_of_vpc
from compliance.reason.network.model import AclRule, GroupRule, Interface, NetworkAcl, Peering
from compliance.reason.network.network import Network
from compliance.reason.network.space import NOTHING, Box, Packet, Space, answers, header_text


@dataclass(frozen=True, slots=True)
class Passed:
    """What a filter lets through: for certain, and only if a missing fact has it so."""

    certain: Space
    uncertain: Space = NOTHING
    missing: tuple[str, ...] = ()
    explain: Explain | None = None
    assumed: tuple[str, ...] = ()


def through_groups(network: Network, interface: Interface, flow: Flow, *, egress: bool) -> Passed:
    """The packets of the flow that the security groups of the interface admit; groups only ever allow.

    Source: VPC user guide, "Security group rules" and "Security group referencing".
    """
    if interface.kind in UNFILTERED or (interface.kind == "network_load_balancer" and not interface.groups):
        return Passed(flow.space)
    if not interface.groups and interface.possible:
        return Passed(flow.space, assumed=(f"{interface.id} has a security group that allows everything",))
    if not interface.groups:
        return Passed(Space(), flow.space, (f"security groups of {interface.id}",))
    certain: list[tuple[Box, str]] = []
    uncertain: list[Box] = []
    missing: dict[str, None] = {}
    for name in interface.groups:
        group = network.groups.get(name)
        if group is None:
            uncertain.append(_everything())
            missing[_undescribed(network, name, "security group")] = None
            continue
        way = "egress" if egress else "ingress"
        if way in group.unlisted:
            uncertain.append(_everything())
            missing[f"{way} rules of security group {name}"] = None
        for rule in group.egress if egress else group.ingress:
            peers, lacking = _peers(network, interface, rule, flow, egress=egress)
            label = f"{name} {way} {_rule_text(rule)}"
            certain += [(_box(rule, low, high, egress=egress), label) for low, high in peers]
            if lacking:
                uncertain += [_box(rule, *ANY[0], egress=egress)]
                missing[lacking] = None
    admitted = flow.space.meet(box for box, _ in certain)
    doubtful = flow.space.meet(uncertain).without(admitted.boxes) if uncertain else Space()
    return Passed(admitted, doubtful, tuple(missing), _explain_by(certain))


def _peers(
    network: Network, interface: Interface, rule: GroupRule, flow: Flow, *, egress: bool
) -> tuple[Ranges, str | None]:
    """Addresses at the other end of a rule, and the fact that is missing to know them."""
    if rule.prefix_list is not None:
        blocks = network.prefix_lists.get(rule.prefix_list)
        return (covered(blocks), None) if blocks is not None else ((), f"entries of prefix list {rule.prefix_list}")
    if rule.reference is None:
        return rule.addresses, None
    if egress:
        return _members(network, interface, rule)
    sender = flow.sender
    if sender is None or not flow.direct or rule.reference.group not in sender.groups:
        return (), None
    return (sender.addresses, None) if _reference_holds(network, interface, rule, flow, sender) else ((), None)


def _reference_holds(network: Network, interface: Interface, rule: GroupRule, flow: Flow, sender: Interface) -> bool:
    """Whether a group of the sender's VPC can be referenced over the way by which the packets came."""
    way, _, name = flow.entered.partition(":")
    if way == "":
        return sender.vpc == interface.vpc
    if way == "peering":
        wanted = rule.reference.peering if rule.reference else None
        return _in_one_region(network, network.peerings[name]) and wanted in (None, name)
    if way == "transit":
        gateway = network.transit_gateways.get(name)
        ends = [network.attachment_of_vpc.get((name, vpc)) for vpc in (sender.vpc, interface.vpc)]
        return gateway is not None and gateway.group_references and all(e and e.group_references for e in ends)
    return False


def _in_one_region(network: Network, peering: Peering) -> bool:
    """Whether both VPCs are in one Region, as far as is told: groups can be referenced only there."""
    shown = {side[2] for side in peering.sides}
    regions = {network.vpcs[side[0]].region for side in peering.sides if side[0] in network.vpcs}
    return len((shown if None not in shown else regions) - {None}) < 2


def _members(network: Network, interface: Interface, rule: GroupRule) -> tuple[Ranges, str | None]:
    """Addresses of the members of a referenced group, in the same VPC or one peered with it (egress rules)."""
    assert rule.reference is not None
    name = rule.reference.group
    near = {interface.vpc} | {
        side[0]
        for peering in network.peerings.values()
        if peering.status == "active" and interface.vpc in (peering.sides[0][0], peering.sides[1][0])
        if _in_one_region(network, peering)
        for side in peering.sides
    }
    found = [network.interfaces[i] for i in network.interfaces_of_group.get(name, ())]
    group = network.groups.get(name)
    home = group.vpc if group else rule.reference.vpc
    if home in near and home is not None:
        found += [host for host in hosts_of_vpc(network, home) if host.possible]
    addresses = union(*(member.addresses for member in found if member.vpc in near))
    if group is None and not found and home not in network.vpcs:
        return addresses, _undescribed(network, name, "security group")
    return addresses, None


def through_acl(network: Network, subnet: str, space: Space, *, egress: bool) -> Passed:
    """The packets that the network ACL of the subnet lets out (or in).

    Rules are taken by ascending number, the first that matches decides, and what none matches is denied. A subnet
    whose ACL no fact describes has the one that AWS gives it, which allows everything; that is recorded as assumed.
    """
    acl = acl_of(network, subnet)
    if acl is None:
        name = _acl_name(network, subnet)
        if name is not None:
            return Passed(Space(), space, (_undescribed(network, name, "network ACL"),))
        return Passed(space, assumed=(f"{subnet} has a network ACL that allows everything: none is described",))
    rules = [rule for rule in acl.rules if rule.egress == egress]
    left, allowed = space, Space()
    for rule in rules:
        boxes = [_box(rule, low, high, egress=rule.egress) for low, high in rule.addresses]
        if rule.allow:
            allowed = allowed.join(left.meet(boxes))
        left = left.without(boxes)
        if not left:
            break
    return Passed(allowed, explain=_explain_acl(acl.id, rules))


def through_acl_replies(network: Network, subnet: str, space: Space, *, egress: bool) -> Passed:
    """The packets whose replies the network ACL of the subnet lets out (or in)."""
    replies = through_acl(network, subnet, answers(space), egress=egress)
    return Passed(
        space.meet(answers(replies.certain).boxes),
        space.meet(answers(replies.uncertain).boxes),
        replies.missing,
        assumed=replies.assumed,
    )


def acl_of(network: Network, subnet: str) -> NetworkAcl | None:
    """The network ACL of a subnet: the one associated with it, else the default one of its VPC."""
    name = _acl_name(network, subnet)
    return network.acls.get(name) if name else None


def _acl_name(network: Network, subnet: str) -> str | None:
    name = network.acl_of_subnet.get(subnet)
    if name is None and subnet in network.subnets:
        return network.default_acl.get(network.subnets[subnet].vpc)
    return name


def _explain_acl(acl: str, rules: list[AclRule]) -> Explain:
    def explain(packet: Packet) -> str:
        for rule in rules:
            if any(_box(rule, low, high, egress=rule.egress).holds(packet) for low, high in rule.addresses):
                return f"{acl} {'egress' if rule.egress else 'ingress'} {rule.text}"
        return acl

    return explain


def _explain_by(certain: list[tuple[Box, str]]) -> Explain:
    def explain(packet: Packet) -> str:
        return next((label for box, label in certain if box.holds(packet)), "a rule that is not described")

    return explain


def _box(rule: GroupRule | AclRule, low: int, high: int, *, egress: bool) -> Box:
    if egress:
        return Box(ANY[0], (low, high), rule.protocol, destination_port=rule.ports)
    return Box((low, high), ANY[0], rule.protocol, destination_port=rule.ports)


def _everything() -> Box:
    return Box(ANY[0], ANY[0])


def _rule_text(rule: GroupRule) -> str:
    header = header_text(Box(ANY[0], ANY[0], rule.protocol, destination_port=rule.ports))
    return f"{rule.rule + ': ' if rule.rule else ''}{header}, peer {rule.peer}"


def _undescribed(network: Network, name: str, kind: str) -> str:
    why = network.contradictory.get(name)
    return f"{kind} {name}" + (f" ({why})" if why else "")
