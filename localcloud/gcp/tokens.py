"""Access tokens: opaque, kept in memory, an hour long at most. A restart ends them all, and clients fetch new ones."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from localcloud.gcp.access import ANONYMOUS, Caller
from localcloud.gcp.errors import Code, GoogleError

LIFETIME = timedelta(hours=1)


@dataclass(frozen=True)
class Issued:
    """A token and whom it stands for."""

    token: str
    caller: Caller
    expires: datetime


class Tokens:
    """Every access token that was handed out."""

    def __init__(self) -> None:
        self._held: dict[str, Issued] = {}
        self._lock = Lock()

    def issue(self, caller: Caller, now: datetime, lifetime: timedelta = LIFETIME) -> Issued:
        """A new token for a caller."""
        issued = Issued(f"ya29.local-{secrets.token_urlsafe(48)}", caller, now + min(lifetime, LIFETIME))
        with self._lock:
            self._held = {token: one for token, one in self._held.items() if one.expires > now}
            self._held[issued.token] = issued
        return issued

    def caller(self, authorization: str, now: datetime) -> Caller:
        """Whom an Authorization header stands for; without one nobody in particular.

        Raises:
            GoogleError: the token is not known or has expired (UNAUTHENTICATED).
        """
        if not authorization:
            return ANONYMOUS
        scheme, _, token = authorization.partition(" ")
        with self._lock:
            issued = self._held.get(token.strip())
        if scheme.lower() != "bearer" or issued is None or issued.expires <= now:
            raise GoogleError(
                Code.UNAUTHENTICATED,
                "Request had invalid authentication credentials. Expected OAuth 2 access token.",
                reason="authError",
            )
        return issued.caller
