"""What is configured to leave its account, or to be open to another, without any further request."""

from __future__ import annotations

from typing import Any

from compliance.estate.build import Builder, pairs, tags_of
from compliance.estate.index import Index
from compliance.estate.model import EVERYONE, NetworkFact, Path, Resource
from compliance.facts.fact import Fact


def snapshots(index: Index, builder: Builder) -> None:
    """Snapshots and volumes, and who may make volumes of a snapshot."""
    for fact, item in index.items("ec2:DescribeSnapshots", "Snapshots"):
        tags = tags_of(item.get("Tags"))
        owner = builder.owners.of(fact.account, "", tags)
        arn = f"arn:aws:ec2:{fact.region}:{fact.account}:snapshot/{item['SnapshotId']}"
        builder.add(Resource(arn, fact.account, owner, "snapshot", "snapshot", tags=pairs(tags)))
        answer = index.about("ec2:DescribeSnapshotAttribute", fact, item["SnapshotId"]) or {}
        for permission in answer.get("CreateVolumePermissions") or ():
            _lend(builder, "volume permission", "snapshot", item["SnapshotId"], fact, owner, permission)
    for fact, item in index.items("ec2:DescribeVolumes", "Volumes"):
        tags = tags_of(item.get("Tags"))
        arn = f"arn:aws:ec2:{fact.region}:{fact.account}:volume/{item['VolumeId']}"
        owner = builder.owners.of(fact.account, "", tags)
        builder.add(Resource(arn, fact.account, owner, "volume", "snapshot", tags=pairs(tags)))


def images(index: Index, builder: Builder) -> None:
    """Images, and who may launch them."""
    for fact, item in index.items("ec2:DescribeImages", "Images"):
        tags = tags_of(item.get("Tags"))
        owner = builder.owners.of(fact.account, "", tags)
        arn = f"arn:aws:ec2:{fact.region}:{fact.account}:image/{item['ImageId']}"
        builder.add(Resource(arn, fact.account, owner, "image", "image", tags=pairs(tags)))
        answer = index.about("ec2:DescribeImageAttribute", fact, item["ImageId"]) or {}
        for permission in answer.get("LaunchPermissions") or ():
            _lend(builder, "launch permission", "image", item["ImageId"], fact, owner, permission)


def _lend(
    builder: Builder, kind: str, path: Path, source: str, fact: Fact, owner: str, permission: dict[str, Any]
) -> None:
    target = EVERYONE if permission.get("Group") == "all" else permission.get("UserId", "")
    target = target or permission.get("OrganizationArn") or permission.get("OrganizationalUnitArn") or EVERYONE
    if target.startswith("arn:aws:organizations:"):
        # The whole organisation, or a unit of it, holds every tenant for what a bundle can tell.
        target = EVERYONE
    builder.hand_over(kind, path, source, fact.account, owner, target, f"{kind} for {target}")


def instances(index: Index, builder: Builder) -> None:
    """Instances, whose credentials and console belong to whoever can run code on them."""
    for fact, reservation in index.items("ec2:DescribeInstances", "Reservations"):
        for item in reservation.get("Instances") or ():
            tags = tags_of(item.get("Tags"))
            owner = builder.owners.of(fact.account, "", tags)
            arn = f"arn:aws:ec2:{fact.region}:{fact.account}:instance/{item['InstanceId']}"
            builder.add(Resource(arn, fact.account, owner, "instance", "role", tags=pairs(tags)))


def bucket_outlets(index: Index, builder: Builder) -> None:
    """Replication, notifications, access logs and inventories of buckets that go elsewhere."""
    owner_of = {r.arn: r for r in builder.resources if r.kind == "bucket"}

    def hand_over(fact: Fact, kind: str, target: str, path: Path = "data", account: str = "") -> None:
        source = owner_of.get(f"arn:aws:s3:::{fact.params.get('Bucket', '')}")
        if source is not None and target:
            known = owner_of.get(target)
            aim = account or (known.account if known is not None and known.owner == source.owner else target)
            if known is not None and known.owner == source.owner:
                return
            name = target.rsplit(":", 1)[-1]
            # A bucket's ARN does not say whose it is: the name decides where it is known, else the account.
            aim = name if name in builder.owners.by_name else aim
            builder.hand_over(kind, path, source.arn, source.account, source.owner, aim, f"to {target}")

    for fact in index.of("s3:GetBucketReplication"):
        for rule in fact.response["ReplicationConfiguration"].get("Rules") or ():
            if rule.get("Status") == "Enabled":
                destination = rule.get("Destination") or {}
                hand_over(fact, "replication", destination.get("Bucket", ""), account=destination.get("Account", ""))
    for fact in index.of("s3:GetBucketLogging"):
        target = (fact.response.get("LoggingEnabled") or {}).get("TargetBucket")
        if target:
            hand_over(fact, "access log", f"arn:aws:s3:::{target}", "log")
    for fact in index.of("s3:GetBucketNotificationConfiguration"):
        for member, arn in (
            ("TopicConfigurations", "TopicArn"),
            ("QueueConfigurations", "QueueArn"),
            ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
        ):
            for entry in fact.response.get(member) or ():
                hand_over(fact, "notification", entry[arn])
    for fact in index.of("s3:ListBucketInventoryConfigurations"):
        for entry in fact.response.get("InventoryConfigurationList") or ():
            hand_over(fact, "inventory", entry["Destination"]["S3BucketDestination"]["Bucket"])


