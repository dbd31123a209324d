"""Two tenants' clean state as raw API answers: an account for each, or one account for both.

A planted leak changes answers in place; `facts()` turns them into what a scan would have written.
"""

from __future__ import annotations

import copy
import json
from typing import Any

from compliance.facts.fact import Fact, Status
from compliance.facts.scope import Scope, TenantScope

MANAGEMENT, AUDIT = "100000000001", "100000000002"
REGION = "us-east-1"
TENANTS = ("acme", "globex")
ACCOUNTS = {"acme": "111111111111", "globex": "222222222222"}
SHARED = "333333333333"
DEPLOYER = "OrganizationAccountAccessRole"
PURPOSES = ("data", "checkpoint", "model")


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource} | more


def deny(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource} | more


class State:
    """Raw answers by (API, account, subject), and the scope that goes with them."""

    def __init__(self, *, shared: bool, locks: bool = True) -> None:
        self.shared = shared
        self.locks = locks
        self.answers: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.params: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.failed: dict[tuple[str, str, str], str] = {}
        self._platform()
        for tenant in TENANTS:
            self._tenant(tenant)

    # ---- what the tests use

    def account(self, tenant: str) -> str:
        return SHARED if self.shared else ACCOUNTS[tenant]

    def arn(self, tenant: str, role: str = "trainer") -> str:
        return f"arn:aws:iam::{self.account(tenant)}:role/bh-{tenant}-{role}"

    def key(self, tenant: str, purpose: str = "data") -> str:
        return f"{tenant}-{purpose}-key"

    def bucket(self, tenant: str, purpose: str = "data") -> str:
        return f"bh-{tenant}-{purpose}"

    def answer(self, api: str, tenant: str, subject: str = "", **params: Any) -> dict[str, Any]:
        """The answer of an API, made if there is none yet."""
        key = (api, self.account(tenant), subject)
        self.params.setdefault(key, params)
        return self.answers.setdefault(key, {})

    def extend(self, api: str, tenant: str, member: str, *items: Any, subject: str = "", **params: Any) -> None:
        self.answer(api, tenant, subject, **params).setdefault(member, []).extend(items)

    def bucket_policy(self, tenant: str, purpose: str = "data") -> list[dict[str, Any]]:
        return self._statements("s3:GetBucketPolicy", tenant, self.bucket(tenant, purpose))

    def key_policy(self, tenant: str, purpose: str = "data") -> list[dict[str, Any]]:
        return self._statements("kms:GetKeyPolicy", tenant, self.key(tenant, purpose))

    def role(self, tenant: str, role: str = "trainer") -> dict[str, Any]:
        details = self.answers["iam:GetAccountAuthorizationDetails", self.account(tenant), ""]
        return next(r for r in details["RoleDetailList"] if r["RoleName"] == f"bh-{tenant}-{role}")

    def fail(self, api: str, tenant: str, subject: str = "") -> None:
        self.failed[api, self.account(tenant), subject] = "AccessDenied"

    def facts(self) -> list[Fact]:
        return [self._fact(*key) for key in {**self.answers, **self.failed}]

    def scope(self) -> Scope:
        return Scope(
            platform="bh", home_region=REGION, management_account=MANAGEMENT, audit_account=AUDIT,
            audit_bucket="bh-audit", audit_key_alias="alias/bh/audit", trail="bh", audit_retention_days=365,
            retention_floor_days=365, rotation_ceiling_days=365, deployer_role=DEPLOYER, regions=(REGION,),
            tenants_unit="tenants", quarantine_unit="quarantine", images=(), instance_types=(), class_retention={},
            tenants=tuple(self._scope(t) for t in TENANTS),
        )  # fmt: skip

    # ---- how it is built

    def _statements(self, api: str, tenant: str, subject: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.answers[api, self.account(tenant), subject]["Policy"]["Statement"]
        return found

    def _fact(self, api: str, account: str, subject: str) -> Fact:
        failure = self.failed.get((api, account, subject))
        params = dict(self.params.get((api, account, subject), {}))
        if subject and subject not in params.values():
            params["Subject"] = subject
        response = copy.deepcopy(self.answers.get((api, account, subject)))
        if response is not None and isinstance(response.get("Policy"), dict) and "Statement" in response["Policy"]:
            response["Policy"] = json.dumps(response["Policy"])
        status = Status.DENIED if failure else Status.OK
        error = {"code": failure, "message": "no"} if failure else None
        return Fact(api, params, account, REGION, "scanner", "t0", "t1", status, None if failure else response, error)

    def _scope(self, tenant: str) -> TenantScope:
        return TenantScope(
            id=tenant, account=self.account(tenant), region=REGION, state="active", cidr="10.0.0.0/16",
            buckets={p: self.bucket(tenant, p) for p in PURPOSES},
            key_aliases={p: f"alias/bh/{tenant}/{p}" for p in ("disk", "data", "checkpoint", "export", "logs")},
            bucket_keys={}, roles={r: f"bh-{tenant}-{r}" for r in ("trainer", "data-owner", "auditor")},
            boundary=f"bh-{tenant}-boundary", log_groups={k: f"/bh/{tenant}/{k}" for k in ("ledger", "flow")},
            log_retention_days=365, rotation_days=90, budget_usd=1, budget_alerts=(), image="", instance_type="",
            max_nodes=1, contacts=(), datasets=(),
        )  # fmt: skip

    def _platform(self) -> None:
        units = {"OrganizationalUnits": [{"Id": "ou-tenants", "Name": "tenants"}]}
        at = MANAGEMENT
        self.answers["organizations:DescribeOrganization", at, ""] = {"Organization": {"MasterAccountId": at}}
        self.answers["organizations:ListOrganizationalUnitsForParent", at, "r-root"] = units
        self.params["organizations:ListOrganizationalUnitsForParent", at, "r-root"] = {"ParentId": "r-root"}
        accounts = [SHARED] if self.shared else list(ACCOUNTS.values())
        for parent, ids in (("r-root", [AUDIT]), ("ou-tenants", accounts)):
            self.answers["organizations:ListAccountsForParent", at, parent] = {"Accounts": [{"Id": i} for i in ids]}
            self.params["organizations:ListAccountsForParent", at, parent] = {"ParentId": parent}
        deployer = {"ArnNotLike": {"aws:PrincipalArn": f"arn:aws:iam::*:role/{DEPLOYER}"}}
        foreign = {"StringNotEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}
        outsider = {
            "StringNotEqualsIfExists": {"aws:PrincipalAccount": ["${aws:ResourceAccount}", MANAGEMENT, AUDIT]},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
        }
        self._attach("SERVICE_CONTROL_POLICY", "full", policy(allow("*")), "r-root", "ou-tenants", AUDIT, *accounts)
        guard = deny(["iam:*", "sts:AssumeRole"], f"arn:aws:iam::*:role/{DEPLOYER}", Condition=deployer)
        self._attach("SERVICE_CONTROL_POLICY", "guard", policy(guard), "ou-tenants")
        if self.locks:
            lock = policy(deny(["s3:*", "kms:*", "sts:AssumeRole"], Principal="*", Condition=outsider))
            self._attach("SERVICE_CONTROL_POLICY", "identity-lock", policy(deny("*", Condition=foreign)), "ou-tenants")
            self._attach("RESOURCE_CONTROL_POLICY", "resource-lock", lock, "ou-tenants")
        for account in (MANAGEMENT, AUDIT):
            self.answers["sts:GetCallerIdentity", account, ""] = {"Arn": f"arn:aws:iam::{account}:root"}

    def _attach(self, kind: str, name: str, document: dict[str, Any], *targets: str) -> None:
        key = f"p-{name}"
        described = {"PolicySummary": {"Id": key, "Name": name, "Type": kind}, "Content": json.dumps(document)}
        self.answers["organizations:DescribePolicy", MANAGEMENT, key] = {"Policy": described}
        self.answers["organizations:ListTargetsForPolicy", MANAGEMENT, key] = {
            "Targets": [{"TargetId": t} for t in targets]
        }
        for api in ("DescribePolicy", "ListTargetsForPolicy"):
            self.params[f"organizations:{api}", MANAGEMENT, key] = {"PolicyId": key}

    def _tenant(self, tenant: str) -> None:
        account = self.account(tenant)
        tags = [{"Key": "tenant", "Value": tenant}]
        self._identities(tenant, account, tags)
        for purpose in PURPOSES:
            self._bucket(tenant, account, purpose, tags)
        for purpose in ("disk", "data", "checkpoint", "export", "logs"):
            self._key(tenant, account, purpose, tags)
        self._compute(tenant, account, tags)

    def _identities(self, tenant: str, account: str, tags: list[dict[str, str]]) -> None:
        details = self.answer("iam:GetAccountAuthorizationDetails", tenant)
        roles = details.setdefault("RoleDetailList", [])
        policies = details.setdefault("Policies", [])
        boundary = f"arn:aws:iam::{account}:policy/bh-{tenant}-boundary"
        own = {"StringEquals": {"aws:ResourceAccount": account}}
        limits = [allow("*", Condition=own)]
        if not self.locks:
            limits = [allow("*")]
        elif self.shared:
            other = next(t for t in TENANTS if t != tenant)
            limits.append(deny("*", [f"arn:aws:s3:::bh-{other}-*", f"arn:aws:iam::{account}:role/bh-{other}-*"]))
            limits.append(deny("*", Condition={"StringNotEqualsIfExists": {"aws:ResourceTag/tenant": tenant}}))
        document = {"Document": policy(*limits), "VersionId": "v1", "IsDefaultVersion": True}
        policies.append({"PolicyName": f"bh-{tenant}-boundary", "Arn": boundary, "PolicyVersionList": [document]})
        mine = [f"arn:aws:s3:::bh-{tenant}-*", f"arn:aws:kms:{REGION}:{account}:key/{tenant}-*"]
        for name in ("trainer", "data-owner", "auditor"):
            roles.append(
                {
                    "RoleName": f"bh-{tenant}-{name}",
                    "Arn": self.arn(tenant, name),
                    "RoleId": f"AROA{tenant.upper()}{name.upper().replace('-', '')}",
                    "AssumeRolePolicyDocument": policy(
                        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
                    ),
                    "RolePolicyList": [
                        {"PolicyName": "work", "PolicyDocument": policy(allow(["s3:*", "kms:*", "logs:*"], mine))}
                    ],
                    "AttachedManagedPolicies": [],
                    "PermissionsBoundary": {"PermissionsBoundaryArn": boundary},
                    "Tags": tags,
                }
            )
        if not any(role["RoleName"] == DEPLOYER for role in roles):
            trust = {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"AWS": f"arn:aws:iam::{MANAGEMENT}:root"},
            }
            roles.append(
                {
                    "RoleName": DEPLOYER, "Arn": f"arn:aws:iam::{account}:role/{DEPLOYER}", "RoleId": "AROADEPLOYER",
                    "AssumeRolePolicyDocument": policy(trust),
                    "RolePolicyList": [{"PolicyName": "all", "PolicyDocument": policy(allow("*"))}],
                    "AttachedManagedPolicies": [], "Tags": [],
                }
            )  # fmt: skip

    def _bucket(self, tenant: str, account: str, purpose: str, tags: list[dict[str, str]]) -> None:
        name = self.bucket(tenant, purpose)
        self.extend("s3:ListBuckets", tenant, "Buckets", {"Name": name, "BucketRegion": REGION})
        both = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
        outside = {"StringNotEquals": {"aws:PrincipalAccount": account}, "Bool": {"aws:PrincipalIsAWSService": "false"}}
        plain = {"Bool": {"aws:SecureTransport": "false"}}
        condition: dict[str, Any] = outside if self.locks else plain
        statements = [deny("s3:*", both, Principal="*", Condition=condition)]
        ownership = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        blocks = {"RestrictPublicBuckets": self.locks, "IgnorePublicAcls": self.locks}
        answers = {
            "GetBucketPolicy": {"Policy": policy(*statements)},
            "GetBucketAcl": {"Owner": {"ID": tenant}, "Grants": []},
            "GetBucketOwnershipControls": {"OwnershipControls": ownership},
            "GetPublicAccessBlock": {"PublicAccessBlockConfiguration": blocks},
            "GetBucketTagging": {"TagSet": tags},
        }  # fmt: skip
        for operation, body in answers.items():
            self.answers[f"s3:{operation}", account, name] = body
            self.params[f"s3:{operation}", account, name] = {"Bucket": name}

    def _key(self, tenant: str, account: str, purpose: str, tags: list[dict[str, str]]) -> None:
        key = self.key(tenant, purpose)
        self.extend(
            "kms:ListKeys", tenant, "Keys", {"KeyId": key, "KeyArn": f"arn:aws:kms:{REGION}:{account}:key/{key}"}
        )
        self.extend(
            "kms:ListAliases", tenant, "Aliases", {"AliasName": f"alias/bh/{tenant}/{purpose}", "TargetKeyId": key}
        )
        users = {"AWS": [self.arn(tenant, role) for role in ("trainer", "data-owner")]}
        statements = [
            allow("kms:*", Principal={"AWS": f"arn:aws:iam::{account}:root"}),
            allow(["kms:Decrypt", "kms:GenerateDataKey*"], Principal=users),
        ]
        answers = {
            "DescribeKey": {"KeyMetadata": {"KeyManager": "CUSTOMER"}},
            "GetKeyPolicy": {"Policy": policy(*statements)},
            "ListGrants": {"Grants": []},
            "ListResourceTags": {"Tags": [{"TagKey": t["Key"], "TagValue": t["Value"]} for t in tags]},
        }
        for operation, body in answers.items():
            self.answers[f"kms:{operation}", account, key] = body
            self.params[f"kms:{operation}", account, key] = {"KeyId": key}

    def _compute(self, tenant: str, account: str, tags: list[dict[str, str]]) -> None:
        number = TENANTS.index(tenant)
        vpc, cidr, host = f"vpc-{tenant}", f"10.{number}.0.0/16", f"10.{number}.1.10"
        in_vpc = {"VpcId": vpc, "OwnerId": account}
        block = {"CidrBlock": cidr, "CidrBlockState": {"State": "associated"}}
        subnet = {"SubnetId": f"subnet-{tenant}", "CidrBlock": f"10.{number}.1.0/24", "AvailabilityZoneId": "use1-az1"}
        table = {"Main": True, "RouteTableId": f"rtb-{tenant}", "AssociationState": {"State": "associated"}}
        local = {"DestinationCidrBlock": cidr, "GatewayId": "local", "State": "active"}
        empty: dict[str, Any] = {"Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}
        rule = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]} | empty
        entry = {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}
        bound = {
            "NetworkAclAssociationId": f"a-{tenant}",
            "NetworkAclId": f"acl-{tenant}",
            "SubnetId": f"subnet-{tenant}",
        }
        listed: dict[str, tuple[str, dict[str, Any]]] = {
            "DescribeVpcs": ("Vpcs", {"CidrBlock": cidr, "CidrBlockAssociationSet": [block], "Tags": tags}),
            "DescribeSubnets": ("Subnets", subnet | {"AvailabilityZone": "us-east-1a", "Tags": tags}),
            "DescribeRouteTables": (
                "RouteTables",
                {"RouteTableId": f"rtb-{tenant}", "Associations": [table], "Routes": [local]},
            ),
            "DescribeSecurityGroups": (
                "SecurityGroups",
                {"GroupId": f"sg-{tenant}", "GroupName": "g", "IpPermissions": [rule], "IpPermissionsEgress": [rule]},
            ),
            "DescribeNetworkAcls": (
                "NetworkAcls",
                {
                    "NetworkAclId": f"acl-{tenant}",
                    "IsDefault": True,
                    "Entries": [entry | {"Egress": True}, entry | {"Egress": False}],
                    "Associations": [bound],
                },
            ),
            "DescribeNetworkInterfaces": (
                "NetworkInterfaces",
                {
                    "NetworkInterfaceId": f"eni-{tenant}",
                    "SubnetId": f"subnet-{tenant}",
                    "PrivateIpAddress": host,
                    "PrivateIpAddresses": [{"PrivateIpAddress": host, "Primary": True}],
                    "Groups": [{"GroupId": f"sg-{tenant}"}],
                    "InterfaceType": "interface",
                    "Status": "in-use",
                    "TagSet": tags,
                    "SourceDestCheck": True,
                    "Ipv6Addresses": [],
                    "Attachment": {"InstanceId": f"i-{tenant}", "Status": "attached"},
                },
            ),
        }
        for api, (member, item) in listed.items():
            self.extend(f"ec2:{api}", tenant, member, in_vpc | item)
        only = {"StringEquals": {"aws:PrincipalAccount": account, "aws:ResourceAccount": account}}
        for service, kind in (("s3", "Gateway"), ("kms", "Interface")):
            endpoint = {
                "VpcEndpointId": f"vpce-{tenant}-{service}",
                "VpcEndpointType": kind,
                "ServiceName": f"com.amazonaws.{REGION}.{service}",
                "State": "available",
                "PolicyDocument": json.dumps(policy(allow("*", Principal="*", Condition=only))),
                "Tags": tags,
            }
            self.extend("ec2:DescribeVpcEndpoints", tenant, "VpcEndpoints", in_vpc | endpoint)
        instance = {"InstanceId": f"i-{tenant}", "Tags": tags}
        self.extend("ec2:DescribeInstances", tenant, "Reservations", {"Instances": [instance]})
        self.extend("ec2:DescribeSnapshots", tenant, "Snapshots", {"SnapshotId": f"snap-{tenant}", "Tags": tags})
        self.extend("ec2:DescribeImages", tenant, "Images", {"ImageId": f"ami-{tenant}", "Tags": tags})
        for api, subject, member in (
            ("ec2:DescribeSnapshotAttribute", f"snap-{tenant}", "CreateVolumePermissions"),
            ("ec2:DescribeImageAttribute", f"ami-{tenant}", "LaunchPermissions"),
        ):
            self.answer(api, tenant, subject)[member] = []
        for kind in ("ledger", "flow"):
            name = f"/bh/{tenant}/{kind}"
            arn = f"arn:aws:logs:{REGION}:{account}:log-group:{name}"
            group = {"logGroupName": name, "arn": f"{arn}:*", "logGroupArn": arn}
            self.extend("logs:DescribeLogGroups", tenant, "logGroups", group)
