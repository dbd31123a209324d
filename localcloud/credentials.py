"""From an access key to the caller: long-term keys live in moto's IAM, temporary ones in a store of our own.

moto issues temporary credentials but forgets session policies and tags, and accepts any token; the store keeps what
AWS keeps.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from typing import Any

from localcloud.accounts import ACCESS_ROLE, Administrators
from localcloud.errors import ApiError
from localcloud.identity import Caller, Kind, Session
from localcloud.sigv4 import Signature


class Credentials:
    """Resolves access keys. Sessions are part of the kept state."""

    def __init__(self, administrators: Administrators) -> None:
        self._administrators = administrators
        self.sessions: dict[str, Session] = {}

    def resolve(self, signature: Signature, now: datetime) -> tuple[Caller, str]:
        """The caller and the secret key that belong to `signature`'s access key; the signature is not checked yet.

        Raises:
            ApiError: unknown or inactive key, missing, wrong or expired session token.
        """
        session = self.sessions.get(signature.access_key)
        if session is not None:
            if signature.token is None or not hmac.compare_digest(session.token, signature.token):
                raise ApiError("InvalidClientTokenId", "The security token included in the request is invalid.")
            if now >= session.expires:
                raise ApiError("ExpiredToken", "The security token included in the request is expired", 403)
            return Caller(
                session.account, session.arn, session.kind, session.name, session.access_key, session
            ), session.secret
        return self._long_term(signature)

    def _long_term(self, signature: Signature) -> tuple[Caller, str]:
        invalid = ApiError("InvalidClientTokenId", "The security token included in the request is invalid.")
        administered = self._administrators.account_of(signature.access_key)
        if administered is not None and signature.token is None:
            # The organisation's policies exempt this role from the guardrails, not from the tenants' locks.
            arn = f"arn:aws:sts::{administered}:assumed-role/{ACCESS_ROLE}/local-administrator"
            caller = Caller(administered, arn, Kind.ROLE, ACCESS_ROLE, signature.access_key)
            return caller, self._administrators.key(administered)[1]
        found = find_access_key(signature.access_key)
        if found is None or signature.token is not None:
            raise invalid
        account, key = found
        if key.status != "Active" or key.user_name is None:
            raise invalid
        from moto.iam.models import iam_backends  # noqa: PLC0415

        user = iam_backends[account]["aws"].users.get(key.user_name)
        if user is None:
            raise invalid
        return Caller(account, user.arn, Kind.USER, user.name, signature.access_key), str(key.secret_access_key)

    def remember(self, session: Session) -> None:
        """Add a session and forget those that expired a day before it was issued."""
        old = [key for key, kept in self.sessions.items() if (session.issued - kept.expires).total_seconds() > 86_400]
        for key in old:
            del self.sessions[key]
        self.sessions[session.access_key] = session


def find_access_key(access_key: str) -> tuple[str, Any] | None:
    """The account and moto's record of a long-term access key."""
    from moto.iam.models import iam_backends  # noqa: PLC0415

    for account, regions in list(iam_backends.items()):
        if "aws" in dict.keys(regions):
            key = regions["aws"].access_keys.get(access_key)
            if key is not None:
                return account, key
    return None
