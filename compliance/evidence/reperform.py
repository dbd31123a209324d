"""Judges a pack's bundle again, writes its reports again, and compares with what the pack states."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from compliance.evidence.errors import EvidenceError
from compliance.evidence.pack import PROOFS, REPORTS, RESULTS, rendered
from compliance.facts.bundle import Bundle, open_bundle
from compliance.report.model import report_of
from compliance.report.proofs import ProofError, read_proofs
from compliance.results import Judgement, Result, Verdict, WaiverNote
from compliance.rules.catalogue import EVERY_RULE
from compliance.rules.judge import judge

_DEFINITE = {str(verdict) for verdict in (Verdict.PASS, Verdict.FAIL, Verdict.WAIVED)}
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Again:
    """What judging again gave: how it differs, in sentences, and how many of the results stated could be judged.

    `reports` are the files that do not say what the results say.
    """

    differences: list[str]
    judged: int
    stated: int
    reports: tuple[str, ...] = ()


def reperform(pack: Path) -> Again:
    """Judges the pack's bundle again and compares; writes the reports of the results stated again, and compares too.

    In a tenant's pack, results that rest on facts which only the platform holds cannot be judged again and are left
    out.

    Raises:
        BundleError: the bundle is damaged.
        EvidenceError: results or proofs do not have the form in which packs state them.
    """
    bundle = open_bundle(pack / "bundle")
    document = _read(pack / RESULTS)
    stated = _judgement(document)
    try:
        return _compared(pack, bundle, document, stated)
    except (KeyError, TypeError, AttributeError, TemplateError) as error:
        msg = f"{RESULTS}: not the results of a scan ({error!r}); take the pack from its source again"
        raise EvidenceError(msg) from error


def _compared(pack: Path, bundle: Bundle, document: dict[str, Any], stated: Judgement) -> Again:
    again = judge(bundle).to_json()
    tenant = bundle.manifest.get("tenant")
    keyed, anew = _keyed(document), _keyed(again)
    if tenant is not None:
        keyed, anew = _both_can_judge(keyed, anew, {fact.digest for fact in bundle.facts()})
    found = [_difference(key, keyed.get(key, []), anew.get(key, [])) for key in sorted(set(keyed) | set(anew))]
    differences = [sentence for sentence in found if sentence]
    if not differences:
        differences = _beside_results(document, again, bundle)
    judged = sum(map(len, anew.values()))
    return Again(differences, judged, len(stated.results), _reports(pack, bundle, stated))


def _both_can_judge(
    stated: dict[Key, list[dict[str, Any]]], anew: dict[Key, list[dict[str, Any]]], held: set[str]
) -> tuple[dict[Key, list[dict[str, Any]]], dict[Key, list[dict[str, Any]]]]:
    """The results of a tenant's pack that rest on facts in it, and those that judging gives and the pack leaves out."""
    left = {
        key: rows for key, rows in stated.items() if all(one["facts"] and set(one["facts"]) <= held for one in rows)
    }
    given = {
        key: rows
        for key, rows in anew.items()
        if key in left or (key not in stated and all(one["facts"] and one["status"] in _DEFINITE for one in rows))
    }
    return left, given


def _difference(key: Key, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> str:
    if before == after:
        return ""
    said, now = (" and ".join(f"{one['status']} ({one['reason']})" for one in rows) for rows in (before, after))
    if said == now:
        said, now = f"{said} resting on other facts", f"{now} as the facts give it"
    tenant, rule, resource = key
    return f"{rule} on {resource} of {tenant}: the pack says {said or 'nothing'}, judging again says {now or 'nothing'}"


def _beside_results(document: dict[str, Any], again: dict[str, Any], bundle: Bundle) -> list[str]:
    """What differs in the summary or in the statement of what was covered."""
    if bundle.manifest.get("tenant") is None:
        if list(document["results"]) != again["results"]:
            return ["the results are in another order than judging gives them"]
        return [
            f"`{part}.{name}` differs from what judging again gives"
            for part in ("summary", "coverage")
            for name in sorted(set(document[part]) | set(again[part]))
            if document[part].get(name) != again[part].get(name)
        ] + [f"`{name}` is no part of a result" for name in sorted(set(document) - set(again))]
    return [
        f"`coverage.{name}` differs from the bundle's manifest"
        for name in ("accounts", "facts")
        if document["coverage"].get(name) != bundle.manifest[name]
    ]


def _reports(pack: Path, bundle: Bundle, stated: Judgement) -> tuple[str, ...]:
    """The files of the reports that are not what writing the stated results gives."""
    try:
        proofs = read_proofs(pack / PROOFS) if (pack / PROOFS).exists() else None
    except ProofError as error:
        raise EvidenceError(str(error)) from error
    written = rendered(report_of(bundle, stated, proofs))
    present = {f"{REPORTS}/{path.relative_to(pack / REPORTS).as_posix()}" for path in (pack / REPORTS).rglob("*")}
    wrong = present - set(written)
    for name, content in written.items():
        path = pack / name
        if not path.is_file() or (name != RESULTS and path.read_bytes() != content):
            wrong.add(name)
    return tuple(sorted(wrong))


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        msg = f"{path}: cannot be read ({error}); take the pack from its source again"
        raise EvidenceError(msg) from error
    if not isinstance(value, dict):
        msg = f"{path}: holds no object; take the pack from its source again"
        raise EvidenceError(msg)
    return value


def _judgement(document: dict[str, Any]) -> Judgement:
    """The judgement that `Judgement.to_json` wrote. Raises `EvidenceError` for any other document."""
    known = {rule.id for rule in EVERY_RULE}
    try:
        results = tuple(_result(one) for one in document["results"])
        judgement = Judgement(results, dict(document["coverage"]))
        strange = {one.rule for one in results} - known
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        msg = f"{RESULTS}: not the results of a scan ({error!r}); take the pack from its source again"
        raise EvidenceError(msg) from error
    if strange:
        msg = f"{RESULTS}: no such rule here: {', '.join(sorted(strange))}; verify with the version that wrote the pack"
        raise EvidenceError(msg)
    return judgement


def _result(one: dict[str, Any]) -> Result:
    words = {name: one[name] for name in ("rule", "tenant", "resource", "reason")}
    if not all(isinstance(text, str) for text in (*words.values(), *one["facts"])):
        raise TypeError("a member of a result is no text")
    waiver = WaiverNote(**one["waiver"]) if one.get("waiver") is not None else None
    return Result(**words, status=Verdict(one["status"]), facts=tuple(one["facts"]), waiver=waiver)


def _keyed(document: dict[str, Any]) -> dict[Key, list[dict[str, Any]]]:
    """The results by tenant, rule and resource; more than one where a result is stated more than once."""
    found: dict[Key, list[dict[str, Any]]] = {}
    for one in document["results"]:
        found.setdefault((one["tenant"], one["rule"], one["resource"]), []).append(one)
    return found
