"""Every name, tag and label that the platform gives, derived from the tenant's id in this one place."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

KeyPurpose = Literal["disk", "data", "checkpoint", "export", "logs"]
BucketPurpose = Literal["data", "checkpoint", "model"]
RoleName = Literal["trainer", "data-owner", "auditor"]

KEY_PURPOSES: tuple[KeyPurpose, ...] = ("disk", "data", "checkpoint", "export", "logs")
BUCKET_PURPOSES: tuple[BucketPurpose, ...] = ("data", "checkpoint", "model")
KEY_OF_BUCKET: dict[BucketPurpose, KeyPurpose] = {"data": "disk", "checkpoint": "disk", "model": "disk"}
"""The key under which the storage service encrypts a bucket at rest. S3 cannot attest, so it is never one of the keys
that are released by measurement: those seal what is in the objects (docs/decisions, "Keys at rest and keys in use")."""

DEPLOYER_ROLE = "OrganizationAccountAccessRole"
"""The role that AWS Organizations creates in every member account; the platform deploys through it."""

PLATFORM_TENANT = "platform"
"""The value of the `tenant` tag on what belongs to no tenant. No tenant may have this id."""


@dataclass(frozen=True)
class Names:
    """The names of one tenant on AWS."""

    platform: str
    tenant: str

    @property
    def prefix(self) -> str:
        """What every name of the tenant starts with."""
        return f"{self.platform}-{self.tenant}"

    def bucket(self, purpose: BucketPurpose) -> str:
        """The bucket for a purpose."""
        return f"{self.prefix}-{purpose}"

    def bucket_arn(self, purpose: BucketPurpose) -> str:
        """Its ARN."""
        return f"arn:aws:s3:::{self.bucket(purpose)}"

    def key_alias(self, purpose: KeyPurpose) -> str:
        """The alias of the KMS key for a purpose."""
        return f"alias/{self.platform}/{self.tenant}/{purpose}"

    def role(self, role: RoleName) -> str:
        """The name of a role."""
        return f"{self.prefix}-{role}"

    @property
    def boundary(self) -> str:
        """The name of the permission boundary that every role of the tenant carries."""
        return f"{self.prefix}-boundary"

    @property
    def ledger_log_group(self) -> str:
        """The log group of the tenant's hash-linked training events."""
        return f"/{self.platform}/{self.tenant}/ledger"

    @property
    def flow_log_group(self) -> str:
        """The log group of the tenant's network flow records."""
        return f"/{self.platform}/{self.tenant}/flow"

    def tags(self, layer: str, **more: str) -> dict[str, str]:
        """The tags of a resource of this tenant."""
        return {"tenant": self.tenant, "platform": self.platform, "layer": layer, **more}


def audit_bucket(platform: str) -> str:
    """The bucket in the audit account that keeps the organisation's trail under Object Lock."""
    return f"{platform}-audit"


def audit_key_alias(platform: str) -> str:
    """The alias of the audit account's own key."""
    return f"alias/{platform}/audit"


def trail(platform: str) -> str:
    """The organisation trail."""
    return f"{platform}-organisation"


def platform_tags(platform: str, layer: str) -> dict[str, str]:
    """The tags of what belongs to no tenant."""
    return {"tenant": PLATFORM_TENANT, "platform": platform, "layer": layer}


PROJECT_ID = (6, 30)
"""Characters of a Google Cloud project id (Resource Manager documentation, "Creating a project")."""
SERVICE_ACCOUNT_ID = (6, 30)
"""Characters before the `@` of a service account (IAM documentation, "Create service accounts")."""
KEY_PROJECT_SUFFIX = "-keys"
WORKLOAD_PROVIDER = "confidential-space"
"""The workload identity pool's one provider: Google Cloud Attestation's tokens of Confidential Space machines."""


def fitted(name: str, least: int, most: int) -> str:
    """`name`, or where it is too short or too long its beginning with six hexadecimal digits of its SHA-256 behind.

    The digits keep two long names apart that begin alike.
    """
    if least <= len(name) <= most:
        return name
    return f"{name[: most - 7].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


@dataclass(frozen=True)
class GcpNames:
    """The names of one tenant on Google Cloud. Buckets and labels are those of `Names`.

    `project_id` is given where the tenant's file names one: project ids are unique among all users of Google Cloud.
    """

    platform: str
    tenant: str
    project_id: str | None = None

    @property
    def prefix(self) -> str:
        """What the names of the tenant start with."""
        return f"{self.platform}-{self.tenant}"

    @property
    def project(self) -> str:
        """The id of the tenant's project; short enough that the key project's id fits as well."""
        least, most = PROJECT_ID
        return self.project_id or fitted(self.prefix, least, most - len(KEY_PROJECT_SUFFIX))

    @property
    def key_project(self) -> str:
        """The id of the project that holds the tenant's keys and its workload identity pool, and nothing else."""
        return f"{self.project}{KEY_PROJECT_SUFFIX}"

    def bucket(self, purpose: BucketPurpose) -> str:
        """The bucket for a purpose."""
        return f"{self.prefix}-{purpose}"

    @property
    def ledger_bucket(self) -> str:
        """The bucket of the training ledger: one object per record."""
        return f"{self.prefix}-ledger"

    @property
    def key_ring(self) -> str:
        """The key ring, in the key project and the tenant's region; its keys are called by their purposes."""
        return self.prefix

    def key(self, region: str, purpose: KeyPurpose) -> str:
        """The resource name of the key for a purpose."""
        ring = f"projects/{self.key_project}/locations/{region}/keyRings/{self.key_ring}"
        return f"{ring}/cryptoKeys/{purpose}"

    def account(self, role: RoleName) -> str:
        """The id of a role's service account: what stands before the `@`."""
        return fitted(f"{self.tenant}-{role}", *SERVICE_ACCOUNT_ID)

    def account_email(self, role: RoleName) -> str:
        """The e-mail address of a role's service account, in the tenant's project."""
        return f"{self.account(role)}@{self.project}.iam.gserviceaccount.com"

    @property
    def pool(self) -> str:
        """The workload identity pool of the tenant's nodes, in the key project."""
        return f"{self.tenant}-nodes"

    @property
    def perimeter(self) -> str:
        """The tenant's service perimeter; the names of perimeters take no hyphens."""
        return self.prefix.replace("-", "_")

    @property
    def network(self) -> str:
        """The VPC network."""
        return self.prefix

    def labels(self, layer: str, **more: str) -> dict[str, str]:
        """The labels of a resource of this tenant: the same as the tags on AWS."""
        return {"tenant": self.tenant, "platform": self.platform, "layer": layer, **more}


def audit_project(platform: str) -> str:
    """The project id of the audit project, unless platform.yaml names another."""
    return fitted(f"{platform}-audit", *PROJECT_ID)
