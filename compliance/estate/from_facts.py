"""The estate that a bundle of facts describes.

Each API is read by one function of `READERS`; a call that failed becomes a gap on the paths that need its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from compliance.estate.build import ODD_ANSWER, Builder
from compliance.estate.data_facts import DATA
from compliance.estate.google_facts import with_google
from compliance.estate.identity_facts import IDENTITY
from compliance.estate.index import Index
from compliance.estate.model import PATHS, Estate, Path
from compliance.estate.organisation_facts import ORGANISATION
from compliance.estate.owners import owners_of
from compliance.estate.sharing_facts import SHARING
from compliance.estate.times import times
from compliance.facts.fact import Fact, Status
from compliance.facts.scope import Scope

READERS: tuple[Callable[[Index, Builder], None], ...] = (*ORGANISATION, *IDENTITY, *DATA, *SHARING)

_NEEDED_BY: dict[str, tuple[Path, ...]] = {
    "s3": ("data",),
    "s3control": ("data",),
    "kms": ("key",),
    "secretsmanager": ("data",),
    "sqs": ("data",),
    "sns": ("data",),
    "dynamodb": ("data",),
    "lambda": ("role",),
    "ecr": ("image",),
    "logs": ("log",),
    "events": ("log",),
    "cloudtrail": ("log",),
    "ssm": ("data",),
    "ram": PATHS,
    "iam": ("role",),
    "sts": PATHS,
}
_ABOUT_ISOLATION = {
    # Block Public Access and ownership controls only restrict: unread, they are taken as off and as ObjectWriter.
    "s3": {
        "ListBuckets", "GetBucketPolicy", "GetBucketAcl", "GetBucketReplication", "GetBucketLogging",
        "GetBucketNotificationConfiguration", "ListBucketInventoryConfigurations",
    },
    "s3control": {
        "ListAccessPoints", "GetAccessPoint", "GetAccessPointPolicy", "ListMultiRegionAccessPoints",
        "GetMultiRegionAccessPointPolicy",
    },
    "kms": {"ListKeys", "GetKeyPolicy", "ListGrants"},
    "iam": {"GetAccountAuthorizationDetails"},
    "logs": {"DescribeLogGroups", "DescribeResourcePolicies", "DescribeDestinations", "DescribeSubscriptionFilters"},
    "cloudtrail": {"DescribeTrails"},
    "events": {"ListEventBuses", "DescribeEventBus", "ListRules", "ListTargetsByRule"},
    "ssm": {"ListDocuments", "DescribeDocumentPermission"},
    "ram": {"GetResourceShares", "GetResourceShareAssociations"},
}  # fmt: skip
_IMAGES = {"DescribeImages", "DescribeImageAttribute"}
_SNAPSHOTS = {"DescribeSnapshots", "DescribeSnapshotAttribute", "DescribeVolumes"}
_NO_NETWORK = {
    "DescribeKeyPairs", "DescribeHosts", "GetEbsEncryptionByDefault", "GetEbsDefaultKmsKeyId", "DescribeInstances",
    "GetSerialConsoleAccessStatus", "GetInstanceMetadataDefaults", "DescribeLaunchTemplates", "DescribeFlowLogs",
    "DescribeLaunchTemplateVersions", "GetSnapshotBlockPublicAccessState", "GetImageBlockPublicAccessState",
    "DescribeSecurityGroupRules", "DescribeDhcpOptions", "DescribeVpcBlockPublicAccessOptions",
}  # fmt: skip


def estate_of_facts(facts: Iterable[Fact], scope: Scope, *, test_double: bool = False) -> Estate:
    """The estate of a scope's accounts.

    With `test_double` (the local cloud), an API that the endpoint does not have at all is no gap: nothing of the kind
    can exist there. The coverage says so.
    """
    every = list(facts)
    index = Index(every)
    builder = Builder(owners_of(scope), "live")
    missing: dict[str, None] = {}
    for fact in index.unread:
        if fact.api == "sts:AssumeRole" and fact.account in index.accounts:
            continue
        paths = () if _about_others(fact) else paths_that_need(fact.api)
        if paths and test_double and fact.status is Status.UNIMPLEMENTED:
            missing[fact.api] = None
        elif paths:
            why = fact.error["code"] if fact.error else str(fact.status)
            builder.gap(fact.account, paths, f"{fact.api} {_subject(fact)}".strip(), why)
    if missing:
        builder.unknown.append(f"the local cloud lacks {', '.join(missing)}: nothing of the kind can exist in it")
    for account in builder.owners.by_account:
        if account not in index.accounts:
            builder.gap(account, PATHS, "account", "no fact of this account was collected")
    read_all(index, builder)
    read_at = min((moment for fact in every for moment in times(fact.started)), default=None)
    return with_google(replace(builder.finish(), read_at=read_at), every, scope)


def read_all(index: Index, builder: Builder) -> None:
    """Reads every answer; what cannot be understood leaves every path of every account open."""
    for read in READERS:
        try:
            read(index, builder)
        except ODD_ANSWER as odd:
            builder.odd(f"answers about {read.__name__.replace('_', ' ')}", odd)


def paths_that_need(api: str) -> tuple[Path, ...]:
    """The paths on which nothing can be proved without an answer to this call; empty if none needs it."""
    service, _, operation = api.partition(":")
    if service == "ec2":
        if operation in _IMAGES:
            return ("image",)
        if operation in _SNAPSHOTS:
            return ("snapshot",)
        return () if operation in _NO_NETWORK else ("network",)
    if service in _ABOUT_ISOLATION and operation not in _ABOUT_ISOLATION[service]:
        return ()
    return _NEEDED_BY.get(service, ())


def _about_others(fact: Fact) -> bool:
    """What others share with an account is read from those who share it."""
    return fact.params.get("resourceOwner") == "OTHER-ACCOUNTS"


def _subject(fact: Fact) -> str:
    return " ".join(str(value) for value in fact.params.values() if isinstance(value, str))
