"""Refusals as Google's APIs give them: one canonical code, as an HTTP error document or as a gRPC status.

Google Cloud APIs "Errors" (AIP-193).
"""

from __future__ import annotations

import json
from enum import StrEnum

from localcloud.backend import Response


class Code(StrEnum):
    """Canonical codes (google.rpc.Code) that the double answers with."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    UNAVAILABLE = "UNAVAILABLE"


_STATUS = {
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
}


class GoogleError(Exception):
    """A request is refused; the transport renders it. `status` overrides the code's usual HTTP status."""

    def __init__(self, code: Code, message: str, *, status: int | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status or _STATUS[code]
        self.reason = reason


def denied(permission: str, resource: str) -> GoogleError:
    """Google's words for a refusal, which do not tell a missing resource from a forbidden one."""
    return GoogleError(
        Code.PERMISSION_DENIED, f"Permission '{permission}' denied on resource '{resource}' (or it may not exist)."
    )


def rendered(error: GoogleError) -> Response:
    """The HTTP error document."""
    detail = {"message": error.message, "domain": "global", "reason": error.reason or _camel(error.code)}
    document = {
        "error": {"code": error.status, "message": error.message, "status": str(error.code), "errors": [detail]}
    }
    return json_response(document, error.status)


def oauth_error(error: GoogleError) -> Response:
    """The error document of a token endpoint (RFC 6749 section 5.2)."""
    return json_response({"error": error.reason or "invalid_grant", "error_description": error.message}, error.status)


def json_response(document: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(status, (("content-type", "application/json; charset=UTF-8"),), json.dumps(document).encode())


def _camel(code: Code) -> str:
    first, *rest = code.lower().split("_")
    return first + "".join(word.capitalize() for word in rest)
