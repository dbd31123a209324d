"""A tenant's network: private subnets, no way to the internet or to another tenant, and nothing usable by default."""

from __future__ import annotations

from cdktn_provider_aws.default_network_acl import DefaultNetworkAcl
from cdktn_provider_aws.default_route_table import DefaultRouteTable
from cdktn_provider_aws.default_security_group import DefaultSecurityGroup
from cdktn_provider_aws.network_acl import NetworkAcl
from cdktn_provider_aws.network_acl_rule import NetworkAclRule
from cdktn_provider_aws.route_table import RouteTable
from cdktn_provider_aws.route_table_association import RouteTableAssociation
from cdktn_provider_aws.subnet import Subnet
from cdktn_provider_aws.vpc import Vpc
from cdktn_provider_aws.vpc_block_public_access_options import VpcBlockPublicAccessOptions
from constructs import Construct

from modules.aws.site import Site
from tenancy import addresses

HTTPS = 443
EPHEMERAL = (32768, 60999)
"""Linux's own range of local ports (net.ipv4.ip_local_port_range), to which answers come back."""

ANYWHERE = "0.0.0.0/0"
ZONE_LETTERS = "abcd"


class Network(Construct):
    """The VPC with one private subnet per zone. There is no gateway, so no route leads out of it."""

    def __init__(self, scope: Construct, name: str, site: Site) -> None:
        super().__init__(scope, name)
        self._site = site
        prefix = site.names.prefix
        self.vpc = Vpc(
            self,
            "vpc",
            cidr_block=site.tenant.network.cidr,
            enable_dns_support=True,
            enable_dns_hostnames=True,
            # Every machine in here has its host to itself, whatever its launch request says.
            instance_tenancy="dedicated",
            tags=site.tags(Name=prefix),
        )
        self._empty_defaults()
        self.route_table = RouteTable(self, "private", vpc_id=self.vpc.id, route=[], tags=site.tags(Name=prefix))
        self.subnets = self._private_subnets()
        self._acl()
        if site.offers("aws_vpc_block_public_access_options"):
            # An internet gateway that someone attaches all the same carries nothing.
            VpcBlockPublicAccessOptions(self, "no-internet", internet_gateway_block_mode="block-bidirectional")

    @property
    def subnet_ids(self) -> list[str]:
        """The ids of the private subnets, one per zone."""
        return [subnet.id for subnet in self.subnets]

    def _empty_defaults(self) -> None:
        """What AWS gives to every VPC is adopted and emptied, so that nothing can use it by omission."""
        tags = self._site.tags(Name=f"{self._site.names.prefix}-unused")
        DefaultSecurityGroup(self, "default-security-group", vpc_id=self.vpc.id, ingress=[], egress=[], tags=tags)
        DefaultNetworkAcl(
            self,
            "default-acl",
            default_network_acl_id=self.vpc.default_network_acl_id,
            ingress=[],
            egress=[],
            tags=tags,
        )
        DefaultRouteTable(
            self, "default-route-table", default_route_table_id=self.vpc.default_route_table_id, route=[], tags=tags
        )

    def _private_subnets(self) -> list[Subnet]:
        spec = self._site.tenant.network
        made = []
        for index, cidr in enumerate(addresses.subnets(spec.cidr, spec.zones)):
            zone = f"{self._site.region}{ZONE_LETTERS[index]}"
            subnet = Subnet(
                self,
                f"private-{index}",
                vpc_id=self.vpc.id,
                cidr_block=cidr,
                availability_zone=zone,
                map_public_ip_on_launch=False,
                tags=self._site.tags(Name=f"{self._site.names.prefix}-{zone}"),
            )
            RouteTableAssociation(
                self, f"private-{index}-routes", subnet_id=subnet.id, route_table_id=self.route_table.id
            )
            made.append(subnet)
        return made

    def _acl(self) -> None:
        """HTTPS out and its answers in. S3's addresses are public ones, so the range stays open; the routes do not."""
        site = self._site
        acl = NetworkAcl(
            self, "acl", vpc_id=self.vpc.id, subnet_ids=self.subnet_ids, tags=site.tags(Name=site.names.prefix)
        )
        own, first, last = site.tenant.network.cidr, *EPHEMERAL
        rules = [
            ("https-out", True, 100, ANYWHERE, HTTPS, HTTPS),
            ("answers-out", True, 110, own, first, last),
            ("https-in", False, 100, own, HTTPS, HTTPS),
            ("answers-in", False, 110, ANYWHERE, first, last),
        ]
        for name, egress, number, cidr, from_port, to_port in rules:
            NetworkAclRule(
                self,
                f"acl-{name}",
                network_acl_id=acl.id,
                egress=egress,
                rule_number=number,
                protocol="tcp",
                rule_action="allow",
                cidr_block=cidr,
                from_port=from_port,
                to_port=to_port,
            )
