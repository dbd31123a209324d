"""How fast each API may be asked: one token bucket per account, region and API, which adapts to throttling.

Sources: AWS KMS "Request quotas"; Amazon EC2 "Request throttling for the EC2 API" (unfiltered and unpaginated
describes refill at 10 per second, others at 20); AWS Organizations "Quotas" (a few calls a second per account). Where
AWS publishes nothing the default is one that its own tools use without being throttled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """Calls a second in the long run, and how many at once after a rest."""

    per_second: float
    burst: float


DEFAULT = Rate(20, 40)
BY_SERVICE = {
    "ec2": Rate(10, 50),
    "s3": Rate(200, 400),
    "kms": Rate(200, 400),
    "iam": Rate(15, 30),
    "organizations": Rate(8, 20),
    "logs": Rate(10, 40),
    "service-quotas": Rate(5, 10),
}
BY_API = {
    "kms:ListGrants": Rate(80, 200),
    "kms:ListKeys": Rate(100, 100),
    "kms:ListAliases": Rate(100, 100),
    "iam:GetAccountAuthorizationDetails": Rate(2, 5),
    "logs:DescribeLogGroups": Rate(8, 16),
    "cloudtrail:LookupEvents": Rate(2, 2),
}


def rate_of(api: str) -> Rate:
    """The rate of an API, from the narrowest entry that names it."""
    return BY_API.get(api) or BY_SERVICE.get(api.partition(":")[0], DEFAULT)


class TokenBucket:
    """A token bucket whose rate halves when the service throttles and recovers by a tenth of the full rate a second."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._full = rate.per_second
        self._rate = rate.per_second
        self._burst = rate.burst
        self._tokens = rate.burst
        self._clock = clock
        self._last = clock()
        self._lock = threading.Lock()

    def take(self) -> float:
        """Takes a token and returns for how many seconds the caller has to wait before using it."""
        with self._lock:
            now = self._clock()
            elapsed, self._last = now - self._last, now
            self._rate = min(self._full, self._rate + elapsed * self._full / 10)
            self._tokens = min(self._burst, self._tokens + elapsed * self._rate) - 1
            return max(0.0, -self._tokens / self._rate)

    def throttled(self) -> None:
        """The service refused: half the rate, and no burst left."""
        with self._lock:
            self._rate = max(self._full / 64, self._rate / 2)
            self._tokens = min(self._tokens, 0.0)


class Buckets:
    """The bucket of each (account, region, API), made when first asked for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, scale: float = 1.0) -> None:
        """`scale` multiplies every rate: an endpoint that is not AWS has no AWS quotas."""
        self._clock = clock
        self._scale = scale
        self._buckets: dict[tuple[str, str, str], TokenBucket] = {}
        self._lock = threading.Lock()

    def of(self, account: str, region: str, api: str) -> TokenBucket:
        """The bucket of an API in an account and region."""
        key = (account, region, api)
        with self._lock:
            if key not in self._buckets:
                self._buckets[key] = TokenBucket(self._rate(api), self._clock)
            return self._buckets[key]

    def _rate(self, api: str) -> Rate:
        rate = rate_of(api)
        return Rate(rate.per_second * self._scale, rate.burst * self._scale)
