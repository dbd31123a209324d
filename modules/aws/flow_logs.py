"""Every flow of a tenant's network, accepted or refused, is recorded in the tenant's flow log group."""

from __future__ import annotations

from cdktn_provider_aws.flow_log import FlowLog
from cdktn_provider_aws.iam_role import IamRole
from cdktn_provider_aws.iam_role_policy import IamRolePolicy
from constructs import Construct

from modules.aws.network import Network
from modules.aws.site import Site, policy_text
from modules.policy.roles import flow_log_policy, flow_log_trust_policy

AGGREGATION_SECONDS = 60


class FlowLogs(Construct):
    """The flow log and the role through which the service writes it. The group itself is made with the keys."""

    def __init__(self, scope: Construct, name: str, site: Site, network: Network) -> None:
        super().__init__(scope, name)
        role_name = f"{site.names.prefix}-flow-log"
        role = IamRole(
            self,
            "role",
            name=role_name,
            assume_role_policy=policy_text("trust", f"{role_name} trust", flow_log_trust_policy(site.scope)),
            permissions_boundary=site.scope.boundary_arn,
            tags=site.tags(purpose="flow-log"),
        )
        policy = IamRolePolicy(
            self,
            "role-policy",
            name=role_name,
            role=role.name,
            policy=policy_text("role", role_name, flow_log_policy(site.scope)),
        )
        group = f"arn:aws:logs:{site.region}:{site.scope.account_id}:log-group:{site.names.flow_log_group}"
        FlowLog(
            self,
            "flows",
            vpc_id=network.vpc.id,
            traffic_type="ALL",
            log_destination_type="cloud-watch-logs",
            log_destination=group,
            iam_role_arn=role.arn,
            max_aggregation_interval=AGGREGATION_SECONDS,
            tags=site.tags(Name=site.names.prefix, purpose="flow"),
            depends_on=[policy],
        )
