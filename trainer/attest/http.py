"""Small requests to services beside the machine: the host's attestation service and the instance metadata.

Both are link-local by design, so no proxy is ever asked and redirects are not followed.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping

from trainer.errors import Reason, TrainerError

PATIENCE = 120.0
LONGEST_ANSWER = 1 << 20


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object, **_more: object) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())


def ask(
    method: str, address: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> tuple[int, bytes]:
    """Status and body of the answer.

    Raises:
        TrainerError: not an HTTP address, no answer, or one of more than a mebibyte.
    """
    if not address.startswith(("http://", "https://")):
        raise TrainerError(Reason.ATTESTATION, f"{address}: not an http address")
    request = urllib.request.Request(address, body, dict(headers or {}), method=method)  # noqa: S310 - checked above
    try:
        with _OPENER.open(request, timeout=PATIENCE) as reply:
            return int(reply.status), _limited(reply.read(LONGEST_ANSWER + 1), address)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _limited(error.read(LONGEST_ANSWER + 1), address)
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        raise TrainerError(Reason.ATTESTATION, f"{address}: no answer: {error}") from error


def _limited(data: bytes, address: str) -> bytes:
    if len(data) > LONGEST_ANSWER:
        raise TrainerError(Reason.ATTESTATION, f"{address}: an answer of more than {LONGEST_ANSWER} bytes")
    return data
