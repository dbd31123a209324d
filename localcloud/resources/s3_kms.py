"""S3 asks KMS on the caller's behalf: reading and writing encrypted objects needs the key as well.

Sources: Amazon S3 User Guide, "Using server-side encryption with AWS KMS keys" (permissions; encryption context; bucket
keys), "Multipart upload API and permissions"; IAM User Guide, "Forward access sessions".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localcloud.access import Access, ContextValue
from localcloud.deployed.resource_policies import bucket_record
from localcloud.identity import Caller
from localcloud.message import Message
from localcloud.resources import kms
from localcloud.resources.s3 import owner_of, parse_copy_source
from localcloud.resources.s3_context import object_record
from localcloud.s3_operation import S3Request

_AWS_MANAGED = "alias/aws/"


@dataclass(frozen=True)
class Encryption:
    """How an object is or will be encrypted: with which key, and whether through a bucket key."""

    key: str
    bucket_key: bool


def default_of(bucket: str) -> Encryption | None:
    """The bucket's default encryption, where it is SSE-KMS."""
    record = bucket_record(bucket)
    config: Any = record.encryption if record is not None else None
    if not config:
        return None
    rules = config.get("Rules") or config.get("Rule") or []
    rule = rules[0] if isinstance(rules, list) and rules else rules
    default = rule.get("ApplyServerSideEncryptionByDefault", {}) if isinstance(rule, dict) else {}
    if "kms" not in str(default.get("SSEAlgorithm", "")):
        return None
    enabled = str(rule.get("BucketKeyEnabled", "false")).lower() == "true"
    return Encryption(str(default.get("KMSMasterKeyID") or f"{_AWS_MANAGED}s3"), enabled)


def for_upload(request: S3Request, message: Message) -> Encryption | None:
    """The encryption of what an upload will store: the request's own, or the bucket's default."""
    asked = message.header("x-amz-server-side-encryption")
    default = default_of(request.bucket)
    if not asked:
        return default
    if "kms" not in asked:
        return None
    key = message.header("x-amz-server-side-encryption-aws-kms-key-id") or f"{_AWS_MANAGED}s3"
    header = message.header("x-amz-server-side-encryption-bucket-key-enabled").lower()
    return Encryption(key, header == "true" if header else default is not None and default.bucket_key)


def of_object(record: Any) -> Encryption | None:
    """The encryption of a stored object, where it is SSE-KMS."""
    if record is None or "kms" not in str(record.encryption or ""):
        return None
    enabled = str(record.bucket_key_enabled).lower() == "true"
    return Encryption(str(record.kms_key_id or f"{_AWS_MANAGED}s3"), enabled)


def accesses(request: S3Request, message: Message, caller: Caller, region: str) -> tuple[Access, ...]:
    """What S3 will ask of KMS in the caller's name."""
    if not request.key:
        return ()
    found: list[Access] = []
    owner = owner_of(request.bucket, caller)

    def needs(operation: str, encryption: Encryption | None, bucket: str, key: str, account: str) -> None:
        if encryption is not None:
            found.extend(_access(operation, encryption, f"arn:aws:s3:::{bucket}", key, (caller, account, region)))

    if request.method == "GET" and request.subresource in {"", "attributes", "torrent"}:
        record = object_record(request.bucket, request.key, request.version)
        needs("Decrypt", of_object(record), request.bucket, request.key, owner)
    if request.method == "POST" and request.subresource == "select":
        record = object_record(request.bucket, request.key, request.version)
        needs("Decrypt", of_object(record), request.bucket, request.key, owner)
    if (request.method, request.subresource) in {("PUT", ""), ("POST", "uploads")}:
        needs("GenerateDataKey", for_upload(request, message), request.bucket, request.key, owner)
    if request.subresource == "uploadId" and request.method in {"PUT", "POST"}:
        upload = _upload(request, message)
        needs("GenerateDataKey", upload if request.method == "PUT" else None, request.bucket, request.key, owner)
        needs("Decrypt", upload, request.bucket, request.key, owner)
    if message.header("x-amz-copy-source"):
        bucket, key, version = parse_copy_source(message.header("x-amz-copy-source"))
        needs("Decrypt", of_object(object_record(bucket, key, version)), bucket, key, owner_of(bucket, caller))
    return tuple(found)


def _upload(request: S3Request, message: Message) -> Encryption | None:
    """The encryption that a multipart upload was started with."""
    record = bucket_record(request.bucket)
    upload = record.multiparts.get(message.query.get("uploadId", "")) if record is not None else None
    if upload is None or "kms" not in str(upload.sse_encryption or ""):
        return None
    default = default_of(request.bucket)
    return Encryption(str(upload.kms_key_id or f"{_AWS_MANAGED}s3"), default is not None and default.bucket_key)


def _access(
    operation: str, encryption: Encryption, bucket_arn: str, key: str, who: tuple[Caller, str, str]
) -> tuple[Access, ...]:
    caller, owner, region = who
    if _AWS_MANAGED in encryption.key and caller.account == owner:
        # The policy of an AWS managed key lets every principal of its own account use it through S3.
        return ()
    arn = kms.key_arn(encryption.key, caller, region)
    subject = bucket_arn if encryption.bucket_key else f"{bucket_arn}/{key}"
    context: dict[str, ContextValue] = {
        "kms:CallerAccount": caller.account,
        "kms:ViaService": f"s3.{region}.amazonaws.com",
        "kms:EncryptionContext:aws:s3:arn": subject,
        "kms:EncryptionContextKeys": ("aws:s3:arn",),
        "kms:EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
        **kms.existing_key(arn),
    }
    return (Access(f"kms:{operation}", arn, kms.account_of(arn), context, via="s3.amazonaws.com"),)


def with_default(request: S3Request, message: Message) -> Message:
    """`message` with the bucket's default encryption spelled out, so that the object records the key it is under."""
    starts = (request.method, request.subresource) in {("PUT", ""), ("POST", "uploads")} and bool(request.key)
    if not starts or message.header("x-amz-server-side-encryption"):
        return message
    default = default_of(request.bucket)
    if default is None:
        return message
    add = {"x-amz-server-side-encryption": "aws:kms"}
    if _AWS_MANAGED not in default.key:
        add["x-amz-server-side-encryption-aws-kms-key-id"] = default.key
    if default.bucket_key:
        add["x-amz-server-side-encryption-bucket-key-enabled"] = "true"
    return message.with_headers(add=add)
