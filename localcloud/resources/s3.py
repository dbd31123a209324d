"""Amazon S3: operation to actions.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3"; Amazon S3 User Guide,
"Required permissions for Amazon S3 API operations".
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError, fromstring

from localcloud.access import Access
from localcloud.errors import ApiError
from localcloud.identity import Caller
from localcloud.message import Message
from localcloud.s3_operation import S3Request

_READ_BUCKET = {
    "": "ListBucket", "abac": "GetBucketAbac", "accelerate": "GetAccelerateConfiguration", "acl": "GetBucketAcl",
    "analytics": "GetAnalyticsConfiguration", "cors": "GetBucketCORS", "encryption": "GetEncryptionConfiguration",
    "intelligent-tiering": "GetIntelligentTieringConfiguration", "inventory": "GetInventoryConfiguration",
    "lifecycle": "GetLifecycleConfiguration", "location": "GetBucketLocation", "logging": "GetBucketLogging",
    "metadataTable": "GetBucketMetadataTableConfiguration",
    "metadataConfiguration": "GetBucketMetadataTableConfiguration",
    "metrics": "GetMetricsConfiguration", "notification": "GetBucketNotification",
    "object-lock": "GetBucketObjectLockConfiguration", "ownershipControls": "GetBucketOwnershipControls",
    "policy": "GetBucketPolicy", "policyStatus": "GetBucketPolicyStatus",
    "publicAccessBlock": "GetBucketPublicAccessBlock", "replication": "GetReplicationConfiguration",
    "requestPayment": "GetBucketRequestPayment", "session": "CreateSession", "tagging": "GetBucketTagging",
    "uploads": "ListBucketMultipartUploads", "versioning": "GetBucketVersioning", "versions": "ListBucketVersions",
    "website": "GetBucketWebsite",
}  # fmt: skip
_WRITE_BUCKET = {
    "": "CreateBucket", "abac": "PutBucketAbac", "accelerate": "PutAccelerateConfiguration", "acl": "PutBucketAcl",
    "analytics": "PutAnalyticsConfiguration", "cors": "PutBucketCORS", "encryption": "PutEncryptionConfiguration",
    "intelligent-tiering": "PutIntelligentTieringConfiguration", "inventory": "PutInventoryConfiguration",
    "lifecycle": "PutLifecycleConfiguration", "logging": "PutBucketLogging", "metrics": "PutMetricsConfiguration",
    "notification": "PutBucketNotification", "object-lock": "PutBucketObjectLockConfiguration",
    "ownershipControls": "PutBucketOwnershipControls", "policy": "PutBucketPolicy",
    "publicAccessBlock": "PutBucketPublicAccessBlock", "replication": "PutReplicationConfiguration",
    "requestPayment": "PutBucketRequestPayment", "tagging": "PutBucketTagging", "versioning": "PutBucketVersioning",
    "website": "PutBucketWebsite",
}  # fmt: skip
_DELETE_BUCKET = {
    **{name: _WRITE_BUCKET[name] for name in (
        "analytics", "cors", "encryption", "intelligent-tiering", "inventory", "lifecycle", "metrics",
        "ownershipControls", "publicAccessBlock", "replication", "tagging",
    )},
    "": "DeleteBucket", "policy": "DeleteBucketPolicy", "website": "DeleteBucketWebsite",
}  # fmt: skip
_READ_OBJECT = {
    "": "GetObject", "acl": "GetObjectAcl", "attributes": "GetObjectAttributes", "legal-hold": "GetObjectLegalHold",
    "retention": "GetObjectRetention", "tagging": "GetObjectTagging", "torrent": "GetObjectTorrent",
    "uploadId": "ListMultipartUploadParts",
}  # fmt: skip
_WRITE_OBJECT = {
    "": "PutObject", "acl": "PutObjectAcl", "legal-hold": "PutObjectLegalHold", "retention": "PutObjectRetention",
    "tagging": "PutObjectTagging", "uploadId": "PutObject", "encryption": "UpdateObjectEncryption",
}  # fmt: skip
_DELETE_OBJECT = {"": "DeleteObject", "tagging": "DeleteObjectTagging", "uploadId": "AbortMultipartUpload"}
_POST_OBJECT = {"uploads": "PutObject", "uploadId": "PutObject", "restore": "RestoreObject", "select": "GetObject"}
# Actions that have another name when a version is asked for.
_VERSION = {
    "GetObject": "GetObjectVersion", "GetObjectAcl": "GetObjectVersionAcl",
    "GetObjectTagging": "GetObjectVersionTagging",
    "GetObjectAttributes": "GetObjectVersionAttributes", "GetObjectTorrent": "GetObjectVersionTorrent",
    "PutObjectAcl": "PutObjectVersionAcl", "PutObjectTagging": "PutObjectVersionTagging",
    "DeleteObject": "DeleteObjectVersion", "DeleteObjectTagging": "DeleteObjectVersionTagging",
}  # fmt: skip
_ACL_HEADERS = (
    "x-amz-acl", "x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp", "x-amz-grant-write",
    "x-amz-grant-write-acp",
)  # fmt: skip


def owner_of(bucket: str, caller: Caller) -> str:
    """The account that owns `bucket`; a bucket that does not exist counts as the caller's."""
    from moto.s3.models import s3_backends  # noqa: PLC0415

    found = s3_backends.bucket_accounts.get(bucket)
    return found[1] if found is not None else caller.account


