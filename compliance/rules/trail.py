"""The trail: of the whole organisation, on, with digests and data events, kept in the audit account."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, failed, judge_problems
from compliance.rules.populations import the_account
from compliance.rules.view import View

TRAILS = "cloudtrail:DescribeTrails"
READ_AND_WRITE = {"ReadOnly", "WriteOnly"}


def trails(view: View) -> Iterator[Resource]:
    """The organisation's trails, seen from the management account; `data` is the description."""
    for trail in view.items(TRAILS, "trailList", view.management):
        if trail.get("IsOrganizationTrail"):
            yield Resource(trail["TrailARN"], trail)


def _there_is_one(view: View, _resource: Resource) -> Outcome:
    found = [trail.id for trail in trails(view)]
    return decide(bool(found), f"{len(found)} organisation trail", "there is no organisation trail")


def _everywhere(_view: View, resource: Resource) -> Outcome:
    trail = resource.data
    problems = [] if trail.get("IsMultiRegionTrail") else ["only one region"]
    problems += [] if trail.get("IncludeGlobalServiceEvents") else ["no events of global services (IAM, STS)"]
    return judge_problems(problems, "all regions and global services")


def _digests(_view: View, resource: Resource) -> Outcome:
    on = resource.data.get("LogFileValidationEnabled")
    return decide(bool(on), "digest files chain the log files", "log files carry no digest chain")


def _trail_key(view: View, resource: Resource) -> Outcome:
    key = resource.data.get("KmsKeyId", "")
    own = view.scope.audit_account in key
    return decide(own, f"encrypted under {key}", f"encrypted under {key or 'no key'}, not under the audit account's")


def _trail_target(view: View, resource: Resource) -> Outcome:
    bucket = resource.data.get("S3BucketName")
    return decide(
        bucket == view.scope.audit_bucket, f"goes to {bucket}", f"goes to {bucket}, not to {view.scope.audit_bucket}"
    )


def _data_events(view: View, resource: Resource) -> Outcome:
    answer = view.one("cloudtrail:GetEventSelectors", view.management, TrailName=resource.id) or {}
    recorded = {
        kind
        for selector in answer.get("EventSelectors", [])
        for entry in selector.get("DataResources", [])
        if entry["Type"] == "AWS::S3::Object"
        # All buckets of the account; `arn:aws:s3:::` is how CloudTrail's documentation wrote it first.
        and any(value.rstrip(":/") == "arn:aws:s3" for value in entry.get("Values", []))
        for kind in _kinds(selector)
    }
    whole = recorded == READ_AND_WRITE
    for advanced in answer.get("AdvancedEventSelectors", []):
        fields = {entry["Field"]: entry for entry in advanced["FieldSelectors"]}
        of_data = fields.get("eventCategory", {}).get("Equals") == ["Data"]
        if of_data and not set(fields) - {"eventCategory", "resources.type"}:
            whole |= "AWS::S3::Object" in fields.get("resources.type", {}).get("Equals", [])
    return decide(
        whole,
        "reads and writes of every object are recorded",
        "object reads and writes are not recorded for every bucket",
    )


def _kinds(selector: dict[str, Any]) -> set[str]:
    """Whether a selector records reads, writes or both."""
    chosen = selector.get("ReadWriteType", "All")
    return READ_AND_WRITE if chosen == "All" else {chosen}


def _management_events(view: View, resource: Resource) -> Outcome:
    answer = view.one("cloudtrail:GetEventSelectors", view.management, TrailName=resource.id) or {}
    recorded = {
        kind
        for selector in answer.get("EventSelectors", [])
        if selector.get("IncludeManagementEvents") and not selector.get("ExcludeManagementEventSources")
        for kind in _kinds(selector)
    }
    advanced = any(
        len(entry["FieldSelectors"]) == 1 and entry["FieldSelectors"][0].get("Equals") == ["Management"]
        for entry in answer.get("AdvancedEventSelectors", [])
    )
    return decide(
        recorded == READ_AND_WRITE or advanced,
        "every management event is recorded, KMS's too",
        "some management events are left out",
    )


def audit_rule(
    name: str,
    title: str,
    severity: Severity,
    needs: tuple[str, ...],
    population: Any,
    check: Any,
    threat: str,
    **parts: Any,
) -> Rule:
    """A rule about the record."""
    return Rule(
        id=f"audit.{name}",
        title=title,
        severity=severity,
        about=parts.pop("about", About.PLATFORM),
        threat=threat,
        blind=parts.pop("blind", "What the records say; monitoring reads them."),
        remediation=parts.pop("remediation", "Deploy the audit stack; find out in the trail who changed it."),
        objectives=parts.pop("objectives", ("audit.logging",)),
        needs=needs,
        population=population,
        check=check,
        empty=parts.pop("empty", Rule.empty),
    )


TRACES_REMOVED = "Whoever attacks removes the traces."

NO_TRAIL = failed("there is no organisation trail")
"""What a rule about trails says where there is none."""

IMMUTABLE = ("audit.immutable",)

RULES: tuple[Rule, ...] = (
    audit_rule(
        "trail-exists",
        "There is an organisation trail",
        Severity.CRITICAL,
        (TRAILS,),
        the_account,
        _there_is_one,
        TRACES_REMOVED,
    ),
    audit_rule(
        "trail-everywhere",
        "The trail covers all regions and global services",
        Severity.HIGH,
        (TRAILS,),
        trails,
        _everywhere,
        "An attack in another region leaves no trace.",
        empty=NO_TRAIL,
    ),
    audit_rule(
        "trail-digests",
        "Log files are chained by digests",
        Severity.HIGH,
        (TRAILS,),
        trails,
        _digests,
        "Records are changed afterwards.",
        objectives=IMMUTABLE,
        empty=NO_TRAIL,
        blind="Whether the chain was checked; `bulkhead evidence trail` does that.",
    ),
    audit_rule(
        "trail-key",
        "The trail is encrypted under the audit account's key",
        Severity.MEDIUM,
        (TRAILS,),
        trails,
        _trail_key,
        "Shredding a tenant's key destroys the evidence about it.",
        objectives=IMMUTABLE,
        empty=NO_TRAIL,
    ),
    audit_rule(
        "trail-target",
        "The trail goes to the audit bucket",
        Severity.HIGH,
        (TRAILS,),
        trails,
        _trail_target,
        TRACES_REMOVED,
        objectives=IMMUTABLE,
        empty=NO_TRAIL,
    ),
    audit_rule(
        "trail-data-events",
        "Reads and writes of every object are recorded",
        Severity.HIGH,
        (TRAILS, "cloudtrail:GetEventSelectors"),
        trails,
        _data_events,
        "Nobody can say who read the data.",
        empty=NO_TRAIL,
    ),
    audit_rule(
        "trail-management-events",
        "Every management event is recorded",
        Severity.HIGH,
        (TRAILS, "cloudtrail:GetEventSelectors"),
        trails,
        _management_events,
        "Use of keys or changes of policies leave no trace.",
        empty=NO_TRAIL,
    ),
)
