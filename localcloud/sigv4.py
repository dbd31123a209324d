"""Who signed a request: AWS Signature Version 4, as header and as presigned URL.

Source: IAM User Guide, "AWS Signature Version 4 for API requests", and Amazon S3 API Reference,
"Authenticating Requests (AWS Signature Version 4)".
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from posixpath import normpath
from urllib.parse import quote, unquote, unquote_to_bytes

from localcloud.errors import ApiError
from localcloud.message import Message

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY_HASH = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING_UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
STREAMING = frozenset({STREAMING_UNSIGNED_TRAILER, STREAMING_SIGNED, STREAMING_SIGNED_TRAILER})
LARGEST_SKEW = timedelta(minutes=15)
LONGEST_PRESIGNED = 604_800
# Signing names whose canonical URI is the path encoded once and not normalised.
ENCODED_ONCE = frozenset({"s3", "s3express", "s3-object-lambda", "s3-outposts"})
# Headers that clients add after signing.
NEVER_SIGNED = frozenset({"x-amz-user-agent"})
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<credential>[^\s,]+)\s*,\s*SignedHeaders=(?P<headers>[^\s,]+)\s*,\s*"
    r"Signature=(?P<signature>[0-9a-f]{64})\s*"
)
_DATE = re.compile(r"\d{8}T\d{6}Z")


class AuthType(StrEnum):
    """How the signature was sent, in the words of the condition key `s3:authType`."""

    HEADER = "REST-HEADER"
    QUERY = "REST-QUERY-STRING"


@dataclass(frozen=True)
class Signature:
    """The parts of a signature as the request states them; nothing is verified yet.

    `expires` is the lifetime of a presigned URL in seconds, `payload` the payload hash that was signed.
    """

    access_key: str
    day: str
    region: str
    service: str
    timestamp: datetime
    signed_headers: tuple[str, ...]
    signature: str
    auth_type: AuthType
    token: str | None
    payload: str
    expires: int | None = None

    @property
    def scope(self) -> str:
        """The credential scope."""
        return f"{self.day}/{self.region}/{self.service}/aws4_request"

    @property
    def stamp(self) -> str:
        """The timestamp in ISO 8601 basic format."""
        return self.timestamp.strftime("%Y%m%dT%H%M%SZ")


def parse(message: Message) -> Signature | None:
    """The signature of `message`, or None where it carries none at all.

    Raises:
        ApiError: the message carries a signature that cannot be read, two of them, or one of a version other than 4.
    """
    header = message.header("authorization")
    presigned = "X-Amz-Signature" in message.query or "X-Amz-Algorithm" in message.query
    if header and presigned:
        raise ApiError("InvalidArgument", "Only one auth mechanism allowed", 400)
    if presigned:
        return _parse_query(message)
    if header:
        return _parse_header(message, header)
    if "AWSAccessKeyId" in message.query:
        raise ApiError("InvalidRequest", "Signature Version 2 is not accepted. Please use AWS4-HMAC-SHA256.", 400)
    return None


def _parse_header(message: Message, header: str) -> Signature:
    match = _AUTHORIZATION.fullmatch(header.strip())
    if match is None:
        raise ApiError(
            "IncompleteSignature", "The Authorization header is not a complete AWS4-HMAC-SHA256 header.", 400
        )
    access_key, day, region, service = _credential(match["credential"])
    stamp = message.header("x-amz-date") or message.header("date")
    declared = message.header("x-amz-content-sha256")
    return Signature(
        access_key=access_key,
        day=day,
        region=region,
        service=service,
        timestamp=_timestamp(stamp, day),
        signed_headers=tuple(match["headers"].split(";")),
        signature=match["signature"],
        auth_type=AuthType.HEADER,
        token=message.header("x-amz-security-token") or None,
        payload=declared or hashlib.sha256(message.body).hexdigest(),
    )


def _parse_query(message: Message) -> Signature:
    query = message.query
    names = [name for name, _ in message.query_pairs]
    repeated = sorted({name for name in names if name.startswith("X-Amz-") and names.count(name) > 1})
    if repeated:
        raise ApiError("AuthorizationQueryParametersError", f"{repeated[0]} is given more than once", 400)
    if query.get("X-Amz-Algorithm") != ALGORITHM:
        raise ApiError("AuthorizationQueryParametersError", 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256"', 400)
    for name in ("X-Amz-Credential", "X-Amz-Signature", "X-Amz-Date", "X-Amz-SignedHeaders", "X-Amz-Expires"):
        if not query.get(name):
            raise ApiError("AuthorizationQueryParametersError", f"Query-string authentication requires {name}", 400)
    access_key, day, region, service = _credential(query["X-Amz-Credential"])
    expires = query["X-Amz-Expires"]
    if not expires.isdecimal() or not 1 <= int(expires) <= LONGEST_PRESIGNED:
        raise ApiError("AuthorizationQueryParametersError", "X-Amz-Expires must be 1 to 604800 seconds", 400)
    declared = query.get("X-Amz-Content-Sha256") or message.header("x-amz-content-sha256")
    unsigned = UNSIGNED if service in ENCODED_ONCE else hashlib.sha256(message.body).hexdigest()
    return Signature(
        access_key=access_key,
        day=day,
        region=region,
        service=service,
        timestamp=_timestamp(query["X-Amz-Date"], day),
        signed_headers=tuple(query["X-Amz-SignedHeaders"].split(";")),
        signature=query["X-Amz-Signature"],
        auth_type=AuthType.QUERY,
        token=query.get("X-Amz-Security-Token") or message.header("x-amz-security-token") or None,
        payload=declared or unsigned,
        expires=int(expires),
    )


def _credential(text: str) -> tuple[str, str, str, str]:
    parts = unquote(text).split("/")
    if len(parts) != 5 or parts[4] != "aws4_request" or not all(parts):
        raise ApiError(
            "IncompleteSignature",
            "Credential must have the form <access key>/<date>/<region>/<service>/aws4_request",
            400,
        )
    return parts[0], parts[1], parts[2], parts[3]


def _timestamp(text: str, day: str) -> datetime:
    if not _DATE.fullmatch(text):
        raise ApiError("IncompleteSignature", "Date must be in ISO 8601 basic format, as X-Amz-Date", 400)
    if not text.startswith(day):
        raise ApiError("SignatureDoesNotMatch", "Date in Credential scope does not match YYYYMMDD from X-Amz-Date")
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise ApiError("IncompleteSignature", f"{text} is not a date", 400) from error


def signing_key(secret: str, signature: Signature) -> bytes:
    """The key derived from the secret for the signature's scope."""
    key = f"AWS4{secret}".encode()
    for part in (signature.day, signature.region, signature.service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def verify(message: Message, signature: Signature, secret: str, now: datetime) -> None:
    """Check times, signed headers, payload hash and signature.

    Raises:
        ApiError: with the code that AWS gives for the first check that fails.
    """
    _check_times(signature, now)
    _check_signed_headers(message, signature)
    _check_payload(message, signature)
    key = signing_key(secret, signature)
    for path in _paths(message.raw_path, signature.service):
        for query in _queries(message.raw_query):
            text = _canonical(message, signature, path, query)
            digest = hashlib.sha256(text.encode()).hexdigest()
            expected = _hmac(key, f"{ALGORITHM}\n{signature.stamp}\n{signature.scope}\n{digest}").hex()
            if hmac.compare_digest(expected, signature.signature):
                return
    raise ApiError(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method.",
    )


def _check_times(signature: Signature, now: datetime) -> None:
    if signature.expires is not None:
        if signature.timestamp > now + LARGEST_SKEW:
            raise ApiError("AccessDenied", "Request is not valid yet")
        if now > signature.timestamp + timedelta(seconds=signature.expires):
            raise ApiError("AccessDenied", "Request has expired")
    elif abs(now - signature.timestamp) > LARGEST_SKEW:
        if signature.service in ENCODED_ONCE:
            raise ApiError(
                "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
            )
        raise ApiError("SignatureDoesNotMatch", f"Signature expired: {signature.stamp} is not within 15 minutes of now")


def _check_signed_headers(message: Message, signature: Signature) -> None:
    signed = set(signature.signed_headers)
    if "host" not in signed:
        raise ApiError("SignatureDoesNotMatch", "'Host' must be a 'SignedHeader' in the AWS Authorization.")
    left_out = sorted(
        name for name in message.header_map if name.startswith("x-amz-") and name not in signed | NEVER_SIGNED
    )
    if left_out:
        raise ApiError(
            "AccessDenied", f"There were headers present in the request which were not signed: {', '.join(left_out)}"
        )


def _check_payload(message: Message, signature: Signature) -> None:
    if signature.payload == UNSIGNED or signature.payload in STREAMING:
        if signature.service not in ENCODED_ONCE:
            raise ApiError("SignatureDoesNotMatch", f"{signature.payload} is for Amazon S3 only")
        return
    if not hmac.compare_digest(hashlib.sha256(message.body).hexdigest(), signature.payload):
        raise ApiError(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            400,
        )


def _paths(raw: str, service: str) -> Iterator[str]:
    """The canonical URIs that a conforming client may have signed for this path."""
    if service in ENCODED_ONCE:
        yield quote(unquote_to_bytes(raw), safe="/-_.~")
        yield raw
        return
    # posixpath keeps two leading slashes; RFC 3986 normalisation does not.
    normal = normpath(raw).replace("//", "/") if raw else "/"
    if raw.endswith("/") and normal != "/":
        normal += "/"
    yield quote(normal, safe="/-_.~")
    yield quote(raw or "/", safe="/-_.~")


def _queries(raw: str) -> Iterator[str]:
    parts = [part for part in raw.split("&") if part and not part.startswith("X-Amz-Signature=")]
    pairs = [tuple(part.partition("=")[::2]) for part in parts]
    yield "&".join(f"{name}={value}" for name, value in sorted(pairs))
    for decode in (unquote_to_bytes, _decode_form):
        again = sorted((quote(decode(name), safe="-_.~"), quote(decode(value), safe="-_.~")) for name, value in pairs)
        yield "&".join(f"{name}={value}" for name, value in again)


def _decode_form(text: str) -> bytes:
    return unquote_to_bytes(text.replace("+", " "))


def _canonical(message: Message, signature: Signature, path: str, query: str) -> str:
    headers = message.header_map
    lines = "".join(f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in signature.signed_headers)
    names = ";".join(signature.signed_headers)
    return f"{message.method}\n{path}\n{query}\n{lines}\n{names}\n{signature.payload}"
