"""What a tenant's data owner does beside sealing: bundles for jobs, exported models, rotation of data-set keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from operations.errors import CommandError, Exit
from operations.local import LocalCloud, session_from
from tenancy.fleet import Fleet
from tenancy.tenant import Tenant

if TYPE_CHECKING:
    from trainer.backends import Backends
    from trainer.ingest.rotate import RotationResult


@contextmanager
def data_owner(cloud: LocalCloud, fleet: Fleet, tenant: Tenant) -> Iterator[Backends]:
    """The tenant's services as its data owner, signed in, sees them from the tenant's own network.

    What the trainer refuses comes out as `CommandError`.
    """
    from trainer.backends import aws_backends  # noqa: PLC0415 - imports boto3
    from trainer.errors import TrainerError  # noqa: PLC0415

    names, network = fleet.names(tenant), cloud.network(tenant.id)
    session = session_from(cloud.session(tenant.id, names.role("data-owner"), "sign-in", network))
    try:
        yield aws_backends(tenant.id, f"cloudwatch:{names.ledger_log_group}", session, network)
    except TrainerError as error:
        raise CommandError(str(error), Exit.FINDINGS) from error


def upload_bundle(cloud: LocalCloud, fleet: Fleet, tenant: Tenant, packed: bytes) -> str:
    """Puts a job's bundle into the tenant's data bucket under its digest; its address.

    Code is not sealed: it is no training data, and its digest in the job is what makes it the right one.
    """
    with data_owner(cloud, fleet, tenant) as backends:
        store = backends.open_store(f"s3://{fleet.names(tenant).bucket('data')}/bundles")
        name = f"{hashlib.sha256(packed).hexdigest()}.zip"
        store.put(name, packed)
        return f"{store.url}/{name}"


def take_model(cloud: LocalCloud, fleet: Fleet, tenant: Tenant, run: str, model: str) -> tuple[dict[str, Any], bytes]:
    """A model's manifest and its weights in clear as one safetensors file.

    Signature, ledger and key are checked, and the use of the key is in the ledger first.
    """
    import safetensors.torch  # noqa: PLC0415

    from trainer.export.model import load_model  # noqa: PLC0415

    with data_owner(cloud, fleet, tenant) as backends:
        url, key = f"s3://{fleet.names(tenant).bucket('model')}", f"alias/{fleet.platform.name}/{tenant.id}/export"
        manifest, weights = load_model(backends, tenant.id, run, model, url, key)
    return manifest.model_dump(mode="json"), bytes(safetensors.torch.save(weights))


def rotate(cloud: LocalCloud, fleet: Fleet, tenant: Tenant, data_set: str, version: str) -> RotationResult:
    """Wraps the data-set keys of a version under the newest material of the tenant's KMS key; data stays as it is."""
    from trainer.ingest.rotate import rotate_data_set  # noqa: PLC0415

    with data_owner(cloud, fleet, tenant) as backends:
        url = f"s3://{fleet.names(tenant).bucket('data')}"
        return rotate_data_set(backends, tenant.id, data_set, version, url)
