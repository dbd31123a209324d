"""The organisation: its root, the tenants' and the quarantine unit, their policies, and an account for each tenant."""

from __future__ import annotations

from collections.abc import Mapping

from cdktn import TerraformResourceLifecycle
from cdktn_provider_aws.iam_organizations_features import IamOrganizationsFeatures
from cdktn_provider_aws.organizations_account import OrganizationsAccount
from cdktn_provider_aws.organizations_organization import OrganizationsOrganization
from cdktn_provider_aws.organizations_organizational_unit import OrganizationsOrganizationalUnit
from cdktn_provider_aws.organizations_policy import OrganizationsPolicy
from cdktn_provider_aws.organizations_policy_attachment import OrganizationsPolicyAttachment
from constructs import Construct

from modules.aws.errors import ConstructError
from modules.aws.site import PlatformSite, policy_text
from modules.policy import organisation as documents
from modules.policy.quotas import Kind
from modules.policy.scope import Document
from tenancy.lifecycle import State
from tenancy.names import DEPLOYER_ROLE
from tenancy.tenant import Tenant

SERVICE_CONTROL, RESOURCE_CONTROL = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"

POLICIES_PER_TARGET = 5
"""Of each type, the full-access policy that Organizations attaches itself included (Organizations quotas)."""

TRAIL_SERVICE, ROOT_ACCESS_SERVICE = "cloudtrail.amazonaws.com", "iam.amazonaws.com"
"""Services that may act across the organisation: the trail, and the removal of root credentials in member accounts."""


class Organisation(Construct):
    """The organisation with all features, and both types of policy that the locks need."""

    def __init__(self, scope: Construct, name: str, site: PlatformSite) -> None:
        super().__init__(scope, name)
        self._site = site
        settings = site.platform.organisation
        central_root = site.offers("aws_iam_organizations_features")
        self.root = OrganizationsOrganization(
            self,
            "root",
            feature_set="ALL",
            enabled_policy_types=[SERVICE_CONTROL, RESOURCE_CONTROL],
            aws_service_access_principals=[TRAIL_SERVICE, *([ROOT_ACCESS_SERVICE] if central_root else [])],
        )
        if central_root:
            # Member accounts then have no root credentials that anyone could recover.
            IamOrganizationsFeatures(
                self,
                "central-root",
                enabled_features=["RootCredentialsManagement", "RootSessions"],
                depends_on=[self.root],
            )
        self.tenants_unit = self._unit("tenants", settings.tenants_unit)
        self.quarantine_unit = self._unit("quarantine", settings.quarantine_unit)

    def add_locks(self, audit_account_id: str, audit: OrganizationsAccount) -> None:
        """The identity and resource locks on both units, the quarantine on its own, and the audit account's lock."""
        platform = self._site.platform.name
        service_control = documents.service_control_policies(
            platform, _regions(self._site), self._site.management_account_id
        )
        resource_control = documents.resource_control_policies(
            platform, audit_account_id, self._site.management_account_id
        )
        quarantine = {f"{platform}-quarantine": documents.quarantine_policy(platform)}
        _check_count("service control", [*service_control, *quarantine])
        _check_count("resource control", [*resource_control])
        units = {"tenants": self.tenants_unit, "quarantine": self.quarantine_unit}
        self._policies("scp", SERVICE_CONTROL, service_control, units)
        self._policies("rcp", RESOURCE_CONTROL, resource_control, units)
        self._policies("scp", SERVICE_CONTROL, quarantine, {"quarantine": self.quarantine_unit})
        self._policies("scp", SERVICE_CONTROL, {f"{platform}-audit-lock": documents.audit_policy()}, {"audit": audit})

    def add_tenant_account(self, tenant: Tenant) -> OrganizationsAccount:
        """The tenant's account, in the unit that its lifecycle state asks for."""
        quarantined = tenant.lifecycle.state is State.QUARANTINED
        unit = self.quarantine_unit if quarantined else self.tenants_unit
        return self._account(tenant.id, unit.id, {"tenant": tenant.id})

    def add_audit_account(self) -> OrganizationsAccount:
        """The audit account: under the root, away from the tenants' policies; it has one of its own."""
        return self._account("audit", self.root.roots.get(0).id, {})

    def _unit(self, name: str, shown: str) -> OrganizationsOrganizationalUnit:
        parent = self.root.roots.get(0).id
        return OrganizationsOrganizationalUnit(
            self, f"{name}-unit", name=shown, parent_id=parent, tags=self._site.tags()
        )

    def _account(self, account: str, parent_id: str, tags: dict[str, str]) -> OrganizationsAccount:
        platform = self._site.platform
        return OrganizationsAccount(
            self,
            f"account-{account}",
            name=f"{platform.name}-{account}",
            email=platform.organisation.email(account),
            parent_id=parent_id,
            role_name=DEPLOYER_ROLE,
            close_on_deletion=True,
            tags={**self._site.tags(), **tags},
            # Organizations does not report the role's name; without this every plan would replace the account.
            lifecycle=TerraformResourceLifecycle(ignore_changes=["role_name"]),
        )

    def _policies(
        self,
        kind: Kind,
        policy_type: str,
        policies: dict[str, Document],
        targets: Mapping[str, OrganizationsOrganizationalUnit | OrganizationsAccount],
    ) -> None:
        for name, document in policies.items():
            policy = OrganizationsPolicy(
                self,
                f"{kind}-{name}",
                name=name,
                type=policy_type,
                content=policy_text(kind, name, document),
                tags=self._site.tags(),
                depends_on=[self.root],
            )
            for target_name, target in targets.items():
                OrganizationsPolicyAttachment(
                    self, f"{kind}-{name}-on-{target_name}", policy_id=policy.id, target_id=target.id
                )


def _regions(site: PlatformSite) -> set[str]:
    """Where tenants may be placed, and the platform's home."""
    cloud = site.platform.clouds.get("aws")
    return {site.region, *(cloud.regions if cloud else ())}


def _check_count(kind: str, names: list[str]) -> None:
    if len(names) + 1 > POLICIES_PER_TARGET:
        msg = (
            f"{len(names)} {kind} policies for one unit ({', '.join(names)}) and the full-access one: "
            f"Organizations takes {POLICIES_PER_TARGET} per target. Join some of them"
        )
        raise ConstructError(msg)
