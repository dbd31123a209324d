"""Just-in-time access of the platform's people to a tenant's project."""

from __future__ import annotations

from cdktn_provider_google.privileged_access_manager_entitlement import PrivilegedAccessManagerEntitlement
from constructs import Construct

from modules.gcp.made import made
from modules.gcp.site import GcpSite, operator_role
from modules.policy.gcp_iam import entitlements


class Entitlements(Construct):
    """For hours, with a reason, approved by the tenant. Nobody has a standing role."""

    def __init__(self, scope: Construct, name: str, site: GcpSite) -> None:
        super().__init__(scope, name)
        for document in entitlements(site.scope, operator_role(site.organisation)):
            made(PrivilegedAccessManagerEntitlement, self, document["entitlement_id"], **document)
