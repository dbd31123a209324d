"""Callers: who a verified signature belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """The kind of principal."""

    USER = "user"
    ROLE = "role"
    FEDERATED = "federated-user"
    ROOT = "root"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True)
class Session:
    """Temporary credentials, with all that was fixed when they were issued.

    `policies` are the session policies (JSON texts), `tags` the session's tags with the role's own below them.
    """

    access_key: str
    secret: str
    token: str
    expires: datetime
    issued: datetime
    account: str
    arn: str
    kind: Kind
    name: str
    policies: tuple[str, ...] = ()
    policy_arns: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    transitive_tags: tuple[str, ...] = ()
    source_identity: str | None = None
    mfa: bool = False


@dataclass(frozen=True)
class Caller:
    """Who makes a request.

    Attributes:
        account: the account; empty for an anonymous caller.
        arn: the ARN as `sts:GetCallerIdentity` returns it.
        kind: what sort of principal.
        name: the user's or the role's name.
        access_key: the key that signed.
        session: for temporary credentials.
    """

    account: str
    arn: str
    kind: Kind
    name: str
    access_key: str = ""
    session: Session | None = None


ANONYMOUS = Caller(account="", arn="", kind=Kind.ANONYMOUS, name="")
