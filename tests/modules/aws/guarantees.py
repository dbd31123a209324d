"""What a tenant is promised of its stacks, with what a reader of the JSON finds wrong and a way to cause it.

A guarantee that finds nothing wrong with the spoiled stack is no guarantee: the test runs both.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network

from tests.stacks.synthesis import Stack

WAYS_OUT = {
    "aws_internet_gateway",
    "aws_egress_only_internet_gateway",
    "aws_nat_gateway",
    "aws_vpc_peering_connection",
    "aws_vpc_peering_connection_accepter",
    "aws_ec2_transit_gateway_vpc_attachment",
    "aws_vpn_gateway",
    "aws_eip",
    "aws_route",
    "aws_vpclattice_service_network_vpc_association",
}


@dataclass(frozen=True)
class Guarantee:
    """`violations` says what is wrong with a stack, in words; `spoil` makes it wrong in place."""

    title: str
    layer: str
    violations: Callable[[Stack], list[str]]
    spoil: Callable[[Stack], None]


def wrong(stack: Stack, kind: str, check: Callable[[dict], bool], at_least: int = 1) -> list[str]:
    """The resources of a type for which `check` is false, and a complaint where there are too few of them."""
    found = stack.all(kind)
    few = [] if len(found) >= at_least else [f"{len(found)} of {kind}, expected {at_least}"]
    return few + [stack.address(resource) for resource in found if not check(resource)]


def first(stack: Stack, kind: str) -> dict:
    return stack.all(kind)[0]


def add(stack: Stack, kind: str, **body: object) -> None:
    stack.body["resource"].setdefault(kind, {})["added"] = body


def set_value(kind: str, *path: str | int, value: object) -> Callable[[Stack], None]:
    """A spoiler that writes one value of the first resource of a type."""

    def spoil(stack: Stack) -> None:
        held = first(stack, kind)
        for part in path[:-1]:
            held = held[part]
        held[path[-1]] = value

    return spoil


def remove(kind: str, *path: str | int) -> Callable[[Stack], None]:
    """A spoiler that deletes the first resource of a type, or one value of it."""

    def spoil(stack: Stack) -> None:
        if not path:
            named = stack.body["resource"][kind]
            del named[next(iter(named))]
            return
        held = first(stack, kind)
        for part in path[:-1]:
            held = held[part]
        del held[path[-1]]

    return spoil


def policies(stack: Stack, kind: str, attribute: str = "policy") -> list[dict]:
    return [json.loads(resource[attribute]) for resource in stack.all(kind)]


def no_way_out(stack: Stack) -> list[str]:
    return sorted(WAYS_OUT & set(stack.body["resource"]))


def subnets_are_private(stack: Stack) -> list[str]:
    outside = [IPv4Network(vpc["cidr_block"]) for vpc in stack.all("aws_vpc")]
    return wrong(
        stack,
        "aws_subnet",
        lambda subnet: (
            subnet["map_public_ip_on_launch"] is False
            and any(IPv4Network(subnet["cidr_block"]).subnet_of(vpc) for vpc in outside)
        ),
        at_least=2,
    )


def subnets_do_not_overlap(stack: Stack) -> list[str]:
    ranges = [IPv4Network(subnet["cidr_block"]) for subnet in stack.all("aws_subnet")]
    return [str(one) for index, one in enumerate(ranges) for other in ranges[index + 1 :] if one.overlaps(other)]


def security_groups_name_both_ends(stack: Stack) -> list[str]:
    """Every rule is HTTPS and names a group or a prefix list, never a range of addresses; no rule stands inside."""
    rules = ("aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule")
    inline = wrong(stack, "aws_security_group", lambda group: not group.get("ingress") and not group.get("egress"), 2)
    return inline + [
        address
        for kind in rules
        for address in wrong(
            stack,
            kind,
            lambda rule: (
                {"cidr_ipv4", "cidr_ipv6"}.isdisjoint(rule)
                and (rule["ip_protocol"], rule["from_port"], rule["to_port"]) == ("tcp", 443, 443)
            ),
        )
    ]


def endpoints_have_policies(stack: Stack) -> list[str]:
    """Every endpoint's policy allows own principals on own resources only, and S3 has a gateway."""
    problems = []
    services = set()
    for endpoint in stack.all("aws_vpc_endpoint"):
        services.add(endpoint["service_name"].rsplit(".", 1)[-1])
        for statement in json.loads(endpoint.get("policy", '{"Statement": [{"Effect": "Allow"}]}'))["Statement"]:
            equal = statement.get("Condition", {}).get("StringEquals", {})
            if statement["Effect"] == "Allow" and not {"aws:PrincipalAccount", "aws:ResourceAccount"} <= set(equal):
                problems.append(f"{endpoint['service_name']} lets others pass")
    missing = {"s3", "kms", "sts", "logs"} - services
    return problems + [f"no endpoint for {service}" for service in sorted(missing)]


