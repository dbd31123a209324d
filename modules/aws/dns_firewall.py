"""A firewall on the network's resolver: names outside AWS are not resolved, so no data leaves inside of queries."""

from __future__ import annotations

from cdktn_provider_aws.route53_resolver_firewall_config import Route53ResolverFirewallConfig
from cdktn_provider_aws.route53_resolver_firewall_domain_list import Route53ResolverFirewallDomainList
from cdktn_provider_aws.route53_resolver_firewall_rule import Route53ResolverFirewallRule
from cdktn_provider_aws.route53_resolver_firewall_rule_group import Route53ResolverFirewallRuleGroup
from cdktn_provider_aws.route53_resolver_firewall_rule_group_association import (
    Route53ResolverFirewallRuleGroupAssociation,
)
from constructs import Construct

from modules.aws.endpoints import INTERFACE_SERVICES
from modules.aws.network import Network
from modules.aws.site import Site


class DnsFirewall(Construct):
    """Allows the names of the network's own endpoints, blocks every other, and blocks all when it cannot decide."""

    def __init__(self, scope: Construct, name: str, site: Site, network: Network) -> None:
        super().__init__(scope, name)
        prefix, region = site.names.prefix, site.region
        endpoint_names = [f"{service}.{region}.amazonaws.com" for service in INTERFACE_SERVICES]
        storage = f"s3.{region}.amazonaws.com"
        allowed = Route53ResolverFirewallDomainList(
            self,
            "allowed",
            name=f"{prefix}-allowed",
            domains=[*endpoint_names, storage, f"*.{storage}"],
            tags=site.tags(),
        )
        everything = Route53ResolverFirewallDomainList(
            self, "everything", name=f"{prefix}-everything", domains=["*"], tags=site.tags()
        )
        group = Route53ResolverFirewallRuleGroup(self, "rules", name=prefix, tags=site.tags())
        Route53ResolverFirewallRule(
            self,
            "allow-endpoints",
            name="allow-endpoints",
            action="ALLOW",
            priority=100,
            firewall_domain_list_id=allowed.id,
            firewall_rule_group_id=group.id,
        )
        Route53ResolverFirewallRule(
            self,
            "block-everything-else",
            name="block-everything-else",
            action="BLOCK",
            block_response="NXDOMAIN",
            priority=200,
            firewall_domain_list_id=everything.id,
            firewall_rule_group_id=group.id,
        )
        Route53ResolverFirewallRuleGroupAssociation(
            self,
            "association",
            name=prefix,
            firewall_rule_group_id=group.id,
            vpc_id=network.vpc.id,
            priority=101,
            mutation_protection="ENABLED",
            tags=site.tags(),
        )
        Route53ResolverFirewallConfig(self, "fail-closed", resource_id=network.vpc.id, firewall_fail_open="DISABLED")
