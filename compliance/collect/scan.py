"""One scan: enter every account, ask every family, seal the bundle."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from compliance.collect.access import AccessError, Entry, Keys, ThreadCredentials, assumed, stale
from compliance.collect.clients import Clients, is_aws
from compliance.collect.engine import Engine
from compliance.collect.failures import classify
from compliance.collect.families import FAMILIES
from compliance.collect.rates import Buckets
from compliance.collect.redact import redacted
from compliance.collect.request import Family, Place, Request, Where
from compliance.collect.terraform import state_facts
from compliance.facts.bundle import BundleWriter
from compliance.facts.canonical import instant, jsonable
from compliance.facts.fact import Fact, Status

if TYPE_CHECKING:
    from compliance.collect.google.scan import GooglePlan

SESSION = "bulkhead-scan"
NO_QUOTAS = 1000.0


@dataclass(frozen=True)
class Account:
    """An account to read: how it is entered, and in which regions it is read (the first is its home)."""

    entry: Entry
    regions: tuple[str, ...]
    management: bool = False


@dataclass(frozen=True)
class Plan:
    """What to scan, where, and as whom to begin. `endpoint` is empty for AWS's own."""

    accounts: tuple[Account, ...]
    scope: dict[str, Any]
    endpoint: str = ""
    own_keys: Keys | None = None
    tool: dict[str, str] = field(default_factory=lambda: {"name": "bulkhead", "version": "unknown", "rules": "unknown"})
    families: Sequence[Family] = FAMILIES
    workers: int = 12
    terraform: Path | None = None
    google: GooglePlan | None = None


def scan(plan: Plan, folder: Path, *, resume: bool = False, progress: Callable[[Fact], None] | None = None) -> Path:
    """Scans into a new bundle in `folder` and returns the folder.

    Raises:
        AccessError: the endpoint does not answer, or there are no credentials at all.
        BundleError: `folder` holds another bundle.
    """
    credentials = ThreadCredentials()
    clients = Clients(credentials, plan.endpoint, plan.workers)
    with _answers_kept(), BundleWriter(folder, plan.scope, resume=resume) as writer:

        def record(fact: Fact) -> None:
            writer.append(fact)
            if progress is not None:
                progress(fact)

        began = datetime.now(UTC)
        doors = Doors(plan, clients, credentials, record)
        entered = [account for account in plan.accounts if doors.enter(account)]
        buckets = Buckets(scale=1.0 if is_aws(plan.endpoint) else NO_QUOTAS)
        engine = Engine(clients, credentials, doors.keys, record, writer.earlier, plan.workers, buckets)
        engine.run(_work(plan, entered))
        if plan.google is not None:
            # Google's libraries take a fifth of a second and 30 MiB: a scan of AWS alone does without them.
            from compliance.collect.google.scan import collect  # noqa: PLC0415

            collect(plan.google, record)
        if plan.terraform is not None:
            for fact in state_facts(plan.terraform, plan.accounts[0].regions[0], _google_projects(plan.google)):
                record(fact)
        writer.seal(
            {
                "accounts": [*(_described(account, doors) for account in plan.accounts), *_google(plan.google)],
                "began": instant(began),
                "ended": instant(datetime.now(UTC)),
                "caller": doors.scanner,
                "endpoint": plan.endpoint or "https://*.amazonaws.com",
                "local_test_double": not is_aws(plan.endpoint),
                "tool": plan.tool,
            }
        )
    return folder


