"""A fleet in which everything is as it should be, as raw API answers: two tenants, an audit and a management account.

Written by hand from the services' documentation, not from what the platform deploys, so that it checks the rules and
not the generator. `world()` gives a fresh copy to break.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from compliance.facts.canonical import canonical
from compliance.facts.data_sets import DataSetScope
from compliance.facts.fact import Fact, Status
from compliance.facts.scope import Scope, TenantScope
from compliance.graph import Graph
from compliance.results import Result
from compliance.rules.catalogue import rule_of
from compliance.rules.runner import judge_tenant

REGION = "us-east-1"
MANAGEMENT, AUDIT, ACME, GLOBEX = "100000000000", "200000000000", "311111111111", "422222222222"
NOW = "2026-03-01T12:00:00.000Z"
IMAGE = "ami-0123456789abcdef0"
KEYS = ("disk", "data", "checkpoint", "export", "logs")
AUDIT_KEY = "0000aaaa-0000-0000-0000-000000000000"


def tenant(name: str, account: str, cidr: str, **more: Any) -> TenantScope:
    values: dict[str, Any] = {
        "id": name,
        "account": account,
        "region": REGION,
        "state": "active",
        "cidr": cidr,
        "buckets": {purpose: f"bh-{name}-{purpose}" for purpose in ("data", "checkpoint", "model")},
        "key_aliases": {purpose: f"alias/bh/{name}/{purpose}" for purpose in KEYS},
        "bucket_keys": {"data": "data", "checkpoint": "checkpoint", "model": "export"},
        "roles": {function: f"bh-{name}-{function}" for function in ("trainer", "data-owner", "auditor")},
        "boundary": f"bh-{name}-boundary",
        "log_groups": {"ledger": f"/bh/{name}/ledger", "flow": f"/bh/{name}/flow"},
        "log_retention_days": 400,
        "rotation_days": 365,
        "budget_usd": 5000,
        "budget_alerts": (50, 100),
        "image": IMAGE,
        "instance_type": "c6a.xlarge",
        "max_nodes": 2,
        "contacts": (f"owner@{name}.example",),
        "datasets": (DataSetScope("records", "restricted", 180),),
    }
    return TenantScope(**{**values, **more})


def scope(**more: Any) -> Scope:
    values: dict[str, Any] = {
        "platform": "bh",
        "home_region": REGION,
        "management_account": MANAGEMENT,
        "audit_account": AUDIT,
        "audit_bucket": "bh-audit",
        "audit_key_alias": "alias/bh/audit",
        "trail": "bh-organisation",
        "audit_retention_days": 400,
        "retention_floor_days": 365,
        "rotation_ceiling_days": 365,
        "deployer_role": "OrganizationAccountAccessRole",
        "regions": (REGION,),
        "tenants_unit": "tenants",
        "quarantine_unit": "quarantine",
        "images": (IMAGE,),
        "instance_types": ("c6a.xlarge",),
        "class_retention": {"public": 3650, "internal": 1825, "restricted": 365},
        "tenants": (tenant("acme", ACME, "10.20.0.0/20"), tenant("globex", GLOBEX, "10.30.0.0/20")),
        "judged": ("acme", "globex", "platform"),
    }
    return Scope(**{**values, **more})


def arn(service: str, account: str, rest: str) -> str:
    return f"arn:aws:{service}:{'' if service == 'iam' else REGION}:{account}:{rest}"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def key_id(account: str, purpose: str) -> str:
    return f"{account[:8]}-0000-0000-0000-00000000{KEYS.index(purpose):04d}"


def document_event(tenant: str, time: str, purpose: str = "data", account: str = ACME, **more: Any) -> dict[str, Any]:
    """An event of CloudTrail: a tenant's machine asked KMS for a key with its attestation document."""
    issuer = {"arn": arn("iam", account, f"role/bh-{tenant}-trainer")}
    said = {
        "eventTime": time,
        "eventSource": "kms.amazonaws.com",
        "eventName": "Decrypt",
        "userIdentity": {"sessionContext": {"sessionIssuer": issuer}},
        "resources": [{"ARN": arn("kms", account, f"key/{key_id(account, purpose)}")}],
        "additionalEventData": {"recipient": {"attestationDocumentModuleId": f"i-{tenant}-tpm0000000000000000"}},
    }
    return {"CloudTrailEvent": json.dumps(said | more)}


