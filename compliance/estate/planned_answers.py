"""Planned resources as the answers of the APIs that will describe them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from compliance.estate.build import Builder
from compliance.estate.model import PATHS, Path
from compliance.estate.terraform import Planned
from compliance.facts.fact import Fact, Status
from compliance.facts.scope import Scope

ById = Mapping[str, Planned]


class Answers:
    """The answers under construction, by API, account, region and subject."""

    def __init__(self, scope: Scope, builder: Builder) -> None:
        """Starts with what every account has whether planned or not."""
        self.scope = scope
        self.builder = builder
        self._answers: dict[tuple[str, str, str, str], dict[str, Any]] = {}
        self._params: dict[tuple[str, str, str, str], dict[str, Any]] = {}

    def about(self, resource: Planned, api: str, subject: str = "", **params: Any) -> dict[str, Any]:
        """The answer of an API about a subject in the account of a resource."""
        return self.at(resource.account, resource.region, api, subject, **params)

    def at(self, account: str, region: str, api: str, subject: str = "", **params: Any) -> dict[str, Any]:
        """The answer of an API about a subject."""
        key = (api, account, region, subject)
        self._params.setdefault(key, params or ({"Subject": subject} if subject else {}))
        return self._answers.setdefault(key, {})

    def lists(self, resource: Planned, api: str, member: str, item: Any, subject: str = "", **params: Any) -> None:
        """Adds an item to a list that an API answers."""
        self.about(resource, api, subject, **params).setdefault(member, []).append(item)

    def needs(self, resource: Planned, attribute: str, *paths: Path) -> bool:
        """Whether an attribute is known; if Terraform will know it only later, that is a gap."""
        if attribute in resource.unknown or (resource.values.get(attribute) is None):
            what = f"{resource.stack}: {resource.address}.{attribute}"
            self.builder.gap(resource.account, paths or PATHS, what, "is known only after the stack is applied")
            return False
        return True

    def facts(self) -> list[Fact]:
        """The answers as facts."""
        return [
            Fact(key[0], self._params[key], key[1], key[2], "plan", "", "", Status.OK, response=answer)
            for key, answer in self._answers.items()
        ]


def _tags(resource: Planned) -> list[dict[str, str]]:
    tags = resource.values.get("tags_all") or resource.values.get("tags") or {}
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _bucket_name(resource: Planned, by_id: ById, attribute: str = "bucket") -> str:
    name = str(resource.values.get(attribute, ""))
    target = by_id.get(name)
    return str(target.values.get("bucket", name)) if target is not None else name


def _block(resource: Planned, name: str) -> dict[str, Any]:
    found = resource.values.get(name)
    if isinstance(found, list):
        found = found[0] if found else {}
    return found if isinstance(found, dict) else {}


def _blocks(resource: Planned, name: str) -> list[dict[str, Any]]:
    found = resource.values.get(name)
    return [found] if isinstance(found, dict) else list(found or ())


# ---- organisation


def _organization(answers: Answers, resource: Planned, _: ById) -> None:
    answers.about(resource, "organizations:DescribeOrganization")["Organization"] = {
        "MasterAccountId": resource.account
    }
    _full_access(answers, resource, resource.id)


def _full_access(answers: Answers, resource: Planned, target: str) -> None:
    """AWS attaches FullAWSAccess to every root, unit and account by itself."""
    allow_all = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    summary = {"Id": "p-FullAWSAccess", "Name": "FullAWSAccess", "Type": "SERVICE_CONTROL_POLICY"}
    described = answers.about(resource, "organizations:DescribePolicy", "p-FullAWSAccess", PolicyId="p-FullAWSAccess")
    described["Policy"] = {"PolicySummary": summary, "Content": json.dumps(allow_all)}
    answers.lists(
        resource, "organizations:ListTargetsForPolicy", "Targets", {"TargetId": target}, "p-FullAWSAccess",
        PolicyId="p-FullAWSAccess",
    )  # fmt: skip


def _unit(answers: Answers, resource: Planned, _: ById) -> None:
    parent = str(resource.values.get("parent_id"))
    answers.lists(
        resource, "organizations:ListOrganizationalUnitsForParent", "OrganizationalUnits",
        {"Id": resource.id, "Name": resource.values.get("name")}, parent, ParentId=parent,
    )  # fmt: skip
    _full_access(answers, resource, resource.id)


def _account(answers: Answers, resource: Planned, _: ById) -> None:
    tenant = (resource.values.get("tags") or {}).get("tenant", "")
    known = next((t.account for t in answers.scope.tenants if t.id == tenant), "")
    account = str(resource.values.get("id") or known or answers.scope.audit_account)
    parent = str(resource.values.get("parent_id"))
    answers.lists(resource, "organizations:ListAccountsForParent", "Accounts", {"Id": account}, parent, ParentId=parent)
    _full_access(answers, resource, account)
    role = resource.values.get("role_name") or answers.scope.deployer_role
    root = f"arn:aws:iam::{answers.scope.management_account}:root"
    _role_entry(answers, account, resource.region, str(role))["AssumeRolePolicyDocument"] = {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": root}},
    }


def _organization_policy(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "content", "data"):
        summary = {"Id": resource.id, "Name": resource.values.get("name"), "Type": resource.values.get("type")}
        answer = answers.about(resource, "organizations:DescribePolicy", resource.id, PolicyId=resource.id)
        answer["Policy"] = {"PolicySummary": summary, "Content": resource.values["content"]}


def _attachment(answers: Answers, resource: Planned, by_id: ById) -> None:
    policy, target = str(resource.values.get("policy_id")), str(resource.values.get("target_id"))
    unit = by_id.get(target)
    if unit is not None and unit.type == "aws_organizations_account":
        tenant = (unit.values.get("tags") or {}).get("tenant", "")
        target = next((t.account for t in answers.scope.tenants if t.id == tenant), target)
    answers.lists(
        resource, "organizations:ListTargetsForPolicy", "Targets", {"TargetId": target}, policy, PolicyId=policy
    )


# ---- identities


def _details(answers: Answers, account: str, region: str) -> dict[str, Any]:
    return answers.at(account, region, "iam:GetAccountAuthorizationDetails")


def _role_entry(answers: Answers, account: str, region: str, name: str) -> dict[str, Any]:
    roles: list[dict[str, Any]] = _details(answers, account, region).setdefault("RoleDetailList", [])
    for role in roles:
        if role["RoleName"] == name:
            return role
    entry: dict[str, Any] = {
        "RoleName": name,
        "Arn": f"arn:aws:iam::{account}:role/{name}",
        "RolePolicyList": [],
        "AttachedManagedPolicies": [],
    }
    roles.append(entry)
    return entry


def _named(resource: Planned, by_id: ById, attribute: str, holder: str = "name") -> str:
    value = str(resource.values.get(attribute, ""))
    target = by_id.get(value)
    return str(target.values.get(holder, value)) if target is not None else value


def _policy_arn(resource: Planned, by_id: ById, attribute: str) -> str:
    value = str(resource.values.get(attribute, ""))
    target = by_id.get(value)
    return f"arn:aws:iam::{resource.account}:policy/{target.values.get('name')}" if target is not None else value


def _role(answers: Answers, resource: Planned, by_id: ById) -> None:
    entry = _role_entry(answers, resource.account, resource.region, str(resource.values["name"]))
    path = str(resource.values.get("path") or "/")
    entry["Arn"] = f"arn:aws:iam::{resource.account}:role{path}{resource.values['name']}"
    entry["Tags"] = _tags(resource)
    if answers.needs(resource, "assume_role_policy", "role"):
        entry["AssumeRolePolicyDocument"] = resource.values["assume_role_policy"]
    if resource.values.get("permissions_boundary"):
        arn = _policy_arn(resource, by_id, "permissions_boundary")
        entry["PermissionsBoundary"] = {"PermissionsBoundaryArn": arn}
    for policy in _blocks(resource, "inline_policy"):
        if policy.get("policy"):
            entry["RolePolicyList"].append(
                {"PolicyName": policy.get("name", "inline"), "PolicyDocument": policy["policy"]}
            )


def _role_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    if answers.needs(resource, "policy", "role"):
        entry = _role_entry(answers, resource.account, resource.region, _named(resource, by_id, "role"))
        name = resource.values.get("name") or resource.address
        entry["RolePolicyList"].append({"PolicyName": name, "PolicyDocument": resource.values["policy"]})


def _role_attachment(answers: Answers, resource: Planned, by_id: ById) -> None:
    arn = _policy_arn(resource, by_id, "policy_arn")
    entry = _role_entry(answers, resource.account, resource.region, _named(resource, by_id, "role"))
    entry["AttachedManagedPolicies"].append({"PolicyName": arn.rsplit("/", 1)[-1], "PolicyArn": arn})


def _managed_policy(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "policy", "role"):
        arn = f"arn:aws:iam::{resource.account}:policy/{resource.values.get('name')}"
        version = {"Document": resource.values["policy"], "IsDefaultVersion": True}
        found = _details(answers, resource.account, resource.region).setdefault("Policies", [])
        found.append({"PolicyName": resource.values.get("name"), "Arn": arn, "PolicyVersionList": [version]})


# ---- keys


def _key_subject(resource: Planned) -> str:
    return str(resource.values.get("key_id") or resource.id)


def _key(answers: Answers, resource: Planned, _: ById) -> None:
    subject = _key_subject(resource)
    arn = resource.values.get("arn") or f"arn:aws:kms:{resource.region}:{resource.account}:key/{subject}"
    answers.lists(resource, "kms:ListKeys", "Keys", {"KeyId": subject, "KeyArn": arn})
    answers.about(resource, "kms:ListResourceTags", subject)["Tags"] = _tags(resource)
    if answers.needs(resource, "policy", "key"):
        answers.about(resource, "kms:GetKeyPolicy", subject)["Policy"] = resource.values["policy"]


def _of_key(resource: Planned, by_id: ById, attribute: str) -> str:
    value = str(resource.values.get(attribute, ""))
    target = by_id.get(value)
    return _key_subject(target) if target is not None else value.rsplit("key/", 1)[-1]


def _alias(answers: Answers, resource: Planned, by_id: ById) -> None:
    item = {"AliasName": resource.values.get("name"), "TargetKeyId": _of_key(resource, by_id, "target_key_id")}
    answers.lists(resource, "kms:ListAliases", "Aliases", item)


def _key_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    if answers.needs(resource, "policy", "key"):
        answers.about(resource, "kms:GetKeyPolicy", _of_key(resource, by_id, "key_id"))["Policy"] = resource.values[
            "policy"
        ]


def _kms_grant(answers: Answers, resource: Planned, by_id: ById) -> None:
    if not answers.needs(resource, "grantee_principal", "key"):
        return
    grantee = str(resource.values["grantee_principal"])
    role = by_id.get(grantee)
    if role is not None:
        grantee = f"arn:aws:iam::{role.account}:role{role.values.get('path') or '/'}{role.values.get('name')}"
    grant: dict[str, Any] = {
        "GrantId": resource.address,
        "GranteePrincipal": grantee,
        "Operations": list(resource.values.get("operations") or ()),
    }
    for block in _blocks(resource, "constraints"):
        names = {
            "encryption_context_equals": "EncryptionContextEquals",
            "encryption_context_subset": "EncryptionContextSubset",
        }
        grant["Constraints"] = {new: block[old] for old, new in names.items() if block.get(old)}
    answers.lists(resource, "kms:ListGrants", "Grants", grant, _of_key(resource, by_id, "key_id"))


# ---- buckets


def _bucket(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "bucket", "data"):
        name = str(resource.values["bucket"])
        answers.lists(resource, "s3:ListBuckets", "Buckets", {"Name": name})
        answers.about(resource, "s3:GetBucketTagging", name, Bucket=name)["TagSet"] = _tags(resource)


def _bucket_policy(answers: Answers, resource: Planned, by_id: ById) -> None:
    if answers.needs(resource, "policy", "data"):
        name = _bucket_name(resource, by_id)
        answers.about(resource, "s3:GetBucketPolicy", name, Bucket=name)["Policy"] = resource.values["policy"]


def _ownership(answers: Answers, resource: Planned, by_id: ById) -> None:
    name = _bucket_name(resource, by_id)
    rule = _block(resource, "rule").get("object_ownership", "ObjectWriter")
    answer = answers.about(resource, "s3:GetBucketOwnershipControls", name, Bucket=name)
    answer["OwnershipControls"] = {"Rules": [{"ObjectOwnership": rule}]}


_BLOCKS: Final = {
    "block_public_acls": "BlockPublicAcls", "ignore_public_acls": "IgnorePublicAcls",
    "block_public_policy": "BlockPublicPolicy", "restrict_public_buckets": "RestrictPublicBuckets",
}  # fmt: skip


def _public_access_block(answers: Answers, resource: Planned, by_id: ById) -> None:
    blocks = {new: bool(resource.values.get(old)) for old, new in _BLOCKS.items()}
    if resource.type == "aws_s3_account_public_access_block":
        answers.about(resource, "s3control:GetPublicAccessBlock")["PublicAccessBlockConfiguration"] = blocks
        return
    name = _bucket_name(resource, by_id)
    answers.about(resource, "s3:GetPublicAccessBlock", name, Bucket=name)["PublicAccessBlockConfiguration"] = blocks


_CANNED: Final = {
    "public-read": "AllUsers",
    "public-read-write": "AllUsers",
    "authenticated-read": "AuthenticatedUsers",
}


def _bucket_acl(answers: Answers, resource: Planned, by_id: ById) -> None:
    name = _bucket_name(resource, by_id)
    group = _CANNED.get(str(resource.values.get("acl")))
    grants = answers.about(resource, "s3:GetBucketAcl", name, Bucket=name).setdefault("Grants", [])
    if group is not None:
        uri = f"http://acs.amazonaws.com/groups/global/{group}"
        grants.append({"Grantee": {"Type": "Group", "URI": uri}, "Permission": "READ"})
    for policy in _blocks(resource, "access_control_policy"):
        for grant in policy.get("grant") or ():
            for grantee in grant.get("grantee") or ():
                found = {"ID": grantee.get("id") or "", "URI": grantee.get("uri") or ""}
                grants.append({"Grantee": found, "Permission": grant.get("permission")})


def _replication(answers: Answers, resource: Planned, by_id: ById) -> None:
    name = _bucket_name(resource, by_id)
    rules: list[dict[str, Any]] = []
    for rule in _blocks(resource, "rule"):
        for destination in rule.get("destination") or ():
            target = by_id.get(str(destination.get("bucket")))
            bucket = f"arn:aws:s3:::{target.values.get('bucket')}" if target is not None else destination.get("bucket")
            rules.append(
                {
                    "Status": rule.get("status"),
                    "Destination": {"Bucket": bucket, "Account": destination.get("account") or ""},
                }
            )
    answers.about(resource, "s3:GetBucketReplication", name, Bucket=name)["ReplicationConfiguration"] = {"Rules": rules}


# ---- sharing


def _volume_permission(answers: Answers, resource: Planned, by_id: ById) -> None:
    subject = _named(resource, by_id, "snapshot_id", "id") or str(resource.values.get("snapshot_id"))
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
        found.append({key: subject, "Tags": _tags(resource)})


def _snapshot(answers: Answers, resource: Planned, _: ById) -> None:
    _listed_once(answers, resource, "ec2:DescribeSnapshots", "Snapshots", "SnapshotId", resource.id)


def _image(answers: Answers, resource: Planned, _: ById) -> None:
    _listed_once(answers, resource, "ec2:DescribeImages", "Images", "ImageId", resource.id)


def _share_member(kind: str, attribute: str) -> Callable[[Answers, Planned, ById], None]:
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
            "logGroupName": _named(resource, by_id, "log_group_name"),
            "destinationArn": resource.values["destination_arn"],
        }
        answers.lists(resource, "logs:DescribeSubscriptionFilters", "subscriptionFilters", item, resource.address)


def _log_policy(answers: Answers, resource: Planned, _: ById) -> None:
    if answers.needs(resource, "policy_document", "log"):
        item = {"policyName": resource.address, "policyDocument": resource.values["policy_document"]}
        answers.lists(resource, "logs:DescribeResourcePolicies", "resourcePolicies", item)


# ---- network


def _vpc(answers: Answers, resource: Planned, _: ById) -> None:
    answers.lists(
        resource,
        "ec2:DescribeVpcs",
        "Vpcs",
        {"VpcId": resource.id, "OwnerId": resource.account, "Tags": _tags(resource)},
    )


def _endpoint(answers: Answers, resource: Planned, _: ById) -> None:
    item = {
        "VpcEndpointId": resource.id, "VpcId": str(resource.values.get("vpc_id")), "Tags": _tags(resource),
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


def _gateway(member: str) -> Callable[[Answers, Planned, ById], None]:
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


ANSWERS: Final[dict[str, Callable[[Answers, Planned, ById], None]]] = {
    "aws_organizations_organization": _organization, "aws_organizations_organizational_unit": _unit,
    "aws_organizations_account": _account, "aws_organizations_policy": _organization_policy,
    "aws_organizations_policy_attachment": _attachment,
    "aws_iam_role": _role, "aws_iam_role_policy": _role_policy, "aws_iam_role_policy_attachment": _role_attachment,
    "aws_iam_policy": _managed_policy,
    "aws_kms_key": _key, "aws_kms_external_key": _key, "aws_kms_replica_key": _key, "aws_kms_alias": _alias,
    "aws_kms_key_policy": _key_policy, "aws_kms_grant": _kms_grant,
    "aws_s3_bucket": _bucket, "aws_s3_bucket_policy": _bucket_policy, "aws_s3_bucket_ownership_controls": _ownership,
    "aws_s3_bucket_public_access_block": _public_access_block, "aws_s3_bucket_acl": _bucket_acl,
    "aws_s3_account_public_access_block": _public_access_block,
    "aws_s3_bucket_replication_configuration": _replication,
    "aws_snapshot_create_volume_permission": _volume_permission, "aws_ami_launch_permission": _launch_permission,
    "aws_ebs_snapshot": _snapshot, "aws_ebs_snapshot_copy": _snapshot, "aws_ami": _image, "aws_ami_copy": _image,
    "aws_ram_resource_association": _share_member("RESOURCE", "resource_arn"),
    "aws_ram_principal_association": _share_member("PRINCIPAL", "principal"),
    "aws_cloudwatch_log_group": _log_group, "aws_cloudwatch_log_subscription_filter": _subscription,
    "aws_cloudwatch_log_resource_policy": _log_policy,
    "aws_vpc": _vpc, "aws_vpc_endpoint": _endpoint, "aws_vpc_endpoint_policy": _endpoint_policy,
    "aws_vpc_peering_connection": _peering, "aws_internet_gateway": _gateway("InternetGateways"),
    "aws_egress_only_internet_gateway": _gateway("EgressOnlyInternetGateways"),
    "aws_vpn_gateway": _gateway("VpnGateways"), "aws_ec2_transit_gateway_vpc_attachment": _transit,
}  # fmt: skip

IGNORED: Final = frozenset(
    {
        "aws_autoscaling_group", "aws_budgets_budget", "aws_cloudtrail", "aws_cloudwatch_log_metric_filter",
        "aws_cloudwatch_metric_alarm", "aws_default_network_acl", "aws_default_route_table",
        "aws_default_security_group", "aws_ebs_encryption_by_default", "aws_flow_log", "aws_iam_instance_profile",
        "aws_launch_template", "aws_network_acl", "aws_network_acl_rule", "aws_ram_resource_share", "aws_route",
        "aws_route_table", "aws_route_table_association", "aws_s3_bucket_lifecycle_configuration",
        "aws_s3_bucket_object_lock_configuration", "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning", "aws_security_group", "aws_subnet", "aws_vpc_dhcp_options",
        "aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule",
        "aws_vpc_block_public_access_options", "aws_guardduty_detector", "aws_accessanalyzer_analyzer",
        "aws_servicequotas_service_quota", "aws_ebs_snapshot_block_public_access",
        "aws_ec2_image_block_public_access", "aws_ec2_instance_metadata_defaults", "aws_ec2_serial_console_access",
    }
)  # fmt: skip
"""Types that hand nothing to another account. Routes, filters and subnets matter only where networks are attached to
each other, and then a plan does not settle the question anyway."""
