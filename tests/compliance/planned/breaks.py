"""For each rule that a plan can answer: an edit of the stacks that it must refuse."""

from __future__ import annotations

import json
from typing import Any

from tests.compliance.planned.edits import Edit, add, added, both, change, drop, plus, policy, without
from tests.stacks.synthesis import AUDIT, MANAGEMENT

VAULT, PERIMETER, COMPUTE = "acme-vault", "acme-perimeter", "acme-compute"
STRANGER = "999999999999"
DATA_BUCKET = {"bucket": ("aws_s3_bucket", "storage_data", "id")}
DATA_KEY = {"key_id": ("aws_kms_key", "keys_data", "key_id")}
VPC = {"vpc_id": ("aws_vpc", "", "id")}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str = "*", principal: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*", **more}


GUEST = allow(principal={"AWS": f"arn:aws:iam::{STRANGER}:root"})
OPEN = document(allow())


def bucket_policy(*names: str, more: tuple[dict[str, Any], ...] = ()) -> Edit:
    """The policy of acme's data bucket without some statements, and with more."""
    return policy(
        VAULT, "aws_s3_bucket_policy", "storage_data", "policy", lambda held: plus(*more)(without(*names)(held))
    )


def key_policy(part: str, *names: str, more: tuple[dict[str, Any], ...] = ()) -> Edit:
    return policy(VAULT, "aws_kms_key", part, "policy", lambda held: plus(*more)(without(*names)(held)))


