"""Sealing data and training for a tenant on Google Cloud, each as the identity that Google Cloud would give."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from operations.gcp_local import GcpCloud
from tenancy.fleet import Fleet
from tenancy.names import WORKLOAD_PROVIDER
from tenancy.tenant import Tenant

if TYPE_CHECKING:
    from trainer.backends import Backends

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def place(fleet: Fleet, tenant: Tenant, *, local: bool) -> dict[str, str]:
    """The job's `google` part: the tenant's key ring and the provider that takes attestation tokens."""
    names = fleet.gcp_names(tenant)
    number = fleet.key_project_number(tenant, local=local)
    pool = f"projects/{number}/locations/global/workloadIdentityPools/{names.pool}"
    ring = names.key(tenant.region, "data").rpartition("/cryptoKeys/")[0]
    return {"key_ring": ring, "provider": f"{pool}/providers/{WORKLOAD_PROVIDER}"}


def seal_fields(fleet: Fleet, tenant: Tenant) -> dict[str, str]:
    """What a seal document says otherwise than on AWS: bucket, key and ledger."""
    names = fleet.gcp_names(tenant)
    return {
        "url": f"gs://{names.bucket('data')}",
        "kms_key": names.key(tenant.region, "data"),
        "ledger": f"gs://{names.ledger_bucket}",
    }


def data_owner(cloud: GcpCloud, fleet: Fleet, tenant: Tenant, ledger: str) -> Backends:
    """The tenant's services as one of its data owners sees them: signed in, and acting as the role's account.

    Person and group are the double's own; whether the group may act as the account is the deployed policy's to say.
    """
    from google.auth import impersonated_credentials  # noqa: PLC0415 -- quick start
    from google.oauth2.credentials import Credentials  # noqa: PLC0415

    from trainer.backends import gcp_backends  # noqa: PLC0415

    names, domain = fleet.gcp_names(tenant), fleet.google.domain
    token = cloud.user(f"owner-of-{tenant.id}@{domain}", [f"{names.prefix}-data-owners@{domain}"])
    endpoints = cloud.endpoints(tenant.id)
    account = names.account_email("data-owner")
    signed_in: Any = Credentials
    acting: Any = impersonated_credentials.Credentials
    credentials = acting(
        source_credentials=signed_in(token=token),
        target_principal=account,
        target_scopes=[SCOPE],
        iam_endpoint_override=endpoints.impersonation_url(account),
    )
    # gRPC reads it when the first channel is made.
    os.environ["GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"] = str(cloud.status["authority"])
    return gcp_backends(tenant.id, ledger, credentials, endpoints)


def job_on_google(fleet: Fleet, tenant: Tenant, job: Mapping[str, Any], *, local: bool) -> dict[str, Any]:
    """The job document with the tenant's place on Google Cloud filled in, unless it names one."""
    given = job.get("google")
    return {**job, "platform": fleet.platform.name, "google": given or place(fleet, tenant, local=local)}


def node_environment(cloud: GcpCloud, fleet: Fleet, tenant: Tenant) -> dict[str, str]:
    """Starts a machine of the tenant and gives what its process finds in the environment."""
    machine = cloud.machine(fleet.gcp_names(tenant).project)
    return cloud.environment(tenant.id, machine)