def interfaces_are_private(stack: Stack) -> list[str]:
    return wrong(
        stack,
        "aws_vpc_endpoint",
        lambda endpoint: (
            endpoint["vpc_endpoint_type"] == "Gateway"
            or (endpoint["private_dns_enabled"] is True and len(endpoint["security_group_ids"]) == 1)
        ),
    )


def five_rotated_keys(stack: Stack) -> list[str]:
    purposes = {key["tags"]["purpose"] for key in stack.all("aws_kms_key")}
    missing = {"disk", "data", "checkpoint", "export", "logs"} - purposes
    return [f"no key for {purpose}" for purpose in sorted(missing)] + wrong(
        stack,
        "aws_kms_key",
        lambda key: (
            key["enable_key_rotation"] is True
            and 90 <= key["rotation_period_in_days"] <= 365
            and key["multi_region"] is False
            and key["deletion_window_in_days"] == 30
        ),
        at_least=5,
    )


def keys_are_not_delegated(stack: Stack) -> list[str]:
    """No key policy hands every action on the key to the account."""
    return [
        statement["Sid"]
        for document in policies(stack, "aws_kms_key")
        for statement in document["Statement"]
        if statement["Effect"] == "Allow" and "kms:*" in statement["Action"]
    ]


def each_bucket_has(kind: str) -> Callable[[Stack], list[str]]:
    """Every bucket is named by exactly one resource of a type."""

    def violations(stack: Stack) -> list[str]:
        named = [resource["bucket"] for resource in stack.all(kind)]
        buckets = [f"${{{stack.address(bucket)}.id}}" for bucket in stack.all("aws_s3_bucket")]
        return [f"{bucket} has no {kind}" for bucket in buckets if named.count(bucket) != 1] or (
            [] if buckets else ["no bucket"]
        )

    return violations


def buckets_under_the_storage_key(stack: Stack) -> list[str]:
    """The default encryption of each bucket names the tenant's key for services that store, with a bucket key.

    Never a key that is released by measurement: S3 cannot attest.
    """
    keys = {stack.address(key): key["tags"]["purpose"] for key in stack.all("aws_kms_key")}
    buckets = {f"${{{stack.address(bucket)}.id}}": bucket for bucket in stack.all("aws_s3_bucket")}
    expected = {"data": "disk", "checkpoint": "disk", "model": "disk", "audit": "audit"}
    problems = []
    for encryption in stack.all("aws_s3_bucket_server_side_encryption_configuration"):
        (rule,) = encryption["rule"]
        default = rule["apply_server_side_encryption_by_default"]
        key = keys.get(default["kms_master_key_id"].removeprefix("${").removesuffix(".arn}"))
        purpose = buckets[encryption["bucket"]]["tags"]["purpose"]
        if (default["sse_algorithm"], key, rule["bucket_key_enabled"]) != ("aws:kms", expected[purpose], True):
            problems.append(f"{purpose} is under {key}")
    return problems


