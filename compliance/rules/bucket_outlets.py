"""Where buckets send things: replication, events, inventories, web sites, access points."""

from __future__ import annotations

from compliance.rules.guests import guests
from compliance.rules.model import About, Outcome, Resource, Rule, Severity, decide, judge_problems, passed
from compliance.rules.populations import the_account
from compliance.rules.storage import LIST_BUCKETS, storage_rule
from compliance.rules.view import View


def _no_replication(view: View, resource: Resource) -> Outcome:
    answer = view.one("s3:GetBucketReplication", Bucket=resource.data)
    if answer is None:
        return passed("nothing is replicated")
    foreign = []
    own = {bucket["Name"] for bucket in view.items(LIST_BUCKETS, "Buckets")}
    for rule in answer["ReplicationConfiguration"]["Rules"]:
        destination = rule["Destination"]
        name = destination["Bucket"].rpartition(":")[2]
        if destination.get("Account", view.account) != view.account or name not in own:
            foreign.append(name)
    return decide(not foreign, "replicated only to own buckets", f"replicated to {', '.join(foreign)}")


def _no_outlets(view: View, resource: Resource) -> Outcome:
    problems = []
    notification = view.one("s3:GetBucketNotificationConfiguration", Bucket=resource.data) or {}
    for kind, member in (
        ("Topic", "TopicConfigurations"),
        ("Queue", "QueueConfigurations"),
        ("LambdaFunction", "LambdaFunctionConfigurations"),
    ):
        for entry in notification.get(member, []):
            arn = entry[f"{kind}Arn"]
            if arn.split(":")[4] != view.account:
                problems.append(f"events go to {arn}")
    own = {bucket["Name"] for bucket in view.items(LIST_BUCKETS, "Buckets")}
    inventories = view.items("s3:ListBucketInventoryConfigurations", "InventoryConfigurationList", Bucket=resource.data)
    for inventory in inventories:
        target = inventory["Destination"]["S3BucketDestination"]["Bucket"].rpartition(":")[2]
        if target not in own:
            problems.append(f"inventory goes to {target}")
    target = (view.one("s3:GetBucketLogging", Bucket=resource.data) or {}).get("LoggingEnabled", {}).get("TargetBucket")
    if target and target not in own:
        problems.append(f"access logs go to {target}")
    return judge_problems(problems, "events, inventories and access logs stay in the account")


def _no_website(view: View, resource: Resource) -> Outcome:
    website = view.one("s3:GetBucketWebsite", Bucket=resource.data)
    cors = view.one("s3:GetBucketCors", Bucket=resource.data)
    problems = ["the bucket is a web site"] if website else []
    problems += ["web pages of other origins may read it (CORS)"] if cors else []
    return judge_problems(problems, "no web site, no CORS")


def _access_points(view: View, _resource: Resource) -> Outcome:
    problems = []
    points = view.items("s3control:ListAccessPoints", "AccessPointList", AccountId=view.account)
    for point in points:
        detail = view.one("s3control:GetAccessPoint", AccountId=view.account, Name=point["Name"]) or {}
        policy = view.one("s3control:GetAccessPointPolicy", AccountId=view.account, Name=point["Name"])
        if detail.get("NetworkOrigin") != "VPC":
            problems.append(f"access point {point['Name']} is reachable from the internet")
        if policy is not None and (found := guests(policy["Policy"], {view.account})):
            problems.append(f"access point {point['Name']} allows {', '.join(found)}")
    return judge_problems(problems, f"{len(points)} access points, none open to others")


RULES: tuple[Rule, ...] = (
    storage_rule(
        "no-foreign-replication",
        "No bucket is replicated to another account",
        Severity.CRITICAL,
        ("s3:GetBucketReplication",),
        check=_no_replication,
        threat="Replication copies every new object out, silently.",
        blind="Copies made by other services (batch operations, DataSync).",
        remediation="Delete the replication rule; find out who wrote it.",
        objectives=("isolation.resource",),
    ),
    storage_rule(
        "no-foreign-outlets",
        "Events, inventories and access logs of buckets stay in the account",
        Severity.MEDIUM,
        ("s3:GetBucketNotificationConfiguration", "s3:ListBucketInventoryConfigurations", "s3:GetBucketLogging"),
        check=_no_outlets,
        threat="Names, sizes and times of objects leak to another account.",
        blind="Metrics and analytics exports.",
        remediation="Point the destination at a bucket, topic or queue of the account.",
        objectives=("isolation.resource",),
    ),
    storage_rule(
        "no-web-site",
        "No bucket is a web site or readable by web pages",
        Severity.MEDIUM,
        ("s3:GetBucketWebsite", "s3:GetBucketCors"),
        check=_no_website,
        threat="A browser of someone with access is made to read the data.",
        blind="Web sites in front of the bucket (CloudFront).",
        remediation="Remove the web site and CORS configuration.",
        objectives=("isolation.resource",),
    ),
    Rule(
        id="storage.access-points-closed",
        title="No access point is open to the internet or another account",
        severity=Severity.CRITICAL,
        about=About.BOTH,
        threat="An access point has a policy of its own that lets others in beside the bucket's.",
        blind="Multi-region and Object Lambda access points.",
        remediation="Delete the access point.",
        objectives=("isolation.resource",),
        needs=("s3control:ListAccessPoints", "s3control:GetAccessPoint", "s3control:GetAccessPointPolicy"),
        population=the_account,
        check=_access_points,
    ),
)
