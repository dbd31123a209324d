"""The cloud services of one tenant as the trainer uses them: keys, ledger, objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.errors import Reason, TrainerError
from trainer.keys.service import KeyService
from trainer.ledger.file_log import FileLog
from trainer.ledger.records import EventLog
from trainer.store.objects import ObjectStore, open_store

if TYPE_CHECKING:
    import boto3

    from trainer.attest.source import DocumentSource
    from trainer.google.endpoints import Endpoints
    from trainer.job import JobSpec


@dataclass(frozen=True)
class Backends:
    """Key service, ledger and object stores; tests put their own in."""

    keys: KeyService
    log: EventLog
    open_store: Callable[[str], ObjectStore]


def job_backends(job: JobSpec, environment: Mapping[str, str]) -> Backends:
    """The services of the job's cloud as this node: attested as `environment` says on AWS, always attested on GCP."""
    if job.google is None:
        from trainer.attest.source import chosen as attestation  # noqa: PLC0415

        return aws_backends(job.tenant, job.ledger_url, attest=attestation(environment))
    from trainer.google.credentials import attested_credentials, machine_credentials  # noqa: PLC0415 - there only
    from trainer.google.endpoints import from_environment  # noqa: PLC0415

    endpoints = from_environment()
    attested = attested_credentials(job.google.provider, endpoints, job.google.service_account)
    return gcp_backends(job.tenant, job.ledger_url, machine_credentials(), endpoints, attested)


def gcp_backends(
    tenant: str, ledger: str, credentials: Any, endpoints: Endpoints | None = None, attested: Any = None
) -> Backends:
    """The services of Google Cloud that `credentials` (google-auth's) may use; keys with `attested` where it is given.

    `ledger` is `gs://<bucket>/<prefix>`, best a bucket with a locked retention policy, or a `file://` directory.
    """
    from trainer.google.endpoints import Endpoints as Addresses  # noqa: PLC0415 - Google's libraries, only there
    from trainer.keys.gcp_kms import GcpKeyService  # noqa: PLC0415
    from trainer.ledger.gcs_log import ObjectLog  # noqa: PLC0415
    from trainer.store.gcs import GcsStore, storage_client  # noqa: PLC0415

    chosen = endpoints or Addresses()
    client = storage_client(credentials, chosen.storage)

    def opened(url: str) -> ObjectStore:
        return GcsStore(url, client) if url.startswith("gs://") else open_store(url)

    if ledger.startswith("file:///"):
        log: EventLog = FileLog(Path(ledger.removeprefix("file://")), tenant)
    elif ledger.startswith("gs://"):
        log = ObjectLog(GcsStore(ledger, client), tenant)
    else:
        raise TrainerError(Reason.BAD_JOB, f"ledger {ledger!r}: expected gs://<bucket>/<prefix> or file:///<directory>")
    return Backends(keys=GcpKeyService(attested or credentials, chosen.kms), log=log, open_store=opened)


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
