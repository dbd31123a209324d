"""The tenant's network inside: ranges, subnets, routes, flow logs."""

from __future__ import annotations

import ipaddress

from compliance.rules.model import Outcome, Resource, Rule, Severity, decide, judge_problems
from compliance.rules.network_exits import BETWEEN_TENANTS, DATA_OUT, network_rule
from compliance.rules.populations import route_tables, subnets, tags, the_account, vpcs
from compliance.rules.view import View


def _one_network(view: View, _resource: Resource) -> Outcome:
    found = view.items("ec2:DescribeVpcs", "Vpcs")
    own = ipaddress.ip_network(view.tenant.cidr)
    problems = [f"{vpc['VpcId']} is a default VPC" for vpc in found if vpc.get("IsDefault")]
    ranges = [vpc["CidrBlock"] for vpc in found if not vpc.get("IsDefault")]
    if not any(ipaddress.ip_network(cidr) == own for cidr in ranges):
        problems.append(f"no VPC has the tenant's range {own}")
    problems += [
        f"a VPC has the range {cidr}, which is not the tenant's" for cidr in ranges if ipaddress.ip_network(cidr) != own
    ]
    return judge_problems(problems, f"one VPC, with the tenant's range {own}")


def _no_foreign_ranges(view: View, resource: Resource) -> Outcome:
    own = [ipaddress.ip_network(block["CidrBlock"]) for block in resource.data.get("CidrBlockAssociationSet", [])]
    own = own or [ipaddress.ip_network(resource.data["CidrBlock"])]
    problems = [
        f"{mine} overlaps {other.cidr} of tenant {other.id}"
        for mine in own
        for other in view.scope.tenants
        if other.id != view.name and mine.overlaps(ipaddress.ip_network(other.cidr))
    ]
    if resource.data.get("Ipv6CidrBlockAssociationSet"):
        problems.append("the VPC has an IPv6 range, which is routable everywhere")
    return judge_problems(problems, "the range overlaps no other tenant's")


def _private(_view: View, resource: Resource) -> Outcome:
    public = resource.data.get("MapPublicIpOnLaunch") or resource.data.get("AssignIpv6AddressOnCreation")
    return decide(not public, "machines get no public address here", "machines get a public address by default")


def _routes(_view: View, resource: Resource) -> Outcome:
    problems = []
    for route in resource.data.get("Routes", []):
        target = (
            route.get("DestinationCidrBlock")
            or route.get("DestinationIpv6CidrBlock")
            or route.get("DestinationPrefixListId")
        )
        via = next(
            (
                route[name]
                for name in (
                    "NatGatewayId",
                    "TransitGatewayId",
                    "VpcPeeringConnectionId",
                    "EgressOnlyInternetGatewayId",
                    "LocalGatewayId",
                    "CarrierGatewayId",
                    "NetworkInterfaceId",
                    "InstanceId",
                    "CoreNetworkArn",
                    "GatewayId",
                )
                if route.get(name)
            ),
            "?",
        )
        # A gateway endpoint is the target of a prefix list only; a range goes to somebody's appliance.
        gateway_endpoint = via.startswith("vpce-") and bool(route.get("DestinationPrefixListId"))
        if via != "local" and not gateway_endpoint:
            problems.append(f"{target} goes to {via}")
    return judge_problems(problems, "routes stay in the VPC or go to gateway endpoints")


def _flow_logs(view: View, resource: Resource) -> Outcome:
    logs = [
        log
        for log in view.items("ec2:DescribeFlowLogs", "FlowLogs")
        if log.get("ResourceId") == resource.id and log.get("FlowLogStatus", "ACTIVE") == "ACTIVE"
    ]
    whole = [
        log for log in logs if log.get("TrafficType") == "ALL" and log.get("DeliverLogsStatus", "SUCCESS") != "FAILED"
    ]
    if not logs:
        return decide(False, "", "the VPC has no flow log")
    return decide(bool(whole), "all traffic is recorded", "no flow log records all traffic and is delivered")


def _resolver(_view: View, resource: Resource) -> Outcome:
    shared = tags(resource.data.get("Tags")).get("tenant")
    return decide(shared is not None, f"labelled as {shared}'s", "the VPC carries no tenant label")


RULES: tuple[Rule, ...] = (
    network_rule(
        "one-network",
        "The account has one VPC, with the tenant's range",
        Severity.MEDIUM,
        ("ec2:DescribeVpcs",),
        the_account,
        _one_network,
        threat="A second VPC is a network that no rule was written for.",
        blind="Secondary ranges.",
    ),
    network_rule(
        "ranges-disjoint",
        "The range overlaps no other tenant's",
        Severity.HIGH,
        ("ec2:DescribeVpcs",),
        vpcs,
        _no_foreign_ranges,
        threat=BETWEEN_TENANTS,
        blind="Ranges of networks outside the platform.",
    ),
    network_rule(
        "subnets-private",
        "Subnets give no public addresses",
        Severity.HIGH,
        ("ec2:DescribeSubnets",),
        subnets,
        _private,
        threat="A machine with a public address is reachable from the internet.",
        blind="Addresses asked for at launch.",
    ),
    network_rule(
        "routes-stay-inside",
        "Routes stay in the VPC or go to gateway endpoints",
        Severity.CRITICAL,
        ("ec2:DescribeRouteTables",),
        route_tables,
        _routes,
        threat=DATA_OUT,
        blind="Which subnets use the table; any such route is a finding.",
    ),
    network_rule(
        "flow-logs",
        "Every VPC records all of its traffic",
        Severity.HIGH,
        ("ec2:DescribeFlowLogs", "ec2:DescribeVpcs"),
        vpcs,
        _flow_logs,
        threat="Nobody can say afterwards where packets went.",
        blind="Traffic to the metadata service and to AWS's DNS.",
        objectives=("audit.logging", "monitoring.detection"),
        remediation="Deploy the tenant's perimeter.",
    ),
    network_rule(
        "labelled",
        "Every VPC carries its tenant's label",
        Severity.LOW,
        ("ec2:DescribeVpcs",),
        vpcs,
        _resolver,
        threat="What nobody can attribute is nobody's to fix.",
        blind="Labels of what is inside.",
        objectives=("data.labels",),
        remediation="Deploy the tenant's perimeter.",
    ),
)
