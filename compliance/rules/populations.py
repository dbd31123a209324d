"""The things that rules are about, found in the facts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from compliance.rules.model import Resource
from compliance.rules.view import View

AUTO_SCALING = "autoscaling:DescribeAutoScalingGroups"
SERVICE_LINKED = "/aws-service-role/"


def the_account(view: View) -> Iterator[Resource]:
    """The account itself."""
    yield Resource(f"arn:aws:iam::{view.account}:root")


def the_organisation(view: View) -> Iterator[Resource]:
    """The organisation."""
    yield Resource(f"organisation of {view.management}")


def buckets(view: View) -> Iterator[Resource]:
    """Every bucket of the account; `data` is its name."""
    for bucket in view.items("s3:ListBuckets", "Buckets"):
        yield Resource(f"arn:aws:s3:::{bucket['Name']}", bucket["Name"])


def tenant_buckets(view: View) -> Iterator[Resource]:
    """The buckets that the tenant's file names, whether they exist or not; `data` is (purpose, name, exists)."""
    existing = {bucket["Name"] for bucket in view.items("s3:ListBuckets", "Buckets")}
    for purpose, name in view.tenant.buckets.items():
        yield Resource(f"arn:aws:s3:::{name}", (purpose, name, name in existing))


def keys(view: View) -> Iterator[Resource]:
    """Every key that the account's owner manages and that is not about to be deleted; `data` is its metadata."""
    for listed in view.items("kms:ListKeys", "Keys"):
        metadata = (view.one("kms:DescribeKey", KeyId=listed["KeyId"]) or {})["KeyMetadata"]
        if "KeyId" not in metadata:
            msg = f"what kms:DescribeKey says of {listed['KeyId']} names no key"
            raise ValueError(msg)
        if metadata.get("KeyManager", "CUSTOMER") == "CUSTOMER" and metadata.get("KeyState") != "PendingDeletion":
            yield Resource(listed["KeyArn"], metadata)


def aliases(view: View) -> dict[str, str]:
    """Key id by alias."""
    return {
        alias["AliasName"]: alias["TargetKeyId"]
        for alias in view.items("kms:ListAliases", "Aliases")
        if "TargetKeyId" in alias
    }


def key_policy(view: View, key_id: str) -> str:
    """The text of a key's policy."""
    answer = view.one("kms:GetKeyPolicy", KeyId=key_id, PolicyName="default")
    return str(answer["Policy"]) if answer else ""


def named_keys(view: View) -> Iterator[Resource]:
    """The keys that the tenant's file names, by alias; `data` is (purpose, key id or None)."""
    known = aliases(view)
    for purpose, alias in view.tenant.key_aliases.items():
        yield Resource(alias, (purpose, known.get(alias)))


def principals(view: View, member: str) -> list[dict[str, Any]]:
    """One list of `GetAccountAuthorizationDetails`: UserDetailList, GroupDetailList, RoleDetailList or Policies."""
    return view.items("iam:GetAccountAuthorizationDetails", member)


def roles(view: View) -> Iterator[Resource]:
    """Every role but service-linked ones; `data` is its detail."""
    for role in principals(view, "RoleDetailList"):
        if SERVICE_LINKED not in role["Arn"]:
            yield Resource(role["Arn"], role)


def users(view: View) -> Iterator[Resource]:
    """Every IAM user; `data` is its detail."""
    for user in principals(view, "UserDetailList"):
        yield Resource(user["Arn"], user)


def ec2(operation: str, member: str, identifier: str, **params: Any) -> Any:
    """A population: every entry of an EC2 listing, by its id."""

    def population(view: View) -> Iterator[Resource]:
        for item in view.items(f"ec2:{operation}", member, **params):
            yield Resource(item[identifier], item)

    return population


vpcs = ec2("DescribeVpcs", "Vpcs", "VpcId")
subnets = ec2("DescribeSubnets", "Subnets", "SubnetId")
endpoints = ec2("DescribeVpcEndpoints", "VpcEndpoints", "VpcEndpointId")
security_groups = ec2("DescribeSecurityGroups", "SecurityGroups", "GroupId")
network_acls = ec2("DescribeNetworkAcls", "NetworkAcls", "NetworkAclId")
route_tables = ec2("DescribeRouteTables", "RouteTables", "RouteTableId")
volumes = ec2("DescribeVolumes", "Volumes", "VolumeId")
snapshots = ec2("DescribeSnapshots", "Snapshots", "SnapshotId", OwnerIds=["self"])
images = ec2("DescribeImages", "Images", "ImageId", Owners=["self"])


