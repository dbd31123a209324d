"""Setting the stage: what the victim owns, what the attacker holds, and clearing up afterwards."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from operations.attacks.model import Attacker, Party, Prey, Stage
from operations.attacks.nodes import NodeOf
from operations.errors import CommandError
from operations.local import LocalCloud, session_from
from operations.nodes.process import launch, manufacture
from tenancy.fleet import Fleet
from tenancy.names import KEY_PURPOSES
from tenancy.tenant import Tenant

if TYPE_CHECKING:
    from boto3 import Session

ADMINISTRATOR = "tenant-administrator"
"""A role with every right in the attacker's account and no boundary: worse than any that the platform hands out."""


@contextmanager
def set_up(cloud: LocalCloud, fleet: Fleet, attacker: Tenant, victim: Tenant) -> Iterator[Stage]:
    """A stage on which `attacker` tries to reach `victim`. Everything made for it is removed at the end."""
    with ExitStack() as after:
        sessions: dict[Attacker, Session] = {
            "administrator": _administrator(cloud, fleet, attacker, after),
            "trainer": _instance(cloud, fleet, attacker),
            "stolen": _instance(cloud, fleet, victim),
            "smuggled": _administrator(cloud, fleet, attacker, after),
            "platform": _deployer(cloud, victim),
            "insider": _instance(cloud, fleet, victim),
            "tampered": _instance(cloud, fleet, victim),
        }
        endpoints: dict[Attacker, str] = {
            "administrator": cloud.endpoint,
            "trainer": cloud.network(attacker.id),
            "stolen": cloud.endpoint,
            "smuggled": cloud.network(victim.id),
            "anonymous": cloud.endpoint,
            "platform": cloud.network(victim.id),
            "insider": cloud.network(victim.id),
            "tampered": cloud.network(victim.id),
        }
        prey = _prey(cloud, fleet, victim, after)
        yield Stage(
            _party(cloud, fleet, attacker),
            _party(cloud, fleet, victim),
            prey,
            sessions,
            endpoints,
            _node(cloud, fleet, attacker, after),
            _node(cloud, fleet, victim, after),
        )


def _deployer(cloud: LocalCloud, tenant: Tenant) -> Session:
    return session_from(cloud.administrator(tenant.id))


def _client(cloud: LocalCloud, session: Session, service: Any, endpoint: str | None = None) -> Any:
    from botocore.config import Config  # noqa: PLC0415

    config = Config(s3={"addressing_style": "path"}, signature_version="s3v4" if service == "s3" else None)
    return session.client(service, endpoint_url=endpoint or cloud.endpoint, config=config)


def _instance(cloud: LocalCloud, fleet: Fleet, tenant: Tenant) -> Session:
    role = fleet.names(tenant).role("trainer")
    return session_from(cloud.session(tenant.id, role, "instance", cloud.network(tenant.id)))


def _node(cloud: LocalCloud, fleet: Fleet, tenant: Tenant, after: ExitStack) -> NodeOf:
    """A machine of the tenant with a TPM of its own, switched off."""
    chip = manufacture(Path(after.enter_context(tempfile.TemporaryDirectory(prefix="bulkhead-machine-"))))
    return NodeOf(cloud, tenant, chip, launch(cloud, fleet, tenant, chip))


def _administrator(cloud: LocalCloud, fleet: Fleet, tenant: Tenant, after: ExitStack) -> Session:
    """A signed-in administrator of the tenant's account, made for the attack and removed after it."""
    iam = _client(cloud, _deployer(cloud, tenant), "iam")
    account = fleet.account_id(tenant, local=True)
    sign_in = f"arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/*"
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
                "Action": "sts:AssumeRole",
                "Condition": {"ArnLike": {"aws:PrincipalArn": sign_in}},
            }
        ],
    }
    try:
        iam.create_role(RoleName=ADMINISTRATOR, AssumeRolePolicyDocument=json.dumps(trust))
    except iam.exceptions.EntityAlreadyExistsException:
        pass  # left by a suite that was killed, or made a moment ago for the other attacker
    else:
        policy = "arn:aws:iam::aws:policy/AdministratorAccess"
        iam.attach_role_policy(RoleName=ADMINISTRATOR, PolicyArn=policy)
        after.callback(iam.delete_role, RoleName=ADMINISTRATOR)
        after.callback(iam.detach_role_policy, RoleName=ADMINISTRATOR, PolicyArn=policy)
    return session_from(cloud.session(tenant.id, ADMINISTRATOR, "sign-in", cloud.endpoint))


