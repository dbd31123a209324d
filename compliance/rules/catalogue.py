"""Every rule, in the order in which reports list them."""

from __future__ import annotations

from compliance.rules import (
    audit,
    compute,
    endpoints,
    governance,
    identity,
    keys,
    network,
    perimeter,
    reconciliation,
    storage,
)
from compliance.rules.google import compute as google_compute
from compliance.rules.google import governance as google_governance
from compliance.rules.google import keys as google_keys
from compliance.rules.google import perimeter as google_perimeter
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
    *perimeter.RULES,
    *identity.RULES,
    *endpoints.RULES,
    *network.RULES,
    *storage.RULES,
    *keys.RULES,
    *compute.RULES,
    *governance.RULES,
    *reconciliation.RULES,
    *audit.RULES,
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
