"""Makes the calls that collectors ask for, in parallel by account, region and service, and records every answer."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from botocore.parsers import ResponseParserError

from compliance.collect.access import Keys, ThreadCredentials
from compliance.collect.clients import Clients
from compliance.collect.failures import PASSING, classify
from compliance.collect.pages import PageError, paging_of
from compliance.collect.rates import Buckets
from compliance.collect.redact import redacted
from compliance.collect.request import Answer, Place, Request
from compliance.facts.canonical import digest, instant, jsonable
from compliance.facts.fact import Fact, Status

ATTEMPTS = 4
FIRST_PAUSE = 0.1
MAX_PAGES = 2_000
"""Pages after which a list is taken for one that never ends; IAM's own would hold 200,000 principals by then."""
MAX_POLLS = 20
IN_FLIGHT = 2
"""Requests handed to the pool at a time, for each worker: none waits for work, and none looks through a long list."""
OPENINGS = 2
"""First requests of a family under way while others wait: each may have to make a client, one after the other."""

ODD = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What botocore's parsers raise over an answer that is not of the model's form."""

Recorder = Callable[[Fact], None]
Earlier = Mapping[tuple[str, str, str, str], Fact]


@dataclass
class Engine:
    """Runs requests. `keys_of` gives the credentials for an account, `record` takes each fact, from any thread."""

    clients: Clients
    credentials: ThreadCredentials
    keys_of: Callable[[str], Keys]
    record: Recorder
    earlier: Earlier = field(default_factory=dict)
    workers: int = 8
    buckets: Buckets = field(default_factory=Buckets)
    pause: Callable[[float], None] = time.sleep
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self, work: Iterable[tuple[Place, Request]]) -> None:
        """Makes every request and all that follow from their answers; returns when nothing is left to ask."""
        fresh, waiting = iter(work), deque[tuple[Place, Request]]()
        running: dict[Future[list[tuple[Place, Request]]], bool] = {}
        finished: SimpleQueue[Future[list[tuple[Place, Request]]]] = SimpleQueue()
        with ThreadPoolExecutor(self.workers, thread_name_prefix="collect") as pool:
            try:
                while True:
                    while len(running) < IN_FLIGHT * self.workers:
                        # What follows goes first: its client is made already, and making one keeps all others out.
                        opening = sum(running.values()) < OPENINGS or not waiting
                        begun = next(fresh, None) if opening else None
                        asked = begun or (waiting.popleft() if waiting else None)
                        if asked is None:
                            break
                        handed = pool.submit(self._one, *asked)
                        running[handed] = begun is not None
                        handed.add_done_callback(finished.put)
                    if not running:
                        return
                    done = finished.get()
                    del running[done]
                    waiting.extend(done.result())
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, place: Place, request: Request) -> list[tuple[Place, Request]]:
        """One request with all its pages; returns what follows."""
        if self._stop.is_set():
            return []
        if request.region:
            place = replace(place, region=request.region)
        client = self.clients.of(request.service, place.region)
        paging = paging_of(request.service, request.operation, client)
        params: dict[str, Any] | None = dict(request.params)
        follows: list[tuple[Place, Request]] = []
        asked: set[str] = set()
        for page in range(1, (request.pages or MAX_PAGES) + 1):
            assert params is not None
            asked.add(digest(jsonable(params)))
            fact, answer = self._answered(client, place, request, params)
            if answer is None:
                break
            try:
                following = paging.next_params(params, answer)
                follows += [(place, next_) for next_ in request.then(answer, place)]
                _expect_an_end(following, asked, page)
            except (PageError, LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
                self.record(_malformed(fact, f"{type(error).__name__}: {error}"))
                break
            if following is None:
                break
            params = following
        return follows

    def _answered(
        self, client: Any, place: Place, request: Request, params: dict[str, Any]
    ) -> tuple[Fact, Answer | None]:
        """The fact of one page, recorded, and its answer if it is whole; from the earlier scan if that has it."""
        blank = Fact(request.api, jsonable(params), place.account, place.region, "", "", "", Status.OK)
        known = self.earlier.get(blank.key)
        if known is not None:
            return known, known.response if known.status is Status.OK else None
        for poll in range(MAX_POLLS):
            fact, answer = self._called(client, place, request, params)
            if answer is None or request.until is None or request.until(answer):
                break
            self.pause(min(0.2 * 2**poll, 5.0))
        if answer is not None and (lacking := [name for name in request.expects if name not in answer]):
            fact = _malformed(fact, f"the answer lacks {', '.join(lacking)}")
            answer = None
        self.record(fact)
        return fact, answer

    def _called(
        self, client: Any, place: Place, request: Request, params: dict[str, Any]
    ) -> tuple[Fact, Answer | None]:
        bucket = self.buckets.of(place.account, place.region, request.api)
        keys = self.keys_of(place.account)
        status, error, answer, request_id = Status.FAILED, None, None, ""
        started = ended = datetime.now(UTC)
        for attempt in range(ATTEMPTS):
            if (delay := bucket.take()) > 0:
                self.pause(delay)
            started = datetime.now(UTC)
            try:
                with self.credentials.wearing(keys):
                    raw = getattr(client, xform_name(request.operation))(**params)
                ended = datetime.now(UTC)
                request_id = str(raw.pop("ResponseMetadata", {}).get("RequestId", ""))
                status, error, answer = Status.OK, None, jsonable(redacted(request.api, raw))
                break
            except (ClientError, BotoCoreError, ResponseParserError, *ODD) as problem:
                ended = datetime.now(UTC)
                status, error = classify(problem)
                if error["code"] in request.absent:
                    status = Status.ABSENT
                if status is Status.THROTTLED:
                    bucket.throttled()
                if status not in PASSING or isinstance(problem, EndpointConnectionError):
                    break
            if attempt + 1 < ATTEMPTS:
                self.pause(FIRST_PAUSE * 2**attempt)
        fact = Fact(
            api=request.api,
            params=jsonable(params),
            account=place.account,
            region=place.region,
            caller=keys.caller,
            started=instant(started),
            ended=instant(ended),
            status=status,
            response=answer,
            error=error,
            request_id=request_id,
        )
        return fact, answer


def _expect_an_end(following: dict[str, Any] | None, asked: set[str], page: int) -> None:
    """Raises `PageError` if the next page was asked for before, or if there are too many to believe in an end."""
    if following is None:
        return
    if digest(jsonable(following)) in asked:
        msg = "the token for the next page is one that was used before"
        raise PageError(msg)
    if page == MAX_PAGES:
        msg = f"more than {MAX_PAGES} pages"
        raise PageError(msg)


def _malformed(fact: Fact, why: str) -> Fact:
    return Fact(
        api=fact.api,
        params=fact.params,
        account=fact.account,
        region=fact.region,
        caller=fact.caller,
        started=fact.started,
        ended=fact.ended,
        status=Status.MALFORMED,
        response=fact.response,
        error={"code": "Malformed", "message": why[:500]},
        request_id=fact.request_id,
    )
