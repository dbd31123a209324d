"""Asks a timestamp authority (RFC 3161) for a token over a pack's envelope."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from rfc3161_client import TimestampRequestBuilder
from rfc3161_client.base import HashAlgorithm

from compliance.evidence.errors import EvidenceError
from compliance.evidence.pack import ENVELOPE

TOKEN = "timestamp.tsr"  # noqa: S105 -- a file name


def request_for(pack: Path) -> bytes:
    """The DER request for a token over the pack's envelope."""
    message = (pack / ENVELOPE).read_bytes()
    built = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).cert_request(cert_request=True)
    return bytes(built.build().as_bytes())


def stamp(pack: Path, url: str) -> Path:
    """Gets a token from the authority at `url` and puts it into the pack.

    Raises:
        EvidenceError: the address is not http or https, or the authority does not answer.
    """
    if not url.startswith(("http://", "https://")):
        msg = f"{url}: not the address of a timestamp authority; give one that begins with https://"
        raise EvidenceError(msg)
    headers = {"Content-Type": "application/timestamp-query"}
    request = urllib.request.Request(url, request_for(pack), headers)  # noqa: S310 -- http or https, checked above
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
            token = reply.read()
    except (urllib.error.URLError, TimeoutError) as error:
        msg = f"{url}: the timestamp authority does not answer ({error}); the pack is whole without a timestamp"
        raise EvidenceError(msg) from error
    path = pack / TOKEN
    path.write_bytes(token)
    return path
