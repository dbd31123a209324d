"""S3: every setting of every bucket, the account's public access block, access points with their policies."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.collect.request import Answer, Family, Place, Request, Where, absent

_OF_ALL_REGIONS = "us-west-2"
"""Answers for every Multi-Region Access Point (S3 User Guide, "Managing Multi-Region Access Points")."""
_NO_PUBLIC_BLOCK = absent("NoSuchPublicAccessBlockConfiguration")
_SETTINGS: tuple[tuple[str, tuple[str, ...], frozenset[str]], ...] = (
    ("GetBucketPolicy", ("Policy",), absent("NoSuchBucketPolicy")),
    ("GetBucketAcl", ("Owner", "Grants"), absent()),
    ("GetBucketOwnershipControls", ("OwnershipControls",), absent("OwnershipControlsNotFoundError")),
    ("GetPublicAccessBlock", ("PublicAccessBlockConfiguration",), _NO_PUBLIC_BLOCK),
    (
        "GetBucketEncryption",
        ("ServerSideEncryptionConfiguration",),
        absent("ServerSideEncryptionConfigurationNotFoundError"),
    ),
    ("GetBucketVersioning", (), absent()),
    ("GetObjectLockConfiguration", ("ObjectLockConfiguration",), absent("ObjectLockConfigurationNotFoundError")),
    ("GetBucketLifecycleConfiguration", ("Rules",), absent("NoSuchLifecycleConfiguration")),
    ("GetBucketReplication", ("ReplicationConfiguration",), absent("ReplicationConfigurationNotFoundError")),
    ("GetBucketLogging", (), absent()),
    ("GetBucketNotificationConfiguration", (), absent()),
    ("GetBucketTagging", ("TagSet",), absent("NoSuchTagSet", "NoSuchTagSetError")),
    ("GetBucketWebsite", (), absent("NoSuchWebsiteConfiguration")),
    ("GetBucketCors", ("CORSRules",), absent("NoSuchCORSConfiguration")),
    ("ListBucketInventoryConfigurations", (), absent()),
)


def _start(place: Place) -> Iterator[Request]:
    # Only a request with a parameter is told the buckets' regions (S3 API reference, ListBuckets); 10,000 is the most.
    yield Request("s3:ListBuckets", {"MaxBuckets": 10_000}, expects=("Owner",), then=_buckets)
    account = {"AccountId": place.account}
    yield Request("s3control:ListMultiRegionAccessPoints", account, then=_multi_region, region=_OF_ALL_REGIONS)


def _buckets(answer: Answer, _place: Place) -> Iterator[Request]:
    for bucket in answer.get("Buckets", []):
        for operation, expects, none in _SETTINGS:
            yield Request(f"s3:{operation}", {"Bucket": bucket["Name"]}, expects=expects, absent=none)


def _multi_region(answer: Answer, place: Place) -> Iterator[Request]:
    for point in answer.get("AccessPoints", []):
        yield Request(
            "s3control:GetMultiRegionAccessPointPolicy",
            {"AccountId": place.account, "Name": point["Name"]},
            expects=("Policy",),
            absent=absent("NoSuchMultiRegionAccessPointPolicy"),
        )


def _regional(place: Place) -> Iterator[Request]:
    params = {"AccountId": place.account}
    yield Request(
        "s3control:GetPublicAccessBlock",
        params,
        expects=("PublicAccessBlockConfiguration",),
        absent=_NO_PUBLIC_BLOCK,
    )
    yield Request("s3control:ListAccessPoints", params, expects=("AccessPointList",), then=_access_points)
    yield Request("s3control:ListAccessPointsForObjectLambda", params)


def _access_points(answer: Answer, place: Place) -> Iterator[Request]:
    for point in answer.get("AccessPointList", []):
        params = {"AccountId": place.account, "Name": point["Name"]}
        yield Request("s3control:GetAccessPoint", params, expects=("Bucket",))
        yield Request(
            "s3control:GetAccessPointPolicy", params, expects=("Policy",), absent=absent("NoSuchAccessPointPolicy")
        )


S3 = Family("s3", Where.ACCOUNT, _start)
S3_REGIONAL = Family("s3-regional", Where.EACH_REGION, _regional)
