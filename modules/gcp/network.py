"""A tenant's network: one private subnet, one route, and names that lead nowhere but to Google's own services."""

from __future__ import annotations

from cdktn_provider_google.compute_network import ComputeNetwork
from cdktn_provider_google.compute_route import ComputeRoute
from cdktn_provider_google.compute_subnetwork import ComputeSubnetwork
from cdktn_provider_google.dns_managed_zone import DnsManagedZone
from cdktn_provider_google.dns_policy import DnsPolicy
from cdktn_provider_google.dns_response_policy import DnsResponsePolicy
from cdktn_provider_google.dns_response_policy_rule import DnsResponsePolicyRule
from constructs import Construct

from modules.gcp.made import made
from modules.gcp.site import GcpSite
from modules.policy import gcp_network


class Network(Construct):
    """The VPC. Its only route leads to the restricted address of Google's services, so nothing else can be reached."""

    def __init__(self, scope: Construct, name: str, site: GcpSite) -> None:
        super().__init__(scope, name)
        self._site = site
        self.network = made(
            ComputeNetwork,
            self,
            "network",
            project=site.names.project,
            name=site.names.network,
            auto_create_subnetworks=False,
            delete_default_routes_on_create=True,
            routing_mode="REGIONAL",
            network_firewall_policy_enforcement_order="BEFORE_CLASSIC_FIREWALL",
        )
        self.subnet = made(
            ComputeSubnetwork,
            self,
            "subnet",
            project=site.names.project,
            name=site.names.network,
            network=self.network.id,
            region=site.region,
            ip_cidr_range=site.tenant.network.cidr,
            stack_type="IPV4_ONLY",
            private_ip_google_access=True,
            log_config={
                "aggregation_interval": "INTERVAL_5_SEC",
                "flow_sampling": 1.0,
                "metadata": "INCLUDE_ALL_METADATA",
            },
        )
        made(
            ComputeRoute,
            self,
            "to-google",
            project=site.names.project,
            name=f"{site.names.network}-restricted",
            network=self.network.id,
            dest_range=gcp_network.RESTRICTED_VIP,
            # The gateway's name is fixed; what goes to this address never leaves Google's network.
            next_hop_gateway="default-internet-gateway",
        )


class NameService(Construct):
    """Google's names lead to the restricted address, every other name does not exist, and every question is logged."""

    def __init__(self, scope: Construct, name: str, site: GcpSite, network: Network) -> None:
        super().__init__(scope, name)
        project, prefix = site.names.project, site.names.prefix
        networks = [{"network_url": network.network.id}]
        policy = made(
            DnsResponsePolicy,
            self,
            "answers",
            project=project,
            response_policy_name=prefix,
            description="Google's names lead to the restricted address",
            networks=networks,
        )
        for rule, document in gcp_network.name_rules().items():
            made(
                DnsResponsePolicyRule,
                self,
                rule,
                project=project,
                response_policy=policy.response_policy_name,
                rule_name=rule,
                **document,
            )
        # A private zone for the root answers everything that nothing else answers, and it is empty: a name that
        # carries data out in its labels is never asked of anyone's server.
        made(
            DnsManagedZone,
            self,
            "nothing-else",
            project=project,
            name=f"{prefix}-root",
            dns_name=".",
            description="No other name exists",
            visibility="private",
            private_visibility_config={"networks": networks},
            labels=site.labels(),
        )
        made(
            DnsPolicy,
            self,
            "logged",
            project=project,
            name=prefix,
            enable_logging=True,
            enable_inbound_forwarding=False,
            networks=networks,
        )
