"""The shared account in a moto server: the clean state, and what is planted in it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.scanners.tenants import REGION, Tenant, bucket_policy, key_policy, reads, role_policy, trust

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
"""Credentials that moto takes for those of its own account."""
_STARTS_IN = 60.0
INTERNAL = "10.0.0.0/8"
"""What every host's security group lets in, so that routes alone separate the tenants' networks."""


@dataclass(frozen=True)
class Placed:
    """What the cloud called a tenant's things."""

    key: str
    key_arn: str
    vpc: str
    subnet: str
    table: str
    host: str


@contextmanager
def moto_server() -> Iterator[str]:
    """A moto server on a free port of loopback; yields its URL. Raises RuntimeError if it does not start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    here = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    environment = os.environ | KEYS | here | {"MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.scanners.server", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    ends = time.monotonic() + _STARTS_IN
    while time.monotonic() < ends and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    msg = f"the moto server on port {port} did not start: run `python -m benchmarks.scanners.server {port}` to see why"
    raise RuntimeError(msg)


def client(endpoint: str, service: str) -> Any:
    """A client of the shared account."""
    import boto3  # noqa: PLC0415 -- the scan that is measured takes only the keys from here

    make: Any = boto3.client
    return make(
        service,
        region_name=REGION,
        endpoint_url=endpoint,
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
    )


def deploy(endpoint: str, tenants: Sequence[Tenant]) -> dict[str, Placed]:
    """Makes the clean state; returns by tenant what its things are called."""
    iam, s3, kms, ec2 = (client(endpoint, service) for service in ("iam", "s3", "kms", "ec2"))
    placed = {}
    for tenant in tenants:
        key = _key(kms, tenant)
        _role(iam, tenant, key["Arn"])
        _bucket(s3, tenant, key["Arn"])
        vpc, subnet, table, host = _network(ec2, tenant)
        placed[tenant.id] = Placed(key["KeyId"], key["Arn"], vpc, subnet, table, host)
    return placed


def _tags(tenant: Tenant) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tenant.tags.items()]


def _key(kms: Any, tenant: Tenant) -> Mapping[str, str]:
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in _tags(tenant)]
    key: Mapping[str, str] = kms.create_key(Policy=json.dumps(key_policy()), Tags=tags)["KeyMetadata"]
    kms.enable_key_rotation(KeyId=key["KeyId"])
    kms.create_alias(AliasName=tenant.alias, TargetKeyId=key["KeyId"])
    return key


def _role(iam: Any, tenant: Tenant, key: str) -> None:
    iam.create_role(RoleName=tenant.role, AssumeRolePolicyDocument=json.dumps(trust()), Tags=_tags(tenant))
    document = json.dumps(role_policy(tenant, key))
    iam.put_role_policy(RoleName=tenant.role, PolicyName="work", PolicyDocument=document)


def _bucket(s3: Any, tenant: Tenant, key: str) -> None:
    name = tenant.bucket
    encryption = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.create_bucket(Bucket=name)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": _tags(tenant)})
    s3.put_bucket_ownership_controls(
        Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    s3.put_bucket_encryption(
        Bucket=name,
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": encryption}]},
    )
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps(bucket_policy(tenant)))


def _network(ec2: Any, tenant: Tenant) -> tuple[str, str, str, str]:
    def tagged(kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": _tags(tenant)}]

    vpc = ec2.create_vpc(CidrBlock=tenant.network, TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=tenant.subnet, TagSpecifications=tagged("subnet"))["Subnet"]
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table"))["RouteTable"]["RouteTableId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet["SubnetId"])
    group = ec2.create_security_group(
        GroupName=f"{tenant.id}-hosts", Description="hosts", VpcId=vpc, TagSpecifications=tagged("security-group")
    )["GroupId"]
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": INTERNAL}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
    host = ec2.create_network_interface(
        SubnetId=subnet["SubnetId"], Groups=[group], TagSpecifications=tagged("network-interface")
    )["NetworkInterface"]["NetworkInterfaceId"]
    return vpc, subnet["SubnetId"], table, host


def plant_data(endpoint: str, victim: Tenant, attacker: Tenant) -> tuple[str, ...]:
    """V1: the victim's bucket policy grants `s3:GetObject` to the attacker's role. Returns what leaks."""
    document = bucket_policy(victim, reads(victim, {"AWS": attacker.role_arn}))
    client(endpoint, "s3").put_bucket_policy(Bucket=victim.bucket, Policy=json.dumps(document))
    return (victim.bucket,)


def plant_key(endpoint: str, victim: Placed, attacker: Tenant) -> tuple[str, ...]:
    """V2: a grant lets the attacker's role decrypt with the victim's key. Returns what leaks."""
    grant = client(endpoint, "kms").create_grant(
        KeyId=victim.key, GranteePrincipal=attacker.role_arn, Operations=["Decrypt"]
    )
    return victim.key, grant["GrantId"]


def plant_network(endpoint: str, victim: tuple[Tenant, Placed], attacker: tuple[Tenant, Placed]) -> tuple[str, ...]:
    """V3: an active peering, with routes both ways to the other's /24. Returns what leaks."""
    ec2 = client(endpoint, "ec2")
    (owner, here), (stranger, there) = victim, attacker
    peering = ec2.create_vpc_peering_connection(VpcId=there.vpc, PeerVpcId=here.vpc)["VpcPeeringConnection"]
    name = peering["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=name)
    for table, target in ((here.table, stranger.subnet), (there.table, owner.subnet)):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock=target, VpcPeeringConnectionId=name)
    return name, here.vpc, there.vpc, here.table, there.table


def plant_public(endpoint: str, victim: Tenant) -> tuple[str, ...]:
    """The control: anyone at all may read the victim's bucket, which is what public scanners look for."""
    document = bucket_policy(victim, reads(victim, "*"))
    client(endpoint, "s3").put_bucket_policy(Bucket=victim.bucket, Policy=json.dumps(document))
    return (victim.bucket,)
