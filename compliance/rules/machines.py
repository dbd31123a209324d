"""Machines, their disks and the groups that start them."""

from __future__ import annotations

from compliance.rules.model import Outcome, Resource, Rule, Severity, decide, judge_problems
from compliance.rules.populations import auto_scaling_groups, instances, volumes
from compliance.rules.templates import (
    MEASURED_BOOT,
    STOLEN_CREDENTIALS,
    approved_image,
    dedicated,
    metadata_service,
    no_key_pair,
    no_public_address,
    node_rule,
)
from compliance.rules.view import View


def _volume(_view: View, resource: Resource) -> Outcome:
    return decide(
        bool(resource.data.get("Encrypted")),
        f"encrypted under {resource.data.get('KmsKeyId')}",
        "the volume is not encrypted",
    )


def _capacity(view: View, resource: Resource) -> Outcome:
    group, limit = resource.data, view.tenant.max_nodes
    problems = [f"may grow to {group['MaxSize']}, the tenant's file allows {limit}"] if group["MaxSize"] > limit else []
    if view.tenant.state != "active" and group["DesiredCapacity"] > 0:
        problems.append(f"wants {group['DesiredCapacity']} machines although the tenant is {view.tenant.state}")
    return judge_problems(problems, f"at most {group['MaxSize']} machines")


def _from_template(_view: View, resource: Resource) -> Outcome:
    group = resource.data
    template = group.get("LaunchTemplate") or group.get("MixedInstancesPolicy", {}).get("LaunchTemplate")
    return decide(
        bool(template),
        "starts machines from a launch template",
        "starts machines without a launch template that the rules look at",
    )


def _managed(view: View, resource: Resource) -> Outcome:
    groups = {
        member["InstanceId"]
        for group in view.items("autoscaling:DescribeAutoScalingGroups", "AutoScalingGroups")
        for member in group.get("Instances", [])
    }
    return decide(
        resource.id in groups,
        "belongs to an auto scaling group",
        "was started by hand: it belongs to no auto scaling group",
    )


_INSTANCE = "ec2:DescribeInstances"

RULES: tuple[Rule, ...] = (
    node_rule(
        "instance-imds",
        "Machines demand IMDSv2 with one hop",
        Severity.HIGH,
        _INSTANCE,
        instances,
        metadata_service,
        STOLEN_CREDENTIALS,
    ),
    node_rule(
        "instance-no-key-pair",
        "Machines have no SSH key",
        Severity.HIGH,
        _INSTANCE,
        instances,
        no_key_pair,
        "An operator logs in and reads what is being trained on.",
    ),
    node_rule(
        "instance-approved-image",
        "Machines booted an approved image",
        Severity.CRITICAL,
        _INSTANCE,
        instances,
        approved_image,
        "An image that nobody measured trains on the data.",
        objectives=MEASURED_BOOT,
    ),
    node_rule(
        "instance-no-public-address",
        "Machines have no public address",
        Severity.HIGH,
        _INSTANCE,
        instances,
        no_public_address,
        "The node is reachable from the internet.",
        objectives=("isolation.network",),
    ),
    node_rule(
        "instance-dedicated",
        "Machines run on dedicated hardware",
        Severity.HIGH,
        _INSTANCE,
        instances,
        dedicated,
        "Two tenants on one machine: timing and contention carry signals.",
        objectives=("compute.placement",),
    ),
    node_rule(
        "volumes-encrypted",
        "Every volume is encrypted",
        Severity.HIGH,
        "ec2:DescribeVolumes",
        volumes,
        _volume,
        "A volume is read in another place.",
        objectives=("crypto.at-rest",),
    ),
    node_rule(
        "capacity-limited",
        "No group grows beyond what the tenant's file allows",
        Severity.MEDIUM,
        "autoscaling:DescribeAutoScalingGroups",
        auto_scaling_groups,
        _capacity,
        "A stolen role mines coins at the tenant's cost.",
        objectives=("resources.quota",),
    ),
    node_rule(
        "groups-from-templates",
        "Groups start machines from launch templates",
        Severity.MEDIUM,
        "autoscaling:DescribeAutoScalingGroups",
        auto_scaling_groups,
        _from_template,
        "A launch configuration escapes the rules on templates.",
    ),
    node_rule(
        "no-hand-started",
        "No machine was started by hand",
        Severity.HIGH,
        (_INSTANCE, "autoscaling:DescribeAutoScalingGroups"),
        instances,
        _managed,
        "A machine that nobody asked for trains on something.",
        objectives=("inventory.complete",),
    ),
)
