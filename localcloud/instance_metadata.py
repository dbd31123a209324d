"""The instance metadata service of a machine, version 2 only (EC2 user guide, "Use IMDSv2").

On EC2 every machine reaches its own at a link-local address; here the machine's id is part of the path.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from localcloud.backend import Response
from localcloud.identity import Session
from localcloud.issuing import RefusedError
from localcloud.machines import Machine
from localcloud.message import Message

TOKEN_TTL = "x-aws-ec2-metadata-token-ttl-seconds"  # noqa: S105 - a header's name
TOKEN = "x-aws-ec2-metadata-token"  # noqa: S105
_LONGEST = 21600
_ROLES = "latest/meta-data/iam/security-credentials"
_RENEWAL = timedelta(hours=1)

Issue = Callable[[Machine, datetime], Session]


class InstanceMetadata:
    """Answers for every machine; tokens and credentials are kept per machine."""

    def __init__(self, issue: Issue) -> None:
        self._issue = issue
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._sessions: dict[str, Session] = {}

    def answer(self, machine: Machine, path: str, message: Message, region: str, now: datetime) -> Response:
        """The response to a request for `path`, such as `latest/api/token`."""
        if path == "latest/api/token":
            return self._token(machine, message, now)
        known = self._tokens.get(message.header(TOKEN))
        if known is None or known[0] != machine.id or now >= known[1]:
            return text(401, "Unauthorized")
        if message.method != "GET":
            return text(405, "Method Not Allowed")
        if path.rstrip("/") == _ROLES:
            return text(200, machine.role)
        if path == f"{_ROLES}/{machine.role}":
            return self._credentials(machine, now)
        if path == "latest/dynamic/instance-identity/document":
            return text(200, json.dumps(_identity(machine, region), indent=1))
        if path == "latest/meta-data/instance-id":
            return text(200, machine.id)
        return text(404, "Not Found")

    def _token(self, machine: Machine, message: Message, now: datetime) -> Response:
        asked = message.header(TOKEN_TTL)
        if message.method != "PUT":
            return text(405, "Method Not Allowed")
        # A proxy that was tricked into asking adds this header, and AWS refuses it for that.
        if message.header("x-forwarded-for"):
            return text(403, "Forbidden")
        if not (asked.isascii() and asked.isdigit() and 1 <= int(asked) <= _LONGEST):
            return text(400, "Bad Request")
        for old in [token for token, (_, until) in self._tokens.items() if now >= until]:
            del self._tokens[old]
        token = secrets.token_urlsafe(40)
        self._tokens[token] = (machine.id, now + timedelta(seconds=int(asked)))
        return text(200, token, (TOKEN_TTL, asked))

    def _credentials(self, machine: Machine, now: datetime) -> Response:
        session = self._sessions.get(machine.id)
        if session is None or session.expires - now < _RENEWAL:
            try:
                session = self._issue(machine, now)
            except RefusedError as refusal:
                failure = {"Code": "AssumeRoleUnauthorizedAccess", "Message": str(refusal), "LastUpdated": _time(now)}
                return text(200, json.dumps(failure))
            self._sessions[machine.id] = session
        found = {
            "Code": "Success",
            "LastUpdated": _time(session.issued),
            "Type": "AWS-HMAC",
            "AccessKeyId": session.access_key,
            "SecretAccessKey": session.secret,
            "Token": session.token,
            "Expiration": _time(session.expires),
        }
        return text(200, json.dumps(found, indent=1))


def _identity(machine: Machine, region: str) -> dict[str, object]:
    """The instance identity document: what it says of a machine that EC2 did not start is said as null."""
    return {
        "accountId": machine.account,
        "instanceId": machine.id,
        "region": region,
        "availabilityZone": f"{region}a",
        "pendingTime": machine.launched,
        "version": "2017-09-30",
        "imageId": None,
        "instanceType": None,
        "testDouble": True,
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def text(status: int, body: str, *headers: tuple[str, str]) -> Response:
    """A plain answer."""
    return Response(status, (("content-type", "text/plain"), *headers), body.encode())
