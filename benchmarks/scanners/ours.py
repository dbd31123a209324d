"""Our own side: collects the account's facts, builds the estate with all tenants in one account, and proves all pairs.

`python -m benchmarks.scanners.ours ENDPOINT TENANTS FOLDER` prints the findings as JSON; the comparison runs it as a
process of its own, so that its time and memory are measured like those of the others.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.scanners.cloud import KEYS
from benchmarks.scanners.tenants import ACCOUNT, PLATFORM, REGION, Tenant
from compliance.collect.access import Entry, Keys
from compliance.collect.scan import Account, Plan, scan
from compliance.estate.from_facts import estate_of_facts
from compliance.facts.bundle import open_bundle
from compliance.facts.scope import Scope, TenantScope, scope_from_json, scope_to_json
from compliance.prove.engine import prove
from compliance.prove.result import Proofs


def scope_of(tenants: Sequence[Tenant]) -> Scope:
    """The scope of a shared account that is in no organisation and has no audit account."""
    return Scope(
        platform=PLATFORM, home_region=REGION, management_account=ACCOUNT, audit_account=ACCOUNT, audit_bucket="",
        audit_key_alias="", trail="", audit_retention_days=365, retention_floor_days=365, rotation_ceiling_days=365,
        deployer_role="", regions=(REGION,), tenants_unit="", quarantine_unit="", images=(), instance_types=(),
        class_retention={}, tenants=tuple(_scope(tenant) for tenant in tenants),
    )  # fmt: skip


def _scope(tenant: Tenant) -> TenantScope:
    return TenantScope(
        id=tenant.id, account=ACCOUNT, region=REGION, state="active", cidr=tenant.network,
        buckets={"data": tenant.bucket}, key_aliases={"data": tenant.alias}, bucket_keys={"data": "data"},
        roles={"trainer": tenant.role}, boundary="", log_groups={}, log_retention_days=365, rotation_days=365,
        budget_usd=1, budget_alerts=(), image="", instance_type="", max_nodes=1, contacts=(), datasets=(),
    )  # fmt: skip


def proofs_of(endpoint: str, tenants: Sequence[Tenant], folder: Path) -> Proofs:
    """Collects into a bundle in `folder` and proves all pairs from what the bundle holds."""
    keys = Keys(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"])
    account = Account(Entry(ACCOUNT, (), keys), (REGION,))
    scan(Plan((account,), scope_to_json(scope_of(tenants)), endpoint, keys, workers=4), folder)
    bundle = open_bundle(folder)
    double = bool(bundle.manifest["local_test_double"])
    return prove(estate_of_facts(bundle.facts(), scope_from_json(bundle.scope), test_double=double))


def document(proofs: Proofs) -> dict[str, Any]:
    """Every pair and path that is not proved, the counts, and what could not be read."""
    return {
        "alarms": [pair for pair in proofs.pairs() if pair["verdict"] != "proved"],
        "verdicts": proofs.count(),
        "outside": [leak.as_json() for leak in proofs.outside],
        "considered": proofs.coverage["considered"],
        "unread": proofs.coverage["unread"],
    }


def main() -> None:
    """The findings on stdout."""
    endpoint, number, folder = sys.argv[1:]
    tenants = [Tenant(each) for each in range(int(number))]
    sys.stdout.write(json.dumps(document(proofs_of(endpoint, tenants, Path(folder)))) + "\n")


if __name__ == "__main__":
    main()
