"""Bodies that arrive in signed or unsigned chunks (`aws-chunked`).

Source: Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple
Chunks" and "... Transferring a payload in multiple chunks with trailing headers".
"""

from __future__ import annotations

import hashlib
import hmac
import re

from localcloud.errors import ApiError
from localcloud.message import Message
from localcloud.sigv4 import EMPTY_HASH, STREAMING, STREAMING_SIGNED_TRAILER, STREAMING_UNSIGNED_TRAILER, Signature

_CHUNK_HEAD = re.compile(rb"(?P<size>[0-9A-Fa-f]{1,16})(?P<extensions>(?:;[^\r\n]*)?)\r\n")
_CHUNK_SIGNATURE = re.compile(rb";\s*chunk-signature=([0-9a-f]{64})")


def unwrap(message: Message, signature: Signature, key: bytes) -> Message:
    """`message` with the plain body and ordinary headers, chunk signatures checked.

    Trailing headers (checksums) become ordinary ones. A body that is not chunked is returned as it is.

    Raises:
        ApiError: a chunk or trailer is malformed or wrongly signed, or the length is not the one announced.
    """
    if signature.payload not in STREAMING:
        return message
    signed = signature.payload != STREAMING_UNSIGNED_TRAILER
    body, rest, last = _read_chunks(message.body, signature, key if signed else None)
    trailers = _read_trailers(rest)
    sent_signature = trailers.pop("x-amz-trailer-signature", None)
    if signature.payload == STREAMING_SIGNED_TRAILER:
        _check_trailer(trailers, sent_signature, last, signature, key)
    announced = message.header("x-amz-decoded-content-length")
    if announced and announced != str(len(body)):
        raise ApiError(
            "IncompleteBody", f"x-amz-decoded-content-length is {announced}, the body has {len(body)} bytes", 400
        )
    expected = {name.strip().lower() for name in message.header("x-amz-trailer").split(",") if name.strip()}
    if set(trailers) - expected:
        raise ApiError("MalformedTrailerError", "The body has trailers that x-amz-trailer does not announce", 400)
    encodings = [part.strip() for part in message.header("content-encoding").split(",")]
    kept = ",".join(part for part in encodings if part and part != "aws-chunked")
    drop = frozenset(
        {
            "x-amz-decoded-content-length",
            "x-amz-trailer",
            "content-encoding",
            "x-amz-content-sha256",
            "transfer-encoding",
        }
    )
    add = {**trailers, "content-length": str(len(body)), **({"content-encoding": kept} if kept else {})}
    plain = message.with_headers(drop=drop, add=add)
    return Message(plain.method, plain.raw_path, plain.raw_query, plain.headers, body, plain.listener, plain.client)


def _read_chunks(body: bytes, signature: Signature, key: bytes | None) -> tuple[bytes, bytes, str]:
    """The joined data, what follows the last chunk, and the last chunk's signature."""
    pieces: list[bytes] = []
    previous = signature.signature
    position = 0
    while True:
        head = _CHUNK_HEAD.match(body, position)
        if head is None:
            raise ApiError("IncompleteBody", "The body's chunks are malformed or end early", 400)
        size = int(head["size"], 16)
        data = body[head.end() : head.end() + size]
        if key is not None:
            sent = _CHUNK_SIGNATURE.fullmatch(head["extensions"])
            if sent is None:
                raise ApiError("SignatureDoesNotMatch", "A chunk carries no chunk-signature")
            previous = _expect(key, signature, previous, data, sent[1].decode())
        if len(data) != size:
            raise ApiError("IncompleteBody", "The body ends inside a chunk", 400)
        position = head.end() + size
        if size == 0:
            return b"".join(pieces), body[position:], previous
        if body[position : position + 2] != b"\r\n":
            raise ApiError("IncompleteBody", "A chunk is not followed by CRLF", 400)
        position += 2
        pieces.append(data)


def _expect(key: bytes, signature: Signature, previous: str, data: bytes, sent: str) -> str:
    text = "\n".join(
        (
            "AWS4-HMAC-SHA256-PAYLOAD",
            signature.stamp,
            signature.scope,
            previous,
            EMPTY_HASH,
            hashlib.sha256(data).hexdigest(),
        )
    )
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, sent):
        raise ApiError("SignatureDoesNotMatch", "A chunk's signature does not match what was computed")
    return expected


def _read_trailers(rest: bytes) -> dict[str, str]:
    trailers = {}
    for line in rest.replace(b"\r\n", b"\n").split(b"\n"):
        if line.strip():
            name, colon, value = line.partition(b":")
            if not colon:
                raise ApiError("MalformedTrailerError", "A trailing header has no colon", 400)
            trailers[name.decode("latin-1").strip().lower()] = value.decode("latin-1").strip()
    return trailers


def _check_trailer(trailers: dict[str, str], sent: str | None, last: str, signature: Signature, key: bytes) -> None:
    block = "".join(f"{name}:{value}\n" for name, value in trailers.items())
    digest = hashlib.sha256(block.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256-TRAILER\n{signature.stamp}\n{signature.scope}\n{last}\n{digest}"
    expected = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    if sent is None or not hmac.compare_digest(expected, sent):
        raise ApiError("SignatureDoesNotMatch", "The trailer's signature does not match what was computed")
