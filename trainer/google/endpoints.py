"""Where Google's services answer: Google's own addresses, or those that the environment names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoints:
    """Addresses that replace Google's own; None leaves a client with what it knows.

    A Confidential Space machine cannot be talked into others: variables of its environment are claims of its
    attestation token (`env_override`), and the release policy's condition refuses a token that has any.
    """

    sts: str | None = None
    """Security Token Service, `http://127.0.0.1:9000`."""
    iam_credentials: str | None = None
    """IAM Service Account Credentials API."""
    storage: str | None = None
    """Cloud Storage's JSON API."""
    kms: str | None = None
    """Cloud KMS over gRPC with TLS, `localhost:9001`; its authority is in GRPC_DEFAULT_SSL_ROOTS_FILE_PATH."""

    @property
    def token_url(self) -> str:
        """Where tokens are exchanged (RFC 8693)."""
        return f"{self.sts or 'https://sts.googleapis.com'}/v1/token"

    def impersonation_url(self, account: str) -> str:
        """Where access tokens of a service account are asked for."""
        base = self.iam_credentials or "https://iamcredentials.googleapis.com"
        return f"{base}/v1/projects/-/serviceAccounts/{account}:generateAccessToken"


def from_environment(environment: Mapping[str, str] | None = None) -> Endpoints:
    """Endpoints as BULKHEAD_GCP_ENDPOINT (all that speak HTTP) and BULKHEAD_GCP_KMS (gRPC) name them."""
    given = os.environ if environment is None else environment
    http = given.get("BULKHEAD_GCP_ENDPOINT") or None
    return Endpoints(sts=http, iam_credentials=http, storage=http, kms=given.get("BULKHEAD_GCP_KMS") or None)
