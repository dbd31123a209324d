"""One fact: what one call of one API answered, to whom and when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from compliance.facts.canonical import digest
from compliance.facts.errors import BundleError


class Status(StrEnum):
    """What came of a call. Only the first two say anything about the resource."""

    OK = "ok"
    """The API answered."""
    ABSENT = "absent"
    """The API answered that there is no such configuration (a bucket without a policy, say)."""
    DENIED = "denied"
    """The caller may not read this."""
    THROTTLED = "throttled"
    """Still throttled after every retry."""
    UNIMPLEMENTED = "unimplemented"
    """The endpoint does not have this API."""
    MALFORMED = "malformed"
    """The answer does not have the form that the API's model gives it."""
    FAILED = "failed"
    """No answer: the connection failed, or the service reported an error of its own."""

    @property
    def read(self) -> bool:
        """Whether the call says something about the resource."""
        return self in {Status.OK, Status.ABSENT}


@dataclass(frozen=True)
class Fact:
    """What one call answered.

    `api` is service and operation as in IAM's documents (`s3:GetBucketPolicy`), `params` the exact parameters,
    `response` the raw answer without transport metadata (None unless `status` is ok), `error` the service's code and
    message (None if ok). Times are ISO 8601 in UTC.
    """

    api: str
    params: dict[str, Any]
    account: str
    region: str
    caller: str
    started: str
    ended: str
    status: Status
    response: Any = None
    error: dict[str, str] | None = None
    request_id: str = ""

    @cached_property
    def response_digest(self) -> str:
        """SHA-256 of the answer, or of the error's code where there was none."""
        return digest(self.response if self.error is None else {"error": self.error["code"]})

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what was asked and answered, without times: equal in two scans if nothing changed."""
        return digest(
            {
                "account": self.account,
                "api": self.api,
                "params": self.params,
                "region": self.region,
                "response": self.response_digest,
                "status": str(self.status),
            }
        )

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What identifies the call: account, region, API, digest of its parameters."""
        return (self.account, self.region, self.api, digest(self.params))

    def to_json(self) -> dict[str, Any]:
        """The fact as it stands in a bundle."""
        return {
            "account": self.account,
            "api": self.api,
            "caller": self.caller,
            "digest": self.digest,
            "ended": self.ended,
            "error": self.error,
            "params": self.params,
            "region": self.region,
            "request_id": self.request_id,
            "response": self.response,
            "response_sha256": self.response_digest,
            "started": self.started,
            "status": str(self.status),
        }


def fact_from_json(value: Any, place: str) -> Fact:
    """The fact written by `to_json`, with both of its digests recomputed and compared.

    Raises:
        BundleError: naming `place`, if a member is missing, has another type, or a digest does not match.
    """
    try:
        fact = Fact(
            api=_text(value, "api"),
            params=dict(value["params"]),
            account=_text(value, "account"),
            region=_text(value, "region"),
            caller=_text(value, "caller"),
            started=_text(value, "started"),
            ended=_text(value, "ended"),
            status=Status(value["status"]),
            response=_answer(value["response"]),
            error=None if value["error"] is None else _error(value["error"]),
            request_id=_text(value, "request_id"),
        )
        claimed = (value["digest"], value["response_sha256"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        msg = f"{place}: not a fact ({error!r}); take the bundle from its source again"
        raise BundleError(msg) from error
    if (fact.digest, fact.response_digest) != claimed:
        msg = f"{place}: {fact.api} does not have the digest it claims; the bundle was changed or damaged"
        raise BundleError(msg)
    return fact


def _answer(value: Any) -> dict[str, Any] | None:
    if value is not None and not isinstance(value, dict):
        msg = f"`response` is {type(value).__name__}, not an object"
        raise TypeError(msg)
    return value


def _error(value: Any) -> dict[str, str]:
    found = {str(name): str(text) for name, text in value.items()}
    if "code" not in found:
        msg = "`error` has no code"
        raise TypeError(msg)
    return found


def _text(value: Any, member: str) -> str:
    text = value[member]
    if not isinstance(text, str):
        msg = f"`{member}` is {type(text).__name__}, not text"
        raise TypeError(msg)
    return text
