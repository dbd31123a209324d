"""Planned records and watches: trails, log groups, filters, alarms, detectors, analyzers, budgets."""

from __future__ import annotations

from typing import Any, Final

from compliance.estate.planned_arns import arn_of
from compliance.estate.terraform import Planned
from compliance.planned.answers import Shown, Translate
from compliance.planned.storage import name_of
from compliance.planned.values import block, blocks, truth, whole


def _key(shown: Shown, value: Any) -> str:
    target = shown.by_id.get(str(value))
    return arn_of(target) if target is not None else str(value or "")


def _trail(shown: Shown, resource: Planned) -> None:
    values, arn = resource.values, arn_of(resource)
    item = {
        "Name": values.get("name"),
        "TrailARN": arn,
        "HomeRegion": resource.region,
        "S3BucketName": name_of(shown, resource, "s3_bucket_name") or values.get("s3_bucket_name"),
        "IsOrganizationTrail": truth(values.get("is_organization_trail")),
        "IsMultiRegionTrail": truth(values.get("is_multi_region_trail")),
        "IncludeGlobalServiceEvents": truth(values.get("include_global_service_events", True)),
        "LogFileValidationEnabled": truth(values.get("enable_log_file_validation")),
        "KmsKeyId": _key(shown, values.get("kms_key_id")),
    }
    shown.add(resource, "cloudtrail:DescribeTrails", "trailList", item, includeShadowTrails=True)
    logging = {"IsLogging": truth(values.get("enable_logging", True))}
    shown.put(resource, "cloudtrail:GetTrailStatus", logging, Name=arn)
    shown.put(resource, "cloudtrail:GetEventSelectors", _selectors(resource), TrailName=arn)
    shown.about(arn, resource)


def _selectors(resource: Planned) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if advanced := blocks(resource.values, "advanced_event_selector"):
        found["AdvancedEventSelectors"] = [
            {"Name": held.get("name"), "FieldSelectors": [_field(one) for one in blocks(held, "field_selector")]}
            for held in advanced
        ]
        return found
    plain = blocks(resource.values, "event_selector") or [{}]
    found["EventSelectors"] = [
        {
            "ReadWriteType": held.get("read_write_type") or "All",
            "IncludeManagementEvents": truth(held.get("include_management_events", True)),
            "ExcludeManagementEventSources": list(held.get("exclude_management_event_sources") or ()),
            "DataResources": [
                {"Type": one.get("type"), "Values": list(one.get("values") or ())}
                for one in blocks(held, "data_resource")
            ],
        }
        for held in plain
    ]
    return found


def _field(held: dict[str, Any]) -> dict[str, Any]:
    operators = ("equals", "not_equals", "starts_with", "not_starts_with", "ends_with", "not_ends_with")
    names = {one: "".join(part.capitalize() for part in one.split("_")) for one in operators}
    return {"Field": held.get("field")} | {new: held[old] for old, new in names.items() if held.get(old)}


def _log_group(shown: Shown, resource: Planned) -> None:
    name, arn = str(resource.values.get("name")), arn_of(resource)
    item: dict[str, Any] = {"logGroupName": name, "arn": f"{arn}:*"}
    if days := whole(resource.values.get("retention_in_days")):
        item["retentionInDays"] = days
    if key := resource.values.get("kms_key_id"):
        item["kmsKeyId"] = _key(shown, key)
    shown.add(resource, "logs:DescribeLogGroups", "logGroups", item)
    shown.about(arn, resource)


def defaults(shown: Shown) -> None:
    """Answers about log groups and budgets that no resource says anything about."""
    for group in shown.of("aws_cloudwatch_log_group"):
        place, asked = (group.account, group.region), {"logGroupName": str(group.values.get("name"))}
        shown.default(place, "logs:DescribeSubscriptionFilters", {"subscriptionFilters": []}, **asked)
        shown.default(place, "logs:DescribeMetricFilters", {"metricFilters": []}, **asked)


