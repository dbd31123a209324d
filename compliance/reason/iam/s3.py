"""What S3 adds to policies: ACLs, object ownership, Block Public Access, access points.

Source: Amazon S3 User Guide, "Access control list (ACL) overview", "Controlling ownership of objects", "Blocking public
access to your Amazon S3 storage", "Configuring IAM policies for using access points".
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.iam.conditions import Condition
from compliance.reason.iam.policy import Policy, Statement, compile_policy
from compliance.reason.iam.principals import Principal
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth

_ALL_USERS: Final = "http://acs.amazonaws.com/groups/global/AllUsers"
_AUTHENTICATED: Final = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
_OWNERSHIPS: Final = ("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter")
_BLOCKS: Final = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")

_BUCKET_PERMISSIONS: Final = {
    "READ": {"listbucket", "listbucketversions", "listbucketmultipartuploads"},
    "WRITE": {"putobject"},
    "READ_ACP": {"getbucketacl"},
    "WRITE_ACP": {"putbucketacl"},
}
_OBJECT_PERMISSIONS: Final = {
    "READ": {"getobject", "getobjectversion"},
    "WRITE": set[str](),
    "READ_ACP": {"getobjectacl", "getobjectversionacl"},
    "WRITE_ACP": {"putobjectacl", "putobjectversionacl"},
}


@dataclass(frozen=True, slots=True)
class AclGrant:
    """One grant of an ACL: to a canonical user (an account) or to a predefined group."""

    canonical_id: str
    group: str
    permission: str


@dataclass(frozen=True, slots=True)
class AccessPoint:
    """The access point that a request goes through; `vpc` is empty unless it accepts one VPC only."""

    arn: str
    policy: Policy | None
    vpc: str
    restrict_public: bool


@dataclass(frozen=True, slots=True)
class S3Setting:
    """The settings of the bucket and object that a request is about.

    Attributes:
        ownership: with `BucketOwnerEnforced`, the default, ACLs have no effect.
        object_owner: account that owns the object, if it is not the bucket's.
        ignore_public_acls, restrict_public: bucket and account settings of Block Public Access, combined.
    """

    ownership: str = "BucketOwnerEnforced"
    object_owner: str = ""
    bucket_acl: tuple[AclGrant, ...] = ()
    object_acl: tuple[AclGrant, ...] = ()
    ignore_public_acls: bool = False
    restrict_public: bool = False
    access_point: AccessPoint | None = None


def parse_s3(document: Any, place: str) -> S3Setting | None:
    """The `s3` element of a question; None if it has none.

    Raises:
        ComplianceError: with the place, for an unknown element or value.
    """
    if document is None:
        return None
    known = {
        "objectOwnership", "objectOwner", "bucketAcl", "objectAcl", "publicAccessBlock", "accountPublicAccessBlock",
        "accessPoint",
    }  # fmt: skip
    _check(document, known, place)
    ownership = document.get("objectOwnership", "BucketOwnerEnforced")
    if ownership not in _OWNERSHIPS:
        raise ComplianceError(f"{place}.objectOwnership", f"{ownership!r}; use one of {', '.join(_OWNERSHIPS)}")
    bucket = _blocks(document.get("publicAccessBlock"), f"{place}.publicAccessBlock")
    account = _blocks(document.get("accountPublicAccessBlock"), f"{place}.accountPublicAccessBlock")
    return S3Setting(
        ownership=ownership,
        object_owner=str(document.get("objectOwner") or ""),
        bucket_acl=_acl(document.get("bucketAcl"), f"{place}.bucketAcl"),
        object_acl=_acl(document.get("objectAcl"), f"{place}.objectAcl"),
        ignore_public_acls="IgnorePublicAcls" in bucket | account,
        restrict_public="RestrictPublicBuckets" in bucket | account,
        access_point=_access_point(document.get("accessPoint"), f"{place}.accessPoint"),
    )


def _check(document: Any, known: set[str], place: str) -> None:
    if not isinstance(document, dict):
        raise ComplianceError(place, "expected an object")
    for name in document:
        if name not in known:
            raise ComplianceError(f"{place}.{name}", f"unknown element; known are {', '.join(sorted(known))}")


def _blocks(document: Any, place: str) -> set[str]:
    if document is None:
        return set()
    if isinstance(document, dict) and "PublicAccessBlockConfiguration" in document:
        _check(document, {"PublicAccessBlockConfiguration"}, place)
        document, place = document["PublicAccessBlockConfiguration"], f"{place}.PublicAccessBlockConfiguration"
    _check(document, set(_BLOCKS), place)
    for name, value in document.items():
        if not isinstance(value, bool):
            raise ComplianceError(f"{place}.{name}", "expected true or false")
    return {name for name, value in document.items() if value}


def _acl(document: Any, place: str) -> tuple[AclGrant, ...]:
    if document is None:
        return ()
    entries = document.get("Grants") if isinstance(document, dict) else document
    if not isinstance(entries, list):
        raise ComplianceError(place, "expected the grants as get-bucket-acl prints them")
    grants: list[AclGrant] = []
    for index, entry in enumerate(entries):
        where = f"{place}.Grants[{index}]"
        grantee = entry.get("Grantee") if isinstance(entry, dict) else None
        if not isinstance(grantee, dict) or not ("ID" in grantee or "URI" in grantee):
            raise ComplianceError(where, "expected a Grantee with an ID or a URI")
        permission = entry.get("Permission")
        if permission not in ("FULL_CONTROL", *_BUCKET_PERMISSIONS):
            raise ComplianceError(f"{where}.Permission", f"{permission!r} is not an ACL permission")
        grants.append(AclGrant(str(grantee.get("ID", "")), str(grantee.get("URI", "")), permission))
    return tuple(grants)


def _access_point(document: Any, place: str) -> AccessPoint | None:
    if document is None:
        return None
    _check(document, {"arn", "policy", "vpc", "publicAccessBlock"}, place)
    arn = document.get("arn")
    if not isinstance(arn, str) or ":accesspoint/" not in arn:
        raise ComplianceError(f"{place}.arn", f"{arn!r} is not the ARN of an access point")
    policy = document.get("policy")
    return AccessPoint(
        arn=arn,
        policy=None if policy is None else compile_policy(policy, "bucket", f"{place}.policy"),
        vpc=str(document.get("vpc") or ""),
        restrict_public="RestrictPublicBuckets"
        in _blocks(document.get("publicAccessBlock"), f"{place}.publicAccessBlock"),
    )


def access_point_keys(point: AccessPoint) -> dict[str, tuple[str, ...]]:
    """The condition keys that S3 sets on a request through an access point.

    Nothing is said of the network origin of an access point of several Regions: its documentation does not.
    """
    region, account = point.arn.split(":", 5)[3:5]
    keys: dict[str, tuple[str, ...]] = {"s3:DataAccessPointArn": (point.arn,), "s3:DataAccessPointAccount": (account,)}
    return keys | ({"s3:AccessPointNetworkOrigin": ("VPC" if point.vpc else "Internet",)} if region else {})


def acl_grants(setting: S3Setting | None, action: str, caller: Principal) -> tuple[Truth, Truth]:
    """Whether an ACL gives the action to the caller's account, and whether to everyone (anonymous callers too)."""
    if setting is None or setting.ownership == "BucketOwnerEnforced":
        return FALSE, FALSE
    operation = action.partition(":")[2].lower()
    account: Truth = FALSE
    everyone: Truth = FALSE
    for permissions, acl in ((_BUCKET_PERMISSIONS, setting.bucket_acl), (_OBJECT_PERMISSIONS, setting.object_acl)):
        for grant in acl:
            full = grant.permission == "FULL_CONTROL"
            if not any(
                operation in operations for name, operations in permissions.items() if full or name == grant.permission
            ):
                continue
            if grant.group == _ALL_USERS and not setting.ignore_public_acls:
                everyone = account = TRUE
            elif grant.group == _AUTHENTICATED and caller.in_aws and not setting.ignore_public_acls:
                account = TRUE
            elif grant.canonical_id and caller.in_aws:
                if caller.canonical_id == grant.canonical_id:
                    account = TRUE
                elif not caller.canonical_id and caller.kind == "any-of-account" and account == FALSE:
                    account = UNKNOWN
    return account, everyone


