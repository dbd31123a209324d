"""The guarantees and service levels of a tenant, in plain words, generated from results."""

from __future__ import annotations

from compliance.facts.google_scope import GoogleTenant
from compliance.facts.scope import PLATFORM, TenantScope
from compliance.report.model import Report
from compliance.report.neutral import printable
from compliance.results import Result, Verdict, worst
from compliance.rules.catalogue import GOOGLE_RULES, rule_of

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
_PLACEMENT = "Machines of its own"
ON_GOOGLE: dict[str, tuple[str, tuple[str, ...]]] = {
    **PROMISES,
    "An account of its own": (
        "No other tenant works in the tenant's two projects, one for everything and one for the keys alone.",
        ("isolation.account",),
    ),
    "The tenant's own code stays inside": (
        "Principals of the tenant reach no resource of another tenant's projects.",
        ("isolation.identity",),
    ),
    "A network without a way out": (
        "No packet leaves to the internet or to another tenant; Google's services are reached inside a perimeter.",
        ("isolation.network", "network.microsegmentation"),
    ),
    "A record that cannot be changed": (
        "Who did what is recorded in the platform's audit project, under a lock that nobody can lift.",
        ("audit.logging", "audit.immutable", "audit.retention"),
    ),
}
"""The same for a tenant on Google Cloud. Machines of one's own cannot be promised there, and are not."""
del ON_GOOGLE[_PLACEMENT]
_GOOGLE_IDS = frozenset(rule.id for rule in GOOGLE_RULES)
_WORDS = {
    Verdict.PASS: "Holds.",
    Verdict.FAIL: "**Does not hold.**",
    Verdict.INDETERMINATE: "**Cannot be shown**: something could not be read.",
    Verdict.WAIVED: "Holds but for accepted exceptions.",
}


def render(report: Report, tenant: str) -> str:
    """The document in Markdown."""
    held = report.scope.anyone(tenant)
    on_google = isinstance(held, GoogleTenant)
    cloud, day = "Google Cloud" if on_google else "AWS", report.manifest["ended"][:10]
    lines = [
        f"# Isolation guarantees of {tenant}",
        "",
        f"On {cloud}, as deployed and judged on {day}{_read_from(report, on_google=on_google)}.",
        "",
    ]
    if report.double:
        lines += [f"> **This is the local test double, not {cloud}.** The document shows what it would say.", ""]
    lines += ["## Guarantees", ""]
    platform = [one for one in report.results(tenant=PLATFORM) if (one.rule in _GOOGLE_IDS) is on_google]
    results = (*report.results(tenant=tenant), *platform)
    for title, (sentence, aims) in (ON_GOOGLE if on_google else PROMISES).items():
        found = [one for one in results if set(rule_of(one.rule).objectives) & set(aims)]
        judged = [one for one in found if one.status is not Verdict.NOT_APPLICABLE]
        lines += [f"### {title}", "", sentence, "", _state(judged), ""]
    lines += ["## Service levels", "", "| what | level |", "| --- | --- |"]
    levels = _levels(held, report.scope.audit_retention_days)
    lines += [f"| {name} | {_cell(value)} |" for name, value in levels.items() if value]
    lines += [
        "",
        "## What is not guaranteed",
        "",
        *(_google_limits(held) if isinstance(held, GoogleTenant) else (_AWS_LIMIT,)),
        "- Physical side channels inside one GPU, and denial of service by the cloud itself.",
        f"- What happens between two scans; {'audit logs record' if on_google else 'the trail records'} it.",
        "",
    ]
    return "\n".join(lines)


_AWS_LIMIT = "- AWS has no confidential mode for GPUs: data in a GPU's memory is protected by the Nitro system alone."


def _read_from(report: Report, *, on_google: bool) -> str:
    """Where it was read; a scan's endpoint is that of AWS unless it is the test double's."""
    return "" if on_google and not report.double else f", read from `{report.manifest['endpoint']}`"


def _levels(held: TenantScope | GoogleTenant, trail_days: int) -> dict[str, str]:
    if isinstance(held, GoogleTenant):
        place = {"projects": ", ".join(f"{name} ({number})" for number, name in held.projects.items())}
        memory = f", memory encrypted by {held.encrypted_as}" if held.encrypted_as else ""
        machines = f"at most {held.max_nodes} of type {held.machine_type}{memory}"
    else:
        place = {"account": held.account}
        machines = f"at most {held.max_nodes} of type {held.instance_type}"
    return {
        **place,
        "region": held.region,
        "network": held.cidr,
        "machines": machines,
        "budget": f"{held.budget_usd} USD a month; someone is told at {', '.join(map(str, held.budget_alerts))} %",
        "logs kept": f"{held.log_retention_days} days; the platform's own {trail_days} days",
        "keys rotated": f"every {held.rotation_days} days",
        **{f"data set {one.id}": f"{one.sensitivity}, kept {one.retention_days} days" for one in held.datasets},
    }


def _google_limits(held: GoogleTenant) -> list[str]:
    shared = (
        "- Machines of one's own: another customer's machine may run on the same host, because confidential machines "
        "of this kind cannot be had with sole tenancy. Memory is encrypted; contention and timing can carry a signal."
    )
    gpu = "- How busy a GPU in confidential mode is: its memory and its link are encrypted, its load is not hidden."
    return [shared, *([gpu] if held.gpus else [])]


def _state(judged: list[Result]) -> str:
    if not judged:
        return "Nothing was judged that would show it."
    verdict = worst(judged)
    rules = len({one.rule for one in judged})
    text = f"{_WORDS[verdict]} Shown by {_counted(rules, 'rule')} on {_counted(len(judged), 'resource')}."
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
