"""The tenants of the shared account: names and policies, from which both the live state and the Terraform are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ACCOUNT = "123456789012"
"""Moto's own account."""
REGION = "us-east-1"
PLATFORM = "bench"

Document = dict[str, Any]


@dataclass(frozen=True)
class Tenant:
    """One tenant: a bucket, a customer-managed key, a VPC with one host, and a role. `number` is below 250."""

    number: int

    @property
    def id(self) -> str:
        """The tenant's id, which is also the prefix of its names in Terraform."""
        return f"t{self.number:03d}"

    @property
    def bucket(self) -> str:
        """The name of its bucket."""
        return f"{PLATFORM}-{self.id}-data"

    @property
    def alias(self) -> str:
        """The alias of its key."""
        return f"alias/{PLATFORM}/{self.id}/data"

    @property
    def role(self) -> str:
        """The name of its role."""
        return f"{PLATFORM}-{self.id}-trainer"

    @property
    def role_arn(self) -> str:
        """The ARN of its role."""
        return f"arn:aws:iam::{ACCOUNT}:role/{self.role}"

    @property
    def network(self) -> str:
        """The CIDR of its VPC, a /16."""
        return f"10.{self.number}.0.0/16"

    @property
    def subnet(self) -> str:
        """The CIDR of its only subnet, a /24."""
        return f"10.{self.number}.1.0/24"

    @property
    def tags(self) -> dict[str, str]:
        """The tags of everything that it owns."""
        return {"tenant": self.id}


def policy(*statements: Document) -> Document:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def trust() -> Document:
    """EC2 alone may assume a tenant's role."""
    return policy(
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}},
    )


def role_policy(tenant: Tenant, key: str) -> Document:
    """A tenant's role works on the tenant's own bucket and key (`key` is its ARN) and on nothing else."""
    mine = [f"arn:aws:s3:::{tenant.bucket}", f"arn:aws:s3:::{tenant.bucket}/*"]
    return policy(
        {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"], "Resource": mine},
        {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": key},
    )


def key_policy() -> Document:
    """The account decides by IAM who uses a key: AWS's own default."""
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    return policy({"Sid": "Root", "Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"})


def bucket_policy(tenant: Tenant, *more: Document) -> Document:
    """TLS only, and whatever a leak adds."""
    both = [f"arn:aws:s3:::{tenant.bucket}", f"arn:aws:s3:::{tenant.bucket}/*"]
    plain = {"Bool": {"aws:SecureTransport": "false"}}
    return policy(
        {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": both, "Condition": plain},
        *more,
    )


def reads(tenant: Tenant, principal: Any) -> Document:
    """A statement that lets somebody read a tenant's objects."""
    return {
        "Effect": "Allow",
        "Principal": principal,
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{tenant.bucket}/*",
    }