def accesses(request: S3Request, message: Message, caller: Caller) -> tuple[Access, ...]:
    """Everything that `message` needs on buckets and objects (the keys that encrypt them: see `resources.s3_kms`).

    Raises:
        ApiError: the combination of method and sub-resource is not an S3 operation.
    """
    if not request.bucket:
        return (Access("s3:ListAllMyBuckets", "*", caller.account),)
    owner = owner_of(request.bucket, caller)
    _check_owner(message, "x-amz-expected-bucket-owner", owner)
    if not request.key:
        return _bucket_accesses(request, message, owner, caller)
    return _object_accesses(request, message, owner, caller)


def _bucket_accesses(request: S3Request, message: Message, owner: str, caller: Caller) -> tuple[Access, ...]:
    if request.method == "POST" and request.subresource == "delete":
        return _delete_keys(request, message, owner)
    tables = {"GET": _READ_BUCKET, "HEAD": _READ_BUCKET, "PUT": _WRITE_BUCKET, "DELETE": _DELETE_BUCKET}
    names = [_choose(tables, request)]
    if names == ["CreateBucket"]:
        # A name that another account has is a conflict, which the backend answers, not a use of that bucket.
        owner = caller.account
        if any(message.header(name) for name in _ACL_HEADERS):
            names.append("PutBucketAcl")
        if message.header("x-amz-bucket-object-lock-enabled").lower() == "true":
            names += ["PutBucketObjectLockConfiguration", "PutBucketVersioning"]
        if message.header("x-amz-object-ownership"):
            names.append("PutBucketOwnershipControls")
    return tuple(Access(f"s3:{name}", request.bucket_arn, owner) for name in names)


def _delete_keys(request: S3Request, message: Message, owner: str) -> tuple[Access, ...]:
    found = []
    bypass = message.header("x-amz-bypass-governance-retention").lower() == "true"
    for item in parse_xml(message.body).iter():
        if item.tag.rpartition("}")[2] != "Object":
            continue
        fields = {child.tag.rpartition("}")[2]: child.text or "" for child in item}
        arn = f"arn:aws:s3:::{request.bucket}/{fields.get('Key', '')}"
        name = "DeleteObjectVersion" if fields.get("VersionId") else "DeleteObject"
        found.append(Access(f"s3:{name}", arn, owner))
        if bypass:
            found.append(Access("s3:BypassGovernanceRetention", arn, owner))
    if not found:
        raise ApiError("MalformedXML", "The XML you provided was not well-formed or names no object.", 400)
    return tuple(found)


