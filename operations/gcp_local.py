"""The Google Cloud half of the local cloud as the other commands see it: where it is, sign-in, machines.

What is deployed there is the synthesised configuration, loaded as if applied: no Terraform applied it.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localcloud.errors import LocalCloudError
from localcloud.gcp import control
from localcloud.gcp.places import GcpPlaces
from operations.errors import CommandError, Exit
from operations.workspace import Workspace

if TYPE_CHECKING:
    from tenancy.fleet import Fleet
    from trainer.google.endpoints import Endpoints

LOADED = "loaded into the local cloud as if applied; not applied by Terraform"
"""What has happened to the stacks on Google Cloud, in words for every report."""


@dataclass(frozen=True)
class GcpCloud:
    """What the process says of itself, and the token of its control addresses."""

    status: dict[str, Any]
    token: str

    def network(self, tenant: str) -> dict[str, str]:
        """A tenant's network: `endpoint` (HTTP) and `kms` (gRPC). Raises `CommandError` where it has none."""
        found: dict[str, str] | None = self.status["networks"].get(tenant)
        if found is None:
            known = ", ".join(self.status["networks"]) or "none"
            msg = f"{tenant}: has no network on the local Google Cloud ({known}). Run `bulkhead local gcp load`"
            raise CommandError(msg)
        return found

    def endpoints(self, tenant: str | None) -> Endpoints:
        """Addresses from inside a tenant's network; from the internet for None."""
        from trainer.google.endpoints import Endpoints as Addresses  # noqa: PLC0415 -- quick start

        place: Mapping[str, Any] = self.network(tenant) if tenant else self.status
        http = str(place["endpoint"])
        return Addresses(sts=http, iam_credentials=http, storage=http, kms=str(place["kms"]))

    def user(self, address: str, groups: Sequence[str]) -> str:
        """An access token of a person, as signing in with Google gives it."""
        return str(self._control("tokens", user=address, groups=list(groups))["access_token"])

    def account(self, address: str) -> str:
        """An access token of a service account, as the machine it is attached to gets it."""
        return str(self._control("tokens", account=address)["access_token"])

    def machine(self, project: str, **otherwise: Any) -> dict[str, str]:
        """Starts a machine of a project's instance template, or one that differs from it."""
        return {
            key: str(value) for key, value in self._control("machines", project=project, otherwise=otherwise).items()
        }

    def environment(self, tenant: str, machine: Mapping[str, str]) -> dict[str, str]:
        """What a process on a tenant's machine finds in its environment. Contains no credential."""
        place = self.network(tenant)
        return {
            "BULKHEAD_GCP_ENDPOINT": place["endpoint"],
            "BULKHEAD_GCP_KMS": place["kms"],
            "BULKHEAD_LAUNCHER_SOCKET": machine["launcher"],
            "GCE_METADATA_HOST": machine["metadata"],
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(self.status["authority"]),
        }

    def _control(self, path: str, **body: Any) -> dict[str, Any]:
        headers = {"content-type": "application/json", "x-bulkhead-token": self.token}
        url = f"{self.status['endpoint']}/_bulkhead/gcp/{path}"
        request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:  # noqa: S310
                found: dict[str, Any] = json.load(reply)
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:600]
            raise CommandError(f"the local Google Cloud refused {path}: {said}", Exit.FINDINGS) from error
        return found


def places(ws: Workspace) -> GcpPlaces:
    """Where this checkout's local Google Cloud keeps its files."""
    return GcpPlaces(ws.hidden / "local")


def load(ws: Workspace, fleet: Fleet, stacks: Mapping[str, Path]) -> GcpCloud:
    """Takes synthesised stacks (`cdk.tf.json` by name) for what is deployed. Raises `CommandError`."""
    try:
        control.load(places(ws), stacks, fleet.google.id, fleet.google.deployer)
    except LocalCloudError as error:
        raise CommandError(str(error), Exit.INDETERMINATE) from error
    return running(ws)


def running(ws: Workspace) -> GcpCloud:
    """The local Google Cloud of this checkout. Raises `CommandError` where none runs."""
    return running_at(places(ws))


def running_at(found: GcpPlaces) -> GcpCloud:
    """The local Google Cloud with these files. Raises `CommandError` where none runs."""
    try:
        status = control.status(found)
    except LocalCloudError as error:
        raise CommandError(str(error), Exit.INDETERMINATE) from error
    if not status["running"]:
        msg = "the local Google Cloud is not running. Load the stacks with `bulkhead local gcp load`"
        raise CommandError(msg)
    return GcpCloud(status, found.token.read_text(encoding="utf-8").strip())
