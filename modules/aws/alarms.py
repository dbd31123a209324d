"""Alarms of a tenant's network and machines. Who is told comes with monitoring; the states can be read already."""

from __future__ import annotations

from cdktn_provider_aws.cloudwatch_log_metric_filter import (
    CloudwatchLogMetricFilter,
    CloudwatchLogMetricFilterMetricTransformation,
)
from cdktn_provider_aws.cloudwatch_metric_alarm import CloudwatchMetricAlarm
from constructs import Construct

from modules.aws.site import Site

REFUSED = (
    "[version, account, eni, source, destination, srcport, destport, protocol, packets, bytes, start, end,"
    " action=REJECT, status]"
)
"""The default fields of a flow record (Amazon VPC user guide, "Flow log records")."""

REFUSED_FLOWS = 10
PERIOD_SECONDS = 300


class Alarms(Construct):
    """Refused flows, and more machines running than the tenant may have."""

    def __init__(self, scope: Construct, name: str, site: Site, group_name: str) -> None:
        super().__init__(scope, name)
        prefix = site.names.prefix
        namespace = f"{site.names.platform}/{site.names.tenant}"
        CloudwatchLogMetricFilter(
            self,
            "refused",
            name=f"{prefix}-refused-flows",
            log_group_name=site.names.flow_log_group,
            pattern=REFUSED,
            metric_transformation=CloudwatchLogMetricFilterMetricTransformation(
                name="RefusedFlows", namespace=namespace, value="1", default_value="0"
            ),
        )
        CloudwatchMetricAlarm(
            self,
            "refused-alarm",
            alarm_name=f"{prefix}-refused-flows",
            alarm_description="Something in the tenant's network tries to reach what it may not",
            namespace=namespace,
            metric_name="RefusedFlows",
            statistic="Sum",
            period=PERIOD_SECONDS,
            evaluation_periods=1,
            threshold=REFUSED_FLOWS,
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="notBreaching",
            tags=site.tags(),
        )
        CloudwatchMetricAlarm(
            self,
            "nodes-alarm",
            alarm_name=f"{prefix}-nodes",
            alarm_description="More machines run than the tenant's file allows",
            namespace="AWS/AutoScaling",
            metric_name="GroupInServiceInstances",
            dimensions={"AutoScalingGroupName": group_name},
            statistic="Maximum",
            period=PERIOD_SECONDS,
            evaluation_periods=1,
            threshold=site.tenant.compute.max_nodes,
            comparison_operator="GreaterThanThreshold",
            treat_missing_data="notBreaching",
            tags=site.tags(),
        )
