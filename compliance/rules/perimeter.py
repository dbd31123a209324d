"""The organisation around a tenant's account: where it stands, which accounts there are."""

from __future__ import annotations

from compliance.rules import organisation as org
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems
from compliance.rules.populations import the_account, the_organisation
from compliance.rules.view import View


def _own_account(view: View, _resource: Resource) -> Outcome:
    sharing = [tenant.id for tenant in view.scope.tenants if tenant.account == view.account and tenant.id != view.name]
    listed = {account["Id"] for account in view.items("organizations:ListAccounts", "Accounts", view.management)}
    problems = [f"account {view.account} is also the account of {', '.join(sharing)}"] if sharing else []
    if view.account not in listed:
        problems.append(f"account {view.account} is not a member of the organisation")
    if view.account in view.scope.platform_accounts:
        problems.append(f"account {view.account} is the platform's own")
    return judge_problems(
        problems, f"account {view.account} is a member of the organisation and is this tenant's alone"
    )


def _in_unit(view: View, _resource: Resource) -> Outcome:
    names = [name for _, name in org.chain(view, view.account)]
    wanted = view.scope.quarantine_unit if view.tenant.state == "quarantined" else view.scope.tenants_unit
    return decide(
        wanted in names,
        f"the account is under the unit {wanted}",
        f"the account is under {' / '.join(names) or 'no unit'}, not under {wanted}",
    )


def _features(view: View, _resource: Resource) -> Outcome:
    described = view.one("organizations:DescribeOrganization", view.management)
    if described is None:
        return failed("there is no organisation")
    kinds = {
        entry["Type"]
        for root in view.items("organizations:ListRoots", "Roots", view.management)
        for entry in root.get("PolicyTypes", [])
        if entry["Status"] == "ENABLED"
    }
    problems = [f"{kind} is not enabled at the root" for kind in (org.SCP, org.RCP) if kind not in kinds]
    if described["Organization"].get("FeatureSet") != "ALL":
        problems.append("the organisation does not have all features")
    return judge_problems(problems, "all features are on, SCPs and RCPs are enabled")


def _known_accounts(view: View, _resource: Resource) -> Outcome:
    known = view.fleet_accounts()
    strangers = sorted(
        f"{account['Id']} ({account.get('Name', '')})"
        for account in view.items("organizations:ListAccounts", "Accounts", view.management)
        if account["Id"] not in known and account.get("Status", "ACTIVE") == "ACTIVE"
    )
    return judge_problems(
        [f"in the organisation and in no tenant file: {', '.join(strangers)}"] if strangers else [],
        "every active account belongs to a tenant or to the platform",
    )


def _within_quota(view: View, _resource: Resource) -> Outcome:
    over = [
        f"{policy['summary']['Name']} has {len(policy['document'])} of 5120 characters"
        for kind in (org.SCP, org.RCP)
        for policy in org.policies(view, kind)
        if len(policy["document"]) > 5120
    ]
    per_tenant = [
        f"{policy['summary']['Name']} names tenant {tenant.id}'s account"
        for kind in (org.SCP, org.RCP)
        for policy in org.policies(view, kind)
        for tenant in view.scope.tenants
        if tenant.account in policy["document"]
    ]
    return judge_problems([*over, *per_tenant], "policies are parametric and within 5120 characters")


_TREE = (
    "organizations:ListRoots",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListAccountsForParent",
)

RULES: tuple[Rule, ...] = (
    Rule(
        id="perimeter.account-per-tenant",
        title="The tenant has an account of its own",
        severity=Severity.CRITICAL,
        about=About.TENANT,
        threat="Two tenants in one account are kept apart by policies alone; one administrator mistake joins them.",
        blind="Accounts outside the organisation that the tenant may also use.",
        remediation="Give each tenant its own account in its tenant file and deploy the organisation stack.",
        objectives=("isolation.account",),
        needs=("organizations:ListAccounts",),
        population=the_account,
        check=_own_account,
    ),
    Rule(
        id="perimeter.account-in-unit",
        title="The account stands under the unit that carries the tenants' policies",
        severity=Severity.HIGH,
        about=About.TENANT,
        threat="An account moved to another unit loses the SCPs and the RCP at once.",
        blind="What the policies of the unit say; other rules judge that.",
        remediation="Move the account back (aws organizations move-account) and find out who moved it.",
        objectives=("isolation.account", "change.guardrails"),
        needs=_TREE,
        population=the_account,
        check=_in_unit,
    ),
    Rule(
        id="perimeter.organisation-features",
        title="The organisation has all features, and SCPs and RCPs are enabled",
        severity=Severity.CRITICAL,
        about=About.PLATFORM,
        threat="A policy type that is not enabled at the root is ignored, however well it is written.",
        blind="Nothing within Organizations.",
        remediation="Enable all features and both policy types in the organisation stack.",
        objectives=("isolation.identity", "isolation.resource"),
        needs=("organizations:DescribeOrganization", "organizations:ListRoots"),
        population=the_organisation,
        check=_features,
    ),
    Rule(
        id="perimeter.known-accounts",
        title="Every account of the organisation is known",
        severity=Severity.MEDIUM,
        about=About.PLATFORM,
        threat="An account that nobody looks after is inside the perimeter.",
        blind="Accounts of other organisations.",
        remediation="Write a tenant file for the account, or close it.",
        objectives=("inventory.complete",),
        needs=("organizations:ListAccounts",),
        population=the_organisation,
        check=_known_accounts,
    ),
    Rule(
        id="perimeter.policies-parametric",
        title="Organisation policies name no tenant and fit their quota",
        severity=Severity.LOW,
        about=About.PLATFORM,
        threat="A policy per tenant runs into the quota of 5,120 characters and stops growing with the fleet.",
        blind="White space that Organizations does not count.",
        remediation="Compare aws:PrincipalAccount with ${aws:ResourceAccount} instead of listing accounts.",
        objectives=("change.guardrails",),
        needs=("organizations:ListPolicies", "organizations:DescribePolicy", "organizations:ListTargetsForPolicy"),
        population=the_organisation,
        check=_within_quota,
    ),
)
