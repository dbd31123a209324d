"""Judges a pack's bundle again and compares with the results that the pack states."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compliance.facts.bundle import open_bundle
from compliance.rules.judge import judge


@dataclass(frozen=True)
class Again:
    """What judging again gave: how it differs, in sentences, and how many of the results stated could be judged."""

    differences: list[str]
    judged: int
    stated: int


def reperform(pack: Path) -> Again:
    """Judges the pack's bundle again and compares.

    In a tenant's pack, results that rest on facts which only the platform holds cannot be judged again and are left
    out.

    Raises:
        BundleError: the bundle is damaged.
    """
    bundle = open_bundle(pack / "bundle")
    stated = json.loads((pack / "results.json").read_text(encoding="utf-8"))
    again = judge(bundle).to_json()
    if bundle.manifest.get("tenant") is None:
        if stated == again:
            return Again([], len(again["results"]), len(stated["results"]))
        keyed = _keyed(stated)
        anew = _keyed(again)
    else:
        held = {fact.digest for fact in bundle.facts()}
        keyed = {key: one for key, one in _keyed(stated).items() if one["facts"] and set(one["facts"]) <= held}
        anew = {key: one for key, one in _keyed(again).items() if key in keyed}
    found = []
    for key in sorted(set(keyed) | set(anew)):
        before, after = keyed.get(key), anew.get(key)
        if before != after:
            said = f"{before['status']} ({before['reason']})" if before else "no result"
            now = f"{after['status']} ({after['reason']})" if after else "no result"
            found.append(f"{key[1]} on {key[2]} of {key[0]}: the pack says {said}, judging again says {now}")
    if not found and bundle.manifest.get("tenant") is None:
        found = ["coverage or summary differ"]
    return Again(found, len(anew), len(stated["results"]))


def _keyed(document: dict[str, Any]) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(one["tenant"], one["rule"], one["resource"]): one for one in document["results"]}