def _object_accesses(request: S3Request, message: Message, owner: str, caller: Caller) -> tuple[Access, ...]:
    tables = {
        "GET": _READ_OBJECT, "HEAD": _READ_OBJECT, "PUT": _WRITE_OBJECT, "DELETE": _DELETE_OBJECT, "POST": _POST_OBJECT,
    }  # fmt: skip
    first = _choose(tables, request)
    names = [first]
    if first == "GetObjectAttributes":
        names.append("GetObject")
    if request.version is not None:
        names = [_VERSION.get(name, name) for name in names]
    starts_object = first == "PutObject" and request.subresource in {"", "uploads"}
    if starts_object:
        names += _with_headers(message)
    bypass = message.header("x-amz-bypass-governance-retention").lower() == "true"
    if bypass and first in {"DeleteObject", "PutObjectRetention"}:
        names.append("BypassGovernanceRetention")
    found = [Access(f"s3:{name}", request.key_arn, owner) for name in names]
    if message.header("x-amz-copy-source"):
        found.append(copy_source(message, caller))
    return tuple(found)


def _check_owner(message: Message, header: str, owner: str) -> None:
    """Refuse where the caller expects the bucket to be another account's."""
    if message.header(header) not in {"", owner}:
        raise ApiError("AccessDenied", "Access Denied")


def _with_headers(message: Message) -> list[str]:
    """Further permissions that headers of an upload need."""
    names = []
    if any(message.header(name) for name in _ACL_HEADERS):
        names.append("PutObjectAcl")
    if message.header("x-amz-tagging"):
        names.append("PutObjectTagging")
    if message.header("x-amz-object-lock-mode") or message.header("x-amz-object-lock-retain-until-date"):
        names.append("PutObjectRetention")
    if message.header("x-amz-object-lock-legal-hold"):
        names.append("PutObjectLegalHold")
    return names


def copy_source(message: Message, caller: Caller) -> Access:
    """Reading the source of a copy."""
    bucket, key, version = parse_copy_source(message.header("x-amz-copy-source"))
    action = "s3:GetObjectVersion" if version else "s3:GetObject"
    _check_owner(message, "x-amz-source-expected-bucket-owner", owner_of(bucket, caller))
    return Access(action, f"arn:aws:s3:::{bucket}/{key}", owner_of(bucket, caller))


def parse_copy_source(text: str) -> tuple[str, str, str | None]:
    """Bucket, key and version of an `x-amz-copy-source` header.

    Raises:
        ApiError: it names no object.
    """
    path, _, query = text.partition("?")
    bucket, _, key = unquote(path).lstrip("/").partition("/")
    version = query.removeprefix("versionId=") if query.startswith("versionId=") else None
    if not bucket or not key or bucket.startswith("arn:"):
        raise ApiError(
            "InvalidArgument", "Copy Source must mention the source bucket and key: sourcebucket/sourcekey", 400
        )
    return bucket, key, version


def _choose(tables: Mapping[str, Mapping[str, str]], request: S3Request) -> str:
    name = tables.get(request.method, {}).get(request.subresource)
    if name is None:
        what = f"{request.method} ?{request.subresource}" if request.subresource else request.method
        raise ApiError("MethodNotAllowed", f"{what} is not an operation of the local cloud's S3", 405)
    return name


def parse_xml(body: bytes) -> Element:
    """The root element of a request's document.

    Raises:
        ApiError: it is not well-formed, or declares entities.
    """
    malformed = ApiError("MalformedXML", "The XML you provided was not well-formed.", 400)
    if b"<!" in body:
        raise malformed
    try:
        return fromstring(body)  # noqa: S314 - declarations, and with them entities, were refused above
    except (ParseError, ValueError) as error:
        raise malformed from error
