"""What the policy documents of one tenant are made from, and the type of a document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from attestation.release.policy import AcceptedImage
from tenancy.names import DEPLOYER_ROLE, Names, RoleName

Document = dict[str, Any]
"""An IAM policy document, ready for `json.dumps`."""

Statement = dict[str, Any]
"""One statement of a document."""


@dataclass(frozen=True)
class TenantScope:
    """One tenant as its policies see it: who it is, where it lives, and which accounts are the platform's."""

    names: Names
    account_id: str
    region: str
    audit_account_id: str
    management_account_id: str
    images: tuple[AcceptedImage, ...] = ()
    """The measured builds of the tenant's image, with how far the roll-out of each has come."""
    canary: bool = False
    """Whether the tenant's machines may boot builds that are in their trial."""

    @property
    def root_arn(self) -> str:
        """The ARN that stands for the whole account in a `Principal` element."""
        return f"arn:aws:iam::{self.account_id}:root"

    @property
    def deployer_arn(self) -> str:
        """The role through which the platform deploys into the tenant's account."""
        return f"arn:aws:iam::{self.account_id}:role/{DEPLOYER_ROLE}"

    @property
    def boundary_arn(self) -> str:
        """The permission boundary of every role of the tenant."""
        return f"arn:aws:iam::{self.account_id}:policy/{self.names.boundary}"

    def role_arn(self, role: RoleName) -> str:
        """The ARN of one of the tenant's roles."""
        return f"arn:aws:iam::{self.account_id}:role/{self.names.role(role)}"


def document(*statements: Statement) -> Document:
    """A policy document of the current version with these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}
