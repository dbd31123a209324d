"""Sockets: the main one, the one that counts as plain HTTP, and one for each tenant's VPC."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from localcloud.asgi import Application
from localcloud.backend import Response
from localcloud.errors import LocalCloudError
from localcloud.message import Door, Listener, Message

HOST = "127.0.0.1"


class Ports:
    """Ports by listener name, remembered in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ports: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}

    def bind(self, name: str) -> socket.socket:
        """A bound socket: on the remembered port if it is free, else on a free one.

        Raises:
            LocalCloudError: no port can be bound.
        """
        for port in (self._ports.get(name, 0), 0):
            # asyncio turns Nagle's algorithm off only where the protocol is named; with it each answer waits 40 ms.
            found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                found.bind((HOST, port))
            except OSError:
                found.close()
                continue
            self._ports[name] = found.getsockname()[1]
            self._path.write_text(json.dumps(self._ports, indent=1))
            return found
        raise LocalCloudError(f"No port of {HOST} can be bound; check the limits of this machine")


class Listeners:
    """Runs one uvicorn server per listener in one event loop; networks come and go while it runs."""

    def __init__(self, handle: Callable[[Message], Response], ports: Ports) -> None:
        self._handle = handle
        self._ports = ports
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="gateway")
        self._servers: dict[str, tuple[uvicorn.Server, asyncio.Task[None], int]] = {}

    async def open(self, name: str, listener: Listener) -> int:
        """Start to listen and return the port."""
        if name in self._servers:
            return self._servers[name][2]
        bound = self._ports.bind(name)
        port: int = bound.getsockname()[1]
        config = uvicorn.Config(
            Application(self._handle, listener, self._pool),
            log_level="warning",
            access_log=False,
            lifespan="off",
            # Longer than any client keeps an idle connection, so that no request meets one that is being closed.
            timeout_keep_alive=600,
            server_header=False,
            h11_max_incomplete_event_size=1 << 20,
        )
        server = _Quiet(config)
        task = asyncio.create_task(server.serve(sockets=[bound]))
        self._servers[name] = (server, task, port)
        # uvicorn has no event for this; it takes a few turns of the loop.
        while not server.started and not task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return port

    async def close(self, name: str) -> None:
        """Stop one listener."""
        server, task, _ = self._servers.pop(name)
        server.should_exit = True
        await task

    async def close_all(self) -> None:
        """Stop all listeners."""
        for name in list(self._servers):
            await self.close(name)
        self._pool.shutdown()

    def port(self, name: str) -> int | None:
        """The port of a listener, or None."""
        return self._servers[name][2] if name in self._servers else None

    def networks(self) -> set[str]:
        """Names of the open network listeners."""
        return {name for name in self._servers if name.startswith(f"{Door.NETWORK}:")}


class _Quiet(uvicorn.Server):
    """A server that leaves the process's signals alone: the process runs several and handles them itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture nothing."""
        yield
