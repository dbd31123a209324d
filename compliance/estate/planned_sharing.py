"""Planned networks, shares and logs, as the answers of the APIs that will describe them."""

from __future__ import annotations

from typing import Final

from compliance.estate.planned_answers import Answers, ById, Translate, named, tags_list
from compliance.estate.terraform import Planned


def _volume_permission(answers: Answers, resource: Planned, by_id: ById) -> None:
    subject = named(resource, by_id, "snapshot_id", "id") or str(resource.values.get("snapshot_id"))
    permission = {"UserId": resource.values.get("account_id")}
    _listed_once(answers, resource, "ec2:DescribeSnapshots", "Snapshots", "SnapshotId", subject)
    answers.lists(resource, "ec2:DescribeSnapshotAttribute", "CreateVolumePermissions", permission, subject)


def _launch_permission(answers: Answers, resource: Planned, _: ById) -> None:
    subject = str(resource.values.get("image_id"))
    names = {
        "account_id": "UserId",
        "group": "Group",
        "organization_arn": "OrganizationArn",
        "organizational_unit_arn": "OrganizationalUnitArn",
    }
    permission = {new: resource.values[old] for old, new in names.items() if resource.values.get(old)}
    _listed_once(answers, resource, "ec2:DescribeImages", "Images", "ImageId", subject)
    answers.lists(resource, "ec2:DescribeImageAttribute", "LaunchPermissions", permission, subject)


def _listed_once(answers: Answers, resource: Planned, api: str, member: str, key: str, subject: str) -> None:
    found = answers.about(resource, api).setdefault(member, [])
    if not any(item[key] == subject for item in found):
        found.append({key: subject, "Tags": tags_list(resource)})


def _snapshot(answers: Answers, resource: Planned, _: ById) -> None:
    _listed_once(answers, resource, "ec2:DescribeSnapshots", "Snapshots", "SnapshotId", resource.id)


def _image(answers: Answers, resource: Planned, _: ById) -> None:
    _listed_once(answers, resource, "ec2:DescribeImages", "Images", "ImageId", resource.id)


def _share_member(kind: str, attribute: str) -> Translate:
    def translate(answers: Answers, resource: Planned, _: ById) -> None:
        item = {
            "resourceShareArn": resource.values.get("resource_share_arn"), "associationType": kind,
            "associatedEntity": resource.values.get(attribute), "status": "ASSOCIATED",
        }  # fmt: skip
        answers.lists(resource, "ram:GetResourceShareAssociations", "resourceShareAssociations", item, kind)

    return translate


def _log_group(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "name", "log"):
        name = resource.values["name"]
        arn = f"arn:aws:logs:{resource.region}:{resource.account}:log-group:{name}"
        answers.lists(
            resource,
            "logs:DescribeLogGroups",
            "logGroups",
            {"logGroupName": name, "logGroupArn": arn, "arn": f"{arn}:*"},
        )


def _subscription(answers: Answers, resource: Planned, by_id: ById) -> None:
    if answers.needs(resource, "destination_arn", "log"):
        item = {
            "logGroupName": named(resource, by_id, "log_group_name"),
            "destinationArn": resource.values["destination_arn"],
        }
        answers.lists(resource, "logs:DescribeSubscriptionFilters", "subscriptionFilters", item, resource.address)


def _log_policy(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "policy_document", "log"):
        item = {"policyName": resource.address, "policyDocument": resource.values["policy_document"]}
        answers.lists(resource, "logs:DescribeResourcePolicies", "resourcePolicies", item)


def _vpc(answers: Answers, resource: Planned, _: ById) -> None:
    answers.lists(
        resource,
        "ec2:DescribeVpcs",
        "Vpcs",
        {"VpcId": resource.id, "OwnerId": resource.account, "Tags": tags_list(resource)},
    )


def _endpoint(answers: Answers, resource: Planned, _: ById) -> None:
    item = {
        "VpcEndpointId": resource.id, "VpcId": str(resource.values.get("vpc_id")), "Tags": tags_list(resource),
        "ServiceName": str(resource.values.get("service_name") or ""), "PolicyDocument": resource.values.get("policy"),
    }  # fmt: skip
    answers.lists(resource, "ec2:DescribeVpcEndpoints", "VpcEndpoints", item)


def _endpoint_policy(answers: Answers, resource: Planned, _: ById) -> None:
    for item in answers.about(resource, "ec2:DescribeVpcEndpoints").get("VpcEndpoints", []):
        if item["VpcEndpointId"] == str(resource.values.get("vpc_endpoint_id")):
            item["PolicyDocument"] = resource.values.get("policy")


def _peering(answers: Answers, resource: Planned, _: ById) -> None:
    near = {"VpcId": str(resource.values.get("vpc_id")), "OwnerId": resource.account}
    far = {"VpcId": str(resource.values.get("peer_vpc_id")), "OwnerId": resource.values.get("peer_owner_id")}
    item = {"VpcPeeringConnectionId": resource.id, "RequesterVpcInfo": near, "AccepterVpcInfo": far}
    answers.lists(resource, "ec2:DescribeVpcPeeringConnections", "VpcPeeringConnections", item)


def _gateway(member: str) -> Translate:
    def translate(answers: Answers, resource: Planned, _: ById) -> None:
        vpc = resource.values.get("vpc_id")
        item = {"InternetGatewayId": resource.id, "Attachments": [{"VpcId": str(vpc)}] if vpc else []}
        answers.lists(resource, f"ec2:Describe{member}", member, item)

    return translate


def _transit(answers: Answers, resource: Planned, _: ById) -> None:
    item = {
        "VpcId": str(resource.values.get("vpc_id")),
        "TransitGatewayId": str(resource.values.get("transit_gateway_id")),
    }
    answers.lists(resource, "ec2:DescribeTransitGatewayVpcAttachments", "TransitGatewayVpcAttachments", item)


TRANSLATIONS: Final[dict[str, Translate]] = {
    "aws_snapshot_create_volume_permission": _volume_permission,
    "aws_ami_launch_permission": _launch_permission,
    "aws_ebs_snapshot": _snapshot,
    "aws_ebs_snapshot_copy": _snapshot,
    "aws_ami": _image,
    "aws_ami_copy": _image,
    "aws_ram_resource_association": _share_member("RESOURCE", "resource_arn"),
    "aws_ram_principal_association": _share_member("PRINCIPAL", "principal"),
    "aws_cloudwatch_log_group": _log_group,
    "aws_cloudwatch_log_subscription_filter": _subscription,
    "aws_cloudwatch_log_resource_policy": _log_policy,
    "aws_vpc": _vpc,
    "aws_vpc_endpoint": _endpoint,
    "aws_vpc_endpoint_policy": _endpoint_policy,
    "aws_vpc_peering_connection": _peering,
    "aws_internet_gateway": _gateway("InternetGateways"),
    "aws_egress_only_internet_gateway": _gateway("EgressOnlyInternetGateways"),
    "aws_vpn_gateway": _gateway("VpnGateways"),
    "aws_ec2_transit_gateway_vpc_attachment": _transit,
}
