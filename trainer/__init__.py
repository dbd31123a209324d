"""What runs on the node: agent, worker, encrypted data, checkpoints, training, export; and ingest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trainer.backends import Backends
    from trainer.ingest.seal import SealResult
    from trainer.ingest.spec import SealSpec

__all__ = ["seal"]


def seal(
    spec: SealSpec, backends: Backends | None = None, progress: Callable[[int, int], None] | None = None
) -> SealResult:
    """Seals a data set into its tenant's bucket; see `trainer.ingest.seal.seal_data_set`.

    `backends` defaults to AWS with the credentials, region and AWS_ENDPOINT_URL of the environment.
    """
    from trainer.backends import aws_backends  # noqa: PLC0415 - keeps `import trainer` free of I/O and heavy imports
    from trainer.ingest.seal import seal_data_set  # noqa: PLC0415

    return seal_data_set(spec, backends or aws_backends(spec.tenant, spec.ledger_url), progress)
