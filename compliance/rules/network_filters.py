"""The tenant's filters: security groups and network ACLs, and what they let in and out."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from compliance.rules.model import Outcome, Resource, Rule, Severity, decide, judge_problems, passed
from compliance.rules.network_exits import BETWEEN_TENANTS, DATA_OUT, network_rule
from compliance.rules.populations import network_acls, security_groups
from compliance.rules.view import View


def _rules_of(group: dict[str, Any], member: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for permission in group.get(member, []):
        ports = f"{permission.get('IpProtocol')} {permission.get('FromPort', '*')}-{permission.get('ToPort', '*')}"
        for entry in permission.get("IpRanges", []):
            yield entry["CidrIp"], ports, permission
        for entry in permission.get("Ipv6Ranges", []):
            yield entry["CidrIpv6"], ports, permission
        for entry in permission.get("UserIdGroupPairs", []):
            yield f"{entry.get('UserId', '')}/{entry.get('GroupId', '')}", ports, permission
        for entry in permission.get("PrefixListIds", []):
            yield entry["PrefixListId"], ports, permission


def _inbound(view: View, resource: Resource) -> Outcome:
    own = ipaddress.ip_network(view.tenant.cidr)
    problems = []
    for source, ports, _permission in _rules_of(resource.data, "IpPermissions"):
        if "/sg-" in source:
            if source.partition("/")[0] not in {"", view.account}:
                problems.append(f"group {source} of another account may enter ({ports})")
        elif source.startswith("pl-"):
            problems.append(f"prefix list {source} may enter ({ports})")
        elif not _within(source, own):
            problems.append(f"{source} may enter ({ports})")
    return judge_problems(problems, "nothing from outside the tenant's range may enter")


def _outbound(view: View, resource: Resource) -> Outcome:
    own = ipaddress.ip_network(view.tenant.cidr)
    problems = []
    for target, ports, _permission in _rules_of(resource.data, "IpPermissionsEgress"):
        if "/sg-" in target:
            if target.partition("/")[0] not in {"", view.account}:
                problems.append(f"group {target} of another account may be reached ({ports})")
        elif not target.startswith("pl-") and not _within(target, own):
            problems.append(f"{target} may be reached ({ports})")
    return judge_problems(problems, "nothing outside the tenant's range may be reached, but what prefix lists name")


def _within(cidr: str, own: Any) -> bool:
    network = ipaddress.ip_network(cidr, strict=False)
    return network.version == own.version and network.subnet_of(own)


def _default_group(_view: View, resource: Resource) -> Outcome:
    if resource.data.get("GroupName") != "default":
        return passed("not a default group")
    open_ = [name for name in ("IpPermissions", "IpPermissionsEgress") if resource.data.get(name)]
    return decide(
        not open_, "the default group lets nothing through", f"the default group has rules ({', '.join(open_)})"
    )


def _acl(view: View, resource: Resource) -> Outcome:
    if not resource.data.get("IsDefault"):
        own = ipaddress.ip_network(view.tenant.cidr)
        foreign = [
            f"{entry.get('CidrBlock') or entry.get('Ipv6CidrBlock')} may enter (rule {entry['RuleNumber']})"
            for entry in resource.data.get("Entries", [])
            if entry["RuleAction"] == "allow" and not entry["Egress"] and not _acl_within(entry, own)
        ]
        return judge_problems(foreign, "lets in only the tenant's range and answers on high ports")
    allowing = [entry["RuleNumber"] for entry in resource.data.get("Entries", []) if entry["RuleAction"] == "allow"]
    return decide(
        not allowing, "the default ACL denies everything", f"the default ACL has allow rules ({len(allowing)})"
    )


def _acl_within(entry: dict[str, Any], own: Any) -> bool:
    """Whether an entry lets in only the tenant's range, or only answers (TCP, high ports, from endpoint services)."""
    cidr = entry.get("CidrBlock")
    if cidr and _within(cidr, own):
        return True
    ports = entry.get("PortRange", {})
    return entry.get("Protocol") == "6" and int(ports.get("From", 0)) >= 1024


RULES: tuple[Rule, ...] = (
    network_rule(
        "inbound-closed",
        "Security groups let in nothing from outside the tenant's range",
        Severity.HIGH,
        ("ec2:DescribeSecurityGroups",),
        security_groups,
        _inbound,
        threat=BETWEEN_TENANTS,
        blind="What members of a referenced group are; within the range, whether both ends are meant to talk.",
        objectives=("isolation.network", "network.microsegmentation"),
    ),
    network_rule(
        "outbound-closed",
        "Security groups let nothing out of the tenant's range",
        Severity.HIGH,
        ("ec2:DescribeSecurityGroups",),
        security_groups,
        _outbound,
        threat=DATA_OUT,
        blind="What a prefix list contains; AWS's own lists of S3 hold S3's addresses only.",
        objectives=("isolation.network", "network.microsegmentation"),
    ),
    network_rule(
        "default-group-empty",
        "The default security group lets nothing through",
        Severity.MEDIUM,
        ("ec2:DescribeSecurityGroups",),
        security_groups,
        _default_group,
        threat="A machine started without a group joins one where everything may talk.",
        blind="Nothing within the group.",
        objectives=("network.microsegmentation",),
    ),
    network_rule(
        "acls-closed",
        "Network ACLs let in the tenant's range only; the default one denies everything",
        Severity.MEDIUM,
        ("ec2:DescribeNetworkAcls",),
        network_acls,
        _acl,
        threat="With a wrong security group nothing else filters.",
        blind="Outbound entries; the route tables and groups close those.",
        objectives=("network.microsegmentation",),
    ),
)
