"""Makes the calls with google-auth, in parallel, and records every answer as a fact.

Keys are asked for through google-cloud-kms over gRPC; everything else through the REST APIs.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.api_core import exceptions as google_errors
from google.auth import exceptions as auth_errors
from google.auth.transport.requests import AuthorizedSession, Request
from requests import exceptions as http_errors

from compliance.collect.google.calls import of_organisation, of_project
from compliance.collect.google.model import Answer, Call
from compliance.facts.canonical import canonical, instant, jsonable
from compliance.facts.fact import Fact, Status
from compliance.facts.google_scope import GoogleScope

ATTEMPTS = 4
FIRST_PAUSE = 0.5
TIMEOUT = 60.0
REGION = "global"
MAX_PAGES = 10_000
_STATUS = {401: Status.DENIED, 403: Status.DENIED, 429: Status.THROTTLED, 501: Status.UNIMPLEMENTED}
KEY = "cloudkms.googleapis.com/CryptoKey"


@dataclass(frozen=True)
class GooglePlan:
    """What to read on Google Cloud, and as whom. Without `endpoint` and `kms` it is Google's own services."""

    scope: GoogleScope
    credentials: Any
    """google-auth's."""
    caller: str
    billing_account: str = ""
    endpoint: str = ""
    kms: str = ""
    only: tuple[str, ...] | None = None
    """Ids of the tenants to read; None for all."""
    workers: int = 8
    pause: Callable[[float], None] = field(default=time.sleep)

    @property
    def projects(self) -> tuple[str, ...]:
        """Numbers of the projects to read: the tenants' and, where its id is known, the platform's own."""
        own = [number for number, id_ in self.scope.projects.items() if id_.endswith("-audit")]
        tenants = [t for t in self.scope.tenants if self.only is None or t.id in self.only]
        return tuple(dict.fromkeys([*own, *(number for tenant in tenants for number in tenant.projects)]))


def collect(plan: GooglePlan, record: Callable[[Fact], None]) -> None:
    """Makes every call and all that follow from their answers; `record` takes each fact, from any thread."""
    work = list(of_organisation(plan.scope, plan.billing_account))
    own = {tenant.project_number for tenant in plan.scope.tenants}
    domain = plan.scope.domain
    work += [call for number in plan.projects for call in of_project(number, domain, machines=number in own)]
    reader = _Reader(plan, record)
    with ThreadPoolExecutor(plan.workers, thread_name_prefix="collect-google") as pool:
        running: set[Future[list[Call]]] = {pool.submit(reader.read, call) for call in work}
        asked = {_question(call) for call in work}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for finished in done:
                # Several answers may lead to the same question; groups may even contain each other.
                for call in finished.result():
                    if _question(call) not in asked:
                        asked.add(_question(call))
                        running.add(pool.submit(reader.read, call))


def _question(call: Call) -> tuple[str, str, bytes]:
    return call.account, call.api, canonical(call.params)


