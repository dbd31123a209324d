"""The organisation once: folders, what holds for everything in them, and the projects of the fleet."""

from __future__ import annotations

from cdktn_provider_google.compute_firewall_policy import ComputeFirewallPolicy
from cdktn_provider_google.compute_firewall_policy_association import ComputeFirewallPolicyAssociation
from cdktn_provider_google.compute_firewall_policy_rule import ComputeFirewallPolicyRule
from cdktn_provider_google.folder import Folder
from cdktn_provider_google.folder_iam_audit_config import FolderIamAuditConfig
from cdktn_provider_google.organization_iam_custom_role import OrganizationIamCustomRole
from cdktn_provider_google.project_iam_audit_config import ProjectIamAuditConfig
from constructs import Construct

from modules.gcp.made import made
from modules.gcp.policies import CustomConstraints, Denials, OrganisationPolicies
from modules.gcp.projects import OwnProject
from modules.gcp.site import AUDITOR_ROLE, OPERATOR_ROLE, GcpPlatformSite
from modules.policy import gcp_deny, gcp_iam, gcp_network
from modules.policy import gcp_org_policies as constraints
from tenancy.lifecycle import State
from tenancy.names import GcpNames
from tenancy.tenant import Tenant

LOGGED = ("ADMIN_READ", "DATA_READ", "DATA_WRITE")
AUDIT_SERVICES = (
    "cloudkms.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "cloudasset.googleapis.com",
    "storage.googleapis.com",
    "serviceusage.googleapis.com",
)


class Organisation(Construct):
    """Two folders under the same guardrails; in the second one, tenants in quarantine, nothing runs."""

    def __init__(self, scope: Construct, name: str, site: GcpPlatformSite) -> None:
        super().__init__(scope, name)
        self._site = site
        settings = site.platform.organisation
        self.folders = {
            "tenants": self._folder("tenants", settings.tenants_unit),
            "quarantine": self._folder("quarantine", settings.quarantine_unit),
        }

    def add_guardrails(self) -> None:
        """What cannot be configured at all, in either folder."""
        site = self._site
        rotation = site.platform.floors.key_rotation_days
        custom = CustomConstraints(
            self, "constraints", site.organisation_name, constraints.custom_constraints(rotation)
        )
        OrganisationPolicies(
            self, "organisation-policies", site.organisation_name, constraints.organisation_policies(), custom.all
        )
        for name, folder in self.folders.items():
            OrganisationPolicies(
                self,
                f"{name}-policies",
                folder.name,
                constraints.folder_policies(site.organisation, site.cloud.regions),
                custom.all,
            )

    def add_firewall(self) -> None:
        """The hierarchical firewall policy on both folders."""
        policy = made(
            ComputeFirewallPolicy,
            self,
            "firewall",
            parent=self._site.organisation_name,
            short_name=f"{self._site.platform.name}-tenants",
            description="No network below opens what this closes",
        )
        for rule in gcp_network.folder_rules():
            made(ComputeFirewallPolicyRule, self, f"firewall-{rule['priority']}", firewall_policy=policy.name, **rule)
        for name, folder in self.folders.items():
            made(
                ComputeFirewallPolicyAssociation,
                self,
                f"firewall-on-{name}",
                name=f"{self._site.platform.name}-{name}",
                attachment_target=folder.name,
                firewall_policy=policy.name,
            )

    def add_audit(self) -> None:
        """Every read and write of data in every tenant's project is logged, by everyone, and cannot be switched off."""
        for name, folder in self.folders.items():
            made(
                FolderIamAuditConfig,
                self,
                f"audit-{name}",
                folder=folder.name,
                service="allServices",
                audit_log_config=[{"log_type": kind} for kind in LOGGED],
            )

    def add_roles(self) -> None:
        """Roles that no predefined one is narrow enough for."""
        for role, title, permissions in (
            (AUDITOR_ROLE, "Reads settings, never data", gcp_iam.AUDITOR_PERMISSIONS),
            (OPERATOR_ROLE, "Sees machines and takes them away", gcp_iam.OPERATOR_PERMISSIONS),
        ):
            made(
                OrganizationIamCustomRole,
                self,
                role,
                org_id=self._site.organisation.id,
                role_id=role,
                title=title,
                permissions=list(permissions),
            )

    def add_quarantine(self) -> None:
        """In the quarantine folder no key opens and no object moves, whoever asks; evidence stays where it is."""
        Denials(self, "quarantined", self.folders["quarantine"].name, gcp_deny.quarantine_denials())

    def add_tenant(self, tenant: Tenant, names: GcpNames) -> dict[str, str]:
        """The tenant's two projects, in the folder that its lifecycle state asks for; their numbers, by field."""
        numbers = {}
        folder = self.folders["quarantine" if tenant.lifecycle.state is State.QUARANTINED else "tenants"]
        for field, suffix, project_id, services in (
            ("project_number", "", names.project, constraints.SERVICES),
            ("key_project_number", "-keys", names.key_project, constraints.KEY_SERVICES),
        ):
            own = OwnProject(
                self,
                f"project-{tenant.id}{suffix}",
                self._site,
                project_id=project_id,
                folder_id=folder.folder_id,
                services=services,
                labels=self._site.labels(tenant=tenant.id),
            )
            numbers[field] = own.project.number
        return numbers

    def add_audit_project(self) -> dict[str, str]:
        """The audit project: beside the folders, because no policy of the tenants is meant for it. Its number."""
        audit = OwnProject(
            self,
            "audit-project",
            self._site,
            project_id=self._site.audit_project,
            folder_id=None,
            services=AUDIT_SERVICES,
            labels=self._site.labels(),
        )
        made(
            ProjectIamAuditConfig,
            self,
            "audit-audit",
            project=audit.project.project_id,
            service="allServices",
            audit_log_config=[{"log_type": kind} for kind in LOGGED],
        )
        return {"audit_project_number": audit.project.number}

    def _folder(self, name: str, shown: str) -> Folder:
        return made(
            Folder,
            self,
            f"{name}-folder",
            display_name=f"{self._site.platform.name}-{shown}",
            parent=self._site.organisation_name,
            deletion_protection=True,
        )
