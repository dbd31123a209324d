"""The agent: has network and credentials, obtains keys, moves ciphertext, keeps the ledger, starts the worker."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.backends import Backends
    from trainer.job import JobResult, JobSpec
    from trainer.nodes.place import NodePlace

__all__ = ["run"]


def run(
    job: JobSpec,
    backends: Backends | None = None,
    event: Callable[[str, dict[str, Any]], None] | None = None,
    place: NodePlace | None = None,
) -> JobResult:
    """Runs one training job; see `trainer.agent.session.run_job`.

    `backends` defaults to those of the job's cloud: on AWS with the credentials, region and AWS_ENDPOINT_URL of the
    environment, attesting as BULKHEAD_ATTESTATION says; on Google Cloud with this machine's attestation. `event` is
    called with a name and JSON values for every step of the way; `place` says which of a job's several nodes this is.
    Raises `TrainerError`.
    """
    from trainer.agent.session import run_job  # noqa: PLC0415 - keeps `import trainer.agent` light
    from trainer.backends import job_backends  # noqa: PLC0415

    chosen = backends or job_backends(job, os.environ)
    return run_job(job, chosen, event or (lambda _name, _values: None), place)
