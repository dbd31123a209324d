"""A tenant's perimeter on Google Cloud: its network, what resolves in it, and the line around its projects."""

from __future__ import annotations

from constructs import Construct

from modules.gcp.firewall import Firewall
from modules.gcp.network import NameService, Network
from modules.gcp.policies import OrganisationPolicies
from modules.gcp.service_perimeter import ServicePerimeter
from modules.gcp.site import GcpSite
from modules.policy.gcp_org_policies import key_project_policies, tenant_policies
from stacks.gcp_base import GcpTenantStack
from stacks.gcp_vault import GcpVaultStack
from stacks.profiles import Target


class GcpPerimeterStack(GcpTenantStack):
    """The network lock, and what the tenant's projects forbid themselves."""

    def __init__(self, scope: Construct, site: GcpSite, target: Target, vault: GcpVaultStack) -> None:
        super().__init__(scope, site, target)
        self.add_dependency(vault)
        network = Network(self, "network", site)
        NameService(self, "names", site, network)
        firewall = Firewall(self, "firewall", site, network)
        OrganisationPolicies(self, "policies", f"projects/{site.scope.project_number}", tenant_policies(site.scope))
        OrganisationPolicies(
            self, "key-policies", f"projects/{site.scope.key_project_number}", key_project_policies(site.scope)
        )
        ServicePerimeter(self, "service-perimeter", site, [network.subnet])
        self.subnet = network.subnet.id
        self.tag_key, self.tag_value = firewall.tag_key.id, firewall.tag_value.id
