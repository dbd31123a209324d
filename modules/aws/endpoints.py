"""The only ways out of a tenant's network: AWS service endpoints, each with a policy that says who may reach what."""

from __future__ import annotations

from cdktn_provider_aws.security_group import SecurityGroup
from cdktn_provider_aws.vpc_endpoint import VpcEndpoint
from cdktn_provider_aws.vpc_security_group_egress_rule import VpcSecurityGroupEgressRule
from cdktn_provider_aws.vpc_security_group_ingress_rule import VpcSecurityGroupIngressRule
from constructs import Construct

from modules.aws.network import HTTPS, Network
from modules.aws.site import Site, policy_text
from modules.policy.endpoints import SERVICES, Service, endpoint_policy

INTERFACE_SERVICES: tuple[Service, ...] = tuple(service for service in SERVICES if service != "s3")
"""What machines call besides S3, whose gateway is free. Each interface costs money per zone and hour."""


class Endpoints(Construct):
    """An S3 gateway and an interface per service, and the two security groups between which anything may flow."""

    def __init__(self, scope: Construct, name: str, site: Site, network: Network) -> None:
        super().__init__(scope, name)
        self._site, self._network = site, network
        self.nodes = self._group("nodes", "Machines that train: they reach the endpoints and nothing else")
        self.endpoints = self._group("endpoints", "Service endpoints: reached by the machines that train, only")
        gateway = self._gateway()
        for service in INTERFACE_SERVICES:
            self._interface(service)
        self._rules(gateway)

    def _group(self, name: str, description: str) -> SecurityGroup:
        full_name = f"{self._site.names.prefix}-{name}"
        return SecurityGroup(
            self,
            f"{name}-group",
            name=full_name,
            description=description,
            vpc_id=self._network.vpc.id,
            tags=self._site.tags(Name=full_name),
        )

    def _policy(self, service: Service) -> str:
        name = f"{self._site.names.prefix}-{service} endpoint"
        return policy_text("endpoint", name, endpoint_policy(self._site.scope, service))

    def _gateway(self) -> VpcEndpoint:
        return VpcEndpoint(
            self,
            "s3",
            vpc_id=self._network.vpc.id,
            service_name=f"com.amazonaws.{self._site.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[self._network.route_table.id],
            policy=self._policy("s3"),
            tags=self._site.tags(Name=f"{self._site.names.prefix}-s3"),
        )

    def _interface(self, service: Service) -> VpcEndpoint:
        return VpcEndpoint(
            self,
            service,
            vpc_id=self._network.vpc.id,
            service_name=f"com.amazonaws.{self._site.region}.{service}",
            vpc_endpoint_type="Interface",
            private_dns_enabled=True,
            subnet_ids=self._network.subnet_ids,
            security_group_ids=[self.endpoints.id],
            policy=self._policy(service),
            tags=self._site.tags(Name=f"{self._site.names.prefix}-{service}"),
        )

    def _rules(self, gateway: VpcEndpoint) -> None:
        """Both ends of each permitted flow are listed; all else is refused."""
        https = {"ip_protocol": "tcp", "from_port": HTTPS, "to_port": HTTPS}
        VpcSecurityGroupEgressRule(
            self,
            "nodes-to-endpoints",
            security_group_id=self.nodes.id,
            referenced_security_group_id=self.endpoints.id,
            description="Service endpoints",
            tags=self._site.tags(),
            **https,
        )
        VpcSecurityGroupEgressRule(
            self,
            "nodes-to-s3",
            security_group_id=self.nodes.id,
            prefix_list_id=gateway.prefix_list_id,
            description="S3 through its gateway endpoint",
            tags=self._site.tags(),
            **https,
        )
        VpcSecurityGroupIngressRule(
            self,
            "endpoints-from-nodes",
            security_group_id=self.endpoints.id,
            referenced_security_group_id=self.nodes.id,
            description="Machines that train",
            tags=self._site.tags(),
            **https,
        )
