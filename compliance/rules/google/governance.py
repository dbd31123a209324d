"""Identities, audit logs, just-in-time access, budgets and quotas."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.rules.google.populations import (
    ACCOUNT,
    BUCKET,
    LOG_BUCKET,
    PUBLIC,
    SINK,
    checked,
    every,
    google,
    own_projects,
    the_tenant,
)
from compliance.rules.google.view import ASSETS, GoogleView
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems
from compliance.rules.view import View

_BASIC = frozenset({"roles/owner", "roles/editor", "roles/viewer"})
_PROJECT = "cloudresourcemanager.googleapis.com/Project"
_FOLDER = "cloudresourcemanager.googleapis.com/Folder"
_KINDS = frozenset({"ADMIN_READ", "DATA_READ", "DATA_WRITE"})


def _no_account_keys(view: GoogleView, resource: Resource) -> Outcome:
    name = str(resource.data.data["name"])
    account = next(node for node in resource.data.ancestors if node.startswith("projects/")).partition("/")[2]
    keys = [
        k
        for k in view.items("iam:ListServiceAccountKeys", "keys", account, name=name)
        if k.get("keyType") == "USER_MANAGED"
    ]
    return judge_problems([f"{key['name'].rpartition('/')[2]} is a key in a file" for key in keys], "no keys in files")


def _no_basic(view: GoogleView, resource: Resource) -> Outcome:
    held = view.policy(resource.id, str(resource.data))
    found = [f"{m} has {b['role']}" for b in held.get("bindings", []) if b["role"] in _BASIC for m in b["members"]]
    return judge_problems(found, "no basic role is granted")


def _no_public(view: GoogleView, _resource: Resource) -> Outcome:
    found = [
        f"{member} has {binding['role']} on {name}"
        for name, _kind, policy in view.policies()
        for binding in policy.get("bindings", [])
        for member in binding["members"]
        if member in PUBLIC
    ]
    return judge_problems(found, "nobody outside is named anywhere")


def _impersonation(view: GoogleView, resource: Resource) -> Outcome:
    """Who may become the account: the tenant's own groups and accounts, the deployer, the scan."""
    own = view.own
    trusted = (f"group:{own.group_prefix}", f"serviceAccount:{view.google.deployer}")
    inside = (
        f"@{own.project}.iam.gserviceaccount.com",
        *(f"@{p}.iam.gserviceaccount.com" for p in view.google.projects.values()),
    )
    found = [
        f"{member} has {binding['role']}"
        for binding in view.policy(resource.data.name).get("bindings", [])
        for member in binding["members"]
        if not member.startswith(trusted) and not member.endswith(inside)
    ]
    return judge_problems(found, "only the tenant and the platform may act as it")


def _audited(view: GoogleView, resource: Resource) -> Outcome:
    """Data-access logs, set at the project or anywhere above."""
    covered: set[str] = set()
    exempted: list[str] = []
    number = str(resource.data)
    chain = [(resource.id, number)]
    listed = view.assets(_PROJECT, of=(view.google.organisation,))
    above = next((asset.ancestors for asset in listed if asset.name == resource.id), ())
    chain += [
        (f"//cloudresourcemanager.googleapis.com/{n}", view.google.organisation)
        for n in above
        if not n.startswith("projects/")
    ]
    for name, account in chain:
        for config in view.policy(name, account).get("auditConfigs", []):
            if config.get("service") == "allServices":
                covered |= {str(entry.get("logType")) for entry in config.get("auditLogConfigs", [])}
            exempted += [m for entry in config.get("auditLogConfigs", []) for m in entry.get("exemptedMembers", [])]
    problems = [f"{kind} is not logged" for kind in sorted(_KINDS - covered)] + [f"{m} is exempted" for m in exempted]
    return judge_problems(problems, "reads and writes of data are logged, for everybody")


def _sinks(view: GoogleView, resource: Resource) -> Outcome:
    """Audit logs leave the tenant's folder for the platform's locked stores."""
    listed = view.assets(_PROJECT, of=(view.google.organisation,))
    above = next((asset.ancestors for asset in listed if asset.name == resource.id), ())
    folders = [node for node in above if node.startswith(("folders/", "organizations/"))]
    audit = set(view.google.projects.values())
    good = []
    for sink in view.assets(SINK, of=(view.google.organisation,)):
        at = sink.name.removeprefix("//logging.googleapis.com/").partition("/sinks/")[0]
        destination = str(sink.data.get("destination", ""))
        ours = any(f"projects/{project}/" in destination or destination.endswith(f"/{project}") for project in audit)
        if at in folders and sink.data.get("includeChildren") and ours and not sink.data.get("disabled"):
            if sink.data.get("exclusions"):
                return failed(f"{sink.name} leaves something out")
            good.append(sink.short)
    return decide(
        bool(good), f"{', '.join(good)} carry them away", "no sink carries the tenant's audit logs to the platform"
    )


