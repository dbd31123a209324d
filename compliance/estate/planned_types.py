"""Which types of Terraform resource are read, and by what."""

from __future__ import annotations

from typing import Final

from compliance.estate import planned_data, planned_doors, planned_identities, planned_outlets, planned_sharing
from compliance.estate.planned_answers import Translate

ANSWERS: Final[dict[str, Translate]] = {
    **planned_identities.TRANSLATIONS,
    **planned_data.TRANSLATIONS,
    **planned_sharing.TRANSLATIONS,
    **planned_doors.TRANSLATIONS,
    **planned_outlets.TRANSLATIONS,
}

IGNORED: Final = frozenset(
    {
        "aws_autoscaling_group", "aws_budgets_budget", "aws_cloudtrail", "aws_cloudwatch_log_metric_filter",
        "aws_cloudwatch_metric_alarm", "aws_default_network_acl", "aws_default_route_table",
        "aws_default_security_group", "aws_ebs_encryption_by_default", "aws_flow_log", "aws_iam_instance_profile",
        "aws_launch_template", "aws_network_acl", "aws_network_acl_rule", "aws_ram_resource_share", "aws_route",
        "aws_route_table", "aws_route_table_association", "aws_s3_bucket_lifecycle_configuration",
        "aws_s3_bucket_object_lock_configuration", "aws_s3_bucket_server_side_encryption_configuration",
        "aws_s3_bucket_versioning", "aws_security_group", "aws_subnet", "aws_vpc_dhcp_options",
        "aws_vpc_security_group_egress_rule", "aws_vpc_security_group_ingress_rule",
        "aws_vpc_block_public_access_options", "aws_guardduty_detector", "aws_accessanalyzer_analyzer",
        "aws_servicequotas_service_quota", "aws_ebs_snapshot_block_public_access",
        "aws_ec2_image_block_public_access", "aws_ec2_instance_metadata_defaults", "aws_ec2_serial_console_access",
    }
)  # fmt: skip
"""Types that hand nothing to another account. Routes, filters and subnets matter only where networks are attached to
each other, and then a plan does not settle the question anyway."""
