"""Every name and tag that the platform gives, derived from the tenant's id in this one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

KeyPurpose = Literal["disk", "data", "checkpoint", "export", "logs"]
BucketPurpose = Literal["data", "checkpoint", "model"]
RoleName = Literal["trainer", "data-owner", "auditor"]

KEY_PURPOSES: tuple[KeyPurpose, ...] = ("disk", "data", "checkpoint", "export", "logs")
BUCKET_PURPOSES: tuple[BucketPurpose, ...] = ("data", "checkpoint", "model")
KEY_OF_BUCKET: dict[BucketPurpose, KeyPurpose] = {"data": "data", "checkpoint": "checkpoint", "model": "export"}

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