def _foreign_sinks(view: GoogleView, resource: Resource) -> Outcome:
    """A sink of the tenant's own whose destination is another's project."""
    own = {*view.own.projects, *view.own.projects.values(), *view.google.projects, *view.google.projects.values()}
    buckets = {*view.own.buckets.values(), *view.google.projects.values()}
    destination = str(resource.data.data.get("destination", ""))
    parts = destination.split("/")
    good = (len(parts) > 2 and parts[1] == "projects" and parts[2] in own) or (
        destination.startswith("storage.googleapis.com/") and parts[-1] in buckets
    )
    return decide(
        good, f"logs stay: {destination}", f"logs go to {destination}, which is not the tenant's or the platform's"
    )


def _locked(view: GoogleView, resource: Resource) -> Outcome:
    data = resource.data.data
    floor = view.google.retention_floor_days
    problems = [] if data.get("locked") else ["its retention is not locked"]
    if int(data.get("retentionDays", 30)) < floor:
        problems.append(f"logs are kept for {data.get('retentionDays', 30)} days, {floor} are demanded")
    return judge_problems(problems, f"locked for {data.get('retentionDays')} days")


def _store_locked(view: GoogleView, resource: Resource) -> Outcome:
    policy = resource.data.data.get("retentionPolicy") or {}
    kept = int(policy.get("retentionPeriod", 0)) // 86400
    problems = [] if policy.get("isLocked") else ["its retention policy is not locked"]
    if kept < view.google.retention_floor_days:
        problems.append(f"objects are kept for {kept} days, {view.google.retention_floor_days} are demanded")
    return judge_problems(problems, f"locked for {kept} days")


def _named_log_buckets(view: View) -> Iterator[Resource]:
    """Log buckets of our own; `_Default` and `_Required` are Google's."""
    return (Resource(a.name, a) for a in google(view).assets(LOG_BUCKET) if not a.short.startswith("_"))


def _budget(view: GoogleView, _resource: Resource) -> Outcome:
    own = {f"projects/{number}" for number in view.own.projects}
    account = f"billingAccounts/{view.google.billing_account}"
    budgets = view.items("billingbudgets:ListBudgets", "budgets", view.google.organisation, parent=account)
    mine = [b for b in budgets if own & set((b.get("budgetFilter") or {}).get("projects", []))]
    if not mine:
        return failed("there is no budget over the tenant's projects")
    seen = {project for budget in mine for project in budget["budgetFilter"]["projects"]}
    problems = [f"{project} is in no budget" for project in sorted(own - seen)]
    problems += [f"{b.get('displayName')} warns nobody" for b in mine if not b.get("thresholdRules")]
    return judge_problems(problems, f"{len(mine)} budget with thresholds")


def _entitlements(view: GoogleView, _resource: Resource) -> Outcome:
    found, problems = [], []
    for number in view.own.projects:
        place = f"projects/{number}/locations/global"
        found += view.items("privilegedaccessmanager:ListEntitlements", "entitlements", number, parent=place)
    for entitlement in found:
        name = str(entitlement["name"]).rpartition("/")[2]
        hours = float(str(entitlement.get("maxRequestDuration", "0s")).removesuffix("s")) / 3600
        if hours > 24 or hours <= 0:
            problems.append(f"{name} lasts {hours:.0f} hours")
        if not ((entitlement.get("approvalWorkflow") or {}).get("manualApprovals") or {}).get("steps"):
            problems.append(f"{name} needs nobody's approval")
        roles = ((entitlement.get("privilegedAccess") or {}).get("gcpIamAccess") or {}).get("roleBindings", [])
        wide = [str(r.get("role")) for r in roles if r.get("role") in _BASIC or "admin" in str(r.get("role")).lower()]
        problems += [f"{name} gives {role}" for role in wide]
    if not found:
        return failed("there is no way to get access for a limited time")
    return judge_problems(problems, f"{len(found)} entitlements: for hours, with approval")


def _quotas(view: GoogleView, _resource: Resource) -> Outcome:
    number = view.own.project_number
    place = f"projects/{number}/locations/global"
    found = view.items("cloudquotas:ListQuotaPreferences", "quotaPreferences", number, parent=place)
    return decide(bool(found), f"{len(found)} quotas are set", "no quota is set for the tenant")


def _labelled(view: GoogleView, resource: Resource) -> Outcome:
    tenant = (resource.data.data.get("labels") or {}).get("tenant")
    return decide(tenant == view.name, f"labelled {tenant}", f"its label `tenant` is {tenant or 'missing'}")


