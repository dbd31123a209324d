"""Populations against Terraform's state: what only one of the two knows is explained, or it is a finding."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide
from compliance.rules.populations import SERVICE_LINKED
from compliance.rules.view import Unread, View

STATE = "terraform:ReadState"


def _ids(api: str, member: str, key: str, **params: Any) -> Callable[[View], dict[str, str]]:
    """A listing: by id, why it would be explained that Terraform does not know it (empty if not)."""

    def listing(view: View) -> dict[str, str]:
        found = {}
        for item in view.items(api, member, **params):
            found[str(item[key])] = _explained(view, item)
        return found

    return listing


def _explained(view: View, item: dict[str, Any]) -> str:
    if item.get("IsDefault") or item.get("DefaultForAz") or item.get("GroupName") == "default":
        return "made by AWS with the account or the VPC"
    if any(one.get("Main") for one in item.get("Associations", [])):
        return "made by AWS with the VPC"
    if SERVICE_LINKED in item.get("Path", item.get("Arn", "")):
        return "a service-linked role"
    if item.get("RoleName") == view.scope.deployer_role:
        return "made by Organizations with the account"
    if item.get("RequesterManaged"):
        return "managed by an AWS service"
    return ""


def _keys(view: View) -> dict[str, str]:
    found = {}
    for listed in view.items("kms:ListKeys", "Keys"):
        metadata = (view.one("kms:DescribeKey", KeyId=listed["KeyId"]) or {})["KeyMetadata"]
        why = "managed by AWS" if metadata.get("KeyManager") == "AWS" else ""
        found[listed["KeyId"]] = why or ("on its way out" if metadata.get("KeyState") == "PendingDeletion" else "")
    return found


LISTINGS: dict[str, Callable[[View], dict[str, str]]] = {
    "aws_s3_bucket": _ids("s3:ListBuckets", "Buckets", "Name"),
    "aws_kms_key": _keys,
    "aws_iam_role": _ids("iam:ListRoles", "Roles", "RoleName"),
    "aws_vpc": _ids("ec2:DescribeVpcs", "Vpcs", "VpcId"),
    "aws_subnet": _ids("ec2:DescribeSubnets", "Subnets", "SubnetId"),
    "aws_route_table": _ids("ec2:DescribeRouteTables", "RouteTables", "RouteTableId"),
    "aws_security_group": _ids("ec2:DescribeSecurityGroups", "SecurityGroups", "GroupId"),
    "aws_vpc_endpoint": _ids("ec2:DescribeVpcEndpoints", "VpcEndpoints", "VpcEndpointId"),
    "aws_launch_template": _ids("ec2:DescribeLaunchTemplates", "LaunchTemplates", "LaunchTemplateId"),
    "aws_autoscaling_group": _ids("autoscaling:DescribeAutoScalingGroups", "AutoScalingGroups", "AutoScalingGroupName"),
    "aws_cloudwatch_log_group": _ids("logs:DescribeLogGroups", "logGroups", "logGroupName"),
}
"""What Terraform's type is listed by, and under which key its id stands."""


def _types(view: View) -> Iterator[Resource]:
    """Every type with a listing, if Terraform's state of this account was given; `data` is what the state knows."""
    for damaged in view.graph.facts("", STATE):
        if not damaged.status.read:
            raise Unread(STATE, damaged)
    if not view.graph.facts(view.account, STATE):
        return
    known: dict[str, set[str]] = {}
    for entry in view.items(STATE, "Resources"):
        known.setdefault(entry["Type"], set()).add(entry["Id"])
    for kind in LISTINGS:
        yield Resource(f"{kind} in account {view.account}", (kind, known.get(kind, set())))


def _same(view: View, resource: Resource) -> Outcome:
    kind, known = resource.data
    return compared(known, LISTINGS[kind](view))


def compared(known: Collection[str], present: Mapping[str, str]) -> Outcome:
    """What Terraform knows beside what the cloud lists, by id; the latter with why Terraform need not know it."""
    gone = sorted(set(known) - set(present))
    stray = sorted(name for name, why in present.items() if name not in known and not why)
    explained = [f"{name} is {why}" for name, why in sorted(present.items()) if name not in known and why]
    problems = [f"Terraform says that {', '.join(gone)} exists; it does not"] if gone else []
    problems += [f"Terraform does not know {', '.join(stray)}"] if stray else []
    said = f"{len(known)} in Terraform's state, {len(present)} listed"
    good = f"{said}; {'; '.join(explained)}" if explained else said
    return decide(not problems, good, "; ".join(problems))


RULES: tuple[Rule, ...] = (
    Rule(
        id="coverage.reconciled",
        title="Terraform's state and the cloud know the same resources",
        severity=Severity.MEDIUM,
        about=About.TENANT,
        threat="Something was made by hand, or went away, and no rule was written for it.",
        blind="Types that are not reconciled, and accounts whose state was not given to the scan.",
        remediation="Import it into Terraform or delete it; find out in the trail who made it.",
        objectives=("inventory.complete", "change.guardrails"),
        needs=(
            "s3:ListBuckets",
            "kms:ListKeys",
            "kms:DescribeKey",
            "iam:ListRoles",
            "ec2:DescribeVpcs",
            "ec2:DescribeSubnets",
            "ec2:DescribeRouteTables",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeVpcEndpoints",
            "ec2:DescribeLaunchTemplates",
            "autoscaling:DescribeAutoScalingGroups",
            "logs:DescribeLogGroups",
        ),
        population=_types,
        check=_same,
    ),
)
