"""What every writer folds over: a judgement with the bundle it rests on, and nothing that depends on the clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from compliance.facts.bundle import Bundle
from compliance.facts.scope import PLATFORM, Scope, scope_from_json
from compliance.report.proofs import ProofMatrix
from compliance.results import Judgement, Result, Verdict, worst
from compliance.rules.catalogue import EVERY_RULE, ROOMS, rule_of
from compliance.rules.model import Rule, Severity

SEVERITIES = tuple(Severity)
CLOUDS = {"aws": "AWS", "gcp": "Google Cloud"}


@dataclass(frozen=True)
class FactNote:
    """Where a fact came from: the call, without its answer."""

    digest: str
    api: str
    params: dict[str, Any]
    account: str
    region: str
    ended: str
    status: str


@dataclass(frozen=True)
class Report:
    """A judgement ready to be written down."""

    judgement: Judgement
    scope: Scope
    manifest: dict[str, Any]
    facts: dict[str, FactNote]
    proofs: ProofMatrix | None = None

    @property
    def double(self) -> bool:
        """Whether the endpoint is the local test double."""
        return bool(self.manifest["local_test_double"])

    @property
    def clouds(self) -> str:
        """The clouds that were read, in words."""
        return " and ".join(CLOUDS[cloud] for cloud in self.scope.clouds())

    @property
    def tenants(self) -> tuple[str, ...]:
        """The tenants judged, the platform last."""
        names = [name for name in self.scope.judged if name != PLATFORM]
        return (*names, *((PLATFORM,) if PLATFORM in self.scope.judged else ()))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that gave results, in the catalogue's order."""
        present = {result.rule for result in self.judgement.results}
        return tuple(rule for rule in EVERY_RULE if rule.id in present)

    @property
    def rooms(self) -> dict[str, str]:
        """The rooms that have results, with their titles."""
        present = {rule.room for rule in self.rules}
        return {room: title for room, title in ROOMS.items() if room in present}

    def results(self, *, tenant: str = "", rule: str = "", room: str = "") -> tuple[Result, ...]:
        """The results of a tenant, of a rule, of a room, or of what several of these have in common."""
        return tuple(
            result
            for result in self.judgement.results
            if (not tenant or result.tenant == tenant)
            and (not rule or result.rule == rule)
            and (not room or rule_of(result.rule).room == room)
        )

    def verdict(self, **where: str) -> Verdict | None:
        """The worst value there; None if nothing was judged there."""
        found = self.results(**where)
        return worst(found) if found else None

    def findings(self, *verdicts: Verdict) -> tuple[Result, ...]:
        """Results of these values, most severe first."""
        chosen = [result for result in self.judgement.results if result.status in verdicts]
        return tuple(
            sorted(chosen, key=lambda one: (SEVERITIES.index(rule_of(one.rule).severity), one.rule, one.tenant))
        )

    def unread(self) -> list[dict[str, Any]]:
        """What could not be collected, one entry per API and reason, with the rules that wait for it."""
        grouped: dict[tuple[str, str, str], list[str]] = {}
        for entry in self.judgement.coverage["unread"]:
            if entry["api"] != "sts:AssumeRole":
                place = grouped.setdefault((entry["api"], entry["status"], entry["code"]), [])
                if entry["account"] not in place:
                    place.append(entry["account"])
        return [
            {
                "api": api,
                "status": status,
                "code": code,
                "accounts": accounts,
                "rules": sorted({rule.id for rule in EVERY_RULE if api in rule.needs}),
            }
            for (api, status, code), accounts in sorted(grouped.items())
        ]


def report_of(bundle: Bundle, judgement: Judgement, proofs: ProofMatrix | None = None) -> Report:
    """The report of a judged bundle."""
    used = {digest for result in judgement.results for digest in result.facts}
    facts = {
        fact.digest: FactNote(
            fact.digest, fact.api, fact.params, fact.account, fact.region, fact.ended, str(fact.status)
        )
        for account in bundle.index
        for fact in bundle.facts(account)
        if fact.digest in used
    }
    return Report(judgement, scope_from_json(bundle.scope), bundle.manifest, facts, proofs)