class _Reader:
    def __init__(self, plan: GooglePlan, record: Callable[[Fact], None]) -> None:
        self._plan = plan
        self._record = record
        self._local = threading.local()
        self._lock = threading.Lock()
        self._kms: Any = None

    def read(self, call: Call) -> list[Call]:
        """One call with all its pages; returns what follows."""
        follows: list[Call] = []
        token = ""
        for _ in range(MAX_PAGES):
            params = call.params | ({"pageToken": token} if token else {})
            fact = self._answered(call, params, token)
            self._record(fact)
            if fact.status is not Status.OK:
                break
            answer: Answer = fact.response
            try:
                follows += list(call.then(answer, call.account))
                if call.api == "cloudasset:ListAssets" and params["contentType"] == "RESOURCE":
                    self._keys(answer, call.account)
                token = str(answer.get("nextPageToken") or "")
            except (KeyError, TypeError, AttributeError) as error:
                self._record(
                    _fact(call, params, self._plan.caller, Status.MALFORMED, None, _said("Malformed", repr(error)))
                )
                break
            if not token:
                break
        return follows

    def _answered(self, call: Call, params: dict[str, Any], token: str) -> Fact:
        base = self._plan.endpoint or f"https://{call.service}.googleapis.com"
        query = [*call.query, *([("pageToken", token)] if token else [])]
        status, error, answer = Status.FAILED, None, None
        started = ended = datetime.now(UTC)
        for attempt in range(ATTEMPTS):
            started = datetime.now(UTC)
            try:
                reply = self._session().get(f"{base}{call.path}", params=query, timeout=TIMEOUT)
                ended = datetime.now(UTC)
                status, error, answer = _read(reply)
            except (http_errors.RequestException, auth_errors.GoogleAuthError) as problem:
                ended = datetime.now(UTC)
                status, error = Status.FAILED, _said(type(problem).__name__, str(problem))
                if isinstance(problem, auth_errors.RefreshError):
                    status = Status.DENIED
            if status not in {Status.THROTTLED, Status.FAILED} or (error and error["code"] == "ConnectionError"):
                break
            if attempt + 1 < ATTEMPTS:
                self._plan.pause(FIRST_PAUSE * 2**attempt)
        return _fact(call, params, self._plan.caller, status, answer, error, started, ended)

    def _session(self) -> AuthorizedSession:
        """One session per thread: requests' sessions are not made to be shared."""
        if not hasattr(self._local, "session"):
            made: Any = AuthorizedSession
            self._local.session = made(self._plan.credentials)
        found: AuthorizedSession = self._local.session
        return found

    def _keys(self, answer: Answer, account: str) -> None:
        """Every key as Cloud KMS itself shows it, beside the inventory's copy, with its versions."""
        for asset in answer.get("assets", []):
            if asset["assetType"] == KEY:
                name = str(asset["resource"]["data"]["name"])
                self._from_kms("GetCryptoKey", {"name": name}, account)
                self._from_kms("ListCryptoKeyVersions", {"parent": name}, account)

    def _from_kms(self, operation: str, params: dict[str, Any], account: str) -> None:
        from google.cloud import kms_v1  # noqa: PLC0415 -- half a second that a scan of AWS need not pay

        call = Call(f"cloudkms:{operation}", account, "", params)
        started = datetime.now(UTC)
        status, error, answer = Status.OK, None, None
        try:
            client = self._client(kms_v1)
            if operation == "GetCryptoKey":
                answer = jsonable(_plain(client.get_crypto_key(request=params, timeout=TIMEOUT)))
            else:
                pages = client.list_crypto_key_versions(request=params, timeout=TIMEOUT)
                answer = {"cryptoKeyVersions": [jsonable(_plain(version)) for version in pages]}
        except google_errors.GoogleAPICallError as problem:
            status, error = _refused(problem), _said(type(problem).__name__, problem.message)
        except (auth_errors.GoogleAuthError, google_errors.RetryError) as problem:
            status, error = Status.FAILED, _said(type(problem).__name__, str(problem))
        self._record(_fact(call, params, self._plan.caller, status, answer, error, started, datetime.now(UTC)))

    def _client(self, kms_v1: Any) -> Any:
        with self._lock:
            if self._kms is None:
                if not self._plan.credentials.valid:
                    self._plan.credentials.refresh(Request())
                self._kms = kms_v1.KeyManagementServiceClient(**_at(self._plan))
            return self._kms


def _at(plan: GooglePlan) -> dict[str, Any]:
    """Google's own address, or another with the authority that GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names now.

    gRPC itself reads the variable once, when a process makes its first channel.
    """
    if plan.kms is None:
        return {"credentials": plan.credentials}
    import grpc  # noqa: PLC0415 - only to reach a test double
    from google.cloud.kms_v1.services.key_management_service import transports  # noqa: PLC0415

    roots = os.environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
    trusted = grpc.ssl_channel_credentials(Path(roots).read_bytes() if roots else None)
    made = transports.KeyManagementServiceGrpcTransport
    return {"transport": made(host=plan.kms, credentials=plan.credentials, ssl_channel_credentials=trusted)}


def _plain(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = type(message).to_dict(
        message, use_integers_for_enums=False, preserving_proto_field_name=False
    )
    return found


def _refused(problem: google_errors.GoogleAPICallError) -> Status:
    if isinstance(problem, google_errors.Forbidden | google_errors.Unauthorized):
        return Status.DENIED
    if isinstance(problem, google_errors.TooManyRequests):
        return Status.THROTTLED
    return Status.UNIMPLEMENTED if isinstance(problem, google_errors.MethodNotImplemented) else Status.FAILED


def _read(reply: Any) -> tuple[Status, dict[str, str] | None, Answer | None]:
    """Status, error and answer of an HTTP reply."""
    try:
        document = reply.json()
    except ValueError:
        document = None
    if reply.status_code == 200:
        if isinstance(document, dict):
            return Status.OK, None, document
        return Status.MALFORMED, _said("Malformed", "the answer is not a JSON object"), None
    error = (document or {}).get("error") if isinstance(document, dict) else None
    code = str(error.get("status", reply.status_code)) if isinstance(error, dict) else str(reply.status_code)
    words = str(error.get("message", "")) if isinstance(error, dict) else ""
    return _STATUS.get(reply.status_code, Status.FAILED), _said(code, words), None


def _said(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message[:500]}


def _fact(
    call: Call,
    params: dict[str, Any],
    caller: str,
    status: Status,
    answer: Any,
    error: dict[str, str] | None,
    started: datetime | None = None,
    ended: datetime | None = None,
) -> Fact:
    now = datetime.now(UTC)
    return Fact(
        api=call.api,
        params=params,
        account=call.account,
        region=REGION,
        caller=caller,
        started=instant(started or now),
        ended=instant(ended or now),
        status=status,
        response=answer,
        error=error,
    )