def log_outlets(index: Index, builder: Builder) -> None:
    """Log subscriptions, trails and event rules that send to another account."""
    groups = {(r.account, r.arn.rsplit(":log-group:", 1)[-1]): r for r in builder.resources if r.kind == "log-group"}
    for fact, item in index.items("logs:DescribeSubscriptionFilters", "subscriptionFilters"):
        group = groups.get((fact.account, item["logGroupName"]))
        owner = group.owner if group is not None else builder.owners.of(fact.account, item["logGroupName"], {})
        target = item["destinationArn"]
        builder.hand_over("log subscription", "log", item["logGroupName"], fact.account, owner, target, f"to {target}")
    for fact, item in index.items("events:ListTargetsByRule", "Targets"):
        owner = builder.owners.of(fact.account, fact.params["Rule"], {})
        builder.hand_over(
            "event rule", "log", fact.params["Rule"], fact.account, owner, item["Arn"], f"to {item['Arn']}"
        )
    for fact, item in index.items("sns:ListSubscriptions", "Subscriptions"):
        topic = item["TopicArn"]
        owner = builder.owners.of(fact.account, topic.rsplit(":", 1)[-1], {})
        target = item.get("Endpoint") if str(item.get("Endpoint", "")).startswith("arn:") else item.get("Owner", "")
        if target:
            builder.hand_over("topic subscription", "data", topic, fact.account, owner, target, f"to {target}")
    buckets = {r.arn.rsplit(":", 1)[-1]: r for r in builder.resources if r.kind == "bucket"}
    for fact, item in index.items("cloudtrail:DescribeTrails", "trailList"):
        bucket = buckets.get(item.get("S3BucketName", ""))
        owner = builder.owners.of(fact.account, item["Name"], {})
        if bucket is not None and bucket.owner != owner and owner in builder.owners.by_account.get(fact.account, ()):
            target = bucket.arn.rsplit(":", 1)[-1]
            builder.hand_over("trail", "log", item["Name"], fact.account, owner, target, f"to bucket {target}")


def shares(index: Index, builder: Builder) -> None:
    """RAM shares and documents of Systems Manager."""
    resources: dict[str, list[str]] = {}
    principals: dict[str, list[tuple[Fact, str]]] = {}
    for fact, item in index.items("ram:GetResourceShareAssociations", "resourceShareAssociations"):
        if item.get("status") in ("DISASSOCIATED", "FAILED"):
            continue
        share = item["resourceShareArn"]
        if item["associationType"] == "RESOURCE":
            resources.setdefault(share, []).append(item["associatedEntity"])
        else:
            principals.setdefault(share, []).append((fact, item["associatedEntity"]))
    for share, entities in principals.items():
        for fact, entity in entities:
            target = EVERYONE if ":organization/" in entity or ":ou/" in entity else entity
            for resource in resources.get(share, [share]):
                path: Path = _PATH_OF_SHARED.get(
                    resource.split(":")[2] if resource.startswith("arn:") else "", "network"
                )
                owner = builder.owners.of(fact.account, resource.rsplit("/", 1)[-1], {})
                builder.hand_over("resource share", path, resource, fact.account, owner, target, f"RAM share {share}")
    for fact in index.of("ssm:DescribeDocumentPermission"):
        for account in fact.response.get("AccountIds") or ():
            owner = builder.owners.of(fact.account, fact.params["Name"], {})
            target = EVERYONE if account == "all" else account
            builder.hand_over(
                "document share", "data", fact.params["Name"], fact.account, owner, target, "shared document"
            )


_PATH_OF_SHARED: dict[str, Path] = {
    "ec2": "network", "vpc-lattice": "network", "route53resolver": "network", "imagebuilder": "image",
    "s3-outposts": "data", "glue": "data", "secretsmanager": "data", "sagemaker": "data", "rds": "snapshot",
    "kms": "key", "logs": "log", "cloudwatch": "log",
}  # fmt: skip


def network(index: Index, builder: Builder) -> None:
    """The raw answers that the network engine reads."""
    for fact in index.apis("ec2"):
        builder.network.append(NetworkFact(fact.account, fact.region, fact.response))
    builder.read["network answer"] = len(builder.network)


SHARING = (snapshots, images, instances, bucket_outlets, log_outlets, shares, network)