def buckets_refuse_plain_http(stack: Stack) -> list[str]:
    def refuses(document: dict) -> bool:
        return any(
            statement["Effect"] == "Deny"
            and statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") == "false"
            for statement in document["Statement"]
        )

    return [
        f"policy {index}"
        for index, document in enumerate(policies(stack, "aws_s3_bucket_policy"))
        if not refuses(document)
    ]


def public_access_blocked(kind: str) -> Callable[[Stack], list[str]]:
    names = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")
    return lambda stack: wrong(stack, kind, lambda block: all(block[name] is True for name in names))


def roles_under_the_boundary(stack: Stack) -> list[str]:
    return wrong(stack, "aws_iam_role", lambda role: "boundary" in role.get("permissions_boundary", ""))


def data_is_deleted_in_time(stack: Stack) -> list[str]:
    """Some rule of the data bucket expires objects and, a day later, their versions."""
    rules = [rule for held in stack.all("aws_s3_bucket_lifecycle_configuration") for rule in held["rule"]]
    retention = [rule for rule in rules if rule["id"].endswith("-retention")]
    bad = [rule["id"] for rule in rules if rule["status"] != "Enabled"]
    bad += [rule["id"] for rule in retention if rule["noncurrent_version_expiration"][0]["noncurrent_days"] != 1]
    return bad or ([] if len(retention) >= 2 else ["no retention"])


def logs_are_kept_and_encrypted(stack: Stack) -> list[str]:
    return wrong(
        stack,
        "aws_cloudwatch_log_group",
        lambda group: "keys_logs" in group.get("kms_key_id", "") and group["retention_in_days"] >= 365,
        at_least=2,
    )


def template_is_closed(stack: Stack) -> list[str]:
    """Metadata version 2 with one hop, no key pair, no user data, no public address, dedicated hardware."""
    template = stack.one("aws_launch_template")
    metadata = template["metadata_options"]
    (interface,) = template["network_interfaces"]
    checks = {
        "metadata tokens": metadata["http_tokens"] == "required",
        "hop limit": metadata["http_put_response_hop_limit"] == 1,
        "key pair": "key_name" not in template,
        "user data": "user_data" not in template,
        "public address": interface["associate_public_ip_address"] == "false",
        "shared hardware": template["placement"] == {"tenancy": "dedicated"},
        "instance profile": template["iam_instance_profile"]["name"].endswith("-trainer"),
    }
    return [name for name, holds in checks.items() if not holds]


def disks_are_encrypted(stack: Stack) -> list[str]:
    mappings = stack.one("aws_launch_template")["block_device_mappings"]
    return [
        mapping["device_name"]
        for mapping in mappings
        if mapping["ebs"]["encrypted"] != "true" or "keys_disk" not in mapping["ebs"]["kms_key_id"]
    ] or ([] if mappings else ["no disk is mentioned"])


def capacity_starts_at_zero(stack: Stack) -> list[str]:
    return wrong(stack, "aws_autoscaling_group", lambda group: group["min_size"] == group["desired_capacity"] == 0)


def trail_is_complete(stack: Stack) -> list[str]:
    trail = stack.one("aws_cloudtrail")
    selectors = json.dumps(trail["advanced_event_selector"])
    checks = {
        "organisation": trail["is_organization_trail"] is True,
        "every region": trail["is_multi_region_trail"] is True,
        "digests": trail["enable_log_file_validation"] is True,
        "encrypted": "store_key" in trail["kms_key_id"],
        "objects": "AWS::S3::Object" in selectors,
        "management": "Management" in selectors,
        "made in the management account": trail["provider"] == "aws.management",
    }
    return [name for name, holds in checks.items() if not holds]


def audit_is_locked(stack: Stack) -> list[str]:
    bucket = stack.one("aws_s3_bucket")
    retention = stack.one("aws_s3_bucket_object_lock_configuration")["rule"]["default_retention"]
    problems = [] if bucket["object_lock_enabled"] is True else ["bucket without object lock"]
    return problems + ([] if retention == {"mode": "COMPLIANCE", "days": 400} else [f"retention {retention}"])


