"""The running local cloud as the other commands see it: where it is, whose keys there are, and sessions for roles."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from operations.errors import CommandError
from operations.workspace import Workspace

if TYPE_CHECKING:
    from boto3 import Session

SignIn = Literal["instance", "sign-in"]
PATIENCE = 120
"""Seconds to wait for the local cloud on a busy machine."""


@dataclass(frozen=True)
class LocalCloud:
    """What `bulkhead local status --json` says."""

    status: dict[str, Any]
    token: str
    folder: Path = Path(".bulkhead/local")

    @property
    def ledger(self) -> Path:
        """Folder of the release ledgers."""
        return self.folder / "ledger"

    @property
    def attestation_roots(self) -> Path:
        """Folder of the certificates to which the local cloud's attestation documents lead."""
        return self.folder / "attestation-roots"

    @property
    def endpoint(self) -> str:
        """Address of the main listener."""
        return str(self.status["endpoint"])

    @property
    def region(self) -> str:
        """Region of the local cloud."""
        return str(self.status["region"])

    def network(self, tenant: str) -> str:
        """Address at which a tenant's network reaches the cloud. Raises `CommandError` before it is deployed."""
        network = self.status["networks"].get(tenant)
        if network is None:
            msg = f"{tenant}: has no network on the local cloud. Deploy it first: `bulkhead deploy --tenants {tenant}`"
            raise CommandError(msg)
        return str(network["endpoint"])

    def administrator(self, account: str) -> dict[str, str]:
        """Environment with the platform administrator's credentials for an account (`management`, `audit`, tenant)."""
        held = self.status["accounts"].get(account)
        if held is None:
            known = ", ".join(sorted(self.status["accounts"]))
            msg = f"{account}: there is no such account on the local cloud. There are: {known}"
            raise CommandError(msg)
        return self.environment(held["access_key_id"], held["secret_access_key"], None, self.endpoint)

    def environment(self, key: str, secret: str, token: str | None, endpoint: str) -> dict[str, str]:
        """What an AWS client reads from its environment. Contains no other credential than these."""
        variables = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return variables | ({"AWS_SESSION_TOKEN": token} if token else {})

    def control(self, what: str, body: dict[str, Any]) -> dict[str, Any]:
        """What a control address answers (`sessions`, `machines`). Raises `CommandError` with the refusal's words."""
        headers = {"content-type": "application/json", "x-bulkhead-token": self.token}
        address = f"{self.endpoint}/_bulkhead/{what}"
        request = urllib.request.Request(address, json.dumps(body).encode(), headers)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as reply:  # noqa: S310
                held: dict[str, Any] = json.load(reply)
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:400]
            msg = f"{body.get('account')}: no {what} for role {body.get('role')}: {said}"
            raise CommandError(msg) from error
        return held

    def session(self, account: str, role: str, how: SignIn, endpoint: str) -> dict[str, str]:
        """Environment with a session of `role`, issued as EC2 does for its machines or single sign-on for people."""
        held = self.control("sessions", {"account": account, "role": role, "as": how})
        return self.environment(held["access_key_id"], held["secret_access_key"], held["session_token"], endpoint)


def session_from(environment: dict[str, str]) -> Session:
    """A boto3 session with the credentials of an environment."""
    import boto3  # noqa: PLC0415 - heavy, and most commands do not need it

    return boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        region_name=environment["AWS_REGION"],
    )


def running(ws: Workspace) -> LocalCloud:
    """The local cloud of this checkout. Raises `CommandError` where none runs."""
    folder = ws.hidden / "local"
    try:
        status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
        token = (folder / "token").read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        msg = "the local cloud is not running. Start it with `bulkhead local up`"
        raise CommandError(msg) from error
    return LocalCloud(status, token, folder)
