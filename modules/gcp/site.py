"""What every construct of a stack on Google Cloud shares: whose it is, where it goes, and how it is labelled."""

from __future__ import annotations

from dataclasses import dataclass

from attestation.release.policy import ReleasePolicy
from modules.aws.profile import ProfileName
from modules.policy.gcp_scope import GcpScope, platform_labels
from tenancy.google import GoogleOrganisation
from tenancy.names import GcpNames
from tenancy.platform import Cloud, Image, Platform, Shape
from tenancy.tenant import Tenant


@dataclass(frozen=True)
class GcpPlatformSite:
    """A stack that belongs to no tenant: the organisation's, or the audit project's."""

    platform: Platform
    cloud: Cloud
    organisation: GoogleOrganisation
    profile: ProfileName
    layer: str
    audit_project: str
    audit_project_number: str

    @property
    def region(self) -> str:
        """Where the audit project keeps its store: the first of the platform's regions on Google Cloud."""
        return self.cloud.regions[0]

    @property
    def organisation_name(self) -> str:
        """The organisation as resource names write it."""
        return f"organizations/{self.organisation.id}"

    def labels(self, **more: str) -> dict[str, str]:
        """The labels of a resource of this stack."""
        return {**platform_labels(self.platform.name, self.layer), **more}


@dataclass(frozen=True)
class GcpSite:
    """A tenant's stack of one layer."""

    platform: Platform
    tenant: Tenant
    cloud: Cloud
    scope: GcpScope
    release: ReleasePolicy
    profile: ProfileName
    layer: str

    @property
    def names(self) -> GcpNames:
        """The names of the tenant's resources."""
        return self.scope.names

    @property
    def region(self) -> str:
        """The tenant's region."""
        return self.scope.region

    @property
    def organisation(self) -> GoogleOrganisation:
        """The organisation that the tenant's projects belong to."""
        return self.scope.organisation

    @property
    def shape(self) -> Shape:
        """The machine that the tenant's file asks for."""
        return self.cloud.shapes[self.tenant.compute.shape]

    @property
    def image(self) -> Image:
        """The image that its machines start."""
        return self.cloud.images[self.tenant.compute.image]

    def labels(self, **more: str) -> dict[str, str]:
        """The labels of a resource of this stack; `more` adds `purpose` or `sensitivity`."""
        return self.names.labels(self.layer, **more)


def auditor_role(organisation: GoogleOrganisation) -> str:
    """The organisation's role of the scan, as grants name it."""
    return f"organizations/{organisation.id}/roles/{AUDITOR_ROLE}"


def operator_role(organisation: GoogleOrganisation) -> str:
    """The organisation's role of those who take machines away."""
    return f"organizations/{organisation.id}/roles/{OPERATOR_ROLE}"


AUDITOR_ROLE = "bulkheadAuditor"
OPERATOR_ROLE = "bulkheadOperator"