@contextmanager
def _answers_kept() -> Iterator[None]:
    """Looks for cycles more rarely: answers are trees, and walking them again and again is a tenth of a scan's time."""
    usual = gc.get_threshold()
    gc.set_threshold(50_000, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _work(plan: Plan, accounts: Sequence[Account]) -> Iterator[tuple[Place, Request]]:
    for family in plan.families:
        for account in accounts:
            if family.where is Where.MANAGEMENT and not account.management:
                continue
            regions = account.regions if family.where is Where.EACH_REGION else account.regions[:1]
            for region in regions:
                place = Place(account.entry.account, region)
                for request in family.start(place):
                    yield place, request


def _google_projects(plan: GooglePlan | None) -> dict[str, str]:
    """Numbers by id of the projects that are read."""
    if plan is None:
        return {}
    tenants = [one for one in plan.scope.tenants if plan.only is None or one.id in plan.only]
    return {id_: number for tenant in tenants for number, id_ in tenant.projects.items()}


def _google(plan: GooglePlan | None) -> list[dict[str, Any]]:
    """The organisation and the projects that were read on Google Cloud."""
    if plan is None:
        return []
    from compliance.collect.google.scan import REGION  # noqa: PLC0415 -- see `scan`

    numbers = (plan.scope.organisation, *plan.projects)
    return [
        {"account": number, "caller": plan.caller, "cloud": "gcp", "management": index == 0, "regions": [REGION]}
        for index, number in enumerate(numbers)
    ]


def _described(account: Account, doors: Doors) -> dict[str, Any]:
    worn = doors.worn.get(account.entry.account)
    return {
        "account": account.entry.account,
        "caller": worn.caller if worn else None,
        "management": account.management,
        "regions": list(account.regions),
    }


class Doors:
    """The credentials for each account: assumed when the account is entered, renewed before they end."""

    def __init__(
        self, plan: Plan, clients: Clients, credentials: ThreadCredentials, record: Callable[[Fact], None]
    ) -> None:
        self._plan = plan
        self._clients = clients
        self._credentials = credentials
        self._record = record
        self._lock = threading.Lock()
        self._ways: dict[str, tuple[str, Keys, str]] = {}
        self.worn: dict[str, Keys] = {}
        self.scanner = self._who(plan.own_keys, plan.accounts[0].regions[0])[1] if plan.own_keys else ""

    def enter(self, account: Account) -> bool:
        """Finds a way into the account; every way that is refused is recorded as a fact."""
        entry, region = account.entry, account.regions[0]
        starts = list(dict.fromkeys(keys for keys in (entry.via, self._plan.own_keys, entry.keys) if keys is not None))
        if not starts:
            msg = "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or start the local cloud"
            raise AccessError(msg)
        for role in entry.roles:
            for start in starts:
                if (keys := self._assume(entry.account, role, start, region)) is not None:
                    self.worn[entry.account] = keys
                    self._ways[entry.account] = (role, start, region)
                    return True
        for start in starts:
            own, caller = self._who(start, region)
            if own == entry.account:
                self.worn[entry.account] = Keys(
                    start.access_key_id, start.secret_access_key, start.session_token, caller
                )
                return True
        return False

    def keys(self, account: str) -> Keys:
        """The account's credentials; renewed if they end soon and the role can still be assumed."""
        keys = self.worn[account]
        if stale(keys) and account in self._ways:
            with self._lock:
                if stale(self.worn[account]):
                    self.worn[account] = self._assume(account, *self._ways[account]) or keys
            keys = self.worn[account]
        return keys

    def _assume(self, account: str, role: str, start: Keys, region: str) -> Keys | None:
        params = {"RoleArn": f"arn:aws:iam::{account}:role/{role}", "RoleSessionName": SESSION}
        began = datetime.now(UTC)
        status, response, error, keys = Status.OK, None, None, None
        try:
            with self._credentials.wearing(start):
                answer = self._clients.of("sts", region).assume_role(**params)
            answer.pop("ResponseMetadata", None)
            keys = assumed(answer)
            # An assumed role is only a way in if it works; some endpoints hand out sessions of roles that do not exist.
            if self._who(keys, region)[0] != account:
                keys = None
            response = jsonable(redacted("sts:AssumeRole", answer))
        except (ClientError, BotoCoreError, ResponseParserError, KeyError, ValueError) as problem:
            status, error = classify(problem)
        self._record(
            Fact(
                api="sts:AssumeRole",
                params=params,
                account=account,
                region=region,
                caller=start.caller,
                started=instant(began),
                ended=instant(datetime.now(UTC)),
                status=status,
                response=response,
                error=error,
            )
        )
        return keys

    def _who(self, keys: Keys, region: str) -> tuple[str, str]:
        """Account and ARN of the keys' owner; empty if the endpoint does not accept them.

        Raises:
            AccessError: the endpoint does not answer at all.
        """
        try:
            with self._credentials.wearing(keys):
                answer = self._clients.of("sts", region).get_caller_identity()
            return str(answer["Account"]), str(answer["Arn"])
        except (ClientError, BotoCoreError, ResponseParserError, KeyError, ValueError) as problem:
            status, error = classify(problem)
            if status is Status.FAILED:
                msg = f"{self._plan.endpoint or 'AWS'} does not answer ({error['code']}: {error['message']})"
                raise AccessError(msg) from problem
            return "", ""
