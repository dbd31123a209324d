"""Bundles of a world, as a scan would have written them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from compliance.facts.bundle import Bundle, BundleWriter, open_bundle
from compliance.facts.scope import WaiverScope, scope_to_json
from tests.compliance.world import ACME, AUDIT, GLOBEX, MANAGEMENT, NOW, REGION, World


def write(world: World, folder: Path, endpoint: str = "http://127.0.0.1:1") -> Bundle:
    """The bundle of a world."""
    with BundleWriter(folder, scope_to_json(world.scope)) as writer:
        for fact in world.facts():
            writer.append(fact)
        accounts = [
            {"account": one, "caller": f"arn:aws:sts::{one}:assumed-role/a/b", "management": False, "regions": [REGION]}
            for one in (MANAGEMENT, AUDIT, ACME, GLOBEX)
        ]
        writer.seal(
            {
                "accounts": accounts,
                "began": NOW,
                "ended": NOW,
                "caller": f"arn:aws:sts::{AUDIT}:assumed-role/scanner/s",
                "endpoint": endpoint,
                "local_test_double": not endpoint.endswith("amazonaws.com"),
                "tool": {"name": "bulkhead", "version": "0.1.0", "rules": "sha256:" + "0" * 64},
            }
        )
    return open_bundle(folder)


def waive(world: World, rule: str, expires: str, resource: str | None = None) -> None:
    """Adds a waiver to acme's file."""
    waiver = WaiverScope(rule, resource, "ada@acme.example", "moving house", "a guard stands there", expires)
    first, *others = world.scope.tenants
    world.scope = replace(world.scope, tenants=(replace(first, waivers=(*first.waivers, waiver)), *others))
