"""One request from signature to answer: who, what, whether, and only then moto."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from attestation.certificates import Roots
from attestation.roots import AWS_NITRO
from localcloud import (
    backend,
    caller_identity,
    chunked,
    classify,
    host,
    recipient,
    render,
    s3_operation,
    sessions,
    sigv4,
)
from localcloud.access import Access, Authoriser, Request
from localcloud.backend import Response
from localcloud.context import request_context
from localcloud.credentials import Credentials
from localcloud.decisions import DecisionLog
from localcloud.deployed.resource_policies import bucket_record
from localcloud.errors import ApiError
from localcloud.identity import ANONYMOUS, Caller, Kind
from localcloud.message import Message
from localcloud.networks import Networks
from localcloud.operation import Operation, resolve
from localcloud.releases import Asked, Releases
from localcloud.resources import kms, s3, s3_context, s3_kms
from localcloud.s3_operation import S3Request
from localcloud.services import Service, service_of

_log = logging.getLogger("localcloud.gateway")
# Operations whose names start so change nothing; AWS names read operations consistently.
_READS = (
    "Get",
    "List",
    "Describe",
    "Head",
    "Lookup",
    "Search",
    "Query",
    "Scan",
    "Test",
    "Validate",
    "Decrypt",
    "Encrypt",
)

# Services whose operations change accounts that no parameter names: a new account is one.
_ACROSS_ACCOUNTS = frozenset({"organizations", "ram", "cloudformation"})


class Gateway:
    """Handles requests one at a time: moto's state is not safe for parallel use."""

    def __init__(
        self,
        authoriser: Authoriser,
        credentials: Credentials,
        log: DecisionLog,
        networks: Networks,
        changed: Callable[[frozenset[str], str], None],
    ) -> None:
        self.authoriser = authoriser
        self.credentials = credentials
        self.log = log
        self.networks = networks
        self.changed = changed
        self.host: host.Host | None = None
        self.releases: Releases | None = None
        self.roots: Callable[[], Roots] = lambda: AWS_NITRO
        self.lock = threading.RLock()
        self.clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    def handle(self, message: Message) -> Response:
        """The response to `message`; a refusal has the shape of the protocol that the client speaks."""
        with self.lock:
            if self.host is not None and message.raw_path.startswith(host.PREFIX):
                response = self.host.answer(message, self.clock())
                self.changed(frozenset(), "sts")
                return response
            service: Service | None = None
            try:
                signature = sigv4.parse(message)
                if signature is None:
                    _only_s3_may_be_unsigned(message)
                service = service_of(signature.service if signature else "s3", message)
                return self._answer(message, signature, service)
            except ApiError as error:
                family = render.protocol_family(service.protocol, service.model) if service else _guess_family(message)
                if service is not None and "json" in message.header("content-type") and family in {"query", "ec2"}:
                    family = "json"
                return render.render(error, family, message.method, message.raw_path)

    def _answer(self, message: Message, signature: sigv4.Signature | None, service: Service) -> Response:
        now = self.clock()
        if signature is None:
            caller = ANONYMOUS
        else:
            caller, secret = self.credentials.resolve(signature, now)
            sigv4.verify(message, signature, secret, now)
            message = chunked.unwrap(message, signature, sigv4.signing_key(secret, signature))
        region = signature.region if signature else "us-east-1"
        endpoint = self.networks.endpoint_for(message.listener, service, region)
        context = request_context(message, signature, caller, endpoint, now)
        if service.model == "s3":
            message = s3_operation.path_style(message)
            wanted = s3_operation.parse(message)
            needed = s3.accesses(wanted, message, caller) + s3_kms.accesses(wanted, message, caller, region)
            context |= s3_context.context(wanted, message, now)
            self._authorise(Request(caller, region, needed, context, endpoint), now)
            return self._dispatch_s3(message, service, wanted, needed)
        operation = resolve(service, message, backend.environ_of(message, None))
        needed = classify.accesses(operation, caller, region)
        if service.prefix == "kms":
            to = self._release(Asked(operation, caller, now), Request(caller, region, needed, context, endpoint))
        else:
            to = None
            self._authorise(Request(caller, region, needed, context, endpoint), now)
        response = self._dispatch(message, service, operation, needed, caller)
        return recipient.sealed(response, to) if to is not None else response

    def _release(self, asked: Asked, request: Request) -> recipient.Recipient | None:
        """Authorises a request to KMS; for a tenant's keys the decision is in the release ledger before it counts."""
        subject = self.releases.subject(asked.operation, request.accesses) if self.releases else None
        try:
            asked = replace(asked, to=recipient.of_request(asked.operation, self.roots(), asked.now))
            if asked.to is not None:
                request = replace(request, accesses=recipient.attested(request.accesses, asked.to))
            self._authorise(request, asked.now)
            kms.refuse_another_keys_ciphertext(asked.operation, request.caller, request.region)
        except ApiError as refusal:
            if self.releases and subject:
                self.releases.deny(subject, asked, refusal)
            raise
        if self.releases and subject:
            self.releases.allow(subject, asked)
        return asked.to

    def _authorise(self, request: Request, now: datetime) -> None:
        for access in request.accesses:
            decision = self.authoriser.decide(request, access)
            self.log.record(now, request, access, decision)
            if not decision.allowed:
                raise ApiError("AccessDenied", _message(request.caller, access, decision.reason))

    def _dispatch_s3(
        self, message: Message, service: Service, wanted: S3Request, needed: tuple[Access, ...]
    ) -> Response:
        account = needed[0].account
        message = s3_kms.with_default(wanted, _plain(message))
        response = backend.call(service.backend, backend.environ_of(message, account, "s3.amazonaws.com"))
        if wanted.method not in {"GET", "HEAD"}:
            record = bucket_record(wanted.bucket)
            notifies = record is not None and record.notification_configuration is not None
            # A notification changes queues, topics and functions.
            self.changed(frozenset(access.account for access in needed), "" if notifies else service.prefix)
        return response

    def _dispatch(
        self, message: Message, service: Service, operation: Operation, needed: tuple[Access, ...], caller: Caller
    ) -> Response:
        if service.prefix == "sts" and operation.name == "GetCallerIdentity":
            return caller_identity.answer(caller)
        account = next((access.account for access in needed if access.account), caller.account)
        if operation.name.startswith("AssumeRole"):
            account = caller.account
        response = backend.call(service.backend, backend.environ_of(message, account))
        if response.status == backend.NOT_IMPLEMENTED:
            what = f"{service.prefix}:{operation.name}"
            _log.warning("%s is not in the local cloud: %s", what, response.body.decode("utf-8", "replace"))
            # 400, because clients retry a 5xx for minutes.
            raise ApiError("NotImplemented", f"The local cloud, a test double, does not implement {what}", 400)
        if service.prefix == "sts":
            sessions.remember(operation, caller, response, self.credentials, self.clock())
        if not operation.name.startswith(_READS) or operation.name in sessions.ISSUING:
            touched = frozenset({account, caller.account, *(access.account for access in needed)})
            if service.prefix in _ACROSS_ACCOUNTS or "Peering" in operation.name:
                touched |= backend.accounts()
            self.changed(touched, service.prefix)
        return response


def _plain(message: Message) -> Message:
    """S3's authentication parameters are not for moto, which would read some of them as options."""
    kept = "&".join(part for part in message.raw_query.split("&") if not part.startswith(("X-Amz-", "x-id=")))
    return replace(message, raw_query=kept)


def _only_s3_may_be_unsigned(message: Message) -> None:
    """AWS answers unsigned requests to S3 by the bucket's policy, and no others that this cloud has."""
    form = "x-www-form-urlencoded" in message.header("content-type")
    if (
        message.header("x-amz-target")
        or form
        or "Action" in message.query
        or message.raw_path.startswith("/v20180820/")
    ):
        raise ApiError("MissingAuthenticationToken", "Request is missing Authentication Token")


def _guess_family(message: Message) -> str:
    if message.header("x-amz-target"):
        return "json"
    if "x-www-form-urlencoded" in message.header("content-type") or "Action" in message.query:
        return "query"
    return "s3"


def _message(caller: Caller, access: Access, reason: str) -> str:
    who = "User: anonymous" if caller.kind is Kind.ANONYMOUS else f"User: {caller.arn}"
    on = f" on resource: {access.resource}" if access.resource != "*" else ""
    return f"{who} is not authorized to perform: {access.action}{on} {reason}".rstrip()
