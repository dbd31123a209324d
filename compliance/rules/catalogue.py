"""Every rule, in the order in which reports list them."""

from __future__ import annotations

from compliance.rules import (
    audit_bucket,
    bucket_outlets,
    bucket_policies,
    data_governance,
    endpoints,
    key_policies,
    keys,
    log_groups,
    machine_settings,
    machines,
    network,
    network_exits,
    network_filters,
    node_evidence,
    organisation_policies,
    people,
    perimeter,
    reconciliation,
    resource_policies,
    role_powers,
    role_trust,
    sharing,
    stale_access,
    storage,
    templates,
    trail,
    trail_delivery,
    watching,
)
from compliance.rules.google import compute as google_compute
from compliance.rules.google import coverage as google_coverage
from compliance.rules.google import governance as google_governance
from compliance.rules.google import keys as google_keys
from compliance.rules.google import perimeter as google_perimeter
from compliance.rules.google import retention as google_retention
from compliance.rules.google import storage as google_storage
from compliance.rules.model import Rule

ROOMS: dict[str, str] = {
    "perimeter": "Organisation and perimeter",
    "identity": "Identity",
    "sharing": "Doors between accounts",
    "network": "Network",
    "storage": "Storage",
    "keys": "Keys",
    "node": "Nodes and images",
    "data": "Data governance",
    "audit": "Audit",
    "monitoring": "Monitoring",
    "budget": "Budget and quota",
    "coverage": "Coverage",
}
"""Title of each room, by the first part of a rule's id."""

_ALL = (
    *trail.RULES,
    *trail_delivery.RULES,
    *audit_bucket.RULES,
    *log_groups.RULES,
    *templates.RULES,
    *machines.RULES,
    *node_evidence.RULES,
    *machine_settings.RULES,
    *endpoints.RULES,
    *sharing.RULES,
    *resource_policies.RULES,
    *data_governance.RULES,
    *watching.RULES,
    *role_powers.RULES,
    *role_trust.RULES,
    *people.RULES,
    *stale_access.RULES,
    *keys.RULES,
    *key_policies.RULES,
    *network_exits.RULES,
    *network.RULES,
    *network_filters.RULES,
    *perimeter.RULES,
    *organisation_policies.RULES,
    *storage.RULES,
    *bucket_policies.RULES,
    *bucket_outlets.RULES,
    *reconciliation.RULES,
)
RULES: tuple[Rule, ...] = tuple(sorted(_ALL, key=lambda rule: (list(ROOMS).index(rule.room), rule.id)))


GOOGLE_RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            *google_perimeter.RULES,
            *google_storage.RULES,
            *google_keys.RULES,
            *google_compute.RULES,
            *google_governance.RULES,
            *google_retention.RULES,
            *google_coverage.RULES,
        ),
        key=lambda rule: (list(ROOMS).index(rule.room), rule.id),
    )
)
"""The rules about tenants on Google Cloud, and about the platform's part there."""

EVERY_RULE: tuple[Rule, ...] = (*RULES, *GOOGLE_RULES)


def rule_of(rule_id: str) -> Rule:
    """The rule with this id. Raises `KeyError` if there is none."""
    return _BY_ID[rule_id]


_BY_ID = {rule.id: rule for rule in EVERY_RULE}
