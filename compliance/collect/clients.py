"""The scanner's boto3 clients: one per service and region, made when first needed, used by every thread."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config

from compliance.collect.access import ThreadCredentials

TIMEOUTS = (5.0, 40.0)
"""Seconds for connecting, and for an answer."""


def is_aws(endpoint: str) -> bool:
    """Whether an endpoint is Amazon's own; an empty one means AWS's default endpoints."""
    host = (urlsplit(endpoint).hostname or "").lower()
    return not endpoint or host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


class Clients:
    """Makes clients that do not retry (the engine does) and sign with `credentials`."""

    def __init__(self, credentials: ThreadCredentials, endpoint: str, pool: int) -> None:
        """`endpoint` is a URL, or empty for AWS's own; `pool` is how many connections a client may keep."""
        self._session: Any = botocore.session.Session()
        self._session.register_component("credential_provider", credentials)
        self._endpoint = endpoint or None
        custom = not is_aws(endpoint)
        self._config = Config(
            retries={"total_max_attempts": 1, "mode": "standard"},
            connect_timeout=TIMEOUTS[0],
            read_timeout=TIMEOUTS[1],
            max_pool_connections=pool,
            inject_host_prefix=not custom,
            s3={"addressing_style": "path"} if custom else {},
            user_agent="bulkhead-scan",
        )
        if custom:
            self.events.register("before-sign.s3-control", _without_account_in_host)
        self._made: dict[tuple[str, str], Any] = {}
        self._lock = threading.Lock()

    @property
    def events(self) -> Any:
        """The session's event emitter; handlers registered before the first client see every call."""
        return self._session.get_component("event_emitter")

    def of(self, service: str, region: str) -> Any:
        """The client of a service in a region."""
        made = self._made.get((service, region))
        if made is not None:
            return made
        with self._lock:
            if (service, region) not in self._made:
                self._made[service, region] = self._session.create_client(
                    service, region_name=region, endpoint_url=self._endpoint, config=self._config
                )
            return self._made[service, region]


def _without_account_in_host(request: Any, **_rest: Any) -> None:
    """S3 Control puts the account before the host's name, which an endpoint of one's own does not resolve."""
    account = request.headers.get("x-amz-account-id")
    if account:
        request.url = request.url.replace(f"//{account}.", "//", 1)
