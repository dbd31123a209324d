"""The package's error and the error that becomes an AWS error response."""

from __future__ import annotations


class LocalCloudError(Exception):
    """The local cloud cannot start, stop or keep its state; the message says what to do."""


class ApiError(Exception):
    """A request is refused. The gateway renders it in the shape of the request's protocol.

    Attributes:
        code: AWS's error code, such as `AccessDenied`.
        message: the sentence shown to the caller.
        status: the HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
