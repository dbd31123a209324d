"""What a request asks of S3, and where: path style, virtual-host style, sub-resources.

Source: Amazon S3 API Reference (each operation's request syntax); "Virtual hosting of general purpose buckets".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from localcloud.errors import ApiError
from localcloud.message import Message

_VIRTUAL_HOST = re.compile(
    r"(?P<bucket>[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9])\."
    r"(?:s3[.\-].*|s3\.amazonaws\.com|localhost|127\.0\.0\.1|localhost\.localstack\.cloud)(?::\d+)?"
)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,254}")
# Query parameters that choose the operation. `versionId`, `prefix` and the like only qualify it.
SUBRESOURCES = frozenset(
    {
        "abac", "accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption", "intelligent-tiering",
        "inventory", "legal-hold", "lifecycle", "location", "logging", "metadataTable", "metadataConfiguration",
        "metrics", "notification", "object-lock", "ownershipControls", "policy", "policyStatus", "publicAccessBlock",
        "renameObject", "replication", "requestPayment", "restore", "retention", "select", "session", "tagging",
        "torrent", "uploadId", "uploads", "versioning", "versions", "website",
    }
)  # fmt: skip


@dataclass(frozen=True)
class S3Request:
    """One request to S3.

    Attributes:
        method: the HTTP method.
        bucket: empty for the list of buckets.
        key: empty for an operation on the bucket.
        version: the version asked for, or None.
        subresource: what chooses the operation (`policy`, `acl`, ...), or empty.
    """

    method: str
    bucket: str
    key: str
    version: str | None
    subresource: str

    @property
    def bucket_arn(self) -> str:
        """The bucket's ARN."""
        return f"arn:aws:s3:::{self.bucket}"

    @property
    def key_arn(self) -> str:
        """The object's ARN."""
        return f"arn:aws:s3:::{self.bucket}/{self.key}"


def path_style(message: Message) -> Message:
    """`message` with a bucket named by the host moved into the path. Call after the signature was checked."""
    match = _VIRTUAL_HOST.fullmatch(message.header("host").lower())
    if match is None:
        return message
    path = "/" + quote(match["bucket"]) + ("" if message.raw_path in {"", "/"} else message.raw_path)
    return replace(message, raw_path=path)


def parse(message: Message) -> S3Request:
    """The S3 request that `message` (path style) makes.

    Raises:
        ApiError: more than one sub-resource, or a form upload.
    """
    chosen = sorted({name for name, _ in message.query_pairs} & SUBRESOURCES)
    # An upload's parts and listings carry `uploadId`; every other pair of sub-resources has no meaning in S3.
    if len(chosen) > 1:
        raise ApiError("InvalidArgument", f"The request names several sub-resources: {', '.join(chosen)}", 400)
    repeated = [name for name, _ in message.query_pairs]
    if any(repeated.count(name) > 1 for name in ("versionId", "uploadId", "partNumber")):
        raise ApiError("InvalidArgument", "A parameter is given more than once", 400)
    kind = message.header("content-type")
    if message.method == "POST" and ("form-data" in kind or ("form-urlencoded" in kind and not chosen)):
        raise ApiError("NotImplemented", "The local cloud does not accept browser form uploads", 501)
    path = message.raw_path
    if not path.startswith("/") or path.startswith("//"):
        raise ApiError("InvalidURI", "Couldn't parse the specified URI.", 400)
    bucket, _, key = path[1:].partition("/")
    bucket = unquote(bucket)
    if bucket and not _BUCKET.fullmatch(bucket):
        # An access point's ARN in the bucket's place, too: the backend would look behind it.
        raise ApiError("InvalidBucketName", "The specified bucket is not valid.", 400)
    if key and not bucket:
        raise ApiError("InvalidURI", "Couldn't parse the specified URI.", 400)
    version = message.query.get("versionId")
    return S3Request(message.method, bucket, unquote(key), version, chosen[0] if chosen else "")
