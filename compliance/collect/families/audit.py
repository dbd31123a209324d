"""The record of what happens: CloudTrail, CloudWatch Logs, alarms, and the detectors."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.collect.request import Answer, Family, Place, Request, Where


def _start(_place: Place) -> Iterator[Request]:
    yield Request("cloudtrail:DescribeTrails", {"includeShadowTrails": True}, expects=("trailList",), then=_trails)
    yield Request("logs:DescribeLogGroups", expects=("logGroups",), then=_log_groups)
    yield Request("logs:DescribeResourcePolicies", expects=("resourcePolicies",))
    yield Request("logs:DescribeDestinations", expects=("destinations",))
    yield Request("cloudwatch:DescribeAlarms", expects=("MetricAlarms",))
    yield Request("guardduty:ListDetectors", expects=("DetectorIds",), then=_detectors)
    yield Request("accessanalyzer:ListAnalyzers", expects=("analyzers",))
    yield Request("config:DescribeConfigurationRecorders", expects=("ConfigurationRecorders",))
    yield Request("config:DescribeConfigurationRecorderStatus", expects=("ConfigurationRecordersStatus",))


def _trails(answer: Answer, place: Place) -> Iterator[Request]:
    for trail in answer["trailList"]:
        if trail.get("HomeRegion", place.region) != place.region:
            continue
        params = {"TrailName": trail["TrailARN"]}
        yield Request("cloudtrail:GetTrailStatus", {"Name": trail["TrailARN"]}, expects=("IsLogging",))
        yield Request("cloudtrail:GetEventSelectors", params, expects=("TrailARN",))


def _log_groups(answer: Answer, _place: Place) -> Iterator[Request]:
    for group in answer["logGroups"]:
        name = group["logGroupName"]
        yield Request("logs:DescribeSubscriptionFilters", {"logGroupName": name}, expects=("subscriptionFilters",))
        yield Request("logs:DescribeMetricFilters", {"logGroupName": name}, expects=("metricFilters",))
        arn = group.get("logGroupArn") or group["arn"].removesuffix(":*")
        yield Request("logs:ListTagsForResource", {"resourceArn": arn}, expects=("tags",))


def _detectors(answer: Answer, _place: Place) -> Iterator[Request]:
    for detector in answer["DetectorIds"]:
        yield Request("guardduty:GetDetector", {"DetectorId": detector}, expects=("Status",))


AUDIT = Family("audit", Where.EACH_REGION, _start)
