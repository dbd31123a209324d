"""Cross-tenant leaks from globex to acme: what was misconfigured, and where it must show.

Each `plant` changes a clean state in place, in which the organisation's locks are off, so that the leak alone decides.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.leaks.clean import AUDIT, MANAGEMENT, REGION, State, allow, policy

A, B = "acme", "globex"


@dataclass(frozen=True)
class Leak:
    """A leak: the path on which it shows, a part of the resource's name, and in which layouts it can exist."""

    name: str
    path: str
    resource: str
    plant: Callable[[State], Any]
    shared: bool | None = None

    @property
    def asks(self) -> bool:
        """Whether it is a grant by a bucket policy, key policy or KMS grant, which a caller uses by asking."""
        return self.name.startswith(("bucket policy", "grant", "key policy", "the other tenant may rewrite"))


def _object(state: State) -> str:
    return f"arn:aws:s3:::{state.bucket(B)}/*"


def _to_bucket(**statement: Any) -> Callable[[State], None]:
    def plant(state: State) -> None:
        filled = {k: v(state) if callable(v) else v for k, v in statement.items()}
        state.bucket_policy(B).append(
            allow(filled.pop("Action", "s3:GetObject"), filled.pop("Resource", _object(state)), **filled)
        )

    return plant


def _to_key(**statement: Any) -> Callable[[State], None]:
    def plant(state: State) -> None:
        filled = {k: v(state) if callable(v) else v for k, v in statement.items()}
        state.key_policy(B).append(allow(filled.pop("Action", "kms:Decrypt"), **filled))

    return plant


def _trainer(state: State) -> dict[str, str]:
    return {"AWS": state.arn(A)}


def _root(state: State) -> dict[str, str]:
    return {"AWS": f"arn:aws:iam::{state.account(A)}:root"}


def _work(state: State, statement: dict[str, Any]) -> None:
    """Adds to what acme's trainer may do."""
    state.role(A)["RolePolicyList"][0]["PolicyDocument"]["Statement"].append(statement)


def _acl(state: State, uri: str) -> None:
    account, name = state.account(B), state.bucket(B)
    state.answers["s3:GetBucketAcl", account, name]["Grants"] = [
        {"Grantee": {"Type": "Group", "URI": uri}, "Permission": "READ"}
    ]
    state.answers["s3:GetBucketOwnershipControls", account, name]["OwnershipControls"]["Rules"] = [
        {"ObjectOwnership": "ObjectWriter"}
    ]
    _work(state, allow("s3:ListBucket"))


def _access_point(state: State) -> None:
    arn = f"arn:aws:s3:{REGION}:{state.account(B)}:accesspoint/share"
    delegated = {"StringEquals": {"s3:DataAccessPointAccount": state.account(B)}}
    both = [f"arn:aws:s3:::{state.bucket(B)}", _object(state)]
    state.bucket_policy(B).append(allow("s3:*", both, Principal="*", Condition=delegated))
    at_point = policy(allow("s3:GetObject", f"{arn}/object/*", Principal=_trainer(state)))
    state.answer("s3control:GetAccessPoint", B, "share", Name="share").update(
        {"Name": "share", "Bucket": state.bucket(B), "AccessPointArn": arn}
    )
    state.answer("s3control:GetAccessPointPolicy", B, "share", Name="share")["Policy"] = json.dumps(at_point)


def _replication(state: State) -> None:
    rule = {"Status": "Enabled", "Destination": {"Bucket": f"arn:aws:s3:::{state.bucket(A)}"}}
    answer = state.answer("s3:GetBucketReplication", B, state.bucket(B), Bucket=state.bucket(B))
    answer["ReplicationConfiguration"] = {"Rules": [rule]}


