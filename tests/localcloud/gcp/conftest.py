"""A running Google Cloud half, and Google's own clients pointed at it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from google.oauth2.credentials import Credentials

from localcloud.gcp import control
from localcloud.gcp.places import GcpPlaces
from tests.localcloud.gcp import world
from trainer.google.endpoints import Endpoints


@dataclass(frozen=True)
class Running:
    """The process's status, and what its control addresses give."""

    status: dict[str, Any]
    places: GcpPlaces

    def control(self, path: str, **body: Any) -> dict[str, Any]:
        headers = {"x-bulkhead-token": self.places.token.read_text().strip()}
        request = urllib.request.Request(
            f"{self.status['endpoint']}/_bulkhead/gcp/{path}", json.dumps(body).encode(), headers
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.load(reply)

    def user(self, user: str, *groups: str) -> Credentials:
        return Credentials(token=self.control("tokens", user=user, groups=list(groups))["access_token"])

    def account(self, email: str) -> Credentials:
        return Credentials(token=self.control("tokens", account=email)["access_token"])

    def machine(self, tenant: str, **otherwise: Any) -> dict[str, Any]:
        return self.control("machines", project=f"bh-{tenant}", otherwise=otherwise)

    def endpoints(self, tenant: str | None) -> Endpoints:
        """Addresses from inside a tenant's network, or from the internet."""
        place = self.status["networks"][tenant] if tenant else self.status
        http, kms = place["endpoint"], place["kms"]
        return Endpoints(sts=http, iam_credentials=http, storage=http, kms=kms)

    def decisions(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.places.decisions.read_text().splitlines()]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("gcp")
    places = GcpPlaces(folder / "local")
    status = control.load(places, world.write(folder), world.ORGANISATION, world.DEPLOYER)
    yield Running(status, places)
    control.down(places)


@pytest.fixture(autouse=True)
def _trusts(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", running.status["authority"])