_DEPLOY = "Deploy the organisation's and the audit stack."
_VAULT = "Deploy the tenant's vault stack."
RULES = (
    Rule(
        "identity.gcp-account-keys",
        "No service account has a key in a file",
        Severity.HIGH,
        About.BOTH,
        "A file can be copied, and nobody sees it.",
        "Keys of accounts elsewhere.",
        "Delete the key.",
        ("access.least-privilege",),
        (ASSETS, "iam:ListServiceAccountKeys"),
        every(ACCOUNT),
        checked(_no_account_keys),
    ),
    Rule(
        "identity.gcp-basic-roles",
        "No basic role is granted on a project",
        Severity.HIGH,
        About.BOTH,
        "Owner, editor and viewer reach nearly everything.",
        "Roles on folders and the organisation.",
        "Grant the role that is needed.",
        ("access.least-privilege",),
        (ASSETS,),
        own_projects,
        checked(_no_basic),
    ),
    Rule(
        "identity.gcp-public",
        "No policy names everybody",
        Severity.CRITICAL,
        About.TENANT,
        "Anybody has the role.",
        "Groups that anybody may join.",
        "Remove allUsers and allAuthenticatedUsers.",
        ("isolation.identity",),
        (ASSETS,),
        the_tenant,
        checked(_no_public),
    ),
    Rule(
        "identity.gcp-impersonation",
        "Only the tenant and the platform act as the tenant's accounts",
        Severity.CRITICAL,
        About.TENANT,
        "Whoever acts as the account has its rights.",
        "Members of groups.",
        _VAULT,
        ("isolation.identity", "access.separation-of-duties"),
        (ASSETS,),
        every(ACCOUNT),
        checked(_impersonation),
    ),
    Rule(
        "identity.gcp-just-in-time",
        "People get access for hours, with approval",
        Severity.MEDIUM,
        About.TENANT,
        "Standing access is used when nobody looks.",
        "Grants in use at this moment.",
        _VAULT,
        ("access.just-in-time",),
        ("privilegedaccessmanager:ListEntitlements",),
        the_tenant,
        checked(_entitlements),
    ),
    Rule(
        "audit.gcp-data-access",
        "Reads and writes of data are logged",
        Severity.HIGH,
        About.TENANT,
        "Nobody can say who read what.",
        "Services that write no such logs.",
        _DEPLOY,
        ("audit.logging",),
        (ASSETS,),
        own_projects,
        checked(_audited),
    ),
    Rule(
        "audit.gcp-sinks",
        "Audit logs leave the tenant for the platform's store",
        Severity.HIGH,
        About.TENANT,
        "Whoever attacks the tenant removes the traces.",
        "Delays.",
        _DEPLOY,
        ("audit.logging", "audit.immutable"),
        (ASSETS,),
        own_projects,
        checked(_sinks),
    ),
    Rule(
        "audit.gcp-foreign-sinks",
        "No sink carries the tenant's logs to others",
        Severity.CRITICAL,
        About.TENANT,
        "Logs say who does what with which data.",
        "What the destination does with them.",
        "Delete the sink.",
        ("isolation.resource",),
        (ASSETS,),
        every(SINK),
        checked(_foreign_sinks),
    ),
    Rule(
        "audit.gcp-locked",
        "The platform's log bucket is locked",
        Severity.HIGH,
        About.PLATFORM,
        "Logs can be deleted by whoever they accuse.",
        "Logs that never arrive.",
        _DEPLOY,
        ("audit.immutable", "audit.retention"),
        (ASSETS,),
        _named_log_buckets,
        checked(_locked),
    ),
    Rule(
        "audit.gcp-store",
        "The platform's audit objects are locked",
        Severity.HIGH,
        About.PLATFORM,
        "Evidence can be deleted.",
        "Objects that never arrive.",
        _DEPLOY,
        ("audit.immutable", "audit.retention"),
        (ASSETS,),
        every(BUCKET),
        checked(_store_locked),
    ),
    Rule(
        "budget.gcp-budget",
        "A budget watches the tenant's projects",
        Severity.LOW,
        About.TENANT,
        "Stolen capacity is noticed on the bill.",
        "Cost that the cloud reports late.",
        "Deploy the compute stack.",
        ("resources.quota",),
        ("billingbudgets:ListBudgets",),
        the_tenant,
        checked(_budget),
    ),
    Rule(
        "budget.gcp-quota",
        "Quotas limit what the tenant can take",
        Severity.LOW,
        About.TENANT,
        "One tenant takes the capacity of all.",
        "Quotas of the organisation.",
        "Deploy the compute stack.",
        ("resources.quota",),
        ("cloudquotas:ListQuotaPreferences",),
        the_tenant,
        checked(_quotas),
    ),
    Rule(
        "data.gcp-labels",
        "Buckets carry the tenant's label",
        Severity.MEDIUM,
        About.TENANT,
        "What has no label belongs to nobody.",
        "Whether the label is right.",
        _VAULT,
        ("data.labels",),
        (ASSETS,),
        every(BUCKET),
        checked(_labelled),
    ),
)
