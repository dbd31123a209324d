"""The same state as Terraform JSON, for scanners of configuration."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.scanners.cloud import INTERNAL
from benchmarks.scanners.tenants import REGION, Tenant, bucket_policy, key_policy, reads, role_policy, trust

Resources = dict[str, dict[str, dict[str, Any]]]


def clean(tenants: Sequence[Tenant]) -> Resources:
    """The clean state: resource type, name, arguments."""
    made: Resources = defaultdict(dict)
    for tenant in tenants:
        _tenant(made, tenant)
    return made


def plant_data(made: Resources, victim: Tenant, attacker: Tenant) -> tuple[str, ...]:
    """V1; returns the names of what leaks."""
    document = bucket_policy(victim, reads(victim, {"AWS": attacker.role_arn}))
    made["aws_s3_bucket_policy"][f"{victim.id}_bucket_policy"]["policy"] = json.dumps(document)
    return f"{victim.id}_bucket", f"{victim.id}_bucket_policy"


def plant_key(made: Resources, victim: Tenant, attacker: Tenant) -> tuple[str, ...]:
    """V2; returns the names of what leaks."""
    made["aws_kms_grant"][f"{victim.id}_grant"] = {
        "key_id": f"${{aws_kms_key.{victim.id}_key.key_id}}",
        "grantee_principal": attacker.role_arn,
        "operations": ["Decrypt"],
    }
    return f"{victim.id}_key", f"{victim.id}_grant"


def plant_network(made: Resources, victim: Tenant, attacker: Tenant) -> tuple[str, ...]:
    """V3; returns the names of what leaks."""
    made["aws_vpc_peering_connection"]["peering"] = {
        "vpc_id": f"${{aws_vpc.{attacker.id}_vpc.id}}",
        "peer_vpc_id": f"${{aws_vpc.{victim.id}_vpc.id}}",
        "auto_accept": True,
    }
    names = ["peering"]
    for here, there in ((victim, attacker), (attacker, victim)):
        made["aws_route"][f"{here.id}_route"] = {
            "route_table_id": f"${{aws_route_table.{here.id}_table.id}}",
            "destination_cidr_block": there.subnet,
            "vpc_peering_connection_id": "${aws_vpc_peering_connection.peering.id}",
        }
        names += [f"{here.id}_vpc", f"{here.id}_table", f"{here.id}_route"]
    return tuple(names)


def plant_public(made: Resources, victim: Tenant) -> tuple[str, ...]:
    """The control; returns the names of what leaks."""
    made["aws_s3_bucket_policy"][f"{victim.id}_bucket_policy"]["policy"] = json.dumps(
        bucket_policy(victim, reads(victim, "*"))
    )
    return f"{victim.id}_bucket", f"{victim.id}_bucket_policy"


def write(made: Resources, folder: Path) -> int:
    """Writes `main.tf.json`; returns how many resources are in it."""
    # Terraform takes a provider as an object too; checkov's parser only as a list, as cdktf writes it.
    document = {"provider": {"aws": [{"region": REGION}]}, "resource": made}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.tf.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return sum(len(named) for named in made.values())


def _tenant(made: Resources, tenant: Tenant) -> None:
    name, tags = tenant.id, tenant.tags
    key = f"${{aws_kms_key.{name}_key.arn}}"
    bucket = f"${{aws_s3_bucket.{name}_bucket.id}}"
    vpc = f"${{aws_vpc.{name}_vpc.id}}"
    subnet = f"${{aws_subnet.{name}_subnet.id}}"
    made["aws_kms_key"][f"{name}_key"] = {
        "policy": json.dumps(key_policy()),
        "enable_key_rotation": True,
        "tags": tags,
    }
    made["aws_kms_alias"][f"{name}_alias"] = {
        "name": tenant.alias,
        "target_key_id": f"${{aws_kms_key.{name}_key.key_id}}",
    }
    made["aws_iam_role"][f"{name}_role"] = {
        "name": tenant.role,
        "assume_role_policy": json.dumps(trust()),
        "tags": tags,
    }
    made["aws_iam_role_policy"][f"{name}_work"] = {
        "role": f"${{aws_iam_role.{name}_role.id}}",
        "policy": json.dumps(role_policy(tenant, key)),
    }
    made["aws_s3_bucket"][f"{name}_bucket"] = {"bucket": tenant.bucket, "tags": tags}
    made["aws_s3_bucket_policy"][f"{name}_bucket_policy"] = {
        "bucket": bucket,
        "policy": json.dumps(bucket_policy(tenant)),
    }
    made["aws_s3_bucket_ownership_controls"][f"{name}_ownership"] = {
        "bucket": bucket,
        "rule": {"object_ownership": "BucketOwnerEnforced"},
    }
    encryption = {"sse_algorithm": "aws:kms", "kms_master_key_id": key}
    made["aws_s3_bucket_server_side_encryption_configuration"][f"{name}_encryption"] = {
        "bucket": bucket,
        "rule": {"apply_server_side_encryption_by_default": encryption},
    }
    made["aws_vpc"][f"{name}_vpc"] = {"cidr_block": tenant.network, "tags": tags}
    made["aws_subnet"][f"{name}_subnet"] = {"vpc_id": vpc, "cidr_block": tenant.subnet, "tags": tags}
    made["aws_route_table"][f"{name}_table"] = {"vpc_id": vpc, "tags": tags}
    made["aws_route_table_association"][f"{name}_association"] = {
        "route_table_id": f"${{aws_route_table.{name}_table.id}}",
        "subnet_id": subnet,
    }
    made["aws_security_group"][f"{name}_hosts"] = {
        "description": "hosts",
        "vpc_id": vpc,
        "ingress": [{"protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": [INTERNAL]}],
        "egress": [{"protocol": "-1", "from_port": 0, "to_port": 0, "cidr_blocks": ["0.0.0.0/0"]}],
        "tags": tags,
    }
    made["aws_network_interface"][f"{name}_host"] = {
        "subnet_id": subnet,
        "security_groups": [f"${{aws_security_group.{name}_hosts.id}}"],
        "tags": tags,
    }
