"""Security groups, network ACLs and prefix lists out of their `describe-*` and `get-*` responses."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.errors import ComplianceError
from compliance.reason.network.addresses import Interval
from compliance.reason.network.fields import Record
from compliance.reason.network.model import AclRule, GroupReference, GroupRule, NetworkAcl, SecurityGroup
from compliance.reason.network.protocols import port_interval, protocol_interval
from compliance.reason.network.space import ICMP, ICMPV6

_LAST_RULE = 32767
"""The rule that EC2 shows for `*`: deny what no numbered rule matched (VPC user guide, network ACL rules)."""


def parse_security_group(record: Record) -> SecurityGroup:
    """One item of `SecurityGroups`; rules whose list is absent may still come from `SecurityGroupRules`."""
    lists = (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress"))
    return SecurityGroup(
        id=record.required("GroupId"),
        vpc=record.text("VpcId"),
        owner=record.owner("OwnerId"),
        region=record.document.region,
        ingress=frozenset(rule for item in record.children("IpPermissions") for rule in _permission(item)),
        egress=frozenset(rule for item in record.children("IpPermissionsEgress") for rule in _permission(item)),
        unlisted=frozenset(way for way, key in lists if key not in record.fields),
    )


def parse_group_rule(record: Record) -> tuple[str, bool, GroupRule]:
    """One item of `SecurityGroupRules`: (group id, whether it is for egress, rule)."""
    protocol, ports = _header(record)
    rule_id = record.text("SecurityGroupRuleId")
    addresses = record.addresses("CidrIpv4", "CidrIpv6")
    peer = record.text("CidrIpv4") or record.text("CidrIpv6") or record.text("PrefixListId") or ""
    reference = None
    if "ReferencedGroupInfo" in record.fields and record.child("ReferencedGroupInfo").fields:
        reference = _reference(record.child("ReferencedGroupInfo"), "PeeringStatus")
        peer = reference.group
    if not peer:
        raise ComplianceError(record.place, "has no CidrIpv4, CidrIpv6, PrefixListId or ReferencedGroupInfo")
    rule = GroupRule(protocol, ports, peer, addresses, record.text("PrefixListId"), reference, rule_id)
    return record.required("GroupId"), record.flag("IsEgress"), rule


def parse_network_acl(record: Record) -> NetworkAcl:
    """One item of `NetworkAcls`; an entry matches its IPv4 or its IPv6 block."""
    if "Entries" not in record.fields:
        raise ComplianceError(record.place, "lacks the field Entries; give the response as the AWS CLI printed it")
    rules = [_acl_rule(item) for item in record.children("Entries")]
    return NetworkAcl(
        id=record.required("NetworkAclId"),
        vpc=record.required("VpcId"),
        default=record.flag("IsDefault"),
        subnets=tuple(sorted(item.required("SubnetId") for item in record.children("Associations"))),
        rules=tuple(sorted(set(rules), key=lambda rule: (rule.egress, rule.number, rule.text))),
    )


def _permission(record: Record) -> Iterator[GroupRule]:
    protocol, ports = _header(record)
    for list_name, field in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")):
        for item in record.children(list_name):
            yield GroupRule(protocol, ports, item.required(field), item.addresses(field))
    for item in record.children("PrefixListIds"):
        prefix_list = item.required("PrefixListId")
        yield GroupRule(protocol, ports, prefix_list, prefix_list=prefix_list)
    for item in record.children("UserIdGroupPairs"):
        if item.text("GroupId") is None and item.text("GroupName"):
            continue  # EC2-Classic pairs name no id and match nothing inside a VPC
        reference = _reference(item, "PeeringStatus")
        yield GroupRule(protocol, ports, reference.group, reference=reference)


def _reference(record: Record, status: str) -> GroupReference:
    return GroupReference(
        record.required("GroupId"), record.text("VpcId"), record.text("VpcPeeringConnectionId"), record.text(status)
    )


def _header(record: Record) -> tuple[Interval, Interval]:
    protocol = protocol_interval(record.required("IpProtocol"), f"{record.place}.IpProtocol")
    ports = port_interval(protocol, record.number("FromPort"), record.number("ToPort"), record.place)
    return protocol, ports


def _acl_rule(record: Record) -> AclRule:
    number = record.number("RuleNumber")
    if number is None or not 1 <= number <= _LAST_RULE:
        raise ComplianceError(f"{record.place}.RuleNumber", f"is {number!r}, but must be 1-32767")
    action = record.required("RuleAction")
    if action not in ("allow", "deny"):
        raise ComplianceError(f"{record.place}.RuleAction", f"is {action!r}, but must be allow or deny")
    protocol = protocol_interval(record.required("Protocol"), f"{record.place}.Protocol")
    if protocol in ((ICMP, ICMP), (ICMPV6, ICMPV6)):
        icmp = record.child("IcmpTypeCode")
        ports = port_interval(protocol, icmp.number("Type"), icmp.number("Code"), icmp.place)
    else:
        span = record.child("PortRange")
        ports = port_interval(protocol, span.number("From"), span.number("To"), span.place)
    block = record.text("CidrBlock") or record.text("Ipv6CidrBlock")
    if block is None:
        raise ComplianceError(record.place, "has neither CidrBlock nor Ipv6CidrBlock")
    return AclRule(
        number=number,
        allow=action == "allow",
        egress=record.flag("Egress"),
        protocol=protocol,
        ports=ports,
        addresses=record.addresses("CidrBlock", "Ipv6CidrBlock"),
        text=f"rule {'*' if number == _LAST_RULE else number} {action} {block}",
    )
