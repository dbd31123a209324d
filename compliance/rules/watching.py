"""Budget, quota, monitoring, and whether everything could be read at all."""

from __future__ import annotations

from compliance.facts.fact import Status
from compliance.results import Verdict
from compliance.rules.data_governance import governance_rule
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed
from compliance.rules.populations import the_account
from compliance.rules.view import View


def _budget(view: View, _resource: Resource) -> Outcome:
    budgets = view.items("budgets:DescribeBudgets", "Budgets", AccountId=view.account)
    monthly = [
        b
        for b in budgets
        if b.get("TimeUnit") == "MONTHLY"
        and b.get("BudgetType", "COST") == "COST"
        and "BudgetLimit" in b
        # A filtered budget counts a part of what the account spends.
        and not b.get("CostFilters")
        and not b.get("FilterExpression")
        and b["BudgetLimit"].get("Unit", "USD") == "USD"
    ]
    fitting = [b for b in monthly if float(b["BudgetLimit"]["Amount"]) <= view.tenant.budget_usd]
    if not monthly:
        return failed("there is no monthly cost budget of the whole account in USD")
    amounts = ", ".join(b["BudgetLimit"]["Amount"] for b in monthly)
    return decide(
        bool(fitting),
        f"monthly budget of {amounts} USD",
        f"budget of {amounts} USD, the tenant's file says {view.tenant.budget_usd}",
    )


def _budget_alerts(view: View, _resource: Resource) -> Outcome:
    told: set[float] = set()
    for budget in view.items("budgets:DescribeBudgets", "Budgets", AccountId=view.account):
        for alert in view.items(
            "budgets:DescribeNotificationsForBudget",
            "Notifications",
            AccountId=view.account,
            BudgetName=budget["BudgetName"],
        ):
            above = alert.get("ComparisonOperator", "GREATER_THAN") == "GREATER_THAN"
            if above and alert.get("ThresholdType", "PERCENTAGE") == "PERCENTAGE":
                told.add(float(alert["Threshold"]))
    missing = [str(percent) for percent in view.tenant.budget_alerts if float(percent) not in told]
    return decide(not missing, "someone is told at every threshold", f"nobody is told at {', '.join(missing)} %")


def _quota(view: View, _resource: Resource) -> Outcome:
    quotas = view.items("service-quotas:ListServiceQuotas", "Quotas", ServiceCode="ec2")
    names = [quota["QuotaName"] for quota in quotas if quota.get("QuotaName", "").startswith("Running On-Demand P")]
    return decide(
        bool(names),
        f"the quota for accelerators is known ({', '.join(names)})",
        "the quota for accelerators is not listed",
    )


def _alarms(view: View, _resource: Resource) -> Outcome:
    alarms = view.items("cloudwatch:DescribeAlarms", "MetricAlarms")
    working = [alarm["AlarmName"] for alarm in alarms if alarm.get("ActionsEnabled", True)]
    return decide(bool(working), f"{len(working)} alarms", "there is no alarm")


def _refused_flows(view: View, _resource: Resource) -> Outcome:
    group = view.tenant.log_groups["flow"]
    filters = view.items("logs:DescribeMetricFilters", "metricFilters", logGroupName=group)
    metrics = {
        t["metricName"]
        for entry in filters
        if "REJECT" in entry.get("filterPattern", "")
        for t in entry["metricTransformations"]
    }
    alarmed = {alarm.get("MetricName") for alarm in view.items("cloudwatch:DescribeAlarms", "MetricAlarms")}
    return decide(bool(metrics & alarmed), "refused flows raise an alarm", "refused flows raise no alarm")


def _detector(view: View, _resource: Resource) -> Outcome:
    off = [
        region
        for region, listed in view.by_region("guardduty:ListDetectors")
        if not any(
            (view.one("guardduty:GetDetector", DetectorId=one) or {}).get("Status") == "ENABLED"
            for one in listed["DetectorIds"]
        )
    ]
    return decide(not off, "GuardDuty is on", f"GuardDuty is off in {', '.join(off)}")


