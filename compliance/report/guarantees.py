"""The guarantees and service levels of a tenant, in plain words, generated from results."""

from __future__ import annotations

from compliance.facts.scope import PLATFORM
from compliance.report.model import Report
from compliance.report.neutral import printable
from compliance.results import Result, Verdict, worst
from compliance.rules.catalogue import rule_of

PROMISES: dict[str, tuple[str, tuple[str, ...]]] = {
    "An account of its own": ("No other tenant works in the tenant's cloud account.", ("isolation.account",)),
    "Nobody else reaches the data": (
        "No other tenant, and nobody outside, is let in by a policy on storage, keys, queues, images or secrets.",
        ("isolation.resource",),
    ),
    "The tenant's own code stays inside": (
        "Principals of the tenant reach no resource of another account.",
        ("isolation.identity",),
    ),
    "A network without a way out": (
        "No packet leaves to the internet or to another tenant; services are reached through private endpoints only.",
        ("isolation.network", "network.microsegmentation"),
    ),
    "Encryption under the tenant's own keys": (
        "Data at rest is encrypted under the tenant's own keys, one for each purpose; data in transit is encrypted.",
        ("crypto.at-rest", "crypto.in-transit", "crypto.keys", "crypto.separation"),
    ),
    "Keys only for measured machines": (
        "Keys for data and checkpoints are released only to a machine that proves it booted the approved image.",
        ("attestation.key-release", "attestation.boot"),
    ),
    "Machines of its own": ("No machine is shared with another tenant.", ("compute.placement",)),
    "No operator access": ("Machines have no shell, key or console for operators.", ("compute.hardening",)),
    "Separation of duties": (
        "Whoever administers keys cannot use them.",
        ("access.separation-of-duties", "access.least-privilege", "access.just-in-time"),
    ),
    "Retention": ("Data is deleted at the end of its retention.", ("data.retention",)),
    "A record that cannot be changed": (
        "Who did what is recorded in another account, under a lock that nobody can lift.",
        ("audit.logging", "audit.immutable", "audit.retention"),
    ),
}
"""Title of a guarantee: its sentence, and the objectives whose rules show it."""
_WORDS = {
    Verdict.PASS: "Holds.",
    Verdict.FAIL: "**Does not hold.**",
    Verdict.INDETERMINATE: "**Cannot be shown**: something could not be read.",
    Verdict.WAIVED: "Holds but for accepted exceptions.",
}


def render(report: Report, tenant: str) -> str:
    """The document in Markdown."""
    held = report.scope.tenant(tenant)
    lines = [
        f"# Isolation guarantees of {tenant}",
        "",
        f"As deployed and judged on {report.manifest['ended'][:10]}, read from `{report.manifest['endpoint']}`.",
        "",
    ]
    if report.double:
        lines += ["> **This is the local test double, not AWS.** The document shows what it would say.", ""]
    lines += ["## Guarantees", ""]
    results = (*report.results(tenant=tenant), *report.results(tenant=PLATFORM))
    for title, (sentence, aims) in PROMISES.items():
        found = [one for one in results if set(rule_of(one.rule).objectives) & set(aims)]
        judged = [one for one in found if one.status is not Verdict.NOT_APPLICABLE]
        lines += [f"### {title}", "", sentence, "", _state(judged), ""]
    lines += ["## Service levels", "", "| what | level |", "| --- | --- |"]
    levels = {
        "account": held.account,
        "region": held.region,
        "network": held.cidr,
        "machines": f"at most {held.max_nodes} of type {held.instance_type}",
        "budget": f"{held.budget_usd} USD a month; someone is told at {', '.join(map(str, held.budget_alerts))} %",
        "logs kept": f"{held.log_retention_days} days; the platform's trail {report.scope.audit_retention_days} days",
        "keys rotated": f"every {held.rotation_days} days",
        **{f"data set {one.id}": f"{one.sensitivity}, kept {one.retention_days} days" for one in held.datasets},
    }
    lines += [f"| {name} | {_cell(value)} |" for name, value in levels.items()]
    lines += [
        "",
        "## What is not guaranteed",
        "",
        "- AWS has no confidential mode for GPUs: data in a GPU's memory is protected by the Nitro system alone.",
        "- Physical side channels inside one GPU, and denial of service by the cloud itself.",
        "- What happens between two scans; the trail records it and monitoring watches it.",
        "",
    ]
    return "\n".join(lines)


def _state(judged: list[Result]) -> str:
    if not judged:
        return "Nothing was judged that would show it."
    verdict = worst(judged)
    rules = len({one.rule for one in judged})
    shown = "Shown" if verdict in {Verdict.PASS, Verdict.WAIVED} else "Judged"
    text = f"{_WORDS[verdict]} {shown} by {_counted(rules, 'rule')} on {_counted(len(judged), 'resource')}."
    bad = [one for one in judged if one.status in {Verdict.FAIL, Verdict.INDETERMINATE, Verdict.WAIVED}]
    return "\n".join([text, *(_line(one) for one in bad[:20])])


def _line(result: Result) -> str:
    """One line about a result; about the platform's own resources no more than the rule, for others stand in them."""
    if result.tenant == PLATFORM:
        return f"- `{result.rule}` (the platform): {rule_of(result.rule).title}"
    return f"- `{result.rule}`: {_cell(result.resource)}: {_cell(result.reason)}"


def _cell(text: str) -> str:
    """Text inside Markdown: nothing in it formats, links or opens a cell."""
    shown = printable(text)
    for char in "\\`*_[]<>|":
        shown = shown.replace(char, f"\\{char}")
    return shown


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