@dataclass
class World:
    """Answers by account, API and parameters; tests change them before judging."""

    scope: Scope
    answers: dict[tuple[str, str, bytes], tuple[dict[str, Any], Any]] = field(default_factory=dict)
    statuses: dict[tuple[str, str], Status] = field(default_factory=dict)

    def put(self, account: str, api: str, response: Any, **params: Any) -> None:
        """Sets an answer; None means that there is no such configuration."""
        self.answers[account, api, canonical(params)] = (params, response)

    def get(self, account: str, api: str, **params: Any) -> Any:
        """An answer, to be changed in place."""
        return self.answers[account, api, canonical(params)][1]

    def drop(self, account: str, api: str, **params: Any) -> None:
        """Forgets an answer: the call was never made."""
        if params:
            del self.answers[account, api, canonical(params)]
        else:
            self.answers = {key: value for key, value in self.answers.items() if key[:2] != (account, api)}

    def fail(self, api: str, status: Status) -> None:
        """Makes every call of an API fail."""
        for account in (MANAGEMENT, AUDIT, ACME, GLOBEX):
            self.statuses[account, api] = status

    def facts(self) -> list[Fact]:
        """The facts that a scan of this world would record."""
        return [self._fact(account, api, *value) for (account, api, _), value in self.answers.items()]

    def _fact(self, account: str, api: str, params: dict[str, Any], response: Any) -> Fact:
        status = self.statuses.get((account, api), Status.ABSENT if response is None else Status.OK)
        ok = status is Status.OK
        error = None if ok else {"code": "AccessDenied" if status is Status.DENIED else "NoSuch", "message": "said no"}
        caller = f"arn:aws:sts::{account}:assumed-role/auditor/scan"
        return Fact(api, params, account, REGION, caller, NOW, NOW, status, deepcopy(response) if ok else None, error)

    def judge(self, rule_id: str, name: str = "acme", today: str = "2026-03-01") -> list[Result]:
        """What one rule says about a tenant of this world."""
        return judge_tenant(self.scope, name, Graph(self.facts()), [rule_of(rule_id)], today)


def world() -> World:
    """A fresh fleet."""
    built = World(scope())
    organisation(built)
    audit(built)
    for entry in built.scope.tenants:
        account(built, entry.account)
        identities(built, entry)
        storage(built, entry)
        keys(built, entry)
        network(built, entry)
        machines(built, entry)
        logs(built, entry)
        nothing_shared(built, entry.account)
    for platform in (MANAGEMENT, AUDIT):
        account(built, platform)
        no_principals(built, platform)
    return built


