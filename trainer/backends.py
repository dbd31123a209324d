"""The cloud services of one tenant as the trainer uses them: keys, ledger, objects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.errors import Reason, TrainerError
from trainer.keys.service import KeyService
from trainer.ledger.file_log import FileLog
from trainer.ledger.records import EventLog
from trainer.store.objects import ObjectStore, open_store

if TYPE_CHECKING:
    import boto3

    from trainer.attest.source import DocumentSource


@dataclass(frozen=True)
class Backends:
    """Key service, ledger and object stores; tests put their own in."""

    keys: KeyService
    log: EventLog
    open_store: Callable[[str], ObjectStore]


def aws_backends(
    tenant: str,
    ledger: str,
    session: boto3.Session | None = None,
    endpoint: str | None = None,
    attest: DocumentSource | None = None,
) -> Backends:
    """The services of the AWS account whose credentials `session` (by default the environment) holds.

    `ledger` is `cloudwatch:<log group>` or a `file://` directory. `endpoint` overrides AWS_ENDPOINT_URL. With `attest`
    keys are asked for as a machine that proves what it booted.
    """
    import boto3 as aws  # noqa: PLC0415 - a second of import that the worker must not pay

    from trainer.keys.aws_kms import AwsKeyService  # noqa: PLC0415

    chosen = session or aws.Session()
    return Backends(
        keys=AwsKeyService(chosen, endpoint, attest),
        log=_open_ledger(tenant, ledger, chosen, endpoint),
        open_store=lambda url: open_store(url, chosen, endpoint),
    )


def _open_ledger(tenant: str, ledger: str, session: boto3.Session, endpoint: str | None) -> EventLog:
    from trainer.ledger.cloudwatch import CloudWatchLog  # noqa: PLC0415

    scheme, _, rest = ledger.partition(":")
    if scheme == "cloudwatch" and rest:
        return CloudWatchLog(session, rest, tenant, endpoint)
    if scheme == "file" and rest.startswith("///"):
        return FileLog(Path(rest[2:]), tenant)
    raise TrainerError(Reason.BAD_JOB, f"ledger {ledger!r}: expected cloudwatch:<log group> or file:///<directory>")