def _notification(state: State) -> None:
    queue = f"arn:aws:sqs:{REGION}:{state.account(A)}:bh-acme-auditor"
    answer = state.answer("s3:GetBucketNotificationConfiguration", B, state.bucket(B), Bucket=state.bucket(B))
    answer["QueueConfigurations"] = [{"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}]


def _grant(state: State, **more: Any) -> None:
    grant = {
        "GrantId": "g",
        "GranteePrincipal": state.arn(A),
        "Operations": ["Decrypt"],
        "KeyId": _key_arn(state),
    } | more
    state.answers["kms:ListGrants", state.account(B), state.key(B)]["Grants"].append(grant)


def _key_arn(state: State) -> str:
    return f"arn:aws:kms:{REGION}:{state.account(B)}:key/{state.key(B)}"


def _trust(state: State, principal: dict[str, str], **more: Any) -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal} | more
    state.role(B)["AssumeRolePolicyDocument"]["Statement"].append(trust)
    if state.shared and principal != _trainer(state):
        _work(state, allow("sts:AssumeRole"))


def _chain(state: State) -> None:
    """Acme's account may become a role of the audit account, which globex's auditor trusts."""
    hub = f"arn:aws:iam::{AUDIT}:role/hub"
    trusts = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": _trainer(state)}
    role = {
        "RoleName": "hub", "Arn": hub, "RoleId": "AROAHUB", "Tags": [], "AttachedManagedPolicies": [],
        "AssumeRolePolicyDocument": policy(trusts),
        "RolePolicyList": [{"PolicyName": "p", "PolicyDocument": policy(allow("sts:AssumeRole"))}],
    }  # fmt: skip
    state.answers["iam:GetAccountAuthorizationDetails", AUDIT, ""] = {"RoleDetailList": [role], "Policies": []}
    _work(state, allow("sts:AssumeRole", hub))
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": hub}}
    state.role(B, "auditor")["AssumeRolePolicyDocument"]["Statement"].append(trust)


def _function(state: State) -> None:
    arn = f"arn:aws:lambda:{REGION}:{state.account(B)}:function:bh-globex-auditor"
    state.extend("lambda:ListFunctions", B, "Functions", {"FunctionName": "bh-globex-auditor", "FunctionArn": arn})
    document = policy(allow("lambda:InvokeFunction", arn, Principal=_trainer(state)))
    state.answer("lambda:GetPolicy", B, "bh-globex-auditor", FunctionName="bh-globex-auditor")["Policy"] = json.dumps(
        document
    )
    _work(state, allow("lambda:InvokeFunction"))


def _lend(state: State, api: str, subject: str, member: str, **permission: str) -> None:
    key = {"SnapshotId": subject} if "Snapshot" in api else {"ImageId": subject}
    state.answer(api, B, subject)[member].append(permission)
    state.params[api, state.account(B), subject] = key


def _subscription(state: State) -> None:
    target = f"arn:aws:logs:{REGION}:{state.account(A)}:destination:bh-acme-auditor"
    item = {"logGroupName": "/bh/globex/ledger", "destinationArn": target, "filterName": "all"}
    state.extend("logs:DescribeSubscriptionFilters", B, "subscriptionFilters", item, subject="/bh/globex/ledger")


def _log_policy(state: State) -> None:
    arn = f"arn:aws:logs:{REGION}:{state.account(B)}:log-group:/bh/globex/*"
    document = json.dumps(policy(allow("logs:GetLogEvents", arn, Principal=_trainer(state))))
    state.extend(
        "logs:DescribeResourcePolicies", B, "resourcePolicies", {"policyName": "p", "policyDocument": document}
    )
    _work(state, allow("logs:GetLogEvents"))


def _event_bus(state: State) -> None:
    arn = f"arn:aws:events:{REGION}:{state.account(B)}:event-bus/bh-globex-auditor"
    document = json.dumps(policy(allow("events:PutEvents", arn, Principal=_trainer(state))))
    state.answer("events:DescribeEventBus", B, "bh-globex-auditor").update({"Arn": arn, "Policy": document})
    _work(state, allow("events:PutEvents"))


def _event_rule(state: State) -> None:
    target = {"Id": "1", "Arn": f"arn:aws:events:{REGION}:{state.account(A)}:event-bus/bh-acme-auditor"}
    state.extend(
        "events:ListTargetsByRule", B, "Targets", target, subject="bh-globex-auditor", Rule="bh-globex-auditor"
    )


def _repository(state: State) -> None:
    arn = f"arn:aws:ecr:{REGION}:{state.account(B)}:repository/bh-globex-trainer"
    state.extend(
        "ecr:DescribeRepositories", B, "repositories", {"repositoryName": "bh-globex-trainer", "repositoryArn": arn}
    )
    statement = {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Principal": _trainer(state)}
    answer = state.answer("ecr:GetRepositoryPolicy", B, "bh-globex-trainer", repositoryName="bh-globex-trainer")
    answer["policyText"] = json.dumps(policy(statement))
    _work(state, allow("ecr:BatchGetImage"))


def _secret(state: State) -> None:
    arn = f"arn:aws:secretsmanager:{REGION}:{state.account(B)}:secret:bh-globex-trainer"
    document = json.dumps(policy(allow("secretsmanager:GetSecretValue", Principal=_trainer(state))))
    answer = state.answer("secretsmanager:GetResourcePolicy", B, arn, SecretId=arn)
    answer.update({"ARN": arn, "ResourcePolicy": document})
    _work(state, allow("secretsmanager:GetSecretValue"))


def _queue(state: State) -> None:
    arn = f"arn:aws:sqs:{REGION}:{state.account(B)}:bh-globex-trainer"
    document = json.dumps(policy(allow("sqs:ReceiveMessage", arn, Principal=_trainer(state))))
    state.answer("sqs:GetQueueAttributes", B, arn)["Attributes"] = {"QueueArn": arn, "Policy": document}
    _work(state, allow("sqs:ReceiveMessage"))


def _peering(state: State) -> None:
    ends = {
        f"{side}VpcInfo": {
            "VpcId": f"vpc-{t}",
            "OwnerId": state.account(t),
            "CidrBlock": f"10.{n}.0.0/16",
            "Region": REGION,
        }
        for side, t, n in (("Requester", A, 0), ("Accepter", B, 1))
    }
    for tenant, other in ((A, 1), (B, 0)):
        peering = {"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "active"}} | ends
        if tenant == A or not state.shared:
            state.extend("ec2:DescribeVpcPeeringConnections", tenant, "VpcPeeringConnections", peering)
        route = {"DestinationCidrBlock": f"10.{other}.0.0/16", "VpcPeeringConnectionId": "pcx-1", "State": "active"}
        _table(state, tenant)["Routes"].append(route)


def _table(state: State, tenant: str) -> dict[str, Any]:
    tables = state.answers["ec2:DescribeRouteTables", state.account(tenant), ""]["RouteTables"]
    return next(table for table in tables if table["RouteTableId"] == f"rtb-{tenant}")


def _share(state: State) -> None:
    subnet = f"arn:aws:ec2:{REGION}:{state.account(B)}:subnet/subnet-globex"
    for kind, entity in (("RESOURCE", subnet), ("PRINCIPAL", state.account(A))):
        item = {
            "resourceShareArn": "share-1",
            "associationType": kind,
            "associatedEntity": entity,
            "status": "ASSOCIATED",
        }
        state.extend(
            "ram:GetResourceShareAssociations", B, "resourceShareAssociations", item, subject=kind, associationType=kind
        )


def _audit_bucket(state: State) -> None:
    """The platform's audit bucket lets every account read: the records of all tenants."""
    document = json.dumps(policy(allow("s3:GetObject", "arn:aws:s3:::bh-audit/*", Principal="*")))
    state.answers["s3:ListBuckets", AUDIT, ""] = {"Buckets": [{"Name": "bh-audit"}]}
    state.answers["s3:GetBucketPolicy", AUDIT, "bh-audit"] = {"Policy": document}
    state.params["s3:GetBucketPolicy", AUDIT, "bh-audit"] = {"Bucket": "bh-audit"}
    _work(state, allow("s3:GetObject", "arn:aws:s3:::bh-audit/*"))


GROUPS = "http://acs.amazonaws.com/groups/global"
SNAPSHOT = ("ec2:DescribeSnapshotAttribute", "snap-globex", "CreateVolumePermissions")
IMAGE = ("ec2:DescribeImageAttribute", "ami-globex", "LaunchPermissions")
ORGANISATION = f"arn:aws:organizations::{MANAGEMENT}:organization/o-1"

LEAKS = [
    Leak("bucket policy names a role of the other tenant", "data", "bh-globex-data", _to_bucket(Principal=_trainer)),
    Leak("bucket policy names the other account", "data", "bh-globex-data", _to_bucket(Principal=_root), shared=False),
    Leak("bucket policy names a unique id", "data", "bh-globex-data", _to_bucket(Principal={"AWS": "AROAACMETRAINER"})),
    Leak(
        "bucket policy lets in everyone whose role has a platform name",
        "data",
        "bh-globex-data",
        _to_bucket(Principal="*", Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/bh-*-trainer"}}),
    ),
    Leak(
        "bucket policy trusts a header",
        "data",
        "bh-globex-data",
        _to_bucket(Principal="*", Condition={"StringEquals": {"aws:Referer": "https://portal.example"}}),
    ),
    Leak(
        "bucket policy with IfExists on a tag that need not be there",
        "data",
        "bh-globex-data",
        _to_bucket(Principal="*", Condition={"StringEqualsIfExists": {"aws:PrincipalTag/team": "globex"}}),
    ),
    Leak(
        "bucket policy with ForAllValues on a missing key",
        "data",
        "bh-globex-data",
        _to_bucket(Principal="*", Condition={"ForAllValues:StringEquals": {"aws:CalledVia": "athena.amazonaws.com"}}),
    ),
    Leak(
        "bucket policy allows all but one",
        "data",
        "bh-globex-data",
        _to_bucket(NotPrincipal={"AWS": f"arn:aws:iam::{AUDIT}:root"}),
    ),
    Leak(
        "bucket policy shares one prefix",
        "data",
        "bh-globex-data",
        _to_bucket(Principal=_trainer, Resource=lambda s: f"arn:aws:s3:::{s.bucket(B)}/for-acme/*"),
    ),
    Leak(
        "the other tenant may rewrite the bucket policy",
        "data",
        "bh-globex-data",
        _to_bucket(Principal=_trainer, Action="s3:PutBucketPolicy", Resource=lambda s: f"arn:aws:s3:::{s.bucket(B)}"),
    ),
    Leak(
        "bucket ACL for all authenticated users",
        "data",
        "bh-globex-data",
        lambda s: _acl(s, f"{GROUPS}/AuthenticatedUsers"),
    ),
    Leak("bucket ACL for everyone", "data", "bh-globex-data", lambda s: _acl(s, f"{GROUPS}/AllUsers")),
    Leak("access point for the other tenant", "data", "bh-globex-data", _access_point),
    Leak("replication into the other tenant's bucket", "data", "bh-globex-data", _replication),
    Leak("bucket notification to the other tenant's queue", "data", "bh-globex-data", _notification, shared=False),
    Leak(
        "service may write for anybody",
        "data",
        "bh-globex-data",
        _to_bucket(Principal={"Service": "logging.s3.amazonaws.com"}, Action="s3:PutObject"),
    ),
    Leak("secret's policy names the other tenant", "data", "secret", _secret),
    Leak("queue's policy names the other tenant", "data", "bh-globex-trainer", _queue),
    Leak(
        "identity policy with a wildcard over tenants",
        "data",
        "bh-globex",
        lambda s: _work(s, allow("s3:GetObject", "arn:aws:s3:::bh-*-data/*")),
        shared=True,
    ),
    Leak("grant to a role of the other tenant", "key", "globex-data-key", _grant),
    Leak(
        "grant that lets make grants",
        "key",
        "globex-data-key",
        lambda s: _grant(s, Operations=["CreateGrant", "Decrypt"]),
    ),
    Leak(
        "grant with a constraint that the caller can meet",
        "key",
        "globex-data-key",
        lambda s: _grant(s, Constraints={"EncryptionContextSubset": {"tenant": "globex"}}),
    ),
    Leak("key policy names the other account", "key", "globex-data-key", _to_key(Principal=_root), shared=False),
    Leak("key policy names a role of the other tenant", "key", "globex-data-key", _to_key(Principal=_trainer)),
    Leak(
        "key policy trusts the way, not the caller",
        "key",
        "globex-data-key",
        _to_key(Principal="*", Condition={"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}),
    ),
    Leak(
        "the other tenant may rewrite the key policy",
        "key",
        "globex-data-key",
        _to_key(Principal=_trainer, Action="kms:PutKeyPolicy"),
    ),
    Leak(
        "identity policy over every key of the account",
        "key",
        "globex",
        lambda s: _work(s, allow("kms:Decrypt")),
        shared=True,
    ),
    Leak("role trusts the other account", "role", "bh-globex-trainer", lambda s: _trust(s, _root(s))),
    Leak(
        "role trusts a role of the other tenant",
        "role",
        "bh-globex-trainer",
        lambda s: (_trust(s, _trainer(s)), _work(s, allow("sts:AssumeRole"))),
    ),
    Leak(
        "role trusts whoever knows a word",
        "role",
        "bh-globex-trainer",
        lambda s: _trust(s, _root(s), Condition={"StringEquals": {"sts:ExternalId": "globex"}}),
    ),
    Leak("chain of roles through the audit account", "role", "bh-globex-auditor", _chain),
    Leak("function that the other tenant may call", "role", "bh-globex-auditor", _function),
    Leak(
        "role passed to compute",
        "role",
        "bh-globex",
        lambda s: _work(s, allow(["iam:PassRole", "ec2:RunInstances"])),
        shared=True,
    ),
    Leak(
        "trust policy that the other tenant may rewrite",
        "role",
        "bh-globex",
        lambda s: _work(s, allow("iam:UpdateAssumeRolePolicy")),
        shared=True,
    ),
    Leak(
        "commands on the other tenant's machine",
        "role",
        "i-globex",
        lambda s: _work(s, allow("ssm:SendCommand")),
        shared=True,
    ),
    Leak(
        "snapshot lent to the other account",
        "snapshot",
        "snap-globex",
        lambda s: _lend(s, *SNAPSHOT, UserId=s.account(A)),
        shared=False,
    ),
    Leak("public snapshot", "snapshot", "snap-globex", lambda s: _lend(s, *SNAPSHOT, Group="all")),
    Leak(
        "snapshots that any role of the account may copy",
        "snapshot",
        "snap-globex",
        lambda s: _work(s, allow("ec2:CopySnapshot")),
        shared=True,
    ),
    Leak(
        "image lent to the other account",
        "image",
        "ami-globex",
        lambda s: _lend(s, *IMAGE, UserId=s.account(A)),
        shared=False,
    ),
    Leak(
        "image lent to the whole organisation",
        "image",
        "ami-globex",
        lambda s: _lend(s, *IMAGE, OrganizationArn=ORGANISATION),
    ),
    Leak("container repository open to the other tenant", "image", "bh-globex-trainer", _repository),
    Leak("log subscription to the other tenant", "log", "/bh/globex/ledger", _subscription),
    Leak("log policy names the other tenant", "log", "/bh/globex/", _log_policy),
    Leak("event bus open to the other tenant", "log", "bh-globex-auditor", _event_bus),
    Leak("event rule that sends to the other tenant", "log", "bh-globex-auditor", _event_rule, shared=False),
    Leak("peered networks with routes", "network", "globex", _peering),
    Leak("shared subnet", "network", "subnet-globex", _share, shared=False),
    Leak("audit bucket open to every account", "log", "bh-audit", _audit_bucket),
]
