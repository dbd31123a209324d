"""The simulation: accounts queue for workers, calls wait for the token buckets that the collectors use.

Nothing sleeps: time is a number. Sources of the shared quotas: AWS Step Functions "Quotas" (Distributed Map: up to
10,000 child executions at a time, StartExecution buckets); AWS STS "Quotas" (AssumeRole, 600 requests a second per
account and region, shared with everyone in it); AWS Lambda "Quotas" (1,000 concurrent executions by default, growing by
1,000 every 10 seconds, 15 minutes at most); `compliance/collect/rates.py` for the rest.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from compliance.collect.rates import Rate, TokenBucket, rate_of

THREADS = 12
"""Calls at a time in one account: what a scan does."""
PER_CALL = 0.002
"""Processor seconds that a call costs the scanner (docs/benchmarks.md); one processor per worker is assumed."""
STS = Rate(300, 300)
"""What the scanning account may ask STS: half of its quota."""
DOORS = 2
"""Calls to STS before an account is read: the role is assumed, and its session is asked who it is."""


@dataclass
class Clock:
    """Simulated time in seconds."""

    now: float = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


@dataclass(frozen=True)
class Platform:
    """Where workers run.

    Attributes:
        workers: how many accounts are read at a time.
        starts: how fast workers are started: by the second, and at once.
        start_seconds: from asking for a worker to its first call.
        ends_with_account: whether a worker reads one account and ends, instead of going on to the next.
        limit_seconds: after how long a worker is stopped; 0 for never.
    """

    name: str
    workers: int
    starts: Rate
    start_seconds: float
    ends_with_account: bool
    limit_seconds: float = 0.0


STEP_FUNCTIONS = Platform(
    "Step Functions Distributed Map over Lambda",
    1000,
    Rate(100, 1000),
    3.0,
    ends_with_account=True,
    limit_seconds=900.0,
)
KUBERNETES = Platform("Kubernetes jobs, 50 nodes of 20 pods", 1000, Rate(50, 50), 20.0, ends_with_account=False)
ONE_MACHINE = Platform("one machine, 8 accounts at a time", 8, Rate(8, 8), 1.0, ends_with_account=False)
PLATFORMS = (STEP_FUNCTIONS, KUBERNETES, ONE_MACHINE)


@dataclass
class Outcome:
    """What a simulated scan took. Seconds; `waited` is time that calls stood in line for a quota, by API."""

    seconds: float
    calls: Counter[str] = field(default_factory=Counter)
    waited: Counter[str] = field(default_factory=Counter)
    assume_peak: int = 0
    workers: int = 0
    over_limit: int = 0


def account_seconds(calls: Mapping[str, int], latency: float, rates: float = 1.0) -> tuple[float, Counter[str]]:
    """How long one account takes, and how long calls stood in line by API.

    Each API has its own bucket, as in the collectors; `THREADS` calls are under way at a time. `rates` scales every
    quota: what is left of it when others use the API too.
    """
    clock = Clock()
    buckets = {api: TokenBucket(_scaled(rate_of(api), rates), clock) for api in calls}
    threads = [0.0] * THREADS
    waited: Counter[str] = Counter()
    for api in _spread(calls):
        clock.now = max(clock.now, heapq.heappop(threads))
        delay = buckets[api].take()
        waited[api] += delay  # type: ignore[assignment] -- seconds
        heapq.heappush(threads, clock.now + delay + latency)
    return max(*threads, PER_CALL * sum(calls.values())), Counter(
        {api: seconds for api, seconds in waited.items() if seconds}
    )


def _spread(calls: Mapping[str, int]) -> list[str]:
    """The calls in the order in which they come up: one of each API in turn, as answers lead to more."""
    left = dict(calls)
    order = []
    while left:
        for api in list(left):
            order.append(api)
            left[api] -= 1
            if not left[api]:
                del left[api]
    return order


def _scaled(rate: Rate, factor: float) -> Rate:
    return Rate(rate.per_second * factor, max(1.0, rate.burst * factor))


def fleet_seconds(
    accounts: int,
    calls: Mapping[str, int],
    platform: Platform,
    *,
    latency: float = 0.06,
    sts: Rate = STS,
    rates: float = 1.0,
    organisation: Mapping[str, int] | None = None,
) -> Outcome:
    """A scan of a fleet of equal accounts.

    Args:
        accounts: how many.
        calls: calls by API in one account.
        platform: where the workers run.
        latency: seconds from a call to its answer.
        sts: what the scanning account may ask STS.
        rates: what is left of every other quota.
        organisation: calls to Organizations, made once, before the accounts are known.
    """
    lead = account_seconds(organisation, latency, rates)[0] if organisation else 0.0
    each, waited = account_seconds(calls, latency, rates)
    starting, asking = Clock(lead), Clock(lead)
    doors, starts = TokenBucket(sts, asking), TokenBucket(platform.starts, starting)

    def started(moment: float) -> float:
        """When a worker that is asked for at a moment makes its first call."""
        starting.now = max(starting.now, moment)
        return starting.now + starts.take() + platform.start_seconds

    workers = min(platform.workers, accounts)
    ready = [started(lead) for _ in range(workers)]
    heapq.heapify(ready)
    assumed: Counter[int] = Counter()
    over, last = 0, lead
    for _ in range(accounts):
        begins = heapq.heappop(ready)
        asking.now = max(asking.now, begins)
        # The tokens are taken one after the other; whoever finds none waits for his own.
        delay = max(doors.take() for _ in range(DOORS))
        assumed[int(asking.now + delay)] += DOORS
        ends = asking.now + delay + DOORS * latency + each
        over += bool(platform.limit_seconds and ends - begins > platform.limit_seconds)
        heapq.heappush(ready, started(ends) if platform.ends_with_account else ends)
        last = max(last, ends)
    total = Counter({api: number * accounts for api, number in calls.items()})
    total["sts:AssumeRole"] += accounts
    total["sts:GetCallerIdentity"] += accounts
    total.update(organisation or {})
    stood = Counter({api: seconds * accounts for api, seconds in waited.items()})
    return Outcome(last, total, stood, max(assumed.values(), default=0), workers, over)