def _analyzer(view: View, _resource: Resource) -> Outcome:
    active: dict[str, list[str]] = {}
    for region, answer in view.by_region("accessanalyzer:ListAnalyzers"):
        names = [entry["name"] for entry in answer.get("analyzers", []) if entry.get("status") == "ACTIVE"]
        active.setdefault(region, []).extend(names)
    off = [region for region, names in active.items() if not names]
    found = [name for names in active.values() for name in names]
    return decide(not off, f"Access Analyzer is on ({', '.join(found)})", f"Access Analyzer is off in {', '.join(off)}")


def _complete(view: View, _resource: Resource) -> Outcome:
    """Everything asked was answered. What the endpoint does not implement is listed in the coverage, not here."""
    accounts = view.scope.accounts_of(view.name)
    unread = sorted(
        {
            f"{fact.api} ({fact.status})"
            for fact in view.graph
            if fact.account in accounts
            and not fact.status.read
            and fact.status is not Status.UNIMPLEMENTED
            and fact.api != "sts:AssumeRole"
        }
    )
    silent = [account for account in accounts if not view.graph.facts(account, "sts:GetCallerIdentity")]
    problems = [f"account {account} could not be entered" for account in silent] + unread
    if not problems:
        return Outcome(Verdict.PASS, "every call was answered, or is not implemented at this endpoint")
    return Outcome(Verdict.INDETERMINATE, f"could not be read: {', '.join(problems)}")


_WATCH = ("monitoring.detection",)

RULES: tuple[Rule, ...] = (
    governance_rule(
        "budget.limit",
        "There is a monthly budget within the tenant's file",
        Severity.MEDIUM,
        ("budgets:DescribeBudgets",),
        the_account,
        _budget,
        "A stolen role mines coins at the tenant's cost.",
        objectives=("resources.quota",),
    ),
    governance_rule(
        "budget.alerts",
        "Someone is told at every threshold of the budget",
        Severity.LOW,
        ("budgets:DescribeBudgets", "budgets:DescribeNotificationsForBudget"),
        the_account,
        _budget_alerts,
        "Nobody notices in time.",
        objectives=("resources.quota",),
    ),
    governance_rule(
        "budget.quota-known",
        "The quota for accelerators is known",
        Severity.LOW,
        ("service-quotas:ListServiceQuotas",),
        the_account,
        _quota,
        "One tenant takes the capacity of others.",
        objectives=("resources.quota",),
        blind="Whether the quota is the wanted one.",
    ),
    governance_rule(
        "monitoring.alarms",
        "There are alarms",
        Severity.MEDIUM,
        ("cloudwatch:DescribeAlarms",),
        the_account,
        _alarms,
        "Nobody notices.",
        objectives=_WATCH,
        blind="Who is told.",
    ),
    governance_rule(
        "monitoring.refused-flows",
        "Refused flows raise an alarm",
        Severity.MEDIUM,
        ("logs:DescribeMetricFilters", "cloudwatch:DescribeAlarms"),
        the_account,
        _refused_flows,
        "Probing for a way out goes unnoticed.",
        objectives=_WATCH,
        blind="Who is told.",
    ),
    governance_rule(
        "monitoring.guardduty",
        "GuardDuty is on",
        Severity.MEDIUM,
        ("guardduty:ListDetectors", "guardduty:GetDetector"),
        the_account,
        _detector,
        "Known attacks go unnoticed.",
        about=About.BOTH,
        objectives=_WATCH,
    ),
    governance_rule(
        "monitoring.access-analyzer",
        "Access Analyzer is on",
        Severity.LOW,
        ("accessanalyzer:ListAnalyzers",),
        the_account,
        _analyzer,
        "External access goes unnoticed between two scans.",
        about=About.BOTH,
        objectives=_WATCH,
    ),
    governance_rule(
        "coverage.complete",
        "Everything that was asked was answered",
        Severity.HIGH,
        ("sts:GetCallerIdentity",),
        the_account,
        _complete,
        "What could not be read is taken for clean.",
        about=About.BOTH,
        objectives=("inventory.complete",),
        blind="What no collector asks for, and what the endpoint does not implement; the coverage lists both.",
    ),
)
