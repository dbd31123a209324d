"""How often each API is asked in one account: counted by running the collectors over made-up answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compliance.collect.families import FAMILIES
from compliance.collect.request import Place, Request, Where

PLACE = Place("500000000000", "us-east-1")
PAGE = 100
"""Items on a page where a listing is paged, in the smaller of the services' defaults."""


@dataclass(frozen=True)
class Size:
    """How much there is of what is asked about one by one, and how many regions are read."""

    buckets: int = 3
    keys: int = 5
    log_groups: int = 2
    templates: int = 1
    snapshots: int = 0
    images: int = 0
    topics: int = 0
    queues: int = 0
    regions: int = 1


SMALL = Size()
"""One of our own tenants, as deployed."""
LARGE = Size(buckets=300, keys=200, log_groups=400, templates=50, snapshots=1000, images=100, topics=50, queues=50,
             regions=3)  # fmt: skip
"""An account that has grown for years."""


class _Empty(dict[str, Any]):
    """An answer in which every listing is empty."""

    def __missing__(self, member: str) -> list[Any]:
        return []


def calls_of(size: Size, *, management: bool = False) -> Counter[str]:
    """Calls by API in one account of this size; with `management`, also those that the organisation's account gets."""
    found: Counter[str] = Counter()
    for family in FAMILIES:
        if family.where is Where.MANAGEMENT and not management:
            continue
        regions = size.regions if family.where is Where.EACH_REGION else 1
        made: Counter[str] = Counter()
        for request in family.start(PLACE):
            made.update(_asked(request, size))
        found.update({api: number * regions for api, number in made.items()})
    return found


def _asked(request: Request, size: Size) -> Iterator[str]:
    """The APIs of a request, its pages, and all that follows from its answer."""
    answer = _answer(request.api, size)
    longest = max((len(items) for items in answer.values() if isinstance(items, list)), default=0)
    yield from [request.api] * max(1, math.ceil(longest / PAGE))
    for following in request.then(answer, PLACE):
        yield from _asked(following, size)


def _answer(api: str, size: Size) -> dict[str, Any]:
    """What an account of this size would answer, as far as further calls depend on it."""
    numbered = {
        "s3:ListBuckets": ("Buckets", "Name", size.buckets),
        "kms:ListKeys": ("Keys", "KeyId", size.keys),
        "logs:DescribeLogGroups": ("logGroups", "logGroupName", size.log_groups),
        "ec2:DescribeLaunchTemplates": ("LaunchTemplates", "LaunchTemplateId", size.templates),
        "ec2:DescribeSnapshots": ("Snapshots", "SnapshotId", size.snapshots),
        "ec2:DescribeImages": ("Images", "ImageId", size.images),
        "sns:ListTopics": ("Topics", "TopicArn", size.topics),
    }
    if api in numbered:
        member, name, number = numbered[api]
        return {member: [{name: f"{name}-{one}", "arn": f"arn:{one}"} for one in range(number)]}
    if api == "sqs:ListQueues":
        return {"QueueUrls": [f"queue-{one}" for one in range(size.queues)]}
    return _Empty()


def organisation_calls(accounts: int, units: int) -> Counter[str]:
    """Calls to Organizations for a tree of this size, read once: pages of 20 accounts, policies of four kinds."""
    pages = math.ceil(accounts / 20)
    return Counter(
        {
            "organizations:DescribeOrganization": 1,
            "organizations:ListRoots": 1,
            "organizations:ListAccounts": pages,
            "organizations:ListOrganizationalUnitsForParent": units + 1,
            "organizations:ListAccountsForParent": units + pages,
            "organizations:ListPolicies": 4,
            "organizations:DescribePolicy": 12,
            "organizations:ListTargetsForPolicy": 12,
        }
    )
