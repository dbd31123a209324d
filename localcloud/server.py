"""The process of the local cloud: `python -m localcloud DIRECTORY`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud import backend
from localcloud.listeners import HOST, Listeners, Ports
from localcloud.message import Door, Listener
from localcloud.places import Places

if TYPE_CHECKING:
    from localcloud.assembly import Cloud


async def serve(places: Places, management_email: str, region: str) -> None:
    """Run until a signal ends it; the state is saved before it returns."""
    backend.prepare()
    from localcloud import assembly  # noqa: PLC0415 - imports moto, which reads its settings then

    places.make()
    cloud = assembly.build(places, management_email)
    listeners = Listeners(cloud.gateway.handle, Ports(places.ports))
    main = await listeners.open(Door.MAIN.value, Listener(Door.MAIN))
    insecure = await listeners.open(Door.INSECURE.value, Listener(Door.INSECURE))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    changed = asyncio.Event()

    def notify() -> None:
        loop.call_soon_threadsafe(changed.set)

    cloud.on_change(notify)
    changed.set()
    while not stop.is_set():
        if changed.is_set():
            changed.clear()
            networks = await _follow_networks(listeners, cloud)
            status = {
                "running": True,
                "test_double": True,
                "pid": os.getpid(),
                "endpoint": f"http://{HOST}:{main}",
                "insecure_endpoint": f"http://{HOST}:{insecure}",
                "region": region,
                "accounts": {
                    account.name: {
                        "id": account.id,
                        "access_key_id": account.access_key_id,
                        "secret_access_key": account.secret_access_key,
                    }
                    for account in cloud.accounts()
                },
                "networks": networks,
            }
            _write(places.status, status)
        _, pending = await asyncio.wait(
            [asyncio.create_task(stop.wait()), asyncio.create_task(changed.wait())], return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
    await listeners.close_all()
    cloud.save_all()
    places.status.unlink(missing_ok=True)


async def _follow_networks(listeners: Listeners, cloud: Cloud) -> dict[str, dict[str, str]]:
    """Open a listener for each tenant's VPC, close those whose VPC is gone; tenant to VPC and endpoint."""
    from localcloud.networks import tenant_networks  # noqa: PLC0415

    with cloud.gateway.lock:
        wanted = tenant_networks()
    found = {}
    for tenant, vpc in wanted.items():
        port = await listeners.open(f"{Door.NETWORK}:{vpc}", Listener(Door.NETWORK, vpc))
        found[tenant] = {"vpc": vpc, "endpoint": f"http://{HOST}:{port}"}
    for name in listeners.networks() - {f"{Door.NETWORK}:{vpc}" for vpc in wanted.values()}:
        await listeners.close(name)
    return found


def _write(path: Path, value: object) -> None:
    """Replace the file in one step; only the owner may read it, for it holds keys."""
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(value, indent=1))
    new.replace(path)


def main() -> None:
    """Entry point of the detached process."""
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s %(levelname)s %(message)s"
    )
    directory, email, region = sys.argv[1:4]
    asyncio.run(serve(Places(Path(directory)), email, region))


if __name__ == "__main__":
    main()
