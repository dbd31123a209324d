"""The condition keys of S3.

Source: Service Authorization Reference, "Condition keys for Amazon S3"; Amazon S3 User Guide, "Bucket policy examples
using condition keys".
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl
from xml.etree.ElementTree import Element

from localcloud.access import ContextValue
from localcloud.errors import ApiError
from localcloud.message import Door, Message
from localcloud.s3_operation import S3Request

# Headers whose condition key is `s3:` and the header's name.
_HEADERS = (
    "x-amz-acl", "x-amz-grant-full-control", "x-amz-grant-read", "x-amz-grant-read-acp", "x-amz-grant-write",
    "x-amz-grant-write-acp", "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm", "x-amz-copy-source", "x-amz-metadata-directive",
    "x-amz-storage-class", "x-amz-website-redirect-location", "x-amz-object-ownership", "if-match", "if-none-match",
)  # fmt: skip
_QUERY = (
    ("prefix", "s3:prefix"),
    ("delimiter", "s3:delimiter"),
    ("max-keys", "s3:max-keys"),
    ("versionId", "s3:versionid"),
)


def context(request: S3Request, message: Message, now: datetime) -> dict[str, ContextValue]:
    """The condition keys that follow from an S3 request."""
    found: dict[str, ContextValue] = {
        f"s3:{name}": message.header(name) for name in _HEADERS if name in message.header_map
    }
    found.update({key: message.query[name] for name, key in _QUERY if name in message.query})
    if message.listener.door is not Door.INSECURE:
        found["s3:TlsVersion"] = "1.3"
    mode = message.header("x-amz-object-lock-mode")
    until = message.header("x-amz-object-lock-retain-until-date")
    hold = message.header("x-amz-object-lock-legal-hold")
    if request.subresource in {"retention", "legal-hold"} and request.method == "PUT":
        fields = _fields(message)
        mode, until, hold = fields.get("Mode", mode), fields.get("RetainUntilDate", until), fields.get("Status", hold)
    if mode:
        found["s3:object-lock-mode"] = mode
    if until:
        found["s3:object-lock-retain-until-date"] = until
        found["s3:object-lock-remaining-retention-days"] = str(_days(until, now))
    if hold:
        found["s3:object-lock-legal-hold"] = hold
    found.update(_request_tags(request, message))
    found.update(_existing_tags(request))
    if request.method == "PUT" and not request.key and not request.subresource:
        found.update(_location(message))
    return found


def _fields(message: Message) -> dict[str, str]:
    return {_tag(item): item.text or "" for item in _xml(message).iter()}


def _xml(message: Message) -> Element:
    from localcloud.resources.s3 import parse_xml  # noqa: PLC0415 - the two files need each other

    return parse_xml(message.body)


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _days(until: str, now: datetime) -> int:
    try:
        return (datetime.fromisoformat(until.replace("Z", "+00:00")) - now).days
    except (ValueError, TypeError) as error:
        raise ApiError("InvalidArgument", f"The retain until date {until!r} is not an ISO 8601 date", 400) from error


def _request_tags(request: S3Request, message: Message) -> dict[str, ContextValue]:
    pairs = parse_qsl(message.header("x-amz-tagging"), keep_blank_values=True)
    if request.subresource == "tagging" and request.key and request.method == "PUT":
        for item in _xml(message).iter():
            if _tag(item) == "Tag":
                fields = {_tag(child): child.text or "" for child in item}
                pairs.append((fields.get("Key", ""), fields.get("Value", "")))
    if not pairs:
        return {}
    found: dict[str, ContextValue] = {f"s3:RequestObjectTag/{key}": value for key, value in pairs}
    found["s3:RequestObjectTagKeys"] = tuple(key for key, _ in pairs)
    return found


def _existing_tags(request: S3Request) -> dict[str, ContextValue]:
    record = object_record(request.bucket, request.key, request.version) if request.key else None
    if record is None:
        return {}
    from moto.s3.models import s3_backends  # noqa: PLC0415

    owner = s3_backends.bucket_accounts[request.bucket]
    tags = s3_backends[owner[1]][owner[0]].tagger.get_tag_dict_for_resource(record.arn)
    return {f"s3:ExistingObjectTag/{key}": str(value) for key, value in tags.items()}


def _location(message: Message) -> dict[str, ContextValue]:
    if not message.body.strip():
        return {}
    value = _fields(message).get("LocationConstraint")
    return {"s3:locationconstraint": value} if value else {}


def object_record(bucket: str, key: str, version: str | None) -> Any:
    """The record of an object, or None where there is none."""
    from moto.s3.models import FakeKey, s3_backends  # noqa: PLC0415

    owner = s3_backends.bucket_accounts.get(bucket)
    record = s3_backends[owner[1]][owner[0]].buckets.get(bucket) if owner else None
    if record is None:
        return None
    found = record.keys.getlist(key, [])
    chosen = found if version is None else [item for item in found if str(getattr(item, "version_id", "")) == version]
    return chosen[-1] if chosen and isinstance(chosen[-1], FakeKey) else None