FOREIGN_RESOURCE = {"StringNotEqualsIfExists": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}
NOT_DEPLOYER = {"ArnNotLikeIfExists": {"aws:PrincipalArn": "arn:aws:iam::*:role/OrganizationAccountAccessRole"}}
GUARDED = [
    "organizations:LeaveOrganization",
    "ec2:AttachInternetGateway",
    "ec2:Create*Gateway",
    "ec2:CreateVpcPeeringConnection",
    "ec2:AcceptVpcPeeringConnection",
    "ec2:CreateTransitGatewayVpcAttachment",
    "cloudtrail:StopLogging",
    "cloudtrail:DeleteTrail",
    "logs:DeleteLogGroup",
    "ec2:DeleteFlowLogs",
    "ec2:ModifySnapshotAttribute",
    "ec2:ModifyImageAttribute",
    "ram:CreateResourceShare",
    "kms:PutKeyPolicy",
    "s3:PutBucketPolicy",
    "s3:DeleteBucketPolicy",
]
SCP_DOCUMENT = policy(
    {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": FOREIGN_RESOURCE},
    {"Effect": "Deny", "Action": GUARDED, "Resource": "*", "Condition": NOT_DEPLOYER},
)
RCP_DOCUMENT = policy(
    {
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["s3:*", "kms:*", "secretsmanager:*", "sts:AssumeRole"],
        "Resource": "*",
        "Condition": {
            "StringNotEqualsIfExists": {"aws:PrincipalAccount": ["${aws:ResourceAccount}", AUDIT, MANAGEMENT]},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        },
    }
)


def organisation(built: World) -> None:
    m = MANAGEMENT
    described = {"Id": "o-example", "FeatureSet": "ALL", "MasterAccountId": m}
    built.put(m, "organizations:DescribeOrganization", {"Organization": described})
    kinds = [{"Type": f"{kind}_CONTROL_POLICY", "Status": "ENABLED"} for kind in ("SERVICE", "RESOURCE")]
    built.put(m, "organizations:ListRoots", {"Roots": [{"Id": "r-1", "Name": "Root", "PolicyTypes": kinds}]})
    built.put(
        m,
        "organizations:ListAccounts",
        {"Accounts": [{"Id": one, "Name": one, "Status": "ACTIVE"} for one in (m, AUDIT, ACME, GLOBEX)]},
    )
    units = "organizations:ListOrganizationalUnitsForParent"
    members = "organizations:ListAccountsForParent"
    built.put(m, units, {"OrganizationalUnits": [{"Id": "ou-t", "Name": "tenants"}]}, ParentId="r-1")
    built.put(m, units, {"OrganizationalUnits": []}, ParentId="ou-t")
    built.put(m, members, {"Accounts": [{"Id": m}, {"Id": AUDIT}]}, ParentId="r-1")
    built.put(m, members, {"Accounts": [{"Id": ACME}, {"Id": GLOBEX}]}, ParentId="ou-t")
    for kind, document in (("SERVICE", SCP_DOCUMENT), ("RESOURCE", RCP_DOCUMENT)):
        filter_ = f"{kind}_CONTROL_POLICY"
        full = {"Id": f"p-Full{kind}", "Name": "Full", "AwsManaged": True}
        own = {"Id": f"p-{kind}", "Name": f"bh-{kind.lower()}", "AwsManaged": False}
        built.put(m, "organizations:ListPolicies", {"Policies": [full, own]}, Filter=filter_)
        everything = policy({"Effect": "Allow", "Action": "*", "Resource": "*"})
        for summary, content, target in ((full, everything, "r-1"), (own, document, "ou-t")):
            described = {"Policy": {"PolicySummary": summary, "Content": content}}
            built.put(m, "organizations:DescribePolicy", described, PolicyId=summary["Id"])
            targets = {"Targets": [{"TargetId": target}]}
            built.put(m, "organizations:ListTargetsForPolicy", targets, PolicyId=summary["Id"])


BLOCK = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


def account(built: World, number: str) -> None:
    """What every account has."""
    built.put(
        number, "sts:GetCallerIdentity", {"Account": number, "Arn": f"arn:aws:iam::{number}:role/a", "UserId": "u"}
    )
    built.put(
        number,
        "s3control:GetPublicAccessBlock",
        {"PublicAccessBlockConfiguration": dict(BLOCK)},
        AccountId=number,
    )
    point = {"Name": "inside", "NetworkOrigin": "VPC", "Bucket": "b"}
    own = {"Effect": "Allow", "Principal": {"AWS": number}, "Action": "s3:GetObject", "Resource": "*"}
    built.put(number, "s3control:ListAccessPoints", {"AccessPointList": [point]}, AccountId=number)
    built.put(number, "s3control:GetAccessPoint", point, AccountId=number, Name="inside")
    built.put(number, "s3control:GetAccessPointPolicy", {"Policy": policy(own)}, AccountId=number, Name="inside")
    built.put(number, "guardduty:ListDetectors", {"DetectorIds": ["d1"]})
    built.put(number, "guardduty:GetDetector", {"Status": "ENABLED"}, DetectorId="d1")
    built.put(number, "accessanalyzer:ListAnalyzers", {"analyzers": [{"name": "one", "status": "ACTIVE"}]})
    built.put(number, "iam:GetAccountPasswordPolicy", None)
    built.put(number, "iam:ListOpenIDConnectProviders", {"OpenIDConnectProviderList": []})
    built.put(number, "iam:ListSAMLProviders", {"SAMLProviderList": []})
    report = (
        "user,arn,password_enabled,password_last_used,mfa_active,access_key_1_active,access_key_1_last_rotated,"
        f"access_key_2_active,access_key_2_last_rotated\n<root_account>,arn:aws:iam::{number}:root,not_supported,"
        "no_information,false,false,N/A,false,N/A\n"
    )
    built.put(number, "iam:GetCredentialReport", {"Content": report, "ReportFormat": "text/csv", "GeneratedTime": NOW})


def no_principals(built: World, number: str) -> None:
    details = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": []}
    built.put(number, "iam:GetAccountAuthorizationDetails", details)
    built.put(number, "iam:ListRoles", {"Roles": []})


def trust(*, service: str = "", root: str = "") -> dict[str, Any]:
    who = {"Service": service} if service else {"AWS": f"arn:aws:iam::{root}:root"}
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole"}],
    }


