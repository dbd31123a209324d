"""The tenant's network firewall policy, which names machines by a secure tag."""

from __future__ import annotations

from cdktn_provider_google.compute_network_firewall_policy import ComputeNetworkFirewallPolicy
from cdktn_provider_google.compute_network_firewall_policy_association import ComputeNetworkFirewallPolicyAssociation
from cdktn_provider_google.compute_network_firewall_policy_rule import ComputeNetworkFirewallPolicyRule
from cdktn_provider_google.tags_tag_key import TagsTagKey
from cdktn_provider_google.tags_tag_value import TagsTagValue
from constructs import Construct

from modules.gcp.made import made
from modules.gcp.network import Network
from modules.gcp.site import GcpSite
from modules.policy.gcp_network import network_rules


class Firewall(Construct):
    """Both ends of each permitted flow are listed. A secure tag, unlike a network tag, needs a role to attach."""

    def __init__(self, scope: Construct, name: str, site: GcpSite, network: Network) -> None:
        super().__init__(scope, name)
        project = site.names.project
        self.tag_key = made(
            TagsTagKey,
            self,
            "tag",
            parent=f"projects/{project}",
            short_name="role",
            description="What a machine is, for the firewall",
            purpose="GCE_FIREWALL",
            purpose_data={"network": f"{project}/{site.names.network}"},
            depends_on=[network.network],
        )
        self.tag_value = made(TagsTagValue, self, "node", parent=self.tag_key.id, short_name="node")
        policy = made(
            ComputeNetworkFirewallPolicy,
            self,
            "policy",
            project=project,
            name=site.names.network,
            description="Nodes to nodes and to Google's services; all else is refused",
        )
        for rule in network_rules(site.tenant.network.cidr, self.tag_value.id):
            made(
                ComputeNetworkFirewallPolicyRule,
                self,
                f"rule-{rule['priority']}",
                project=project,
                firewall_policy=policy.name,
                rule_name=rule["description"].lower().replace(",", "").replace("'", "").replace(" ", "-"),
                **rule,
            )
        made(
            ComputeNetworkFirewallPolicyAssociation,
            self,
            "on-network",
            project=project,
            name=site.names.network,
            attachment_target=network.network.id,
            firewall_policy=policy.name,
        )
