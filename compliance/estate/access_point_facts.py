"""Access points, of one Region and of several: which lead to a bucket, and whether all of an account's are known.

Only AWS sets the keys that name the access point of a request, so a bucket that lets in whoever comes through its own
account's access points is reached through these alone. They must then all have been read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from compliance.estate.build import Builder
from compliance.estate.index import Index
from compliance.facts.fact import Fact
from compliance.reason.iam.s3 import AccessPoint

_LIST: Final = "s3control:ListAccessPoints"
_GET: Final = "s3control:GetAccessPoint"
_GET_POLICY: Final = "s3control:GetAccessPointPolicy"
_LIST_OF_SEVERAL: Final = "s3control:ListMultiRegionAccessPoints"
_POLICY_OF_SEVERAL: Final = "s3control:GetMultiRegionAccessPointPolicy"
_APIS: Final = (_LIST, _GET, _GET_POLICY, _LIST_OF_SEVERAL, _POLICY_OF_SEVERAL)


def points_by_bucket(index: Index, builder: Builder) -> dict[str, list[AccessPoint]]:
    """The access points that lead to each bucket, whichever account has made them."""
    found: dict[str, list[AccessPoint]] = {}
    for fact in index.of(_GET):
        found.setdefault(fact.response["Bucket"], []).append(_of_one_region(index, builder, fact))
    for fact, point in index.items(_LIST_OF_SEVERAL, "AccessPoints"):
        made = list(_of_several_regions(index, builder, fact, point))
        for region in point.get("Regions") or ():
            found.setdefault(region["Bucket"], []).extend(made)
    return found


def regions_known(index: Index, builder: Builder) -> dict[str, frozenset[str]]:
    """By account the Regions of which every access point of it was read; `*` for a plan, which holds all.

    An account of which something is missing is left out.
    """
    if builder.source == "plan":
        unsure = {gap.account for gap in builder.gaps if "data" in gap.paths}
        return {account: frozenset("*") for account in builder.owners.by_account if account not in unsure}
    unread = {fact.account for fact in index.unread if fact.api in _APIS}
    several = {fact.account for fact in index.of(_LIST_OF_SEVERAL)}
    described = {
        (fact.account, fact.region, fact.params.get("Name") or fact.response.get("Name")) for fact in index.of(_GET)
    }
    regions: dict[str, set[str]] = {}
    for fact in index.of(_LIST):
        regions.setdefault(fact.account, set()).add(fact.region)
    for fact, point in index.items(_LIST, "AccessPointList"):
        known = (fact.account, fact.region, point["Name"]) in described
        if not known or not index.asked(_GET_POLICY, fact, point["Name"]):
            unread.add(fact.account)
    for fact, point in index.items(_LIST_OF_SEVERAL, "AccessPoints"):
        if not index.asked(_POLICY_OF_SEVERAL, fact, point["Name"]):
            unread.add(fact.account)
    return {account: frozenset(found) for account, found in regions.items() if account in several - unread}


def _of_one_region(index: Index, builder: Builder, fact: Fact) -> AccessPoint:
    point = fact.response
    found = index.about(_GET_POLICY, fact, point["Name"]) or {}
    label = f"access point {point['Name']}"
    arn = point.get("AccessPointArn") or f"arn:aws:s3:{fact.region}:{fact.account}:accesspoint/{point['Name']}"
    vpc = (point.get("VpcConfiguration") or {}).get("VpcId", "")
    block = point.get("PublicAccessBlockConfiguration")
    return _point(builder, fact.account, label, arn, found.get("Policy"), vpc, block)


def _of_several_regions(index: Index, builder: Builder, fact: Fact, point: dict[str, Any]) -> Iterator[AccessPoint]:
    """The access point under the policy in force and, while they differ, under the one that is about to be."""
    arn = f"arn:aws:s3::{fact.account}:accesspoint/{point['Alias']}"
    answer = (index.about(_POLICY_OF_SEVERAL, fact, point["Name"]) or {}).get("Policy") or {}
    texts = [(answer.get(state) or {}).get("Policy") for state in ("Established", "Proposed")]
    for text in dict.fromkeys(text for text in texts if text) or (None,):
        label = f"Multi-Region Access Point {point['Name']}"
        yield _point(builder, fact.account, label, arn, text, "", point.get("PublicAccessBlock"))


def _point(
    builder: Builder, account: str, label: str, arn: str, text: Any, vpc: str, block: dict[str, Any] | None
) -> AccessPoint:
    labelled = builder.policy(text, "bucket", label, account, ("data",)) if text else None
    policy = labelled.policy if labelled is not None else None
    return AccessPoint(arn, policy, vpc, bool((block or {}).get("RestrictPublicBuckets")))