def _party(cloud: LocalCloud, fleet: Fleet, tenant: Tenant) -> Party:
    names, deployer = fleet.names(tenant), _deployer(cloud, tenant)
    kms, ec2 = _client(cloud, deployer, "kms"), _client(cloud, deployer, "ec2")
    keys: dict[str, str] = {
        purpose: kms.describe_key(KeyId=names.key_alias(purpose))["KeyMetadata"]["Arn"] for purpose in KEY_PURPOSES
    }
    own = [{"Name": "tag:tenant", "Values": [tenant.id]}]

    def first(listing: str, key: str, id_key: str) -> str:
        found = getattr(ec2, listing)(Filters=own)[key]
        if not found:
            msg = f"{tenant.id}: {listing} finds nothing. Deploy the tenant first"
            raise CommandError(msg)
        return str(found[0][id_key])

    return Party(
        names=names,
        account=fleet.account_id(tenant, local=True),
        region=tenant.region,
        keys=keys,
        vpc=first("describe_vpcs", "Vpcs", "VpcId"),
        subnet=first("describe_subnets", "Subnets", "SubnetId"),
        route_table=first("describe_route_tables", "RouteTables", "RouteTableId"),
        endpoint=first("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId"),
        security_group=first("describe_security_groups", "SecurityGroups", "GroupId"),
    )


def _prey(cloud: LocalCloud, fleet: Fleet, victim: Tenant, after: ExitStack) -> Prey:
    names = fleet.names(victim)
    network = cloud.network(victim.id)
    owner = session_from(cloud.session(victim.id, names.role("data-owner"), "sign-in", network))
    s3, kms = _client(cloud, owner, "s3", network), _client(cloud, owner, "kms", network)
    held = s3.list_objects_v2(Bucket=names.bucket("data"), MaxKeys=1).get("Contents", [])
    if not held:
        msg = f"{victim.id}: its data bucket is empty. Seal a data set first: `bulkhead data seal {victim.id} …`"
        raise CommandError(msg)
    object_key = held[0]["Key"]
    wrapped = kms.generate_data_key(
        KeyId=names.key_alias("data"), KeySpec="AES_256", EncryptionContext={"tenant": victim.id}
    )
    # Signed by a real user of the data, but to be used where anyone could use it: outside the network.
    outside = _client(cloud, owner, "s3")
    presigned = outside.generate_presigned_url("get_object", Params={"Bucket": names.bucket("data"), "Key": object_key})
    ec2 = _client(cloud, _deployer(cloud, victim), "ec2")
    volume = ec2.create_volume(AvailabilityZone=f"{victim.region}a", Size=1)["VolumeId"]
    after.callback(ec2.delete_volume, VolumeId=volume)
    snapshot = ec2.create_snapshot(VolumeId=volume)["SnapshotId"]
    after.callback(ec2.delete_snapshot, SnapshotId=snapshot)
    disk = [{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": snapshot}}]
    image = ec2.register_image(Name="prey", RootDeviceName="/dev/sda1", BlockDeviceMappings=disk)["ImageId"]
    after.callback(ec2.deregister_image, ImageId=image)
    logs = _client(cloud, _deployer(cloud, victim), "logs")
    streams = logs.describe_log_streams(logGroupName=names.ledger_log_group)["logStreams"]
    stream = streams[0]["logStreamName"] if streams else "none"
    return Prey(object_key, wrapped["CiphertextBlob"], presigned, snapshot, image, volume, stream)