def every_resource_is_tagged(stack: Stack) -> list[str]:
    tagless = {"tenant", "platform", "layer"}
    return [
        stack.address(resource)
        for named in stack.body["resource"].values()
        for resource in named.values()
        if "tags" in resource and not tagless <= set(resource["tags"])
    ]


def locks_on_both_units(stack: Stack) -> list[str]:
    """Each lock is attached to the tenants' and the quarantine unit; quarantine and audit lock to one target."""
    units: dict[str, set[str]] = {}
    for attachment in stack.all("aws_organizations_policy_attachment"):
        units.setdefault(attachment["policy_id"], set()).add(attachment["target_id"])
    names = {f"${{{stack.address(policy)}.id}}": policy["name"] for policy in stack.all("aws_organizations_policy")}
    return [
        name
        for policy, name in names.items()
        if len(units.get(policy, ())) != (1 if name.endswith(("-quarantine", "-audit-lock")) else 2)
    ]


def policy_types_enabled(stack: Stack) -> list[str]:
    root = stack.one("aws_organizations_organization")
    return sorted({"SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"} - set(root["enabled_policy_types"]))


def budget_has_a_limit(stack: Stack) -> list[str]:
    return wrong(stack, "aws_budgets_budget", lambda budget: float(budget["limit_amount"]) > 0)


