"""Plans as facts: every type of resource that is read, and what an account answers where nothing is planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from compliance.estate.terraform import Planned
from compliance.facts.scope import Scope
from compliance.planned import doors, filters, identities, keys, machines, network, records, storage
from compliance.planned.answers import Shown, Translate

TRANSLATIONS: Final[dict[str, Translate]] = {
    **identities.TRANSLATIONS,
    **keys.TRANSLATIONS,
    **storage.TRANSLATIONS,
    **network.TRANSLATIONS,
    **filters.TRANSLATIONS,
    **machines.TRANSLATIONS,
    **records.TRANSLATIONS,
    **doors.TRANSLATIONS,
}

_PARTS: Final = frozenset(
    {
        "aws_ami_launch_permission",
        "aws_iam_role_policy",
        "aws_iam_role_policy_attachment",
        "aws_network_acl_rule",
        "aws_route",
        "aws_security_group_rule",
        "aws_snapshot_create_volume_permission",
        "aws_vpc_endpoint_policy",
        "aws_vpc_ipv4_cidr_block_association",
        "aws_vpc_security_group_egress_rule",
        "aws_vpc_security_group_ingress_rule",
    }
)
"""Types that add to what another resource writes, and are therefore read after it."""

IGNORED: Final = frozenset(
    {
        "aws_budgets_budget_action",
        "aws_ec2_allowed_images_settings",
        "aws_ec2_instance_metadata_defaults",
        "aws_iam_instance_profile",
        "aws_iam_organizations_features",
        "aws_ram_principal_association",
        "aws_ram_resource_association",
        "aws_route53_resolver_firewall_config",
        "aws_route53_resolver_firewall_domain_list",
        "aws_route53_resolver_firewall_rule",
        "aws_route53_resolver_firewall_rule_group",
        "aws_route53_resolver_firewall_rule_group_association",
        "aws_route_table_association",
        "aws_servicequotas_service_quota",
        "aws_vpc_block_public_access_options",
        "aws_vpc_dhcp_options",
        "aws_vpc_dhcp_options_association",
        "aws_vpc_endpoint_route_table_association",
        "aws_vpc_endpoint_subnet_association",
    }
)
"""Types about which no rule asks anything. Every type that is neither read nor here is reported."""

_EMPTY: Final[dict[str, str]] = {
    "iam:ListOpenIDConnectProviders": "OpenIDConnectProviderList",
    "iam:ListSAMLProviders": "SAMLProviderList",
    "s3:ListBuckets": "Buckets",
    "kms:ListKeys": "Keys",
    "kms:ListAliases": "Aliases",
    "ec2:DescribeVpcs": "Vpcs",
    "ec2:DescribeSubnets": "Subnets",
    "ec2:DescribeRouteTables": "RouteTables",
    "ec2:DescribeSecurityGroups": "SecurityGroups",
    "ec2:DescribeNetworkAcls": "NetworkAcls",
    "ec2:DescribeVpcEndpoints": "VpcEndpoints",
    "ec2:DescribeFlowLogs": "FlowLogs",
    "ec2:DescribeInternetGateways": "InternetGateways",
    "ec2:DescribeEgressOnlyInternetGateways": "EgressOnlyInternetGateways",
    "ec2:DescribeNatGateways": "NatGateways",
    "ec2:DescribeCarrierGateways": "CarrierGateways",
    "ec2:DescribeVpcPeeringConnections": "VpcPeeringConnections",
    "ec2:DescribeTransitGatewayAttachments": "TransitGatewayAttachments",
    "ec2:DescribeVpnGateways": "VpnGateways",
    "ec2:DescribeVpnConnections": "VpnConnections",
    "ec2:DescribeClientVpnEndpoints": "ClientVpnEndpoints",
    "ec2:DescribeInstanceConnectEndpoints": "InstanceConnectEndpoints",
    "ec2:DescribeTrafficMirrorSessions": "TrafficMirrorSessions",
    "ec2:DescribeAddresses": "Addresses",
    "ec2:DescribeVpcEndpointServiceConfigurations": "ServiceConfigurations",
    "ec2:DescribeLaunchTemplates": "LaunchTemplates",
    "ec2:DescribeInstances": "Reservations",
    "ec2:DescribeVolumes": "Volumes",
    "autoscaling:DescribeAutoScalingGroups": "AutoScalingGroups",
    "logs:DescribeLogGroups": "logGroups",
    "logs:DescribeResourcePolicies": "resourcePolicies",
    "cloudwatch:DescribeAlarms": "MetricAlarms",
    "guardduty:ListDetectors": "DetectorIds",
    "accessanalyzer:ListAnalyzers": "analyzers",
    "sns:ListTopics": "Topics",
    "sqs:ListQueues": "QueueUrls",
    "ecr:DescribeRepositories": "repositories",
    "lambda:ListFunctions": "Functions",
    "secretsmanager:ListSecrets": "SecretList",
    "events:ListEventBuses": "EventBuses",
}
"""Listings that plans show whole: what Terraform would make, and nothing else, is in the account."""

_NOBODY: Final[dict[str, list[Any]]] = {
    "UserDetailList": [],
    "GroupDetailList": [],
    "RoleDetailList": [],
    "Policies": [],
}
_SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "ec2:GetEbsEncryptionByDefault": {"EbsEncryptionByDefault": False},
    "ec2:GetEbsDefaultKmsKeyId": {"KmsKeyId": "alias/aws/ebs"},
    "ec2:GetSerialConsoleAccessStatus": {"SerialConsoleAccessEnabled": False},
    "ec2:GetSnapshotBlockPublicAccessState": {"State": "unblocked"},
    "ec2:GetImageBlockPublicAccessState": {"ImageBlockPublicAccessState": "unblocked"},
}
"""What an account answers about itself as long as nothing sets it, in the less safe reading."""


def shown_by(resources: Iterable[Planned], scope: Scope, moment: str) -> Shown:
    """What planned resources show. `moment` (ISO 8601) is when the plans are judged."""
    shown = Shown(resources, scope, moment)
    _deployers(shown)
    for resource in sorted(shown.resources, key=lambda one: one.type in _PARTS):
        translate = TRANSLATIONS.get(resource.type)
        if translate is not None:
            translate(shown, resource)
    for fill in (storage.defaults, keys.defaults, filters.defaults, records.defaults):
        fill(shown)
    for place in shown.places:
        _account(shown, place)
    return shown


def unread_types(resources: Iterable[Planned]) -> list[str]:
    """Types among the resources that nothing here reads, with their number."""
    found = Counter(one.type for one in resources if one.type not in TRANSLATIONS and one.type not in IGNORED)
    return [f"{number} × {kind}" for kind, number in sorted(found.items())]


def _account(shown: Shown, place: tuple[str, str]) -> None:
    account = place[0]
    for api, member in _EMPTY.items():
        shown.default(place, api, {member: []})
    for api, answer in _SETTINGS.items():
        shown.default(place, api, answer)
    details = shown.found(place, "iam:GetAccountAuthorizationDetails")
    for member, nothing in _NOBODY.items():
        details.setdefault(member, list(nothing))
    shown.default(place, "iam:GetAccountAuthorizationDetails", dict(_NOBODY))
    shown.default(place, "ec2:DescribeSnapshots", {"Snapshots": []}, OwnerIds=["self"])
    shown.default(place, "ec2:DescribeImages", {"Images": []}, Owners=["self"])
    shown.default(place, "s3control:GetPublicAccessBlock", None, AccountId=account)
    shown.default(place, "s3control:ListAccessPoints", {"AccessPointList": []}, AccountId=account)
    shown.default(place, "budgets:DescribeBudgets", {"Budgets": []}, AccountId=account)
    shown.default(place, "cloudtrail:DescribeTrails", {"trailList": []}, includeShadowTrails=True)
    shown.default(place, "ram:GetResourceShares", {"resourceShares": []}, resourceOwner="SELF")
    shown.default(
        place, "ssm:ListDocuments", {"DocumentIdentifiers": []}, Filters=[{"Key": "Owner", "Values": ["Self"]}]
    )


def _deployers(shown: Shown) -> None:
    """The role that Organizations makes in every account with it."""
    management = shown.scope.management_account
    for resource in shown.of("aws_organizations_account"):
        number = identities.account_of(shown, resource)
        name = str(resource.values.get("role_name") or shown.scope.deployer_role)
        trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{management}:root"}, "Action": "sts:AssumeRole"}
        administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
        entry = {
            "RoleName": name,
            "Arn": f"arn:aws:iam::{number}:role/{name}",
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "RolePolicyList": [],
            "AttachedManagedPolicies": [{"PolicyName": "AdministratorAccess", "PolicyArn": administrator}],
            "Tags": [],
        }
        for place in shown.places:
            if place[0] == number:
                held = {"RoleDetailList": [entry]}
                shown.default(place, "iam:GetAccountAuthorizationDetails", held)
                break
