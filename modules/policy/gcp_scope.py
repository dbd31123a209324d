"""What the policy documents of one tenant on Google Cloud are made from, and how principals are written.

Documents are written as Terraform's google provider takes them (snake case), so that a test, the bindings and the
provider read the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tenancy.google import GoogleOrganisation
from tenancy.names import PLATFORM_TENANT, GcpNames, RoleName

Document = dict[str, Any]
"""Arguments of a resource, or an IAM policy: ready for Terraform."""

EVERYONE = "principalSet://goog/public:all"
"""All principals, in deny policies (IAM documentation, "Principal identifiers")."""

COLLECTOR = "compliance-collector"
"""The service account in the audit project that reads settings for the scan."""


@dataclass(frozen=True)
class GcpScope:
    """One tenant as its policies see it: its two projects, where it lives, and which principals are the platform's."""

    names: GcpNames
    project_number: str
    key_project_number: str
    region: str
    zone: str
    organisation: GoogleOrganisation
    audit_project: str
    audit_project_number: str

    def account(self, role: RoleName) -> str:
        """The e-mail address of one of the tenant's service accounts."""
        return self.names.account_email(role)

    @property
    def pool(self) -> str:
        """The resource name of the tenant's workload identity pool, by project number as IAM writes it."""
        return f"projects/{self.key_project_number}/locations/global/workloadIdentityPools/{self.names.pool}"

    @property
    def attested(self) -> str:
        """Every machine that the pool lets in, for deny policies."""
        return f"principalSet://iam.googleapis.com/{self.pool}/*"

    @property
    def collector(self) -> str:
        """The e-mail address of the scan's service account."""
        return f"{COLLECTOR}@{self.audit_project}.iam.gserviceaccount.com"

    def group(self, kind: str) -> str:
        """The address of a group of the tenant's people: `data-owners` or `approvers`."""
        return f"{self.names.prefix}-{kind}@{self.organisation.domain}"

    def platform_group(self, kind: str) -> str:
        """The address of a group of the platform's people: `operators` or `security`."""
        return f"{self.names.platform}-{kind}@{self.organisation.domain}"

    @property
    def storage_agent(self) -> str:
        """The service agent that encrypts the tenant project's objects."""
        return f"service-{self.project_number}@gs-project-accounts.iam.gserviceaccount.com"

    @property
    def compute_agent(self) -> str:
        """The service agent that encrypts its disks."""
        return f"service-{self.project_number}@compute-system.iam.gserviceaccount.com"

    @property
    def logging_agent(self) -> str:
        """The service agent that encrypts its logs."""
        return f"service-{self.project_number}@gcp-sa-logging.iam.gserviceaccount.com"

    @property
    def access_agent(self) -> str:
        """Privileged Access Manager's service agent, which gives and takes back what an entitlement grants."""
        return f"service-org-{self.organisation.id}@gcp-sa-pam.iam.gserviceaccount.com"


def service_account(email: str) -> str:
    """A service account as a member of an allow policy."""
    return f"serviceAccount:{email}"


def denied_account(email: str) -> str:
    """A service account or service agent as deny policies name it."""
    return f"principal://iam.googleapis.com/projects/-/serviceAccounts/{email}"


def denied_group(address: str) -> str:
    """A group as deny policies name it."""
    return f"principalSet://goog/group/{address}"


def platform_labels(platform: str, layer: str) -> dict[str, str]:
    """The labels of what belongs to no tenant."""
    return {"tenant": PLATFORM_TENANT, "platform": platform, "layer": layer}