_FIXING_KEYS: Final = frozenset(
    {
        "aws:principalorgid", "aws:principalarn", "aws:principalaccount", "aws:sourcearn", "aws:sourcevpc",
        "aws:sourcevpce", "aws:sourceaccount", "aws:sourceowner", "aws:userid", "s3:dataaccesspointarn",
        "s3:dataaccesspointaccount",
    }
)  # fmt: skip


def is_public(policy: Policy) -> bool:
    """Whether S3 calls a bucket policy public: an Allow for everyone is tied to no fixed value of a trusted key."""
    return any(_is_public(statement) for statement in policy.statements if statement.allow)


def _is_public(statement: Statement) -> bool:
    if not statement.not_principal and not any(e.text == "*" for e in statement.principals or ()):
        return False
    return not any(_fixes(condition) for condition in statement.conditions)


def _fixes(condition: Condition) -> bool:
    operator = condition.operator
    if operator is None or operator.negated or condition.if_exists or condition.qualifier == "ForAllValues":
        return False
    if condition.key == "aws:sourceip" and operator.name == "IpAddress":
        return all(_narrow(value.text) for value in condition.values)
    if condition.key not in _FIXING_KEYS or operator.family not in ("string", "like", "arn", "string-ignore-case"):
        return False
    loose = operator.family in ("like", "arn")
    return all(
        not value.variables and not (loose and _has_wildcard(condition.key, value.text)) for value in condition.values
    )


def _has_wildcard(key: str, text: str) -> bool:
    if key == "aws:userid" and text.endswith(":*"):
        return "*" in text[:-2] or "?" in text[:-2]
    return "*" in text or "?" in text


def _narrow(text: str) -> bool:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return network.prefixlen >= (8 if network.version == 4 else 32)