def boundary(held: list[Any]) -> list[Any]:
    return [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


def scp(*actions: str) -> Edit:
    """SCPs that no longer deny these actions."""

    def alter(statements: list[Any]) -> list[Any]:
        for one in statements:
            if isinstance(one.get("Action"), list):
                one["Action"] = [action for action in one["Action"] if action not in actions] or ["none:None"]
        return statements

    return policy("organisation", "aws_organizations_policy", "scp", "content", alter)


def scp_without_foreign(statements: list[Any]) -> list[Any]:
    return [one for one in statements if "aws:ResourceAccount" not in json.dumps(one.get("Condition", {}))] or [
        {"Effect": "Deny", "Action": "none:None", "Resource": "*"}
    ]


def rcp(documents: dict[str, Any]) -> None:
    drop("organisation", "aws_organizations_policy_attachment", "rcp-bh-resource-lock-on-tenants")(documents)


def lifecycle(days: int) -> Edit:
    rules = [{"id": "x", "status": "Enabled", "filter": [{"prefix": ""}], "expiration": [{"days": days}]}]
    return change(VAULT, "aws_s3_bucket_lifecycle_configuration", "storage_data", rule=rules)


def nested(kind: str, part: str, block: str, **values: Any) -> Edit:
    """Arguments inside a block of acme's compute stack."""

    def edit(documents: dict[str, Any]) -> None:
        for name, body in documents[COMPUTE]["resource"][kind].items():
            if part in name:
                held = body.get(block)
                body[block] = {**(held[0] if isinstance(held, list) else held or {}), **values}

    return edit


def gateway(kind: str, **values: Any) -> Edit:
    return added(PERIMETER, kind, VPC, **values)


TEMPLATE = "aws_launch_template"
ENDPOINTS = "aws_vpc_endpoint"
OUT = {"ip_protocol": "-1", "cidr_ipv4": "0.0.0.0/0"}
GROUP = {"security_group_id": ("aws_security_group", "nodes-group", "id")}
INSTANCE = {
    "ami": "ami-99999999999999999",
    "instance_type": "t2.nano",
    "key_name": "admin",
    "associate_public_ip_address": True,
    "metadata_options": [{"http_tokens": "optional"}],
    "root_block_device": [{"encrypted": False}],
}
INLINE = {"name": "extra", "role": "bh-acme-trainer"}
MACHINE = add(COMPUTE, "aws_instance", **INSTANCE)
TRAIL = "aws_cloudtrail"

PERIMETERS: dict[str, Edit] = {
    "perimeter.account-in-unit": change("organisation", "aws_organizations_account", "acme", parent_id="r-root"),
    "perimeter.account-per-tenant": drop("organisation", "aws_organizations_account", "acme"),
    "perimeter.known-accounts": add("organisation", "aws_organizations_account", id=STRANGER, name="x", parent_id="r"),
    "perimeter.organisation-features": change(
        "organisation", "aws_organizations_organization", feature_set="CONSOLIDATED_BILLING"
    ),
    "perimeter.policies-parametric": policy(
        "organisation",
        "aws_organizations_policy",
        "scp-bh-guardrails",
        "content",
        plus({"Effect": "Deny", "Action": "s3:*", "Resource": f"arn:aws:s3:::{'x' * 6000}"}),
    ),
    "perimeter.rcp-no-other-tenants": rcp,
    "perimeter.rcp-no-strangers": rcp,
    "perimeter.scp-audit-stays-on": scp("cloudtrail:StopLogging", "cloudtrail:Stop*", "cloudtrail:*", "logs:*"),
    "perimeter.scp-key-policies-stay": drop(
        "organisation", "aws_organizations_policy_attachment", "scp-bh-guardrails-on-tenants"
    ),
    "perimeter.scp-no-foreign-resources": policy(
        "organisation", "aws_organizations_policy", "scp-bh-identity-lock", "content", scp_without_foreign
    ),
    "perimeter.scp-no-network-openings": scp("ec2:AttachInternetGateway", "ec2:CreateInternetGateway"),
    "perimeter.scp-no-sharing": drop(
        "organisation", "aws_organizations_policy_attachment", "scp-bh-guardrails-on-tenants"
    ),
    "perimeter.scp-stays-in-organisation": scp("organizations:LeaveOrganization"),
}

IDENTITIES: dict[str, Edit] = {
    "identity.boundary-holds": policy(VAULT, "aws_iam_policy", "boundary", "policy", boundary),
    "identity.boundary-on-roles": change(VAULT, "aws_iam_role", "trainer", permissions_boundary=None),
    "identity.known-roles": add(VAULT, "aws_iam_role", name="stray", assume_role_policy=document()),
    "identity.no-administrators": add(
        VAULT, "aws_iam_role_policy", **INLINE, policy=document({"Effect": "Allow", "Action": "*", "Resource": "*"})
    ),
    "identity.no-confused-deputy": add(
        VAULT,
        "aws_iam_role",
        name="deputy",
        assume_role_policy=document(allow("sts:AssumeRole", {"Service": "events.amazonaws.com"})),
    ),
    "identity.no-groups": add(VAULT, "aws_iam_group", name="people"),
    "identity.no-identity-providers": add(VAULT, "aws_iam_openid_connect_provider", url="https://id.example"),
    "identity.no-leftover-access": add(
        VAULT,
        "aws_iam_role",
        name="visitor",
        assume_role_policy=document(),
        tags={"tenant": "acme", "expires": "2020-01-01T00:00:00Z"},
    ),
    "identity.no-users": add(VAULT, "aws_iam_user", name="bob"),
    "identity.roles-exist": drop(VAULT, "aws_iam_role", "auditor"),
    "identity.standing-roles-limited": add(
        VAULT,
        "aws_iam_role_policy",
        **INLINE,
        policy=document({"Effect": "Allow", "Action": "kms:PutKeyPolicy", "Resource": "*"}),
    ),
    "identity.trust-not-everyone": change(
        VAULT, "aws_iam_role", "trainer", assume_role_policy=document(allow("sts:AssumeRole"))
    ),
    "identity.trust-own-account": change(
        VAULT, "aws_iam_role", "trainer", assume_role_policy=document({**GUEST, "Action": "sts:AssumeRole"})
    ),
}

SHARED: dict[str, Edit] = {
    "sharing.documents-private": add(
        VAULT, "aws_ssm_document", name="run", permissions={"type": "Share", "account_ids": f"{STRANGER}"}
    ),
    "sharing.endpoint-aws-only": change(
        PERIMETER,
        ENDPOINTS,
        "endpoints_kms",
        service_name="com.amazonaws.vpce.us-east-1.vpce-svc-1".replace("com", "x"),
    ),
    "sharing.endpoint-own-principals": change(PERIMETER, ENDPOINTS, "endpoints_kms", policy=document(allow("kms:*"))),
    "sharing.endpoint-own-resources": change(PERIMETER, ENDPOINTS, "endpoints_s3", policy=document(allow("s3:*"))),
    "sharing.endpoint-policy": change(PERIMETER, ENDPOINTS, "endpoints_s3", policy=None),
    "sharing.endpoint-private-dns": change(PERIMETER, ENDPOINTS, "endpoints_kms", private_dns_enabled=False),
    "sharing.event-buses": add(VAULT, "aws_cloudwatch_event_permission", principal="*", statement_id="all"),
    "sharing.functions": both(
        add(VAULT, "aws_lambda_function", function_name="run"),
        add(VAULT, "aws_lambda_permission", function_name="run", principal="*", action="lambda:InvokeFunction"),
    ),
    "sharing.images-private": add(VAULT, "aws_ami_launch_permission", image_id="ami-1", account_id=STRANGER),
    "sharing.log-policies": add(
        VAULT, "aws_cloudwatch_log_resource_policy", policy_name="open", policy_document=document(GUEST)
    ),
    "sharing.log-subscriptions": added(
        VAULT,
        "aws_cloudwatch_log_subscription_filter",
        {"log_group_name": ("aws_cloudwatch_log_group", "ledger_", "name")},
        destination_arn=f"arn:aws:logs:us-east-1:{STRANGER}:destination:x",
    ),
    "sharing.no-endpoint-services": add(PERIMETER, "aws_vpc_endpoint_service", acceptance_required=False),
    "sharing.nothing-shared": add(VAULT, "aws_ram_resource_share", name="all"),
    "sharing.queues": add(VAULT, "aws_sqs_queue", name="inbox", policy=OPEN),
    "sharing.repositories": both(
        add(VAULT, "aws_ecr_repository", name="images"),
        add(VAULT, "aws_ecr_repository_policy", repository="images", policy=document(GUEST)),
    ),
    "sharing.secrets": add(VAULT, "aws_secretsmanager_secret", name="token", policy=document(GUEST)),
    "sharing.snapshots-private": add(
        VAULT, "aws_snapshot_create_volume_permission", snapshot_id="snap-1", account_id=STRANGER
    ),
    "sharing.topics": both(
        add(VAULT, "aws_sns_topic", name="news"),
        added(VAULT, "aws_sns_topic_policy", {"arn": ("aws_sns_topic", "added", "arn")}, policy=OPEN),
    ),
}

NETWORKS: dict[str, Edit] = {
    "network.acls-closed": drop(PERIMETER, "aws_default_network_acl"),
    "network.default-group-empty": drop(PERIMETER, "aws_default_security_group"),
    "network.flow-logs": drop(PERIMETER, "aws_flow_log"),
    "network.inbound-closed": added(PERIMETER, "aws_vpc_security_group_ingress_rule", GROUP, **OUT),
    "network.labelled": change(PERIMETER, "aws_vpc", tags=None),
    "network.no-carrier-gateway": gateway("aws_ec2_carrier_gateway"),
    "network.no-client-vpn": gateway("aws_ec2_client_vpn_endpoint"),
    "network.no-connect-endpoint": gateway("aws_ec2_instance_connect_endpoint"),
    "network.no-egress-only-gateway": gateway("aws_egress_only_internet_gateway"),
    "network.no-internet-gateway": gateway("aws_internet_gateway"),
    "network.no-nat-gateway": gateway("aws_nat_gateway"),
    "network.no-peering": gateway("aws_vpc_peering_connection", peer_vpc_id="vpc-1", peer_owner_id=STRANGER),
    "network.no-public-addresses": gateway("aws_eip"),
    "network.no-traffic-mirror": gateway("aws_ec2_traffic_mirror_session"),
    "network.no-transit-gateway": gateway("aws_ec2_transit_gateway_vpc_attachment", transit_gateway_id="tgw-1"),
    "network.no-vpn-connection": gateway("aws_vpn_connection"),
    "network.no-vpn-gateway": gateway("aws_vpn_gateway"),
    "network.one-network": add(PERIMETER, "aws_vpc", cidr_block="172.31.0.0/16", tags={"tenant": "acme"}),
    "network.outbound-closed": added(
        PERIMETER,
        "aws_security_group_rule",
        GROUP,
        type="egress",
        protocol="tcp",
        from_port=443,
        to_port=443,
        cidr_blocks=["0.0.0.0/0"],
    ),
    "network.ranges-disjoint": change(PERIMETER, "aws_vpc", cidr_block="10.0.0.0/8"),
    "network.routes-stay-inside": added(
        PERIMETER,
        "aws_route",
        {"route_table_id": ("aws_route_table", "", "id")},
        destination_cidr_block="0.0.0.0/0",
        gateway_id="igw-1",
    ),
    "network.subnets-private": change(PERIMETER, "aws_subnet", map_public_ip_on_launch=True),
}

STORES: dict[str, Edit] = {
    "storage.access-points-closed": added(VAULT, "aws_s3_access_point", DATA_BUCKET, name="out"),
    "storage.account-public-access-blocked": drop(PERIMETER, "aws_s3_account_public_access_block"),
    "storage.buckets-exist": drop(VAULT, "aws_s3_bucket", "storage_model"),
    "storage.denies-other-accounts": bucket_policy("DenyOtherAccounts"),
    "storage.encrypted-kms": drop(VAULT, "aws_s3_bucket_server_side_encryption_configuration", "storage_data"),
    "storage.no-acls": change(
        VAULT, "aws_s3_bucket_ownership_controls", "storage_data", rule={"object_ownership": "ObjectWriter"}
    ),
    "storage.no-foreign-outlets": added(
        VAULT,
        "aws_s3_bucket_notification",
        DATA_BUCKET,
        queue=[{"queue_arn": f"arn:aws:sqs:us-east-1:{STRANGER}:q", "events": ["s3:ObjectCreated:*"]}],
    ),
    "storage.no-foreign-replication": added(
        VAULT,
        "aws_s3_bucket_replication_configuration",
        DATA_BUCKET,
        rule=[{"status": "Enabled", "destination": [{"bucket": "arn:aws:s3:::away", "account": STRANGER}]}],
    ),
    "storage.no-guests": bucket_policy(more=(GUEST,)),
    "storage.no-unsigned-read": change(VAULT, "aws_s3_bucket_policy", "storage_data", policy=OPEN),
    "storage.no-web-site": added(
        VAULT, "aws_s3_bucket_website_configuration", DATA_BUCKET, index_document=[{"suffix": "index.html"}]
    ),
    "storage.own-endpoint-only": bucket_policy("DenyObjectsFromElsewhere"),
    "storage.public-access-blocked": change(
        VAULT, "aws_s3_bucket_public_access_block", "storage_data", restrict_public_buckets=False
    ),
    "storage.right-key": change(
        VAULT,
        "aws_s3_bucket_server_side_encryption_configuration",
        "storage_data",
        rule=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": "key/x"}}],
    ),
    "storage.tls-only": bucket_policy("DenyPlainHttp"),
    "storage.versioned": change(
        VAULT, "aws_s3_bucket_versioning", "storage_data", versioning_configuration={"status": "Suspended"}
    ),
    "storage.wrong-key-refused": bucket_policy("DenyOtherKeys"),
}

KEYS: dict[str, Edit] = {
    "keys.administrators-cannot-use": key_policy("keys_export", "Deny", more=(allow("kms:Decrypt", {"AWS": "*"}),)),
    "keys.denies-other-accounts": key_policy("keys_data", "Deny"),
    "keys.enabled": change(VAULT, "aws_kms_key", "keys_data", is_enabled=False),
    "keys.exist": drop(VAULT, "aws_kms_alias", "keys_export"),
    "keys.grants-by-services-only": added(
        VAULT,
        "aws_kms_grant",
        DATA_KEY,
        grantee_principal=f"arn:aws:iam::{STRANGER}:role/thief",
        operations=["Decrypt"],
    ),
    "keys.labelled-use": key_policy("keys_data", "Deny", more=(allow("kms:Decrypt", {"AWS": "*"}),)),
    "keys.no-grants-by-people": key_policy("keys_data", "DenyGrants", more=(allow("kms:CreateGrant", {"AWS": "*"}),)),
    "keys.no-guests": key_policy("keys_data", more=(GUEST,)),
    "keys.no-iam-delegation": change(VAULT, "aws_kms_key", "keys_data", policy=None),
    "keys.own-material": change(VAULT, "aws_kms_key", "keys_data", multi_region=True),
    "keys.rotation": change(VAULT, "aws_kms_key", "keys_data", enable_key_rotation=False),
    "keys.separate-purposes": added(
        VAULT, "aws_kms_alias", {"target_key_id": ("aws_kms_key", "keys_logs", "key_id")}, name="alias/bh/acme/disk"
    ),
    "keys.services-confined": key_policy(
        "keys_logs", more=(allow("kms:Decrypt", {"Service": "logs.us-east-1.amazonaws.com"}),)
    ),
}

MACHINES: dict[str, Edit] = {
    "node.capacity-limited": change(COMPUTE, "aws_autoscaling_group", max_size=50),
    "node.encryption-by-default": drop(PERIMETER, "aws_ebs_encryption_by_default"),
    "node.groups-from-templates": change(COMPUTE, "aws_autoscaling_group", launch_template=None),
    "node.image-encrypted": add(
        COMPUTE, "aws_ami", name="own", ebs_block_device=[{"device_name": "/dev/xvda", "encrypted": False}]
    ),
    "node.image-trusted-boot": add(COMPUTE, "aws_ami", name="own"),
    "node.instance-approved-image": MACHINE,
    "node.instance-dedicated": MACHINE,
    "node.instance-imds": MACHINE,
    "node.instance-no-key-pair": MACHINE,
    "node.instance-no-public-address": MACHINE,
    "node.no-serial-console": add(PERIMETER, "aws_ec2_serial_console_access", enabled=True),
    "node.template-approved-image": change(COMPUTE, TEMPLATE, image_id="ami-99999999999999999"),
    "node.template-dedicated": change(COMPUTE, TEMPLATE, placement={"tenancy": "default"}),
    "node.template-disks-encrypted": change(
        COMPUTE, TEMPLATE, block_device_mappings=[{"device_name": "/dev/xvda", "ebs": {"encrypted": "false"}}]
    ),
    "node.template-imds": nested(TEMPLATE, "", "metadata_options", http_tokens="optional"),
    "node.template-known-shape": change(COMPUTE, TEMPLATE, instance_type="t2.nano"),
    "node.template-monitored": change(COMPUTE, TEMPLATE, monitoring={"enabled": False}),
    "node.template-no-key-pair": change(COMPUTE, TEMPLATE, key_name="admin"),
    "node.template-no-public-address": nested(TEMPLATE, "", "network_interfaces", associate_public_ip_address="true"),
    "node.template-profile": change(COMPUTE, TEMPLATE, iam_instance_profile={"name": "admin"}),
    "node.volumes-encrypted": add(COMPUTE, "aws_ebs_volume", availability_zone="us-east-1a", size=8),
}

GOVERNANCE: dict[str, Edit] = {
    "data.buckets-labelled": change(VAULT, "aws_s3_bucket", "storage_model", tags=None),
    "data.classified": change(VAULT, "aws_s3_bucket", "storage_data", tags={"tenant": "acme", "sensitivity": "public"}),
    "data.keys-labelled": change(VAULT, "aws_kms_key", "keys_data", tags={"tenant": "globex", "purpose": "data"}),
    "data.machines-labelled": change(COMPUTE, TEMPLATE, tag_specifications=[]),
    "data.retention-enforced": lifecycle(9999),
    "data.subnets-labelled": change(PERIMETER, "aws_subnet", tags=None),
    "audit.account-apart": drop("organisation", "aws_organizations_account", "audit"),
    "audit.bucket-closed": change("audit", "aws_s3_bucket_policy", policy=OPEN),
    "audit.bucket-exists": change("audit", "aws_s3_bucket", bucket="elsewhere"),
    "audit.bucket-key": change(
        "audit",
        "aws_s3_bucket_server_side_encryption_configuration",
        rule=[{"apply_server_side_encryption_by_default": {"sse_algorithm": "aws:kms", "kms_master_key_id": "key/x"}}],
    ),
    "audit.bucket-policy": drop("audit", "aws_s3_bucket_policy"),
    "audit.log-encryption": change(VAULT, "aws_cloudwatch_log_group", "ledger_", kms_key_id=None),
    "audit.log-groups-exist": drop(VAULT, "aws_cloudwatch_log_group", "ledger_"),
    "audit.log-retention": change(VAULT, "aws_cloudwatch_log_group", "ledger_", retention_in_days=30),
    "audit.no-early-expiry": added(
        "audit",
        "aws_s3_bucket_lifecycle_configuration",
        {"bucket": ("aws_s3_bucket", "", "id")},
        rule=[{"id": "tidy", "status": "Enabled", "expiration": [{"days": 30}]}],
    ),
    "audit.object-lock": change(
        "audit",
        "aws_s3_bucket_object_lock_configuration",
        rule={"default_retention": {"days": 30, "mode": "COMPLIANCE"}},
    ),
    "audit.trail-data-events": change(
        "audit",
        TRAIL,
        advanced_event_selector=[{"field_selector": [{"field": "eventCategory", "equals": ["Management"]}]}],
    ),
    "audit.trail-digests": change("audit", TRAIL, enable_log_file_validation=False),
    "audit.trail-everywhere": change("audit", TRAIL, is_multi_region_trail=False),
    "audit.trail-exists": drop("audit", TRAIL),
    "audit.trail-key": change("audit", TRAIL, kms_key_id=f"arn:aws:kms:us-east-1:{MANAGEMENT}:key/x"),
    "audit.trail-management-events": change(
        "audit",
        TRAIL,
        advanced_event_selector=[
            {
                "field_selector": [
                    {"field": "eventCategory", "equals": ["Data"]},
                    {"field": "resources.type", "equals": ["AWS::S3::Object"]},
                ]
            }
        ],
    ),
    "audit.trail-on": change("audit", TRAIL, enable_logging=False),
    "audit.trail-target": change("audit", TRAIL, s3_bucket_name="elsewhere"),
    "monitoring.alarms": drop(COMPUTE, "aws_cloudwatch_metric_alarm"),
    "monitoring.guardduty": change(PERIMETER, "aws_guardduty_detector", enable=False),
    "monitoring.refused-flows": drop(COMPUTE, "aws_cloudwatch_log_metric_filter"),
    "budget.limit": change(COMPUTE, "aws_budgets_budget", limit_amount="50000"),
    "budget.alerts": change(
        COMPUTE, "aws_budgets_budget", notification=[{"threshold": 50, "notification_type": "ACTUAL"}]
    ),
}

BREAKS = PERIMETERS | IDENTITIES | SHARED | NETWORKS | STORES | KEYS | MACHINES | GOVERNANCE

MENDS: dict[str, Edit] = {
    "monitoring.access-analyzer": add(PERIMETER, "aws_accessanalyzer_analyzer", analyzer_name="one"),
    "node.default-disk-key": added(
        PERIMETER, "aws_ebs_default_kms_key", {}, key_arn=f"arn:aws:kms:us-east-1:{AUDIT}:key/own"
    ),
    "node.no-public-images": add(PERIMETER, "aws_ec2_image_block_public_access", state="block-new-sharing"),
    "node.no-public-snapshots": add(PERIMETER, "aws_ebs_snapshot_block_public_access", state="block-all-sharing"),
}
"""What the local profile leaves out and the cloud profile deploys: the rule fails before the edit, passes after."""