def _group_name(shown: Shown, resource: Planned) -> str:
    value = str(resource.values.get("log_group_name"))
    target = shown.by_id.get(value)
    return str(target.values.get("name")) if target is not None else value


def _subscription(shown: Shown, resource: Planned) -> None:
    name = _group_name(shown, resource)
    item = {"logGroupName": name, "destinationArn": resource.values.get("destination_arn")}
    target = shown.by_id.get(str(item["destinationArn"]))
    item["destinationArn"] = arn_of(target) if target is not None else item["destinationArn"]
    shown.add(resource, "logs:DescribeSubscriptionFilters", "subscriptionFilters", item, logGroupName=name)
    shown.about(f"arn:aws:logs:{resource.region}:{resource.account}:log-group:{name}", resource)


def _metric_filter(shown: Shown, resource: Planned) -> None:
    held = block(resource.values, "metric_transformation")
    metric = {"metricName": held.get("name"), "metricNamespace": held.get("namespace")}
    item = {"filterPattern": resource.values.get("pattern") or "", "metricTransformations": [metric]}
    name = _group_name(shown, resource)
    shown.add(resource, "logs:DescribeMetricFilters", "metricFilters", item, logGroupName=name)


def _log_policy(shown: Shown, resource: Planned) -> None:
    held = {"policyName": resource.values.get("policy_name"), "policyDocument": resource.values.get("policy_document")}
    shown.add(resource, "logs:DescribeResourcePolicies", "resourcePolicies", held)


def _alarm(shown: Shown, resource: Planned) -> None:
    item = {
        "AlarmName": resource.values.get("alarm_name"),
        "MetricName": resource.values.get("metric_name"),
        "ActionsEnabled": truth(resource.values.get("actions_enabled", True)),
    }
    shown.add(resource, "cloudwatch:DescribeAlarms", "MetricAlarms", item)


def _detector(shown: Shown, resource: Planned) -> None:
    status = "ENABLED" if truth(resource.values.get("enable", True)) else "DISABLED"
    shown.add(resource, "guardduty:ListDetectors", "DetectorIds", resource.id)
    shown.put(resource, "guardduty:GetDetector", {"Status": status}, DetectorId=resource.id)


def _analyzer(shown: Shown, resource: Planned) -> None:
    item = {"name": resource.values.get("analyzer_name"), "status": "ACTIVE"}
    shown.add(resource, "accessanalyzer:ListAnalyzers", "analyzers", item)


def _budget(shown: Shown, resource: Planned) -> None:
    values, asked = resource.values, {"AccountId": resource.account}
    name = str(values.get("name"))
    item = {"BudgetName": name, "TimeUnit": values.get("time_unit"), "BudgetType": values.get("budget_type")}
    limit = {"Amount": str(values.get("limit_amount")), "Unit": values.get("limit_unit")}
    shown.add(resource, "budgets:DescribeBudgets", "Budgets", item | {"BudgetLimit": limit}, **asked)
    told = [
        {"Threshold": float(held.get("threshold") or 0), "NotificationType": held.get("notification_type")}
        for held in blocks(values, "notification")
    ]
    api = "budgets:DescribeNotificationsForBudget"
    shown.put(resource, api, {"Notifications": told}, **asked, BudgetName=name)


TRANSLATIONS: Final[dict[str, Translate]] = {
    "aws_cloudtrail": _trail,
    "aws_cloudwatch_log_group": _log_group,
    "aws_cloudwatch_log_subscription_filter": _subscription,
    "aws_cloudwatch_log_metric_filter": _metric_filter,
    "aws_cloudwatch_log_resource_policy": _log_policy,
    "aws_cloudwatch_metric_alarm": _alarm,
    "aws_guardduty_detector": _detector,
    "aws_accessanalyzer_analyzer": _analyzer,
    "aws_budgets_budget": _budget,
}
