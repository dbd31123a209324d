"""Sessions that AWS hands out itself: to a machine through its instance profile, to a person through single sign-on.

No client can ask STS for these, so the local cloud has a control address for them, guarded by a token in its state
folder. The role's trust policy is evaluated as for any other caller: EC2 is the service `ec2.amazonaws.com`, single
sign-on the reserved role that IAM Identity Center makes for a permission set.
"""

from __future__ import annotations

import hmac
import json
import secrets
import string
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from compliance.errors import ComplianceError
from compliance.reason.iam import authorise, parse_question
from localcloud.accounts import Account
from localcloud.backend import Response
from localcloud.credentials import Credentials
from localcloud.deployed.identities import plain_tags
from localcloud.identity import Kind, Session
from localcloud.message import Message
from tenancy.accounts import ACCOUNT_ID

PATH = "/_bulkhead/sessions"
LIFETIME = timedelta(hours=6)
"""What EC2 gives a machine; agents renew before."""

_LETTERS = string.ascii_uppercase + string.digits


class RefusedError(Exception):
    """No session is issued; `status` is the HTTP status that says so."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Issuer:
    """Issues sessions to whoever holds the token of this local cloud."""

    def __init__(self, token: str, credentials: Credentials, known: Callable[[], list[Account]]) -> None:
        self._token = token
        self._credentials = credentials
        self._accounts = known

    def number(self, account: str) -> str | None:
        """The id of an account that is given by its id or by the name that `local status` shows."""
        if ACCOUNT_ID.fullmatch(account):
            return account
        return next((known.id for known in self._accounts() if known.name == account), None)

    def answer(self, message: Message, now: datetime) -> Response:
        """The response to a request for a session: 200 with credentials, or an error with its reason in words."""
        if not self.allows(message):
            return _reply(403, {"error": "the token of this local cloud is missing or wrong"})
        try:
            asked = json.loads(message.body)
            account, role, how = str(asked["account"]), str(asked["role"]), str(asked["as"])
        except (ValueError, KeyError, TypeError) as error:
            return _reply(400, {"error": f"expected a JSON object with account, role and as: {error!r}"})
        return self._issue(account, role, how, now)

    def allows(self, message: Message) -> bool:
        """Whether a request carries the token."""
        return hmac.compare_digest(message.header("x-bulkhead-token").encode(), self._token.encode())

    def session(self, account: str, role_name: str, how: str, now: datetime, name: str | None = None) -> Session:
        """A new session of a role, as EC2 (`instance`) or single sign-on (`sign-in`) would be given it.

        `account` is an id or a name that `local status` shows; `name` becomes the session's name.

        Raises:
            RefusedError: no such account or role, or the role's trust policy does not let `how` in.
        """
        from moto.iam.models import iam_backends  # noqa: PLC0415 - moto reads its settings when it is imported

        number = self.number(account)
        roles = list(iam_backends[number]["aws"].roles.values()) if number else []
        role = next((role for role in roles if role.name == role_name), None)
        if number is None or role is None:
            raise RefusedError(404, f"account {account} has no role {role_name}")
        caller = _caller(number, role_name, how)
        if caller is None:
            raise RefusedError(400, f"as = {how}: there are instance and sign-in")
        if not _trusted(json.loads(role.assume_role_policy_document), role.arn, number, caller):
            raise RefusedError(403, f"the trust policy of {role.arn} does not let {how} in")
        session = _session(number, role_name, name or _name(how), now, plain_tags(role.tags))
        self._credentials.remember(session)
        return session

    def _issue(self, account: str, role_name: str, how: str, now: datetime) -> Response:
        try:
            session = self.session(account, role_name, how, now)
        except RefusedError as refusal:
            return _reply(refusal.status, {"error": str(refusal)})
        return _reply(
            200,
            {
                "access_key_id": session.access_key,
                "secret_access_key": session.secret,
                "session_token": session.token,
                "arn": session.arn,
                "expires": session.expires.isoformat(),
            },
        )


def token_in(file: Path) -> str:
    """The token of a state folder, made when it is first asked for; only the owner of the folder can read it."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32), encoding="utf-8")
    return file.read_text(encoding="utf-8").strip()


def _caller(account: str, role: str, how: str) -> dict[str, Any] | None:
    """Who asks for the role, and the ARN that conditions see: EC2, or the reserved role of a permission set."""
    if how == "instance":
        return {"principal": {"service": "ec2.amazonaws.com"}, "context": {}}
    if how != "sign-in":
        return None
    tenant_role = role.partition("-")[2] or role
    name = f"AWSReservedSSO_{tenant_role}_0000000000000000"
    return {
        "principal": {"arn": f"arn:aws:sts::{account}:assumed-role/{name}/person", "account": account},
        "context": {"aws:PrincipalArn": f"arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/{name}"},
    }


def _trusted(trust: dict[str, Any], arn: str, account: str, caller: dict[str, Any]) -> bool:
    allow_all = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    question = {
        "request": {
            "action": "sts:AssumeRole",
            "resource": {"arn": arn, "account": account},
            "principal": caller["principal"],
            "context": caller["context"],
        },
        # IAM Identity Center may assume what the account trusts it with; the trust policy alone decides.
        "identityPolicies": [] if "service" in caller["principal"] else [allow_all],
        "resourcePolicy": trust,
    }
    try:
        return authorise(*parse_question(question)).allowed
    except ComplianceError:
        # A trust policy that cannot be read lets no one in.
        return False


def _name(how: str) -> str:
    return machine_name() if how == "instance" else "person"


def machine_name() -> str:
    """A new machine's id in the form that EC2 gives: `i-` and 17 hexadecimal digits."""
    return f"i-{secrets.token_hex(9)[:17]}"


def _session(account: str, role: str, name: str, now: datetime, tags: dict[str, str]) -> Session:
    return Session(
        access_key="ASIA" + "".join(secrets.choice(_LETTERS) for _ in range(16)),
        secret=secrets.token_urlsafe(30),
        token=secrets.token_urlsafe(96),
        expires=now + LIFETIME,
        issued=now,
        account=account,
        arn=f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
        kind=Kind.ROLE,
        name=role,
        tags=tags,
    )


def _reply(status: int, document: dict[str, str]) -> Response:
    return Response(status, (("content-type", "application/json"),), json.dumps(document).encode())
