"""Terraform's values as the REST API spells them: camelCase names, and single blocks as objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SPELLING = {
    "kms_key_name": "kmsKeyName",
    "disk_size_gb": "diskSizeGb",
    "enable_vtpm": "enableVtpm",
    "ip_cidr_range": "ipCidrRange",
    "src_ip_ranges": "srcIpRanges",
    "dest_ip_ranges": "destIpRanges",
}
# Nested blocks that hold one object in the API; Terraform's JSON may write each as a list of one.
SINGLE = frozenset(
    {
        "action", "advanced_machine_features", "aggregation_interval", "alternate_name_server_config", "amount",
        "budget_filter", "confidential_instance_config", "config", "condition", "custom_placement_config",
        "default_encryption_configuration", "disk_encryption_key", "eligible_users", "encryption", "egress_from",
        "egress_to", "expr", "forwarding_config", "gcp_iam_access", "ingress_from", "ingress_to", "instance_properties",
        "last_updated_partition_threshold", "log_config", "logging", "manual_approvals", "match", "max_run_duration",
        "network_interface_config", "oidc", "policy", "private_visibility_config", "privileged_access",
        "quota_config", "requester_justification_config", "reservation_affinity", "retention_policy", "scheduling",
        "service_account", "shielded_instance_config", "specified_amount", "soft_delete_policy", "spec", "status",
        "thresholds", "approval_workflow", "unstructured", "values", "version_template", "versioning",
        "vpc_accessible_services", "cmek_settings", "dry_run_spec", "options", "details", "target", "deny_rule",
        "denial_condition", "all_updates_rule", "match_condition", "network_performance_config", "autoclass",
    }
)  # fmt: skip
# Values under these names are keys of the user's own and keep their spelling.
_FREE = frozenset(
    {"labels", "metadata", "attribute_mapping", "user_labels", "effective_labels", "resource_manager_tags"}
)


def camel(name: str) -> str:
    """`snake_case` as `camelCase`."""
    if name in _SPELLING:
        return _SPELLING[name]
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def rest(values: Any) -> Any:
    """Values in the spelling of the REST API; what is null is left out."""
    if isinstance(values, Mapping):
        found = {}
        for name, value in values.items():
            if value is None or name in {"lifecycle", "provider", "depends_on", "count", "for_each", "timeouts"}:
                continue
            if name in _FREE and isinstance(value, Mapping):
                found[camel(name)] = dict(value)
                continue
            single = value[0] if name in SINGLE and isinstance(value, list) and len(value) == 1 else value
            found[camel(name)] = rest(single)
        return found
    if isinstance(values, list):
        return [rest(value) for value in values]
    return values
