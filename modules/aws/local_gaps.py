"""What the local cloud cannot do and therefore does not get: one table, each entry with its reason.

The cloud profile keeps every one of these, where synthesis tests and checkov cover them. A construct asks
`Site.offers(...)` before it makes a resource of such a type; nothing else distinguishes the two profiles' resources.
"""

from __future__ import annotations

_NO_OPERATION = "moto 5.2 has no {}; the provider retries for minutes and then fails"
_NEWER_PROVIDER = "comes with version 6 of the AWS provider; local runs are checked against 5.100.0"

LOCAL_GAPS: dict[str, str] = {
    "aws_accessanalyzer_analyzer": _NO_OPERATION.format("CreateAnalyzer"),
    "aws_ebs_default_kms_key": "moto 5.2 has no GetEbsDefaultKmsKeyId, so the provider cannot read it back",
    "aws_ebs_snapshot_block_public_access": _NO_OPERATION.format("EnableSnapshotBlockPublicAccess"),
    "aws_ec2_allowed_images_settings": _NEWER_PROVIDER,
    "aws_ec2_image_block_public_access": _NO_OPERATION.format("EnableImageBlockPublicAccess"),
    "aws_ec2_instance_metadata_defaults": _NO_OPERATION.format("ModifyInstanceMetadataDefaults"),
    "aws_ec2_serial_console_access": _NO_OPERATION.format("DisableSerialConsoleAccess"),
    "aws_iam_organizations_features": _NO_OPERATION.format("EnableOrganizationsRootSessions"),
    "aws_route53_resolver_firewall_config": _NO_OPERATION.format("UpdateFirewallConfig"),
    "aws_route53_resolver_firewall_domain_list": _NO_OPERATION.format("CreateFirewallDomainList"),
    "aws_route53_resolver_firewall_rule": _NO_OPERATION.format("CreateFirewallRule"),
    "aws_route53_resolver_firewall_rule_group": _NO_OPERATION.format("CreateFirewallRuleGroup"),
    "aws_route53_resolver_firewall_rule_group_association": _NO_OPERATION.format("AssociateFirewallRuleGroup"),
    "aws_servicequotas_service_quota": _NO_OPERATION.format("RequestServiceQuotaIncrease"),
    "aws_vpc_block_public_access_options": _NO_OPERATION.format("ModifyVpcBlockPublicAccessOptions"),
    "data.aws_ami": "the images of platform.yaml exist on AWS; the local cloud boots the image that was built here",
}
"""Terraform type (`data.` before a data source, `.argument` after a type) -> why the local profile leaves it out."""
