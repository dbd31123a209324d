"""As whom the trainer asks Google Cloud: for keys an attested machine, for objects the machine's service account.

Google Cloud IAM "Workload identity federation": the attestation token is exchanged at the Security Token Service, where
the provider's attribute condition (the compiled release policy) decides; keys are bound to the identity that results.
Ciphertext needs no attestation: Cloud Storage's policies name the service account that the machine was started with.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from google.auth import compute_engine, identity_pool

from trainer.errors import Reason, TrainerError
from trainer.google.endpoints import Endpoints
from trainer.google.launcher import SOCKET, LauncherTokens

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
SUBJECT_TOKEN = "urn:ietf:params:oauth:token-type:jwt"  # noqa: S105 - a type of token, not a token
_PROVIDER = re.compile(
    r"projects/[0-9]+/locations/global/workloadIdentityPools/[a-z0-9-]{4,32}/providers/[a-z0-9-]{4,32}"
)


def attested_credentials(provider: str, endpoints: Endpoints, service_account: str | None = None) -> Any:
    """Credentials of this machine: its attestation token, exchanged with `provider` whenever a token is needed.

    `provider` is the resource name of a workload identity pool provider. With `service_account` the federated identity
    goes on to act as that account, which needs roles/iam.workloadIdentityUser on it. The launcher's socket is
    BULKHEAD_LAUNCHER_SOCKET, or where Confidential Space puts it.
    """
    if not _PROVIDER.fullmatch(provider):
        raise TrainerError(
            Reason.BAD_JOB,
            f"provider {provider!r}: expected projects/<number>/locations/global/workloadIdentityPools/<pool>/"
            "providers/<provider>",
        )
    socket = Path(os.environ.get("BULKHEAD_LAUNCHER_SOCKET") or SOCKET)
    pool: Any = identity_pool.Credentials
    return pool(
        audience=f"//iam.googleapis.com/{provider}",
        subject_token_type=SUBJECT_TOKEN,
        token_url=endpoints.token_url,
        subject_token_supplier=LauncherTokens(socket),
        service_account_impersonation_url=endpoints.impersonation_url(service_account) if service_account else None,
        scopes=[SCOPE],
    )


def machine_credentials() -> Any:
    """Credentials of the service account that this machine was started with, from its metadata server."""
    made: Any = compute_engine.Credentials
    return made(scopes=[SCOPE])
