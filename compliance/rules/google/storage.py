"""Buckets: one policy, no public access, the tenant's own key, retention; sharing of disks, images and snapshots."""

from __future__ import annotations

from compliance.rules.google.populations import BUCKET, PUBLIC, bindings, checked, every, named_buckets, the_tenant
from compliance.rules.google.view import ASSETS, GoogleView
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems

_BASIC = ("projectViewer:", "projectEditor:", "projectOwner:")
_SHARED = ("compute.googleapis.com/Image", "compute.googleapis.com/Snapshot", "compute.googleapis.com/Disk")


def _exists(_view: GoogleView, resource: Resource) -> Outcome:
    purpose, asset = resource.data
    return decide(asset is not None, f"the bucket for {purpose} is there", f"there is no bucket for {purpose}")


def _uniform(_view: GoogleView, resource: Resource) -> Outcome:
    access = (resource.data.data.get("iamConfiguration") or {}).get("uniformBucketLevelAccess") or {}
    return decide(bool(access.get("enabled")), "one policy decides", "objects may have access lists of their own")


def _prevention(_view: GoogleView, resource: Resource) -> Outcome:
    state = (resource.data.data.get("iamConfiguration") or {}).get("publicAccessPrevention", "inherited")
    return decide(state == "enforced", "public access is prevented", f"public access prevention is {state}")


def _not_public(view: GoogleView, resource: Resource) -> Outcome:
    found = [f"{member} has {role}" for role, member in bindings(view, resource.data) if member in PUBLIC]
    return judge_problems(found, "nobody outside is named")


def _no_basic(view: GoogleView, resource: Resource) -> Outcome:
    found = [f"{member} has {role}" for role, member in bindings(view, resource.data) if member.startswith(_BASIC)]
    return judge_problems(found, "no basic role of the project opens it")


def _encrypted(view: GoogleView, resource: Resource) -> Outcome:
    key = (resource.data.data.get("encryption") or {}).get("defaultKmsKeyName", "")
    if not key:
        return failed("Google's own key encrypts it")
    if view.name == "platform":
        return decide(
            any(f"projects/{p}/" in key for p in view.google.projects.values()), f"under {key}", f"under {key}"
        )
    own = (f"projects/{view.own.key_project}/", f"projects/{view.own.key_project_number}/")
    return decide(key.startswith(own), f"under {key}", f"under {key}, which is not the tenant's")


def _foreigners(view: GoogleView, resource: Resource) -> Outcome:
    """Members of a bucket's policy that belong to another tenant, by project or by group."""
    others = [tenant for tenant in view.google.tenants if tenant.id != view.name]
    found = []
    for role, member in bindings(view, resource.data):
        for tenant in others:
            marks = (
                f"@{tenant.project}.iam.",
                f"@{tenant.key_project}.iam.",
                f"group:{tenant.group_prefix}",
                f"projects/{tenant.project_number}/",
                f"projects/{tenant.key_project_number}/",
            )
            if any(mark in member for mark in marks):
                found.append(f"{member} of {tenant.id} has {role}")
    return judge_problems(found, "no principal of another tenant is named")


def _ledger_locked(view: GoogleView, resource: Resource) -> Outcome:
    _purpose, asset = resource.data
    if asset is None:
        return failed("there is no ledger")
    policy = asset.data.get("retentionPolicy") or {}
    seconds = int(policy.get("retentionPeriod", 0))
    problems = [] if policy.get("isLocked") else ["its retention policy is not locked"]
    if seconds < view.own.log_retention_days * 86400:
        problems.append(f"records are kept for {seconds // 86400} days, {view.own.log_retention_days} are demanded")
    return judge_problems(problems, f"records are kept for {seconds // 86400} days, and nobody shortens that")


def _not_shared(view: GoogleView, _resource: Resource) -> Outcome:
    found = []
    for name, kind, policy in view.policies():
        if kind in _SHARED and policy.get("bindings"):
            members = [member for binding in policy["bindings"] for member in binding["members"]]
            found += [f"{name} is shared with {member}" for member in members]
    return judge_problems(found, "no image, snapshot or disk is shared")


_ALL = every(BUCKET)
_DEPLOY = "Deploy the tenant's vault stack, which sets each bucket's whole policy."
RULES = (
    Rule(
        "storage.gcp-exists",
        "Every purpose has its bucket",
        Severity.MEDIUM,
        About.TENANT,
        "Data of different purposes comes to lie together.",
        "What lies in them.",
        _DEPLOY,
        ("isolation.account",),
        (ASSETS,),
        named_buckets,
        checked(_exists),
    ),
    Rule(
        "storage.gcp-uniform",
        "Buckets have uniform access",
        Severity.HIGH,
        About.BOTH,
        "A list on one object opens it beside every policy.",
        "Nothing.",
        _DEPLOY,
        ("isolation.resource",),
        (ASSETS,),
        _ALL,
        checked(_uniform),
    ),
    Rule(
        "storage.gcp-prevention",
        "Public access to buckets is prevented",
        Severity.CRITICAL,
        About.BOTH,
        "One mistaken grant makes the data public.",
        "Nothing.",
        _DEPLOY,
        ("isolation.resource",),
        (ASSETS,),
        _ALL,
        checked(_prevention),
    ),
    Rule(
        "storage.gcp-public",
        "No bucket names everybody",
        Severity.CRITICAL,
        About.BOTH,
        "The data is public.",
        "Groups that anybody may join.",
        "Remove allUsers and allAuthenticatedUsers.",
        ("isolation.resource",),
        (ASSETS,),
        _ALL,
        checked(_not_public),
    ),
    Rule(
        "storage.gcp-basic-roles",
        "No basic role of a project opens a bucket",
        Severity.HIGH,
        About.BOTH,
        "Every viewer of the project reads the data.",
        "Basic roles on the project itself: `identity.gcp-basic-roles`.",
        _DEPLOY,
        ("access.least-privilege",),
        (ASSETS,),
        _ALL,
        checked(_no_basic),
    ),
    Rule(
        "storage.gcp-key",
        "Buckets are encrypted under a key of the tenant",
        Severity.HIGH,
        About.BOTH,
        "Whoever holds the key decides who reads.",
        "Objects written before the key was set.",
        _DEPLOY,
        ("crypto.at-rest", "crypto.separation"),
        (ASSETS,),
        _ALL,
        checked(_encrypted),
    ),
    Rule(
        "storage.gcp-foreign",
        "No principal of another tenant is named on a bucket",
        Severity.CRITICAL,
        About.TENANT,
        "Another tenant reads or writes the data.",
        "Principals of strangers; the proof sees them.",
        _DEPLOY,
        ("isolation.resource",),
        (ASSETS,),
        _ALL,
        checked(_foreigners),
    ),
    Rule(
        "storage.gcp-ledger",
        "The ledger's retention is locked",
        Severity.HIGH,
        About.TENANT,
        "Whoever used a key could remove the record of it.",
        "Whether records are complete: the chain says that.",
        "Deploy the vault stack; a lock cannot be undone.",
        ("audit.immutable", "audit.retention"),
        (ASSETS,),
        lambda view: (r for r in named_buckets(view) if r.data[0] == "ledger"),
        checked(_ledger_locked),
    ),
    Rule(
        "sharing.gcp-disks",
        "No image, snapshot or disk is shared",
        Severity.CRITICAL,
        About.TENANT,
        "A copy of a disk is a copy of the data.",
        "Copies made before.",
        "Remove the resource's allow policy.",
        ("isolation.resource",),
        (ASSETS,),
        the_tenant,
        checked(_not_shared),
    ),
)
