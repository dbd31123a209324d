"""A tenant's identities: three service accounts, who may act as them, and the boundary around all of them."""

from __future__ import annotations

from typing import get_args

from cdktn_provider_google.iam_principal_access_boundary_policy import IamPrincipalAccessBoundaryPolicy
from cdktn_provider_google.iam_projects_policy_binding import IamProjectsPolicyBinding
from cdktn_provider_google.project_iam_member import ProjectIamMember
from cdktn_provider_google.service_account import ServiceAccount
from cdktn_provider_google.service_account_iam_policy import ServiceAccountIamPolicy
from constructs import Construct

from modules.gcp.images import image_project
from modules.gcp.made import made
from modules.gcp.site import GcpSite, auditor_role
from modules.policy import gcp_boundary, gcp_iam
from tenancy.names import RoleName

ROLES: tuple[RoleName, ...] = get_args(RoleName)


class Identity(Construct):
    """The trainer, the data owner and the auditor. There are no keys for them: a key is a password in a file."""

    def __init__(self, scope: Construct, name: str, site: GcpSite) -> None:
        super().__init__(scope, name)
        self._site = site
        self.accounts = {role: self._account(role) for role in ROLES}
        role = auditor_role(site.organisation)
        self._grants("project", site.names.project, gcp_iam.project_grants(site.scope, role))
        self._grants("keys", site.names.key_project, gcp_iam.key_project_grants(site.scope, role))
        self._boundary()

    @property
    def all(self) -> list[ServiceAccount]:
        """What a policy that names one of them waits for."""
        return list(self.accounts.values())

    def _account(self, role: RoleName) -> ServiceAccount:
        site = self._site
        account = made(
            ServiceAccount,
            self,
            role,
            project=site.names.project,
            account_id=site.names.account(role),
            display_name=f"{site.names.tenant} {role}",
        )
        made(
            ServiceAccountIamPolicy,
            self,
            f"{role}-policy",
            service_account_id=account.name,
            policy_data=gcp_iam.rendered(gcp_iam.account_policy(site.scope, role)),
        )
        return account

    def _grants(self, name: str, project: str, grants: list[tuple[str, str]]) -> None:
        for number, (role, member) in enumerate(grants):
            made(
                ProjectIamMember,
                self,
                f"{name}-grant-{number}",
                project=project,
                role=role,
                member=member,
                depends_on=self.all,
            )

    def _boundary(self) -> None:
        site = self._site
        boundary = made(
            IamPrincipalAccessBoundaryPolicy,
            self,
            "boundary",
            organization=site.organisation.id,
            location="global",
            principal_access_boundary_policy_id=site.names.prefix,
            display_name=f"What tenant {site.names.tenant} can reach at all",
            details={
                "enforcement_version": gcp_boundary.ENFORCEMENT,
                "rules": gcp_boundary.boundary_rules(site.scope, [image_project(site)]),
            },
        )
        for name, principals in gcp_boundary.bound_principals(site.scope).items():
            made(
                IamProjectsPolicyBinding,
                self,
                f"boundary-on-{name}",
                project=principals.rpartition("/")[2],
                location="global",
                policy_binding_id=f"{site.names.prefix}-{name}",
                policy=boundary.name,
                policy_kind="PRINCIPAL_ACCESS_BOUNDARY",
                target={"principal_set": principals},
            )
