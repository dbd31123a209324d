"""Buckets, keys, secrets, queues, topics, repositories, functions, log groups: everything with a resource policy."""

from __future__ import annotations

import json
from typing import Any

from compliance.errors import ComplianceError
from compliance.estate.access_point_facts import points_by_bucket, regions_known
from compliance.estate.build import Builder, pairs, tags_of
from compliance.estate.index import Index
from compliance.estate.model import Endpoint, Resource
from compliance.reason.iam.s3 import S3Setting, parse_s3


def buckets(index: Index, builder: Builder) -> None:
    """Buckets with policy, ACL, ownership, Block Public Access and access points."""
    points = points_by_bucket(index, builder)
    regions = regions_known(index, builder)
    block_of = {
        f.account: f.response["PublicAccessBlockConfiguration"] for f in index.of("s3control:GetPublicAccessBlock")
    }
    for fact, item in index.items("s3:ListBuckets", "Buckets"):
        name = item["Name"]

        def about(operation: str, fact: Any = fact, name: str = name) -> dict[str, Any]:
            return index.about(f"s3:{operation}", fact, name) or {}

        tags = tags_of(about("GetBucketTagging").get("TagSet"))
        owner = builder.owners.of(fact.account, name, tags)
        policy_text = about("GetBucketPolicy").get("Policy")
        policy = None
        if policy_text:
            policy = builder.policy(policy_text, "bucket", f"bucket policy of {name}", fact.account, ("data",))
        rules = about("GetBucketOwnershipControls").get("OwnershipControls", {}).get("Rules") or [{}]
        setting = {
            # A bucket without ownership controls was made before they existed; its ACLs count.
            "objectOwnership": rules[0].get("ObjectOwnership", "ObjectWriter"),
            "bucketAcl": {"Grants": about("GetBucketAcl").get("Grants") or []},
            "publicAccessBlock": about("GetPublicAccessBlock").get("PublicAccessBlockConfiguration") or {},
            "accountPublicAccessBlock": block_of.get(fact.account, {}),
        }
        parsed = _setting(builder, setting, name, fact.account)
        arn = f"arn:aws:s3:::{name}"
        known = _covers(regions.get(fact.account, frozenset()), item.get("BucketRegion"))
        builder.add(
            Resource(arn, fact.account, owner, "bucket", "data", policy, s3=parsed, tags=pairs(tags), ways_known=known)
        )
        for point in points.get(name, ()):
            through = S3Setting(
                parsed.ownership, "", parsed.bucket_acl, (), parsed.ignore_public_acls, parsed.restrict_public, point
            )
            builder.add(Resource(arn, fact.account, owner, "bucket", "data", policy, s3=through, tags=pairs(tags)))


def _covers(regions: frozenset[str], region: str | None) -> bool:
    """Whether a bucket's Region is among those read whole; one that the listing does not say is taken to be."""
    return "*" in regions or (region is not None and region in regions)


def _setting(builder: Builder, document: dict[str, Any], name: str, account: str) -> S3Setting:
    try:
        parsed = parse_s3(document, f"bucket {name}")
    except ComplianceError as error:
        builder.gap(account, ("data",), f"bucket {name}", str(error))
        parsed = None
    return parsed or S3Setting(ownership="ObjectWriter")


def keys(index: Index, builder: Builder) -> None:
    """KMS keys with their policy and grants; keys managed by AWS serve their account only and are left out."""
    aliases: dict[tuple[str, str], str] = {}
    for fact, alias in index.items("kms:ListAliases", "Aliases"):
        if alias.get("TargetKeyId"):
            aliases[fact.account, alias["TargetKeyId"]] = alias["AliasName"]
    for fact, item in index.items("kms:ListKeys", "Keys"):
        key = item["KeyId"]
        described = (index.about("kms:DescribeKey", fact, key) or {}).get("KeyMetadata") or {}
        if described.get("KeyManager") == "AWS":
            builder.read["key managed by AWS (left out)"] += 1
            continue
        arn = item.get("KeyArn") or f"arn:aws:kms:{fact.region}:{fact.account}:key/{key}"
        tags = tags_of((index.about("kms:ListResourceTags", fact, key) or {}).get("Tags"))
        alias = aliases.get((fact.account, key), key)
        owner = builder.owners.of(fact.account, alias, tags)
        text = (index.about("kms:GetKeyPolicy", fact, key) or {}).get("Policy")
        policy = builder.policy(text, "key", f"key policy of {alias}", fact.account, ("key",)) if text else None
        listed = (index.about("kms:ListGrants", fact, key) or {}).get("Grants") or []
        grants = builder.grants(listed, f"grants of {alias}", fact.account)
        builder.add(Resource(arn, fact.account, owner, "key", "key", policy, grants, tags=pairs(tags)))


