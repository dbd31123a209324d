"""Planned security groups and network ACLs, with the rules that are resources of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from compliance.estate.terraform import Planned
from compliance.planned.answers import Shown, Translate
from compliance.planned.values import blocks, tags, truth, whole

_GROUPS: Final = "ec2:DescribeSecurityGroups"
_ACLS: Final = "ec2:DescribeNetworkAcls"
_PROTOCOLS: Final = {"all": "-1", "tcp": "6", "udp": "17", "icmp": "1"}
_LAST: Final = 32767
"""Number of the rule with which every ACL ends."""


def _group_id(value: Any) -> str:
    return str(value) if str(value).startswith("sg-") else f"sg-{value}"


def _group(shown: Shown, resource: Planned) -> None:
    default = resource.type == "aws_default_security_group"
    item: dict[str, Any] = {
        "GroupId": _group_id(resource.id),
        "GroupName": "default" if default else resource.values.get("name") or resource.address,
        "VpcId": resource.values.get("vpc_id"),
        "IpPermissions": [],
        "IpPermissionsEgress": [],
        "Tags": tags(resource),
    }
    for name, member in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        item[member] = [_permission(shown, held, resource.id) for held in blocks(resource.values, name)]
    shown.add(resource, _GROUPS, "SecurityGroups", item)
    shown.about(item["GroupId"], resource)


def _permission(shown: Shown, held: Mapping[str, Any], own: str) -> dict[str, Any]:
    """A permission of EC2's from a rule in any of the provider's three spellings."""
    protocol = str(held.get("ip_protocol") or held.get("protocol") or "-1")
    found: dict[str, Any] = {"IpProtocol": "-1" if protocol == "all" else protocol}
    if found["IpProtocol"] != "-1":
        found |= {"FromPort": whole(held.get("from_port"), -1), "ToPort": whole(held.get("to_port"), -1)}
    ranges = [*_texts(held, "cidr_blocks"), *_texts(held, "cidr_ipv4")]
    found["IpRanges"] = [{"CidrIp": cidr} for cidr in ranges]
    wide = [*_texts(held, "ipv6_cidr_blocks"), *_texts(held, "cidr_ipv6")]
    found["Ipv6Ranges"] = [{"CidrIpv6": cidr} for cidr in wide]
    lists = [*_texts(held, "prefix_list_ids"), *_texts(held, "prefix_list_id")]
    found["PrefixListIds"] = [{"PrefixListId": f"pl-{one.removeprefix('pl-')}"} for one in lists]
    groups = [
        *_texts(held, "security_groups"),
        *_texts(held, "referenced_security_group_id"),
        *_texts(held, "source_security_group_id"),
        *([own] if truth(held.get("self")) else []),
    ]
    found["UserIdGroupPairs"] = [_pair(shown, group) for group in groups]
    return found


def _pair(shown: Shown, group: str) -> dict[str, str]:
    account, _, rest = group.rpartition("/")
    target = shown.by_id.get(group)
    return {"GroupId": _group_id(rest), "UserId": target.account if target is not None else account}


def _texts(held: Mapping[str, Any], name: str) -> list[str]:
    value = held.get(name)
    return [str(item) for item in value] if isinstance(value, list) else [str(value)] if value else []


def _group_rule(member: str | None) -> Translate:
    """A rule that is a resource of its own; without `member` its `type` says which way it lets through."""

    def translate(shown: Shown, resource: Planned) -> None:
        way = member or ("IpPermissions" if resource.values.get("type") == "ingress" else "IpPermissionsEgress")
        group = _group_id(resource.values.get("security_group_id"))
        place = (resource.account, resource.region)
        held = shown.found(place, _GROUPS).get("SecurityGroups", [])
        item = next((one for one in held if one["GroupId"] == group), None)
        if item is None:
            item = {"GroupId": group, "GroupName": group, "IpPermissions": [], "IpPermissionsEgress": []}
            shown.add(resource, _GROUPS, "SecurityGroups", item)
        shown.put(resource, _GROUPS, {})
        item[way].append(_permission(shown, resource.values, str(resource.values.get("security_group_id"))))
        shown.about(group, resource)

    return translate


def _entry(held: Mapping[str, Any], *, egress: bool) -> dict[str, Any]:
    protocol = str(held.get("protocol") or "-1").lower()
    found = {
        "RuleNumber": whole(held.get("rule_number") or held.get("rule_no")),
        "Protocol": _PROTOCOLS.get(protocol, protocol),
        "RuleAction": str(held.get("rule_action") or held.get("action") or "").lower(),
        "Egress": egress,
    }
    if held.get("cidr_block"):
        found["CidrBlock"] = held["cidr_block"]
    if held.get("ipv6_cidr_block"):
        found["Ipv6CidrBlock"] = held["ipv6_cidr_block"]
    if found["Protocol"] != "-1":
        found["PortRange"] = {"From": whole(held.get("from_port")), "To": whole(held.get("to_port"))}
    return found


def _acl(shown: Shown, resource: Planned) -> None:
    deny = {"rule_number": _LAST, "protocol": "-1", "rule_action": "deny", "cidr_block": "0.0.0.0/0"}
    entries = [_entry(held, egress=False) for held in blocks(resource.values, "ingress")]
    entries += [_entry(held, egress=True) for held in blocks(resource.values, "egress")]
    entries += [_entry(deny, egress=False), _entry(deny, egress=True)]
    item = {
        "NetworkAclId": resource.id,
        "IsDefault": resource.type == "aws_default_network_acl",
        "VpcId": resource.values.get("vpc_id"),
        "Entries": entries,
    }
    shown.add(resource, _ACLS, "NetworkAcls", item)
    shown.about(resource.id, resource)


def _acl_rule(shown: Shown, resource: Planned) -> None:
    acl = str(resource.values.get("network_acl_id"))
    held = shown.found((resource.account, resource.region), _ACLS).get("NetworkAcls", [])
    item = next((one for one in held if one["NetworkAclId"] == acl), None)
    if item is None:
        item = {"NetworkAclId": acl, "IsDefault": False, "Entries": []}
        shown.add(resource, _ACLS, "NetworkAcls", item)
    shown.put(resource, _ACLS, {})
    item["Entries"].append(_entry(resource.values, egress=truth(resource.values.get("egress"))))
    shown.about(acl, resource)


def defaults(shown: Shown) -> None:
    """The default group and ACL that AWS makes with every VPC, where no resource takes them over: both let all through.

    Source: Amazon VPC User Guide, "Default security groups" and "Default network ACL".
    """
    for vpc in shown.of("aws_vpc"):
        groups = [held.values.get("vpc_id") for held in shown.of("aws_default_security_group")]
        anything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        if vpc.id not in groups:
            group = f"sg-default-of-{vpc.id}"
            item = {"GroupId": group, "GroupName": "default", "IpPermissions": [], "IpPermissionsEgress": [anything]}
            shown.add(vpc, _GROUPS, "SecurityGroups", item)
            shown.about(group, vpc)
        acls = [held.values.get("default_network_acl_id") for held in shown.of("aws_default_network_acl")]
        if not {vpc.id, vpc.values.get("default_network_acl_id")} & set(acls):
            allow = {"rule_number": 100, "protocol": "-1", "rule_action": "allow", "cidr_block": "0.0.0.0/0"}
            entries = [_entry(allow, egress=False), _entry(allow, egress=True)]
            acl = f"default ACL of {vpc.id}"
            shown.add(vpc, _ACLS, "NetworkAcls", {"NetworkAclId": acl, "IsDefault": True, "Entries": entries})
            shown.about(acl, vpc)


TRANSLATIONS: Final[dict[str, Translate]] = {
    "aws_security_group": _group,
    "aws_default_security_group": _group,
    "aws_security_group_rule": _group_rule(None),
    "aws_vpc_security_group_ingress_rule": _group_rule("IpPermissions"),
    "aws_vpc_security_group_egress_rule": _group_rule("IpPermissionsEgress"),
    "aws_network_acl": _acl,
    "aws_default_network_acl": _acl,
    "aws_network_acl_rule": _acl_rule,
}
