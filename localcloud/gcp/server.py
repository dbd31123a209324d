"""The process: `python -m localcloud.gcp DIRECTORY`. HTTP and gRPC for the internet and for each tenant's network."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from localcloud.gcp import cloud as clouds
from localcloud.gcp.access import Origin
from localcloud.gcp.authority import certificate
from localcloud.gcp.places import GcpPlaces
from localcloud.gcp.rpc import RpcServer
from localcloud.listeners import HOST, Listeners, Ports
from localcloud.message import Door, Listener

LOADED = "loaded from the synthesised configuration as if applied; nothing was applied by Terraform"


async def serve(places: GcpPlaces) -> None:
    """Runs until a signal ends it."""
    cloud = clouds.build(places)
    listeners = Listeners(cloud.handle, Ports(places.ports))
    rpc = _Rpc(cloud, places)
    endpoints: dict[Origin, str] = {}
    main = await listeners.open("main", Listener(Door.MAIN))
    status: dict[str, Any] = {
        "running": True,
        "test_double": True,
        "state": LOADED,
        "pid": os.getpid(),
        "endpoint": f"http://{HOST}:{main}",
        "kms": rpc.open("main", cloud.origin(None)),
        "authority": str(places.authority.resolve()),
        "organisation": cloud.deployed.organisation,
        "resources": len(cloud.deployed.assets),
        "not_modelled": cloud.deployed.not_modelled,
        "networks": {},
    }
    for tenant, network in cloud.networks().items():
        port = await listeners.open(f"{Door.NETWORK}:{network}", Listener(Door.NETWORK, network))
        address = f"http://{HOST}:{port}"
        endpoints[cloud.origin(network)] = address
        kms = rpc.open(f"network:{network}", cloud.origin(network))
        project = cloud.deployed.assets[cloud.deployed.assets[network].parent].data["projectId"]
        status["networks"][tenant] = {"network": network, "project": project, "endpoint": address, "kms": kms}
    if (audit := cloud.audit_project()) is not None:
        port = await listeners.open(f"{Door.NETWORK}:{audit}", Listener(Door.NETWORK, audit))
        status["audit"] = {
            "project": cloud.deployed.assets[audit].data["projectId"],
            "endpoint": f"http://{HOST}:{port}",
            "kms": rpc.open(f"project:{audit}", cloud.origin(audit)),
        }
    cloud.endpoint_of = lambda origin: _same_project(endpoints, origin)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    _write(places.status, status)
    await stop.wait()
    await listeners.close_all()
    rpc.close()
    cloud.machines.close()
    places.status.unlink(missing_ok=True)


def _same_project(endpoints: dict[Origin, str], origin: Origin) -> str | None:
    return next((address for known, address in endpoints.items() if known == origin), None)


class _Rpc:
    """The gRPC listeners, on the ports of the last run where they are free."""

    def __init__(self, cloud: clouds.GoogleCloud, places: GcpPlaces) -> None:
        self._cloud = cloud
        self._certificate = certificate(places.folder, places.authority)
        self._pool = ThreadPoolExecutor(16, thread_name_prefix="kms")
        self._path = places.folder / "rpc-ports.json"
        self._ports: dict[str, int] = json.loads(self._path.read_text()) if self._path.exists() else {}
        self._servers: list[RpcServer] = []

    def open(self, name: str, origin: Origin) -> str:
        """Starts a listener; its address."""
        server = RpcServer(self._cloud.kms.methods(), self._cloud.tokens, origin, self._certificate, self._pool)
        self._ports[name] = server.start(self._ports.get(name, 0))
        self._path.write_text(json.dumps(self._ports))
        self._servers.append(server)
        return f"localhost:{self._ports[name]}"

    def close(self) -> None:
        """Stops every listener."""
        for server in self._servers:
            server.stop()
        self._pool.shutdown()


def _write(path: Path, value: object) -> None:
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(value, indent=1))
    new.replace(path)


def main() -> None:
    """Entry point of the detached process."""
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    asyncio.run(serve(GcpPlaces(Path(sys.argv[1]))))
