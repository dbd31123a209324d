"""What one tenant is given: its own facts and results, with nothing of any other tenant."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from compliance.evidence.redact import Redactor
from compliance.facts.bundle import Bundle, BundleWriter, open_bundle
from compliance.facts.canonical import canonical
from compliance.facts.scope import scope_from_json, scope_to_json
from compliance.results import Judgement, Result, WaiverNote

GOOGLE = "https://*.googleapis.com"
_PROVENANCE = ("began", "ended", "caller", "endpoint", "local_test_double", "tool")


def tenant_bundle(bundle: Bundle, tenant: str, redact: Redactor, folder: Path) -> Bundle:
    """A bundle of the facts of the tenant's own account, or of its projects.

    A fact that names another tenant is left out and counted.
    """
    scope = scope_from_json(bundle.scope)
    places = scope.accounts_of(tenant)
    left_out = 0
    with BundleWriter(folder, redact.value(scope_to_json(scope.only(tenant)))) as writer:
        for fact in bundle.facts(*places):
            if redact.touches(canonical(fact.to_json()).decode("utf-8", "surrogatepass")):
                left_out += 1
            else:
                writer.append(fact)
        provenance = {name: bundle.manifest[name] for name in _PROVENANCE}
        if scope.only(tenant).clouds() == ("gcp",) and not provenance["local_test_double"]:
            provenance["endpoint"] = GOOGLE
        accounts = [entry for entry in bundle.manifest["accounts"] if entry["account"] in places]
        writer.seal(redact.value({**provenance, "accounts": accounts, "facts_left_out": left_out, "tenant": tenant}))
    return open_bundle(folder)


def tenant_judgement(judgement: Judgement, bundle: Bundle, tenant: str, redact: Redactor) -> Judgement:
    """The tenant's results as the whole judgement has them, with the others' names replaced."""
    results = tuple(_redacted(result, redact) for result in judgement.of(tenant))
    places = scope_from_json(bundle.scope).accounts_of(tenant)
    held = judgement.coverage
    coverage: dict[str, Any] = {
        **held,
        "accounts": bundle.manifest["accounts"],
        "apis": {},
        "facts": bundle.manifest["facts"],
        "population": [entry for entry in held["population"] if entry["tenant"] == tenant],
        "tenants": [tenant],
        "tenants_not_judged": [],
        "unread": [entry for entry in held["unread"] if entry["account"] in places],
        "waivers_without_effect": [one for one in held["waivers_without_effect"] if one["tenant"] == tenant],
    }
    return Judgement(results, redact.value(coverage))


def _redacted(result: Result, redact: Redactor) -> Result:
    waiver = result.waiver
    note = None
    if waiver is not None:
        note = WaiverNote(
            redact.text(waiver.owner),
            redact.text(waiver.reason),
            redact.text(waiver.compensating_control),
            waiver.expires,
        )
    return replace(result, resource=redact.text(result.resource), reason=redact.text(result.reason), waiver=note)