def _policied(
    index: Index, builder: Builder, api: str, member: str, arn: str, subject: str, kind: str, path: Any
) -> None:
    """Adds one resource for every answer of an API that holds a policy."""
    for fact in index.of(api):
        body = fact.response
        place = body.get("Attributes", body)
        text = place.get(member)
        own = place.get(arn) or fact.params.get(subject, "")
        if not own.startswith("arn:"):
            own = f"arn:aws:{kind}:{fact.region}:{fact.account}:{own.rsplit('/', 1)[-1]}"
        name = own.rsplit(":", 1)[-1].rsplit("/", 1)[-1]
        owner = builder.owners.of(fact.account, name, tags_of(place.get("Tags")))
        policy = builder.policy(text, "resource", f"policy of {own}", fact.account, (path,)) if text else None
        builder.add(Resource(own, fact.account, owner, kind, path, policy))


def messaging(index: Index, builder: Builder) -> None:
    """Topics, queues, secrets, event buses, log destinations."""
    _policied(index, builder, "sns:GetTopicAttributes", "Policy", "TopicArn", "TopicArn", "topic", "data")
    _policied(index, builder, "sqs:GetQueueAttributes", "Policy", "QueueArn", "QueueUrl", "queue", "data")
    _policied(index, builder, "secretsmanager:GetResourcePolicy", "ResourcePolicy", "ARN", "SecretId", "secret", "data")
    _policied(index, builder, "events:DescribeEventBus", "Policy", "Arn", "Name", "event-bus", "log")
    for fact, destination in index.items("logs:DescribeDestinations", "destinations"):
        owner = builder.owners.of(fact.account, destination["destinationName"], {})
        text = destination.get("accessPolicy")
        label = f"policy of {destination['arn']}"
        policy = builder.policy(text, "resource", label, fact.account, ("log",)) if text else None
        builder.add(Resource(destination["arn"], fact.account, owner, "log-destination", "log", policy))


def repositories(index: Index, builder: Builder) -> None:
    """ECR repositories; their policies say nothing of a resource."""
    for fact, item in index.items("ecr:DescribeRepositories", "repositories"):
        name = item["repositoryName"]
        text = (index.about("ecr:GetRepositoryPolicy", fact, name) or {}).get("policyText")
        owner = builder.owners.of(fact.account, name, {})
        policy = None
        if text:
            policy = builder.policy(text, "resource", f"policy of repository {name}", fact.account, ("image",))
        builder.add(Resource(item["repositoryArn"], fact.account, owner, "repository", "image", policy))


def functions(index: Index, builder: Builder) -> None:
    """Lambda functions: who may call one runs code with its role."""
    for fact, item in index.items("lambda:ListFunctions", "Functions"):
        text = (index.about("lambda:GetPolicy", fact, item["FunctionName"]) or {}).get("Policy")
        owner = builder.owners.of(fact.account, item["FunctionName"], {})
        policy = None
        if text:
            policy = builder.policy(text, "resource", f"policy of {item['FunctionName']}", fact.account, ("role",))
        builder.add(Resource(item["FunctionArn"], fact.account, owner, "function", "role", policy))


def log_groups(index: Index, builder: Builder) -> None:
    """Log groups, under the resource policies of their account that name them."""
    policies: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for fact, entry in index.items("logs:DescribeResourcePolicies", "resourcePolicies"):
        try:
            statements = json.loads(entry["policyDocument"]).get("Statement") or []
        except (ValueError, TypeError, AttributeError) as error:
            builder.gap(
                fact.account, ("log",), f"log resource policy {entry.get('policyName', '')}", f"no policy: {error}"
            )
            continue
        policies.setdefault((fact.account, fact.region), []).extend(
            statements if isinstance(statements, list) else [statements]
        )
    for fact, group in index.items("logs:DescribeLogGroups", "logGroups"):
        name = group["logGroupName"]
        arn = group.get("logGroupArn") or group["arn"].removesuffix(":*")
        owner = builder.owners.of(
            fact.account, name, tags_of((index.about("logs:ListTagsForResource", fact, arn) or {}).get("tags"))
        )
        statements = [{k: v for k, v in s.items() if k != "Sid"} for s in policies.get((fact.account, fact.region), ())]
        policy = None
        if statements:
            document = {"Version": "2012-10-17", "Statement": statements}
            policy = builder.policy(
                document, "resource", f"log resource policies of {fact.account}", fact.account, ("log",)
            )
        builder.add(Resource(arn, fact.account, owner, "log-group", "log", policy))


def endpoints(index: Index, builder: Builder) -> None:
    """VPC endpoints with their policies."""
    for fact, item in index.items("ec2:DescribeVpcEndpoints", "VpcEndpoints"):
        text = item.get("PolicyDocument")
        policy = None
        if text:
            policy = builder.policy(text, "endpoint", f"policy of {item['VpcEndpointId']}", fact.account, ("network",))
        owner = builder.owners.of(fact.account, "", tags_of(item.get("Tags")))
        service = item.get("ServiceName", "").rsplit(".", 1)[-1]
        builder.endpoints.append(Endpoint(item["VpcEndpointId"], fact.account, owner, item["VpcId"], service, policy))
    builder.read["endpoint"] = len(builder.endpoints)


DATA = (buckets, keys, messaging, repositories, functions, log_groups, endpoints)