def instances(view: View) -> Iterator[Resource]:
    """Every instance that is not terminated; `data` is its description."""
    for reservation in view.items("ec2:DescribeInstances", "Reservations"):
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] not in {"terminated", "shutting-down"}:
                yield Resource(instance["InstanceId"], instance)


def launch_templates(view: View) -> Iterator[Resource]:
    """The versions of launch templates that are the default or the latest, or that a group starts.

    `data` is the version's content.
    """
    started = _started(view)
    for template in view.items("ec2:DescribeLaunchTemplates", "LaunchTemplates"):
        current = {template["DefaultVersionNumber"], template["LatestVersionNumber"]}
        template_id = template["LaunchTemplateId"]
        named = {template_id, template.get("LaunchTemplateName", template_id)}
        current |= {int(number) for name, number in started if name in named and number.isdigit()}
        for version in view.items(
            "ec2:DescribeLaunchTemplateVersions", "LaunchTemplateVersions", LaunchTemplateId=template_id
        ):
            if version["VersionNumber"] in current:
                yield Resource(f"{template_id}/{version['VersionNumber']}", version["LaunchTemplateData"])


def _started(view: View) -> list[tuple[str, str]]:
    """Name or id, and version, of every launch template that an auto scaling group starts.

    Raises:
        ValueError: an entry is no group, so that what it starts is not known.
    """
    found = []
    for group in view.items(AUTO_SCALING, "AutoScalingGroups"):
        if "AutoScalingGroupARN" not in group:
            msg = f"{AUTO_SCALING} lists a group without an ARN"
            raise ValueError(msg)
        mixed = (group.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
        held = [group.get("LaunchTemplate"), mixed.get("LaunchTemplateSpecification")]
        held += [entry.get("LaunchTemplateSpecification") for entry in mixed.get("Overrides", [])]
        for one in held:
            names = [one[name] for name in ("LaunchTemplateId", "LaunchTemplateName") if one.get(name)] if one else []
            found += [(str(name), str(one.get("Version", ""))) for name in names]
    return found


def auto_scaling_groups(view: View) -> Iterator[Resource]:
    """Every auto scaling group; `data` is its description."""
    for group in view.items("autoscaling:DescribeAutoScalingGroups", "AutoScalingGroups"):
        yield Resource(group["AutoScalingGroupARN"], group)


def log_groups(view: View) -> Iterator[Resource]:
    """Every log group; `data` is its description."""
    for group in view.items("logs:DescribeLogGroups", "logGroups"):
        yield Resource(group["arn"].removesuffix(":*"), group)


def tags(entries: Any) -> dict[str, str]:
    """Tags as a dictionary, whichever way the service writes them."""
    if isinstance(entries, dict):
        return {str(key): str(value) for key, value in entries.items()}
    return {tag.get("Key", tag.get("TagKey")): tag.get("Value", tag.get("TagValue")) for tag in entries or ()}


def document(value: Any) -> dict[str, Any]:
    """A policy document, parsed if it is text."""
    parsed = json.loads(value) if isinstance(value, str) else value
    if not isinstance(parsed, dict):
        msg = f"a policy document is {type(parsed).__name__}, not an object"
        raise TypeError(msg)
    return parsed


def statements(value: Any) -> list[dict[str, Any]]:
    """The statements of a policy document.

    Raises:
        ValueError: it is no policy: nothing may be concluded from what it does not seem to say.
    """
    found = document(value)["Statement"]
    held = [found] if isinstance(found, dict) else list(found)
    for statement in held:
        if statement["Effect"] not in {"Allow", "Deny"}:
            msg = f"Effect is {statement['Effect']!r}"
            raise ValueError(msg)
    return held


def listed(value: Any) -> list[Any]:
    """A policy element that is one value or a list, as a list."""
    return [] if value is None else list(value) if isinstance(value, list) else [value]
