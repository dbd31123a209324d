"""The attempts. Each is one call that would be a breach, or a step towards one, if it were answered."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable

from operations.attacks.attestation import ATTESTATION
from operations.attacks.model import Attacker, Attempt, Stage


def _open_policy(account: str, action: str, resource: str | list[str] | None = None) -> str:
    """A resource policy, or without `resource` a trust policy, that lets another account in."""
    statement: dict[str, object] = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": action,
    }
    if resource is not None:
        statement["Resource"] = resource
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _data_arn(stage: Stage) -> list[str]:
    arn = stage.victim.names.bucket_arn("data")
    return [arn, f"{arn}/*"]


def _fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=20) as reply:  # noqa: S310 - loopback: the local cloud
        content: bytes = reply.read()
    return content


def _victim_bucket(stage: Stage, purpose: str = "data") -> str:
    return f"{stage.victim.names.prefix}-{purpose}"


def _own_bucket(stage: Stage) -> str:
    return stage.attacker.names.bucket("data")


def _get(who: Attacker, purpose: str = "data") -> Callable[[Stage], bytes]:
    return lambda s: (
        s.client(who, "s3").get_object(Bucket=_victim_bucket(s, purpose), Key=s.prey.object_key)["Body"].read()
    )


DATA = (
    Attempt("data-01", "data", "administrator", "read a sealed shard", _get("administrator")),
    Attempt("data-02", "data", "trainer", "read a sealed shard from the node", _get("trainer")),
    Attempt("data-03", "data", "stolen", "read a sealed shard with stolen credentials", _get("stolen")),
    Attempt("data-04", "data", "smuggled", "read a sealed shard from inside", _get("smuggled")),
    Attempt(
        "data-05",
        "data",
        "administrator",
        "list the data bucket",
        lambda s: s.client("administrator", "s3").list_objects_v2(Bucket=_victim_bucket(s)),
    ),
    Attempt(
        "data-06",
        "data",
        "trainer",
        "overwrite a sealed shard",
        lambda s: s.client("trainer", "s3").put_object(Bucket=_victim_bucket(s), Key=s.prey.object_key, Body=b"x"),
    ),
    Attempt(
        "data-07",
        "data",
        "administrator",
        "copy a sealed shard into the attacker's bucket",
        lambda s: s.client("administrator", "s3").copy_object(
            Bucket=_own_bucket(s), Key="loot", CopySource={"Bucket": _victim_bucket(s), "Key": s.prey.object_key}
        ),
    ),
    Attempt(
        "data-08",
        "data",
        "smuggled",
        "carry data out to the attacker's bucket",
        lambda s: s.client("smuggled", "s3").put_object(Bucket=_own_bucket(s), Key="loot", Body=b"carried out"),
    ),
    Attempt(
        "data-09",
        "data",
        "anonymous",
        "use a presigned link outside the network",
        lambda s: _fetch(s.prey.presigned),
    ),
    Attempt(
        "data-10",
        "data",
        "anonymous",
        "read a sealed shard without signing",
        lambda s: _fetch(f"{s.endpoints['anonymous']}/{_victim_bucket(s)}/{s.prey.object_key}"),
    ),
    Attempt("data-11", "data", "administrator", "read a checkpoint", _get("administrator", "checkpoint")),
    Attempt("data-12", "data", "administrator", "read an exported model", _get("administrator", "model")),
    Attempt(
        "data-13",
        "data",
        "stolen",
        "delete a sealed shard with stolen credentials",
        lambda s: s.client("stolen", "s3").delete_object(Bucket=_victim_bucket(s, "checkpoint"), Key="any"),
    ),
)

KEYS = (
    Attempt(
        "key-01",
        "key",
        "administrator",
        "unwrap a data-set key",
        lambda s: s.client("administrator", "kms").decrypt(
            CiphertextBlob=s.prey.wrapped_key, EncryptionContext={"tenant": s.victim.names.tenant}
        ),
    ),
    Attempt(
        "key-02",
        "key",
        "trainer",
        "unwrap a data-set key from the node",
        lambda s: s.client("trainer", "kms").decrypt(
            CiphertextBlob=s.prey.wrapped_key, EncryptionContext={"tenant": s.victim.names.tenant}
        ),
    ),
    Attempt(
        "key-03",
        "key",
        "stolen",
        "unwrap a data-set key with stolen credentials",
        lambda s: s.client("stolen", "kms").decrypt(
            CiphertextBlob=s.prey.wrapped_key, EncryptionContext={"tenant": s.victim.names.tenant}
        ),
    ),
    Attempt(
        "key-04",
        "key",
        "administrator",
        "make a data key under the victim's key",
        lambda s: s.client("administrator", "kms").generate_data_key(KeyId=s.victim.keys["data"], KeySpec="AES_256"),
    ),
    Attempt(
        "key-05",
        "key",
        "administrator",
        "grant itself the victim's key",
        lambda s: s.client("administrator", "kms").create_grant(
            KeyId=s.victim.keys["data"], GranteePrincipal=s.attacker.role_arn("trainer"), Operations=["Decrypt"]
        ),
    ),
    Attempt(
        "key-06",
        "key",
        "administrator",
        "rewrite the victim's key policy",
        lambda s: s.client("administrator", "kms").put_key_policy(
            KeyId=s.victim.keys["data"], PolicyName="default", Policy=_open_policy(s.attacker.account, "kms:*", "*")
        ),
    ),
    Attempt(
        "key-07",
        "key",
        "administrator",
        "schedule the victim's key for deletion",
        lambda s: s.client("administrator", "kms").schedule_key_deletion(
            KeyId=s.victim.keys["checkpoint"], PendingWindowInDays=7
        ),
    ),
    Attempt(
        "key-08",
        "key",
        "stolen",
        "grant the attacker the key with stolen credentials",
        lambda s: s.client("stolen", "kms").create_grant(
            KeyId=s.victim.keys["checkpoint"], GranteePrincipal=s.attacker.role_arn("trainer"), Operations=["Decrypt"]
        ),
    ),
    Attempt(
        "key-09",
        "key",
        "administrator",
        "re-encrypt a data-set key under the attacker's key",
        lambda s: s.client("administrator", "kms").re_encrypt(
            CiphertextBlob=s.prey.wrapped_key,
            SourceEncryptionContext={"tenant": s.victim.names.tenant},
            DestinationKeyId=s.attacker.keys["data"],
        ),
    ),
)

ROLES = (
    Attempt(
        "role-01",
        "role",
        "administrator",
        "assume the victim's trainer role",
        lambda s: s.client("administrator", "sts").assume_role(
            RoleArn=s.victim.role_arn("trainer"), RoleSessionName="attack"
        ),
    ),
    Attempt(
        "role-02",
        "role",
        "administrator",
        "assume the victim's auditor role",
        lambda s: s.client("administrator", "sts").assume_role(
            RoleArn=s.victim.role_arn("auditor"), RoleSessionName="attack"
        ),
    ),
    Attempt(
        "role-03",
        "role",
        "administrator",
        "become the victim account's deployer",
        lambda s: s.client("administrator", "sts").assume_role(
            RoleArn=f"arn:aws:iam::{s.victim.account}:role/OrganizationAccountAccessRole", RoleSessionName="attack"
        ),
    ),
    Attempt(
        "role-04",
        "role",
        "administrator",
        "become the deployer of its own account",
        lambda s: s.client("administrator", "sts").assume_role(
            RoleArn=f"arn:aws:iam::{s.attacker.account}:role/OrganizationAccountAccessRole", RoleSessionName="attack"
        ),
    ),
    Attempt(
        "role-05",
        "role",
        "administrator",
        "rewrite the trust of its own account's deployer",
        lambda s: s.client("administrator", "iam").update_assume_role_policy(
            RoleName="OrganizationAccountAccessRole",
            PolicyDocument=_open_policy(s.attacker.account, "sts:AssumeRole"),
        ),
    ),
    Attempt(
        "role-06",
        "role",
        "trainer",
        "assume the victim's trainer role from the node",
        lambda s: s.client("trainer", "sts").assume_role(
            RoleArn=s.victim.role_arn("trainer"), RoleSessionName="attack"
        ),
    ),
)

LOGS = (
    Attempt(
        "log-01",
        "log",
        "stolen",
        "delete the victim's ledger with stolen credentials",
        lambda s: s.client("stolen", "logs").delete_log_stream(
            logGroupName=s.victim.names.ledger_log_group, logStreamName=s.prey.log_stream
        ),
    ),
    Attempt(
        "log-02",
        "log",
        "administrator",
        "delete its own ledger",
        lambda s: s.client("administrator", "logs").delete_log_group(logGroupName=s.attacker.names.ledger_log_group),
    ),
    Attempt(
        "log-03",
        "log",
        "administrator",
        "send its own ledger elsewhere",
        lambda s: s.client("administrator", "logs").put_subscription_filter(
            logGroupName=s.attacker.names.ledger_log_group,
            filterName="leak",
            filterPattern="",
            destinationArn=f"arn:aws:logs:{s.victim.region}:{s.victim.account}:destination:x",
        ),
    ),
    Attempt(
        "log-04",
        "log",
        "administrator",
        "stop its own flow logs",
        lambda s: s.client("administrator", "ec2").delete_flow_logs(FlowLogIds=["fl-0123456789abcdef0"]),
    ),
)

MACHINES = (
    Attempt(
        "snapshot-01",
        "snapshot",
        "administrator",
        "lend the victim's snapshot to the attacker's account",
        lambda s: s.client("administrator", "ec2").modify_snapshot_attribute(
            SnapshotId=s.prey.snapshot,
            Attribute="createVolumePermission",
            OperationType="add",
            UserIds=[s.attacker.account],
        ),
    ),
    Attempt(
        "snapshot-02",
        "snapshot",
        "administrator",
        "copy the victim's snapshot",
        lambda s: s.client("administrator", "ec2").copy_snapshot(
            SourceRegion=s.victim.region, SourceSnapshotId=s.prey.snapshot
        ),
    ),
    Attempt(
        "snapshot-03",
        "snapshot",
        "administrator",
        "make a volume from the victim's snapshot",
        lambda s: s.client("administrator", "ec2").create_volume(
            SnapshotId=s.prey.snapshot, AvailabilityZone=f"{s.attacker.region}a"
        ),
    ),
    Attempt(
        "image-01",
        "image",
        "administrator",
        "lend the victim's image to its own account",
        lambda s: s.client("administrator", "ec2").modify_image_attribute(
            ImageId=s.prey.image, LaunchPermission={"Add": [{"UserId": s.attacker.account}]}
        ),
    ),
    Attempt(
        "image-02",
        "image",
        "administrator",
        "start a machine from the victim's image",
        lambda s: s.client("administrator", "ec2").run_instances(
            ImageId=s.prey.image, MinCount=1, MaxCount=1, InstanceType="c6a.xlarge", SubnetId=s.attacker.subnet
        ),
    ),
)

NETWORK = (
    Attempt(
        "network-01",
        "network",
        "administrator",
        "ask for peering with the victim's network",
        lambda s: s.client("administrator", "ec2").create_vpc_peering_connection(
            VpcId=s.attacker.vpc, PeerVpcId=s.victim.vpc, PeerOwnerId=s.victim.account
        ),
    ),
    Attempt(
        "network-02",
        "network",
        "administrator",
        "open a way to the internet",
        lambda s: s.client("administrator", "ec2").create_internet_gateway(),
    ),
    Attempt(
        "network-03",
        "network",
        "administrator",
        "widen its own endpoint's policy",
        lambda s: s.client("administrator", "ec2").modify_vpc_endpoint(
            VpcEndpointId=s.attacker.endpoint, ResetPolicy=True
        ),
    ),
    Attempt(
        "network-04",
        "network",
        "administrator",
        "add a route to the victim's range",
        lambda s: s.client("administrator", "ec2").create_route(
            RouteTableId=s.attacker.route_table, DestinationCidrBlock="10.30.0.0/20", GatewayId="igw-0123456789abcdef0"
        ),
    ),
    Attempt(
        "network-05",
        "network",
        "administrator",
        "start a machine in the victim's subnet",
        lambda s: s.client("administrator", "ec2").run_instances(
            ImageId="ami-0b0a11c0ffee00001", MinCount=1, MaxCount=1, InstanceType="c6a.xlarge", SubnetId=s.victim.subnet
        ),
        unknown="InvalidSubnetID.NotFound",
    ),
)

GUARDRAILS = (
    Attempt(
        "guardrail-01",
        "guardrail",
        "administrator",
        "take the boundary off its trainer role",
        lambda s: s.client("administrator", "iam").delete_role_permissions_boundary(
            RoleName=s.attacker.names.role("trainer")
        ),
    ),
    Attempt(
        "guardrail-02",
        "guardrail",
        "administrator",
        "make a role without a boundary",
        lambda s: s.client("administrator", "iam").create_role(
            RoleName="free", AssumeRolePolicyDocument=_open_policy(s.attacker.account, "sts:AssumeRole")
        ),
    ),
    Attempt(
        "guardrail-03",
        "guardrail",
        "administrator",
        "write a wider version of the boundary",
        lambda s: s.client("administrator", "iam").create_policy_version(
            PolicyArn=f"arn:aws:iam::{s.attacker.account}:policy/{s.attacker.names.boundary}",
            PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
            ),
            SetAsDefault=True,
        ),
    ),
    Attempt(
        "guardrail-04",
        "guardrail",
        "administrator",
        "relabel its trainer role as the victim's",
        lambda s: s.client("administrator", "iam").tag_role(
            RoleName=s.attacker.names.role("trainer"), Tags=[{"Key": "tenant", "Value": s.victim.names.tenant}]
        ),
    ),
    Attempt(
        "guardrail-05",
        "guardrail",
        "administrator",
        "take the label off its trainer role",
        lambda s: s.client("administrator", "iam").untag_role(
            RoleName=s.attacker.names.role("trainer"), TagKeys=["tenant"]
        ),
    ),
    Attempt(
        "guardrail-06",
        "guardrail",
        "administrator",
        "open its own bucket to the victim (collusion)",
        lambda s: s.client("administrator", "s3").put_bucket_policy(
            Bucket=_own_bucket(s),
            Policy=_open_policy(s.victim.account, "s3:*", [f"arn:aws:s3:::{_own_bucket(s)}"]),
        ),
    ),
    Attempt(
        "guardrail-07",
        "guardrail",
        "administrator",
        "replicate its bucket to another account",
        lambda s: s.client("administrator", "s3").put_bucket_replication(
            Bucket=_own_bucket(s),
            ReplicationConfiguration={
                "Role": s.attacker.role_arn("trainer"),
                "Rules": [
                    {
                        "ID": "leak",
                        "Priority": 1,
                        "Filter": {"Prefix": ""},
                        "Status": "Enabled",
                        "DeleteMarkerReplication": {"Status": "Disabled"},
                        "Destination": {"Bucket": s.victim.names.bucket_arn("data"), "Account": s.victim.account},
                    }
                ],
            },
        ),
    ),
    Attempt(
        "guardrail-08",
        "guardrail",
        "administrator",
        "rewrite the victim's bucket policy",
        lambda s: s.client("administrator", "s3").put_bucket_policy(
            Bucket=_victim_bucket(s), Policy=_open_policy(s.attacker.account, "s3:*", _data_arn(s))
        ),
    ),
    Attempt(
        "guardrail-09",
        "guardrail",
        "administrator",
        "leave the organisation",
        lambda s: s.client("administrator", "organizations").leave_organization(),
    ),
    Attempt(
        "guardrail-10",
        "guardrail",
        "administrator",
        "make a user with keys that never expire",
        lambda s: s.client("administrator", "iam").create_user(UserName="forever"),
    ),
    Attempt(
        "guardrail-11",
        "guardrail",
        "administrator",
        "open its own key's policy",
        lambda s: s.client("administrator", "kms").put_key_policy(
            KeyId=s.attacker.keys["data"], PolicyName="default", Policy=_open_policy(s.victim.account, "kms:*", "*")
        ),
    ),
    Attempt(
        "guardrail-12",
        "guardrail",
        "administrator",
        "use its own key past the trainer (unattended administrator)",
        lambda s: s.client("administrator", "kms").generate_data_key(
            KeyId=s.attacker.keys["data"],
            KeySpec="AES_256",
            EncryptionContext={"tenant": s.attacker.names.tenant},
        ),
    ),
)

ATTEMPTS: tuple[Attempt, ...] = (*DATA, *KEYS, *ATTESTATION, *ROLES, *LOGS, *MACHINES, *NETWORK, *GUARDRAILS)
"""All of them, in the order in which they are tried."""
