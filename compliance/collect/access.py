"""As whom each account is read: given credentials, or an auditor role that is assumed.

One client per service and region serves every account: botocore asks the credentials object at each signature, and
this one answers with the credentials of the account that the current thread is reading.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.credentials import ReadOnlyCredentials

REFRESH_BEFORE = 300.0
"""Seconds before their end at which assumed credentials are renewed."""


class AccessError(Exception):
    """No credentials to begin with; the message says what to set."""


@dataclass(frozen=True)
class Keys:
    """Credentials, and when they end (seconds since the epoch; None for never)."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    caller: str = ""
    ends: float | None = None


@dataclass(frozen=True)
class Entry:
    """How to enter one account.

    Each role in turn is assumed with `via` (keys of the audit account, say), then the scanner's own, then `keys`;
    without a role that works, `keys` and the scanner's own are used if they belong to the account.
    """

    account: str
    roles: tuple[str, ...] = ()
    keys: Keys | None = None
    via: Keys | None = None


class ThreadCredentials:
    """What botocore takes for credentials: those that the current thread has put on."""

    method = "bulkhead-scan"
    account_id = None

    def __init__(self) -> None:
        self._worn = threading.local()

    @contextmanager
    def wearing(self, keys: Keys) -> Iterator[None]:
        """Signs with these keys in this thread, for as long as the context lasts."""
        before = getattr(self._worn, "keys", None)
        self._worn.keys = keys
        try:
            yield
        finally:
            self._worn.keys = before

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        """The keys of the current thread, as botocore reads them."""
        keys = self._keys()
        return ReadOnlyCredentials(keys.access_key_id, keys.secret_access_key, keys.session_token, None)

    @property
    def access_key(self) -> str:
        """The current access key id."""
        return self._keys().access_key_id

    @property
    def secret_key(self) -> str:
        """The current secret."""
        return self._keys().secret_access_key

    @property
    def token(self) -> str | None:
        """The current session token."""
        return self._keys().session_token

    def get_deferred_property(self, _name: str) -> Callable[[], None]:
        """Botocore asks for an account id to build some endpoints from; none of those is used here."""
        return lambda: None

    def load_credentials(self) -> ThreadCredentials:
        """Stands in for botocore's chain of credential providers."""
        return self

    def _keys(self) -> Keys:
        keys = getattr(self._worn, "keys", None)
        if keys is None:
            msg = "a call was signed outside `wearing`"
            raise AccessError(msg)
        return keys  # type: ignore[no-any-return]


def assumed(answer: dict[str, Any]) -> Keys:
    """The keys in an answer of `sts:AssumeRole`."""
    given = answer["Credentials"]
    return Keys(
        access_key_id=given["AccessKeyId"],
        secret_access_key=given["SecretAccessKey"],
        session_token=given["SessionToken"],
        caller=answer["AssumedRoleUser"]["Arn"],
        ends=given["Expiration"].timestamp(),
    )


def stale(keys: Keys) -> bool:
    """Whether the keys end soon."""
    return keys.ends is not None and keys.ends - time.time() < REFRESH_BEFORE