GUARANTEES = [
    Guarantee(
        "no gateway, peering or route leads out", "perimeter", no_way_out, lambda s: add(s, "aws_internet_gateway")
    ),
    Guarantee(
        "route tables have no route",
        "perimeter",
        lambda s: (
            wrong(s, "aws_route_table", lambda t: t["route"] == [])
            + wrong(s, "aws_default_route_table", lambda t: t["route"] == [])
        ),
        set_value("aws_route_table", "route", value=[{"cidr_block": "0.0.0.0/0", "gateway_id": "igw-1"}]),
    ),
    Guarantee(
        "subnets are private",
        "perimeter",
        subnets_are_private,
        set_value("aws_subnet", "map_public_ip_on_launch", value=True),
    ),
    Guarantee(
        "subnets do not overlap",
        "perimeter",
        subnets_do_not_overlap,
        lambda s: s.all("aws_subnet")[0].update(cidr_block=s.all("aws_subnet")[1]["cidr_block"]),
    ),
    Guarantee(
        "the default security group is empty",
        "perimeter",
        lambda s: wrong(s, "aws_default_security_group", lambda g: g["ingress"] == g["egress"] == []),
        set_value("aws_default_security_group", "egress", value=[{"cidr_blocks": ["0.0.0.0/0"]}]),
    ),
    Guarantee(
        "the default network ACL is empty",
        "perimeter",
        lambda s: wrong(s, "aws_default_network_acl", lambda a: a["ingress"] == a["egress"] == []),
        set_value("aws_default_network_acl", "ingress", value=[{"rule_no": 100, "action": "allow"}]),
    ),
    Guarantee(
        "security groups name both ends of each flow",
        "perimeter",
        security_groups_name_both_ends,
        set_value("aws_vpc_security_group_egress_rule", "cidr_ipv4", value="0.0.0.0/0"),
    ),
    Guarantee(
        "nothing reaches administration ports",
        "perimeter",
        lambda s: wrong(s, "aws_network_acl_rule", lambda r: r["from_port"] == 443 or r["from_port"] >= 32768, 4),
        set_value("aws_network_acl_rule", "from_port", value=22),
    ),
    Guarantee(
        "machines have their host to themselves",
        "perimeter",
        lambda s: wrong(s, "aws_vpc", lambda v: v["instance_tenancy"] == "dedicated"),
        set_value("aws_vpc", "instance_tenancy", value="default"),
    ),
    Guarantee(
        "every endpoint has a policy of its own",
        "perimeter",
        endpoints_have_policies,
        remove("aws_vpc_endpoint", "policy"),
    ),
    Guarantee(
        "the endpoints that the trainer needs are there",
        "perimeter",
        endpoints_have_policies,
        set_value("aws_vpc_endpoint", "service_name", value="com.amazonaws.us-east-1.ec2"),
    ),
    Guarantee(
        "interface endpoints answer under the service's own name",
        "perimeter",
        interfaces_are_private,
        lambda s: next(e for e in s.all("aws_vpc_endpoint") if e["vpc_endpoint_type"] == "Interface").update(
            private_dns_enabled=False
        ),
    ),
    Guarantee(
        "all flows are recorded",
        "perimeter",
        lambda s: wrong(
            s, "aws_flow_log", lambda f: f["traffic_type"] == "ALL" and f["log_destination"].endswith("/flow")
        ),
        set_value("aws_flow_log", "traffic_type", value="REJECT"),
    ),
    Guarantee(
        "new volumes are encrypted",
        "perimeter",
        lambda s: wrong(s, "aws_ebs_encryption_by_default", lambda e: e["enabled"] is True),
        set_value("aws_ebs_encryption_by_default", "enabled", value=False),
    ),
    Guarantee(
        "no bucket of the account can be public",
        "perimeter",
        public_access_blocked("aws_s3_account_public_access_block"),
        set_value("aws_s3_account_public_access_block", "block_public_policy", value=False),
    ),
    Guarantee(
        "five keys, rotated",
        "vault",
        five_rotated_keys,
        set_value("aws_kms_key", "enable_key_rotation", value=False),
    ),
    Guarantee("no purpose without a key", "vault", five_rotated_keys, remove("aws_kms_key")),
    Guarantee(
        "no key is delegated to IAM",
        "vault",
        keys_are_not_delegated,
        set_value(
            "aws_kms_key",
            "policy",
            value=json.dumps({"Statement": [{"Sid": "Root", "Effect": "Allow", "Action": "kms:*"}]}),
        ),
    ),
    *[
        Guarantee(f"every bucket has {kind}", "vault", each_bucket_has(kind), remove(kind))
        for kind in (
            "aws_s3_bucket_versioning",
            "aws_s3_bucket_public_access_block",
            "aws_s3_bucket_policy",
            "aws_s3_bucket_ownership_controls",
            "aws_s3_bucket_server_side_encryption_configuration",
            "aws_s3_bucket_lifecycle_configuration",
        )
    ],
    Guarantee(
        "versioning is on",
        "vault",
        lambda s: wrong(
            s, "aws_s3_bucket_versioning", lambda v: v["versioning_configuration"]["status"] == "Enabled", 3
        ),
        set_value("aws_s3_bucket_versioning", "versioning_configuration", value={"status": "Suspended"}),
    ),
    Guarantee(
        "buckets belong to their account alone",
        "vault",
        lambda s: wrong(
            s,
            "aws_s3_bucket_ownership_controls",
            lambda o: o["rule"]["object_ownership"] == "BucketOwnerEnforced",
            3,
        ),
        set_value("aws_s3_bucket_ownership_controls", "rule", value={"object_ownership": "ObjectWriter"}),
    ),
    Guarantee(
        "each bucket is encrypted under the tenant's key for storage",
        "vault",
        buckets_under_the_storage_key,
        lambda s: first(s, "aws_s3_bucket_server_side_encryption_configuration")["rule"][0][
            "apply_server_side_encryption_by_default"
        ].update(kms_master_key_id="alias/aws/s3"),
    ),
    Guarantee(
        "buckets refuse plain HTTP",
        "vault",
        buckets_refuse_plain_http,
        set_value("aws_s3_bucket_policy", "policy", value='{"Statement": []}'),
    ),
    Guarantee(
        "no bucket is public",
        "vault",
        public_access_blocked("aws_s3_bucket_public_access_block"),
        set_value("aws_s3_bucket_public_access_block", "restrict_public_buckets", value=False),
    ),
    Guarantee(
        "every role is under the boundary",
        "vault",
        roles_under_the_boundary,
        remove("aws_iam_role", "permissions_boundary"),
    ),
    Guarantee(
        "the flow log's role is under the boundary",
        "perimeter",
        roles_under_the_boundary,
        remove("aws_iam_role", "permissions_boundary"),
    ),
    Guarantee(
        "data is deleted in time",
        "vault",
        data_is_deleted_in_time,
        lambda s: first(s, "aws_s3_bucket_lifecycle_configuration")["rule"][0].update(status="Disabled"),
    ),
    Guarantee(
        "logs are encrypted under the tenant's key and kept",
        "vault",
        logs_are_kept_and_encrypted,
        remove("aws_cloudwatch_log_group", "kms_key_id"),
    ),
    *[
        Guarantee(f"launch template: {what}", "compute", template_is_closed, spoil)
        for what, spoil in {
            "metadata version 2": set_value("aws_launch_template", "metadata_options", "http_tokens", value="optional"),
            "one hop": set_value("aws_launch_template", "metadata_options", "http_put_response_hop_limit", value=2),
            "no key pair": set_value("aws_launch_template", "key_name", value="admin"),
            "no user data": set_value("aws_launch_template", "user_data", value="IyEvYmluL3No"),
            "dedicated hardware": set_value("aws_launch_template", "placement", value={}),
            "no public address": set_value(
                "aws_launch_template", "network_interfaces", 0, "associate_public_ip_address", value="true"
            ),
        }.items()
    ],
    Guarantee(
        "disks are encrypted under the disk key",
        "compute",
        disks_are_encrypted,
        set_value("aws_launch_template", "block_device_mappings", 0, "ebs", "kms_key_id", value="alias/aws/ebs"),
    ),
    Guarantee(
        "capacity starts at zero",
        "compute",
        capacity_starts_at_zero,
        set_value("aws_autoscaling_group", "desired_capacity", value=1),
    ),
    Guarantee(
        "there is a budget",
        "compute",
        budget_has_a_limit,
        set_value("aws_budgets_budget", "limit_amount", value="0"),
    ),
    Guarantee(
        "the audit bucket is locked",
        "audit",
        audit_is_locked,
        set_value("aws_s3_bucket_object_lock_configuration", "rule", "default_retention", "mode", value="GOVERNANCE"),
    ),
    Guarantee(
        "the audit bucket is under the audit account's own key",
        "audit",
        buckets_under_the_storage_key,
        lambda s: first(s, "aws_s3_bucket_server_side_encryption_configuration")["rule"][0].update(
            bucket_key_enabled=False
        ),
    ),
    Guarantee(
        "the trail is complete and has digests",
        "audit",
        trail_is_complete,
        set_value("aws_cloudtrail", "enable_log_file_validation", value=False),
    ),
    Guarantee(
        "the trail records what happens to objects",
        "audit",
        trail_is_complete,
        set_value("aws_cloudtrail", "advanced_event_selector", value=[]),
    ),
    Guarantee(
        "both types of policy are enabled",
        "organisation",
        policy_types_enabled,
        set_value("aws_organizations_organization", "enabled_policy_types", value=["SERVICE_CONTROL_POLICY"]),
    ),
    Guarantee(
        "every lock is on both units",
        "organisation",
        locks_on_both_units,
        remove("aws_organizations_policy_attachment"),
    ),
    *[
        Guarantee(f"everything of {layer} is tagged", layer, every_resource_is_tagged, remove(kind, "tags", "tenant"))
        for layer, kind in {
            "organisation": "aws_organizations_policy",
            "audit": "aws_kms_key",
            "vault": "aws_kms_key",
            "perimeter": "aws_vpc",
            "compute": "aws_launch_template",
        }.items()
    ],
]
