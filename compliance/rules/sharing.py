"""What an account gives to others: endpoint services, RAM shares, snapshots, images, log events, documents."""

from __future__ import annotations

from typing import Any

from compliance.rules.endpoints import sharing_rule
from compliance.rules.guests import guests
from compliance.rules.model import Outcome, Resource, Rule, Severity, decide, judge_problems
from compliance.rules.populations import images, log_groups, snapshots, the_account
from compliance.rules.view import View


def _no_services(view: View, _resource: Resource) -> Outcome:
    services = view.items("ec2:DescribeVpcEndpointServiceConfigurations", "ServiceConfigurations")
    names = sorted(service["ServiceId"] for service in services)
    return decide(not names, "offers no endpoint service", f"offers endpoint services: {', '.join(names)}")


def _no_shares(view: View, _resource: Resource) -> Outcome:
    shares = view.items("ram:GetResourceShares", "resourceShares", resourceOwner="SELF")
    active = [share["name"] for share in shares if share["status"] == "ACTIVE"]
    return decide(not active, "shares nothing through RAM", f"shares through RAM: {', '.join(active)}")


def _nothing_received(view: View, _resource: Resource) -> Outcome:
    shares = view.items("ram:GetResourceShares", "resourceShares", resourceOwner="OTHER-ACCOUNTS")
    platform = set(view.scope.platform_accounts)
    foreign = [
        f"{share['name']} of {share['owningAccountId']}" for share in shares if share["owningAccountId"] not in platform
    ]
    return decide(not foreign, "nothing is shared into the account", f"shared into the account: {', '.join(foreign)}")


def _snapshot_private(view: View, resource: Resource) -> Outcome:
    answer = view.one("ec2:DescribeSnapshotAttribute", SnapshotId=resource.id, Attribute="createVolumePermission") or {}
    return _shared(view, answer["CreateVolumePermissions"])


def _image_private(view: View, resource: Resource) -> Outcome:
    answer = view.one("ec2:DescribeImageAttribute", ImageId=resource.id, Attribute="launchPermission") or {}
    return _shared(view, answer["LaunchPermissions"])


def _shared(view: View, permissions: list[dict[str, Any]]) -> Outcome:
    if not isinstance(permissions, list):
        msg = f"permissions are {type(permissions).__name__}, not a list"
        raise TypeError(msg)
    names = view.fleet_accounts()
    who = [
        "everyone"
        if entry.get("Group") == "all"
        else names.get(entry.get("UserId", ""), entry.get("UserId") or str(entry))
        for entry in permissions
        if entry.get("UserId") != view.account
    ]
    return decide(not who, "shared with nobody", f"shared with {', '.join(who)}")


def _subscriptions(view: View, resource: Resource) -> Outcome:
    filters = view.items(
        "logs:DescribeSubscriptionFilters", "subscriptionFilters", logGroupName=resource.data["logGroupName"]
    )
    own = {view.account, view.scope.audit_account}
    foreign = [entry["destinationArn"] for entry in filters if entry["destinationArn"].split(":")[4] not in own]
    return decide(not foreign, "no subscription leads elsewhere", f"log events go to {', '.join(foreign)}")


def _log_policies(view: View, _resource: Resource) -> Outcome:
    problems = []
    for policy in view.items("logs:DescribeResourcePolicies", "resourcePolicies"):
        found = [who for who in guests(policy["policyDocument"], {view.account}) if not who.endswith(" for anyone")]
        problems += [f"{policy['policyName']} allows {', '.join(found)}"] if found else []
    return judge_problems(problems, "no policy of the log service lets in another account")


def _documents(view: View, _resource: Resource) -> Outcome:
    shared = []
    for entry in view.items("ssm:ListDocuments", "DocumentIdentifiers"):
        held = view.items("ssm:DescribeDocumentPermission", "AccountIds", Name=entry["Name"], PermissionType="Share")
        who = [account for account in held if account != view.account]
        shared += [f"{entry['Name']} with {', '.join(who)}"] if who else []
    return judge_problems(shared, "no document is shared")


RULES: tuple[Rule, ...] = (
    sharing_rule(
        "no-endpoint-services",
        "The account offers no endpoint service",
        Severity.CRITICAL,
        ("ec2:DescribeVpcEndpointServiceConfigurations",),
        the_account,
        _no_services,
        threat="Another account connects into the tenant's network.",
        objectives=("isolation.network",),
    ),
    sharing_rule(
        "nothing-shared",
        "Nothing is shared through RAM",
        Severity.CRITICAL,
        ("ram:GetResourceShares",),
        the_account,
        _no_shares,
        threat="A shared subnet or transit gateway joins two tenants.",
    ),
    sharing_rule(
        "nothing-received",
        "Nothing of another account is shared into this one",
        Severity.HIGH,
        ("ram:GetResourceShares",),
        the_account,
        _nothing_received,
        threat="A shared subnet places the tenant's machines in another's network.",
    ),
    sharing_rule(
        "snapshots-private",
        "No snapshot is shared",
        Severity.CRITICAL,
        ("ec2:DescribeSnapshots", "ec2:DescribeSnapshotAttribute"),
        snapshots,
        _snapshot_private,
        threat="A shared snapshot is a copy of a disk in another account.",
    ),
    sharing_rule(
        "images-private",
        "No image is shared",
        Severity.HIGH,
        ("ec2:DescribeImages", "ec2:DescribeImageAttribute"),
        images,
        _image_private,
        threat="A shared image carries what was on the disk.",
    ),
    sharing_rule(
        "log-subscriptions",
        "No log group is subscribed from outside",
        Severity.HIGH,
        ("logs:DescribeLogGroups", "logs:DescribeSubscriptionFilters"),
        log_groups,
        _subscriptions,
        threat="Another account reads the tenant's logs as they are written.",
    ),
    sharing_rule(
        "log-policies",
        "The log service lets in no other account",
        Severity.HIGH,
        ("logs:DescribeResourcePolicies",),
        the_account,
        _log_policies,
        threat="Another account writes false records or reads true ones.",
    ),
    sharing_rule(
        "documents-private",
        "No SSM document is shared",
        Severity.MEDIUM,
        ("ssm:ListDocuments", "ssm:DescribeDocumentPermission"),
        the_account,
        _documents,
        threat="A runbook tells others how to get in.",
    ),
)
