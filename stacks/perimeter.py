"""A tenant's perimeter: its network, the endpoints that are the only way out, and what its account forbids itself."""

from __future__ import annotations

from constructs import Construct

from modules.aws.account import AccountGuards
from modules.aws.dns_firewall import DnsFirewall
from modules.aws.endpoints import Endpoints
from modules.aws.flow_logs import FlowLogs
from modules.aws.network import Network
from modules.aws.site import Site
from stacks.base import TenantStack
from stacks.profiles import Target
from stacks.vault import VaultStack


class PerimeterStack(TenantStack):
    """The network lock, and the account-wide settings."""

    def __init__(self, scope: Construct, site: Site, target: Target, vault: VaultStack) -> None:
        super().__init__(scope, site, target)
        self.add_dependency(vault)
        network = Network(self, "network", site)
        endpoints = Endpoints(self, "endpoints", site, network)
        FlowLogs(self, "flow-logs", site, network)
        if site.offers("aws_route53_resolver_firewall_rule_group"):
            DnsFirewall(self, "dns-firewall", site, network)
        AccountGuards(self, "account", site, vault.disk_key_arn)
        self.subnet_ids = network.subnet_ids
        self.nodes_group_id = endpoints.nodes.id
