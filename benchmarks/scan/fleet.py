"""Judging fleets of 10, 50 and 100 tenants: time and memory per fact. The facts are made, not collected.

`python -m benchmarks.scan.fleet FOLDER` judges the bundle in a folder and prints what that took.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.scan.memory import peak_kib
from compliance.facts.bundle import BundleWriter, open_bundle
from compliance.facts.fact import Fact
from compliance.facts.scope import TenantScope, scope_to_json
from compliance.rules.judge import judge
from tests.compliance import world as worlds

SIZES = (10, 50, 100)
MORE = 12
"""How many of each kind are added to a tenant of the test fleet, so that it has about a hundred resources."""


def write(tenants: int, folder: Path) -> tuple[int, int]:
    """Writes the bundle of a fleet, one tenant in memory at a time; returns how many facts and resources it has."""
    made = tuple(_tenant(number) for number in range(tenants))
    scope = replace(worlds.scope(), tenants=made, judged=(*(one.id for one in made), "platform"))
    resources = 0
    with BundleWriter(folder, scope_to_json(scope)) as writer:
        shared = worlds.World(scope)
        worlds.organisation(shared)
        worlds.audit(shared)
        for account in (worlds.MANAGEMENT, worlds.AUDIT):
            worlds.account(shared, account)
            worlds.no_principals(shared, account)
        _members(shared, made)
        for fact in shared.facts():
            writer.append(fact)
        for tenant in made:
            for fact in _facts(scope, tenant):
                writer.append(fact)
                resources += _listed(fact)
        count = writer.count
        writer.seal(
            {
                "accounts": [],
                "began": worlds.NOW,
                "ended": worlds.NOW,
                "caller": "benchmark",
                "endpoint": "http://127.0.0.1:1",
                "local_test_double": True,
                "tool": {"name": "bulkhead", "version": "unknown", "rules": "unknown"},
            }
        )
    return count, resources


def _tenant(number: int) -> TenantScope:
    return worlds.tenant(f"t{number:04d}", f"{500_000_000_000 + number}", f"10.{number}.0.0/20")


def _members(shared: worlds.World, tenants: tuple[TenantScope, ...]) -> None:
    accounts = [worlds.MANAGEMENT, worlds.AUDIT, *(one.account for one in tenants)]
    entries = [{"Id": one, "Name": one, "Status": "ACTIVE"} for one in accounts]
    shared.put(worlds.MANAGEMENT, "organizations:ListAccounts", {"Accounts": entries})
    members = {"Accounts": [{"Id": one.account} for one in tenants]}
    shared.put(worlds.MANAGEMENT, "organizations:ListAccountsForParent", members, ParentId="ou-t")


def _facts(scope: Any, tenant: TenantScope) -> Iterator[Fact]:
    made = worlds.World(scope)
    worlds.account(made, tenant.account)
    for part in (worlds.identities, worlds.storage, worlds.keys, worlds.network, worlds.machines, worlds.logs):
        part(made, tenant)
    worlds.nothing_shared(made, tenant.account)
    _more(made, tenant)
    yield from made.facts()


def _more(made: worlds.World, tenant: TenantScope) -> None:
    """More buckets, roles, subnets, groups and volumes, as good as the first of their kind."""
    account = tenant.account
    for number in range(MORE):
        name = f"{tenant.buckets['data']}-{number:02d}"
        made.get(account, "s3:ListBuckets")["Buckets"].append({"Name": name})
        key = worlds.key_id(account, "data")
        labels = {"tenant": tenant.id, "platform": "bh", "layer": "vault", "purpose": "data"}
        worlds.bucket(made, account, name, key, labels)
        role = deepcopy(made.get(account, "iam:GetAccountAuthorizationDetails")["RoleDetailList"][0])
        role |= {"RoleName": f"{role['RoleName']}-{number}", "Arn": f"{role['Arn']}-{number}"}
        made.get(account, "iam:GetAccountAuthorizationDetails")["RoleDetailList"].append(role)
        made.get(account, "iam:ListRoles")["Roles"].append({"RoleName": role["RoleName"], "Arn": role["Arn"]})
        for api, member, identifier in (
            ("ec2:DescribeSubnets", "Subnets", "SubnetId"),
            ("ec2:DescribeSecurityGroups", "SecurityGroups", "GroupId"),
            ("ec2:DescribeVolumes", "Volumes", "VolumeId"),
        ):
            item = deepcopy(made.get(account, api)[member][-1])
            item[identifier] = f"{item[identifier]}-{number}"
            made.get(account, api)[member].append(item)


_LISTS = {
    "Buckets", "Keys", "RoleDetailList", "Subnets", "SecurityGroups", "Volumes", "Vpcs", "VpcEndpoints", "RouteTables",
    "NetworkAcls", "LaunchTemplates", "AutoScalingGroups", "logGroups", "Reservations", "Snapshots", "Images",
    "MetricAlarms", "Topics", "QueueUrls", "repositories", "Functions", "SecretList",
}  # fmt: skip


def _listed(fact: Fact) -> int:
    return sum(len(items) for name, items in (fact.response or {}).items() if name in _LISTS)


def judged(folder: Path) -> dict[str, Any]:
    """Judges a bundle: seconds, and the growth of this process's memory in MiB."""
    before = peak_kib()
    began = time.perf_counter()
    bundle = open_bundle(folder)
    judgement = judge(bundle)
    seconds = time.perf_counter() - began
    after = peak_kib()
    facts = int(bundle.manifest["facts"]["count"])
    return {
        "judge_s": round(seconds, 2),
        "memory_mib": after // 1024,
        "grown_mib": (after - before) // 1024,
        "grown_bytes_per_fact": round((after - before) * 1024 / facts),
        "results": len(judgement.results),
        "failed": judgement.summary["fail"],
    }


def sizes() -> list[dict[str, Any]]:
    """One entry per size of fleet, each judged in a process of its own."""
    rows = []
    for tenants in SIZES:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "bundle"
            facts, resources = write(tenants, folder)
            size = (folder / "facts.jsonl").stat().st_size
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
            command = [sys.executable, "-m", "benchmarks.scan.fleet", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            counts = {"tenants": tenants, "resources": resources, "facts": facts, "bundle_mib": round(size / 2**20, 1)}
            rows.append(counts | json.loads(done.stdout))
    return rows


if __name__ == "__main__":
    sys.stdout.write(json.dumps(judged(Path(sys.argv[1]))) + "\n")