def identities(built: World, one: TenantScope) -> None:
    boundary = arn("iam", one.account, f"policy/{one.boundary}")
    allowed = ["s3:*", "kms:*", "logs:*"]
    own = {"StringEquals": {"aws:ResourceAccount": one.account}}
    document = json.loads(policy({"Effect": "Allow", "Action": allowed, "Resource": "*", "Condition": own}))
    roles = []
    for function, name in one.roles.items():
        trusted = trust(service="ec2.amazonaws.com") if function == "trainer" else trust(root=one.account)
        work = policy({"Effect": "Allow", "Action": ["s3:GetObject", "kms:Decrypt"], "Resource": "*"})
        roles.append(
            {
                "RoleName": name,
                "Arn": arn("iam", one.account, f"role/{name}"),
                "CreateDate": "2026-01-01T00:00:00.000Z",
                "AssumeRolePolicyDocument": trusted,
                "RolePolicyList": [{"PolicyName": name, "PolicyDocument": json.loads(work)}],
                "AttachedManagedPolicies": [],
                "InstanceProfileList": [],
                "PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary},
                "Tags": [{"Key": "tenant", "Value": one.id}],
                "RoleLastUsed": {"LastUsedDate": "2026-02-28T00:00:00.000Z", "Region": REGION},
            }
        )
    deployer = "OrganizationAccountAccessRole"
    administrator = {"PolicyName": "AdministratorAccess", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    roles.append(
        {
            "RoleName": deployer,
            "Arn": arn("iam", one.account, f"role/{deployer}"),
            "CreateDate": "2025-01-01T00:00:00.000Z",
            "AssumeRolePolicyDocument": trust(root=MANAGEMENT),
            "RolePolicyList": [],
            "AttachedManagedPolicies": [administrator],
            "InstanceProfileList": [],
            "Tags": [],
            "RoleLastUsed": {},
        }
    )
    versions = [{"Document": document, "VersionId": "v1", "IsDefaultVersion": True}]
    details = {
        "UserDetailList": [],
        "GroupDetailList": [],
        "RoleDetailList": roles,
        "Policies": [{"PolicyName": one.boundary, "Arn": boundary, "PolicyVersionList": versions}],
    }
    built.put(one.account, "iam:GetAccountAuthorizationDetails", details)
    listed = [{"RoleName": role["RoleName"], "Arn": role["Arn"]} for role in roles]
    built.put(one.account, "iam:ListRoles", {"Roles": listed})


def closed_bucket(name: str, owner: str) -> str:
    both = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
    not_service = {"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}
    direct = {"BoolIfExists": {"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"}}
    header = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    common = {"Effect": "Deny", "Principal": "*"}
    tls = {"Bool": {"aws:SecureTransport": "false"}}
    foreign = {"StringNotEqualsIfExists": {"aws:PrincipalAccount": owner}, **not_service}
    outside = {"StringNotEqualsIfExists": {"aws:VpceAccount": owner}, **direct}
    own_key = {"StringNotLikeIfExists": {header: f"arn:aws:kms:*:{owner}:key/*"}, "Null": {header: "false"}}
    return policy(
        {**common, "Action": "s3:*", "Resource": both, "Condition": tls},
        {**common, "Action": "s3:*", "Resource": both, "Condition": foreign},
        {**common, "Action": ["s3:GetObject*", "s3:PutObject*"], "Resource": both[1], "Condition": outside},
        {**common, "Action": "s3:PutObject", "Resource": both[1], "Condition": own_key},
    )


def bucket(built: World, owner: str, name: str, key: str, labels: dict[str, str]) -> None:
    put = lambda operation, response: built.put(owner, f"s3:{operation}", response, Bucket=name)  # noqa: E731
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn("kms", owner, f"key/{key}")}
    put("GetBucketPolicy", {"Policy": closed_bucket(name, owner)})
    own = {"ID": f"canonical-{owner}"}
    grants = [{"Grantee": {"ID": own["ID"], "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}]
    put("GetBucketAcl", {"Owner": own, "Grants": grants})
    put("GetBucketOwnershipControls", {"OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}})
    put("GetPublicAccessBlock", {"PublicAccessBlockConfiguration": dict(BLOCK)})
    rules = [{"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]
    put("GetBucketEncryption", {"ServerSideEncryptionConfiguration": {"Rules": rules}})
    put("GetBucketVersioning", {"Status": "Enabled"})
    put("GetObjectLockConfiguration", None)
    expiry = {
        "ID": "retention",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"Days": 180},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 7},
    }
    put("GetBucketLifecycleConfiguration", {"Rules": [expiry]})
    put("GetBucketReplication", None)
    put("GetBucketLogging", {})
    put("GetBucketNotificationConfiguration", {})
    put("ListBucketInventoryConfigurations", {})
    put("GetBucketWebsite", None)
    put("GetBucketCors", None)
    put("GetBucketTagging", {"TagSet": [{"Key": label, "Value": value} for label, value in labels.items()]})


def storage(built: World, one: TenantScope) -> None:
    names = list(one.buckets.values())
    listed = {"Buckets": [{"Name": name} for name in names], "Owner": {"ID": "x"}}
    built.put(one.account, "s3:ListBuckets", listed)
    for purpose, name in one.buckets.items():
        labels = {"tenant": one.id, "platform": "bh", "layer": "vault", "purpose": purpose}
        if purpose == "data":
            labels["sensitivity"] = "restricted"
        bucket(built, one.account, name, key_id(one.account, one.bucket_keys[purpose]), labels)


def closed_key(one: TenantScope, purpose: str) -> str:
    trainer = arn("iam", one.account, f"role/{one.roles['trainer']}")
    deployer = arn("iam", one.account, "role/OrganizationAccountAccessRole")
    not_service = {"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}
    common = {"Principal": "*", "Resource": "*", "Effect": "Deny"}
    foreign = {"StringNotEqualsIfExists": {"aws:PrincipalAccount": one.account}, **not_service}
    statements = [
        {**common, "Action": "kms:*", "Condition": foreign},
        {**common, "Action": ["kms:CreateGrant", "kms:ReplicateKey"]},
        {
            "Effect": "Allow",
            "Principal": {"AWS": deployer},
            "Action": ["kms:DescribeKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"],
            "Resource": "*",
        },
    ]
    if purpose in {"data", "checkpoint", "export"}:
        labelled = {"StringEquals": {"kms:EncryptionContext:tenant": one.id}}
        use = {"Effect": "Allow", "Principal": {"AWS": trainer}, "Action": ["kms:Decrypt", "kms:GenerateDataKey"]}
        statements.append({**use, "Resource": "*", "Condition": labelled})
    if purpose in {"data", "checkpoint"}:
        measured = {"StringNotEqualsIfExists": {"kms:RecipientAttestation:NitroTPMPCR4": "aa" * 48}, **not_service}
        statements.append({**common, "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Condition": measured})
    return policy(*statements)


def keys(built: World, one: TenantScope) -> None:
    ids = {purpose: key_id(one.account, purpose) for purpose in KEYS}
    arns = {purpose: arn("kms", one.account, f"key/{identifier}") for purpose, identifier in ids.items()}
    listed = [{"KeyId": ids[purpose], "KeyArn": arns[purpose]} for purpose in KEYS]
    built.put(one.account, "kms:ListKeys", {"Keys": listed, "Truncated": False})
    named = [{"AliasName": one.key_aliases[purpose], "TargetKeyId": ids[purpose]} for purpose in KEYS]
    built.put(one.account, "kms:ListAliases", {"Aliases": named, "Truncated": False})
    for purpose in KEYS:
        params = {"KeyId": ids[purpose]}
        metadata = {
            "KeyId": ids[purpose],
            "Arn": arns[purpose],
            "KeyState": "Enabled",
            "KeyManager": "CUSTOMER",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "Origin": "AWS_KMS",
            "MultiRegion": False,
        }
        built.put(one.account, "kms:DescribeKey", {"KeyMetadata": metadata}, **params)
        document = {"Policy": closed_key(one, purpose)}
        built.put(one.account, "kms:GetKeyPolicy", document, **params, PolicyName="default")
        rotation = {"KeyRotationEnabled": True, "RotationPeriodInDays": 365}
        built.put(one.account, "kms:GetKeyRotationStatus", rotation, **params)
        built.put(one.account, "kms:ListGrants", {"Grants": [], "Truncated": False}, **params)
        labels = [{"TagKey": "tenant", "TagValue": one.id}, {"TagKey": "purpose", "TagValue": purpose}]
        built.put(one.account, "kms:ListResourceTags", {"Tags": labels}, **params)


EMPTY_EC2 = {
    "DescribeInternetGateways": "InternetGateways",
    "DescribeEgressOnlyInternetGateways": "EgressOnlyInternetGateways",
    "DescribeNatGateways": "NatGateways",
    "DescribeCarrierGateways": "CarrierGateways",
    "DescribeVpcPeeringConnections": "VpcPeeringConnections",
    "DescribeTransitGatewayAttachments": "TransitGatewayAttachments",
    "DescribeVpnGateways": "VpnGateways",
    "DescribeVpnConnections": "VpnConnections",
    "DescribeClientVpnEndpoints": "ClientVpnEndpoints",
    "DescribeInstanceConnectEndpoints": "InstanceConnectEndpoints",
    "DescribeTrafficMirrorSessions": "TrafficMirrorSessions",
    "DescribeAddresses": "Addresses",
    "DescribeVpcEndpointServiceConfigurations": "ServiceConfigurations",
}


def labelled(one: TenantScope) -> list[dict[str, str]]:
    return [{"Key": "tenant", "Value": one.id}]


def network(built: World, one: TenantScope) -> None:
    put = lambda operation, response: built.put(one.account, f"ec2:{operation}", response)  # noqa: E731
    for operation, member in EMPTY_EC2.items():
        put(operation, {member: []})
    vpc, subnet, cidr = f"vpc-{one.id}", f"subnet-{one.id}", one.cidr
    ranges = [{"CidrBlock": cidr, "CidrBlockState": {"State": "associated"}}]
    whole = {"VpcId": vpc, "CidrBlock": cidr, "CidrBlockAssociationSet": ranges, "IsDefault": False}
    put("DescribeVpcs", {"Vpcs": [{**whole, "Tags": labelled(one)}]})
    part = {"SubnetId": subnet, "VpcId": vpc, "CidrBlock": cidr, "MapPublicIpOnLaunch": False}
    put("DescribeSubnets", {"Subnets": [{**part, "Tags": labelled(one)}]})
    routes = [
        {"DestinationCidrBlock": cidr, "GatewayId": "local"},
        {"DestinationPrefixListId": "pl-63a5400a", "GatewayId": f"vpce-{one.id}"},
    ]
    put("DescribeRouteTables", {"RouteTables": [{"RouteTableId": f"rtb-{one.id}", "VpcId": vpc, "Routes": routes}]})
    inside = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": cidr}]}
    service = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": "pl-63a5400a"}]}
    groups = [
        {"GroupId": f"sg-{one.id}0", "GroupName": "default", "IpPermissions": [], "IpPermissionsEgress": []},
        {
            "GroupId": f"sg-{one.id}1",
            "GroupName": "trainer",
            "IpPermissions": [inside],
            "IpPermissionsEgress": [inside, service],
        },
    ]
    put("DescribeSecurityGroups", {"SecurityGroups": groups})
    deny = {"RuleNumber": 32767, "Protocol": "-1", "RuleAction": "deny", "CidrBlock": "0.0.0.0/0"}
    high = {"Protocol": "6", "RuleAction": "allow", "PortRange": {"From": 1024, "To": 65535}}
    mine = {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": cidr}
    acls = [
        {"NetworkAclId": f"acl-{one.id}0", "IsDefault": True, "Entries": [{**deny, "Egress": False}]},
        {
            "NetworkAclId": f"acl-{one.id}1",
            "IsDefault": False,
            "Entries": [
                {**mine, "Egress": False},
                {**high, "RuleNumber": 110, "CidrBlock": "0.0.0.0/0", "Egress": False},
                {**deny, "Egress": False},
            ],
        },
    ]
    put("DescribeNetworkAcls", {"NetworkAcls": acls})
    only_mine = {"StringEquals": {"aws:PrincipalAccount": one.account, "aws:ResourceAccount": one.account}}
    allow = {"Effect": "Allow", "Principal": "*", "Resource": "*", "Condition": only_mine}
    found = [
        {
            "VpcEndpointId": f"vpce-{one.id}{number}",
            "VpcEndpointType": kind,
            "VpcId": vpc,
            "ServiceName": f"com.amazonaws.{REGION}.{name}",
            "PrivateDnsEnabled": kind == "Interface",
            "PolicyDocument": policy({**allow, "Action": [f"{name}:*"]}),
        }
        for number, (name, kind) in enumerate((("s3", "Gateway"), ("kms", "Interface")))
    ]
    put("DescribeVpcEndpoints", {"VpcEndpoints": found})
    log = {"ResourceId": vpc, "FlowLogId": f"fl-{one.id}", "FlowLogStatus": "ACTIVE", "TrafficType": "ALL"}
    put("DescribeFlowLogs", {"FlowLogs": [log]})


def machines(built: World, one: TenantScope) -> None:
    put = lambda api, response, **params: built.put(one.account, api, response, **params)  # noqa: E731
    disk = arn("kms", one.account, f"key/{key_id(one.account, 'disk')}")
    mapping = {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "KmsKeyId": disk}}
    data = {
        "ImageId": IMAGE,
        "InstanceType": "c6a.xlarge",
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"},
        "Monitoring": {"Enabled": True},
        "Placement": {"Tenancy": "dedicated"},
        "BlockDeviceMappings": [mapping],
        "IamInstanceProfile": {"Name": one.roles["trainer"]},
        "NetworkInterfaces": [{"DeviceIndex": 0, "AssociatePublicIpAddress": False}],
        "TagSpecifications": [{"ResourceType": "instance", "Tags": labelled(one)}],
    }
    template = f"lt-{one.id}"
    current = {"LaunchTemplateId": template, "DefaultVersionNumber": 1, "LatestVersionNumber": 1}
    put("ec2:DescribeLaunchTemplates", {"LaunchTemplates": [current]})
    version = {"LaunchTemplateId": template, "VersionNumber": 1, "LaunchTemplateData": data}
    put("ec2:DescribeLaunchTemplateVersions", {"LaunchTemplateVersions": [version]}, LaunchTemplateId=template)
    machine = {
        "InstanceId": f"i-{one.id}",
        "State": {"Name": "running"},
        "LaunchTime": "2026-02-27T08:00:00Z",
        **{name: data[name] for name in ("ImageId", "InstanceType", "MetadataOptions", "Placement")},
        "Monitoring": {"State": "enabled"},
        "NetworkInterfaces": [{"NetworkInterfaceId": "eni-1"}],
    }
    put("ec2:DescribeInstances", {"Reservations": [{"Instances": [machine]}]})
    named = [{"AttributeKey": "Username", "AttributeValue": machine["InstanceId"]}]
    put(
        "cloudtrail:LookupEvents",
        {"Events": [document_event(one.id, "2026-03-01T11:00:00Z", account=one.account)]},
        LookupAttributes=named,
    )
    group = {
        "AutoScalingGroupName": f"bh-{one.id}",
        "AutoScalingGroupARN": arn("autoscaling", one.account, f"autoScalingGroup:x:autoScalingGroupName/bh-{one.id}"),
        "MaxSize": 2,
        "DesiredCapacity": 1,
        "LaunchTemplate": {"LaunchTemplateId": template, "Version": "1"},
        "Instances": [{"InstanceId": f"i-{one.id}"}],
    }
    put("autoscaling:DescribeAutoScalingGroups", {"AutoScalingGroups": [group]})
    put("ec2:DescribeVolumes", {"Volumes": [{"VolumeId": f"vol-{one.id}", "Encrypted": True, "KmsKeyId": disk}]})
    put("ec2:GetEbsEncryptionByDefault", {"EbsEncryptionByDefault": True})
    put("ec2:GetEbsDefaultKmsKeyId", {"KmsKeyId": disk})
    put("ec2:GetSerialConsoleAccessStatus", {"SerialConsoleAccessEnabled": False})
    put("ec2:GetSnapshotBlockPublicAccessState", {"State": "block-all-sharing"})
    put("ec2:GetImageBlockPublicAccessState", {"ImageBlockPublicAccessState": "block-new-sharing"})
    snapshot = f"snap-{one.id}"
    put("ec2:DescribeSnapshots", {"Snapshots": [{"SnapshotId": snapshot}]}, OwnerIds=["self"])
    shared = {"SnapshotId": snapshot, "CreateVolumePermissions": []}
    put("ec2:DescribeSnapshotAttribute", shared, SnapshotId=snapshot, Attribute="createVolumePermission")
    image = {
        "ImageId": f"ami-{one.id}",
        "BootMode": "uefi",
        "TpmSupport": "v2.0",
        "ImdsSupport": "v2.0",
        "BlockDeviceMappings": [mapping],
    }
    put("ec2:DescribeImages", {"Images": [image]}, Owners=["self"])
    launch = {"ImageId": image["ImageId"], "LaunchPermissions": []}
    put("ec2:DescribeImageAttribute", launch, ImageId=image["ImageId"], Attribute="launchPermission")


def logs(built: World, one: TenantScope) -> None:
    put = lambda api, response, **params: built.put(one.account, api, response, **params)  # noqa: E731
    groups = []
    for name in one.log_groups.values():
        place = arn("logs", one.account, f"log-group:{name}")
        key = arn("kms", one.account, f"key/{key_id(one.account, 'logs')}")
        groups.append({"logGroupName": name, "arn": f"{place}:*", "retentionInDays": 400, "kmsKeyId": key})
        put("logs:DescribeSubscriptionFilters", {"subscriptionFilters": []}, logGroupName=name)
        put("logs:DescribeMetricFilters", {"metricFilters": []}, logGroupName=name)
    put("logs:DescribeLogGroups", {"logGroups": groups})
    put("logs:DescribeResourcePolicies", {"resourcePolicies": []})
    refused = {
        "filterName": "refused",
        "filterPattern": "[..., action=REJECT, log]",
        "metricTransformations": [{"metricName": "RefusedFlows", "metricNamespace": "bh", "metricValue": "1"}],
    }
    put("logs:DescribeMetricFilters", {"metricFilters": [refused]}, logGroupName=one.log_groups["flow"])
    alarm = {"AlarmName": "refused", "MetricName": "RefusedFlows", "ActionsEnabled": True}
    put("cloudwatch:DescribeAlarms", {"MetricAlarms": [alarm]})
    limit = {"Amount": "5000", "Unit": "USD"}
    budget = {"BudgetName": "monthly", "TimeUnit": "MONTHLY", "BudgetType": "COST", "BudgetLimit": limit}
    put("budgets:DescribeBudgets", {"Budgets": [budget]}, AccountId=one.account)
    told = [{"NotificationType": "ACTUAL", "Threshold": percent} for percent in (50, 100)]
    asked = {"AccountId": one.account, "BudgetName": "monthly"}
    put("budgets:DescribeNotificationsForBudget", {"Notifications": told}, **asked)
    quota = {"QuotaName": "Running On-Demand P instances", "Value": 0}
    put("service-quotas:ListServiceQuotas", {"Quotas": [quota]}, ServiceCode="ec2")


def nothing_shared(built: World, number: str) -> None:
    put = lambda api, response, **params: built.put(number, api, response, **params)  # noqa: E731
    for owner in ("SELF", "OTHER-ACCOUNTS"):
        put("ram:GetResourceShares", {"resourceShares": []}, resourceOwner=owner)
    own = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{number}:root"}, "Action": "*", "Resource": "*"}
    topic, queue = arn("sns", number, "topic"), f"https://sqs.{REGION}.amazonaws.com/{number}/queue"
    put("sns:ListTopics", {"Topics": [{"TopicArn": topic}]})
    put("sns:GetTopicAttributes", {"Attributes": {"Policy": policy({**own, "Action": "sns:Publish"})}}, TopicArn=topic)
    put("sqs:ListQueues", {"QueueUrls": [queue]})
    allowed = {"Attributes": {"Policy": policy({**own, "Action": "sqs:*"})}}
    put("sqs:GetQueueAttributes", allowed, QueueUrl=queue, AttributeNames=["All"])
    put("ecr:DescribeRepositories", {"repositories": [{"repositoryName": "images"}]})
    put("ecr:GetRepositoryPolicy", None, repositoryName="images")
    put("lambda:ListFunctions", {"Functions": [{"FunctionName": "contain"}]})
    put("lambda:GetPolicy", None, FunctionName="contain")
    secret = arn("secretsmanager", number, "secret:one")
    put("secretsmanager:ListSecrets", {"SecretList": [{"ARN": secret}]})
    put("secretsmanager:GetResourcePolicy", {"ARN": secret}, SecretId=secret)
    put("events:ListEventBuses", {"EventBuses": [{"Name": "default"}]})
    put(
        "events:DescribeEventBus",
        {"Name": "default", "Arn": arn("events", number, "event-bus/default")},
        Name="default",
    )
    put(
        "ssm:ListDocuments",
        {"DocumentIdentifiers": [{"Name": "runbook"}]},
        Filters=[{"Key": "Owner", "Values": ["Self"]}],
    )
    put("ssm:DescribeDocumentPermission", {"AccountIds": []}, Name="runbook", PermissionType="Share")


def audit(built: World) -> None:
    m = MANAGEMENT
    place = arn("cloudtrail", m, "trail/bh-organisation")
    key = arn("kms", AUDIT, f"key/{AUDIT_KEY}")
    trail = {
        "Name": "bh-organisation",
        "TrailARN": place,
        "HomeRegion": REGION,
        "S3BucketName": "bh-audit",
        "IsOrganizationTrail": True,
        "IsMultiRegionTrail": True,
        "IncludeGlobalServiceEvents": True,
        "LogFileValidationEnabled": True,
        "KmsKeyId": key,
    }
    built.put(m, "cloudtrail:DescribeTrails", {"trailList": [trail]}, includeShadowTrails=True)
    status = {
        "IsLogging": True,
        "StartLoggingTime": "2025-01-01T00:00:00.000Z",
        "LatestDeliveryTime": "2026-03-01T11:50:00.000Z",
        "LatestDigestDeliveryTime": "2026-03-01T11:20:00.000Z",
    }
    built.put(m, "cloudtrail:GetTrailStatus", status, Name=place)
    selector = {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}],
        "ExcludeManagementEventSources": [],
    }
    built.put(m, "cloudtrail:GetEventSelectors", {"TrailARN": place, "EventSelectors": [selector]}, TrailName=place)
    built.put(AUDIT, "s3:ListBuckets", {"Buckets": [{"Name": "bh-audit"}], "Owner": {"ID": "x"}})
    bucket(built, AUDIT, "bh-audit", AUDIT_KEY, {"tenant": "platform"})
    retention = {"Mode": "COMPLIANCE", "Days": 400}
    lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}
    built.put(AUDIT, "s3:GetObjectLockConfiguration", {"ObjectLockConfiguration": lock}, Bucket="bh-audit")
    built.put(AUDIT, "s3:GetBucketLifecycleConfiguration", None, Bucket="bh-audit")
    built.put(AUDIT, "kms:ListAliases", {"Aliases": [{"AliasName": "alias/bh/audit", "TargetKeyId": AUDIT_KEY}]})
    built.put(AUDIT, "kms:ListKeys", {"Keys": [{"KeyId": AUDIT_KEY, "KeyArn": key}]})
    metadata = {"KeyId": AUDIT_KEY, "KeyManager": "CUSTOMER", "KeyState": "Enabled", "Origin": "AWS_KMS"}
    built.put(AUDIT, "kms:DescribeKey", {"KeyMetadata": metadata}, KeyId=AUDIT_KEY)
    rotation = {"KeyRotationEnabled": True, "RotationPeriodInDays": 365}
    built.put(AUDIT, "kms:GetKeyRotationStatus", rotation, KeyId=AUDIT_KEY)
