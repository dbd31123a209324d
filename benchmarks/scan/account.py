"""One account with 350 resources, seven kinds of fifty, for scanners to read."""

from __future__ import annotations

import json
from typing import Any

from benchmarks.scanners.cloud import client

EACH = 50
KINDS = ("bucket", "key", "role", "VPC", "subnet", "security group", "VPC endpoint")
RESOURCES = EACH * len(KINDS)


def fill(endpoint: str) -> None:
    """Makes the resources."""
    s3, kms, iam, ec2 = (client(endpoint, service) for service in ("s3", "kms", "iam", "ec2"))
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    for number in range(EACH):
        s3.create_bucket(Bucket=f"scanned-{number:03d}")
        kms.create_key(Description=f"scanned {number}")
        iam.create_role(RoleName=f"scanned-{number:03d}", AssumeRolePolicyDocument=trust)
        _network(ec2, number)


def _network(ec2: Any, number: int) -> None:
    vpc = ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"]
    ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.{number}.0.0/24")
    ec2.create_security_group(GroupName=f"scanned-{number:03d}", Description="hosts", VpcId=vpc)
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3")
