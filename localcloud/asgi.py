"""The ASGI side: reads a request whole, hands it to the gateway in a thread, writes the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from localcloud.backend import Response
from localcloud.message import Listener, Message

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
# Headers that belong to one hop or that the server writes itself.
_OWN_HEADERS = frozenset({"content-length", "transfer-encoding", "connection", "date", "server", "keep-alive"})


class Application:
    """An ASGI application for one listener."""

    def __init__(self, handle: Callable[[Message], Response], listener: Listener, pool: ThreadPoolExecutor) -> None:
        self._handle = handle
        self._listener = listener
        self._pool = pool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        body = await _read(receive)
        raw_path = _origin_form(scope.get("raw_path") or scope["path"].encode())
        message = Message(
            method=scope["method"].upper(),
            raw_path=raw_path.decode("latin-1"),
            raw_query=scope["query_string"].decode("latin-1"),
            headers=tuple((name.decode("latin-1").lower(), _text(value)) for name, value in scope["headers"]),
            body=body,
            listener=self._listener,
            client=scope["client"][0] if scope.get("client") else "127.0.0.1",
        )
        response = await asyncio.get_running_loop().run_in_executor(self._pool, self._handle, message)
        await _write(response, message.method, send)


def _origin_form(target: bytes) -> bytes:
    """The path of a request target; a client that uses this listener as its HTTP proxy sends the whole URL."""
    if target.startswith(b"http://"):
        _, slash, path = target.removeprefix(b"http://").partition(b"/")
        return slash + path or b"/"
    return target


def _text(value: bytes) -> str:
    return value.decode("latin-1")


async def _read(receive: Receive) -> bytes:
    pieces = []
    while True:
        event = await receive()
        pieces.append(event.get("body", b""))
        if not event.get("more_body") or event["type"] == "http.disconnect":
            return b"".join(pieces)


async def _write(response: Response, method: str, send: Send) -> None:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in response.headers
        if name not in _OWN_HEADERS
    ]
    # A HEAD answer states the length of the body that it leaves out.
    length = next((value for name, value in response.headers if name == "content-length"), None)
    size = length if method == "HEAD" and length is not None else str(len(response.body))
    if response.status not in {204, 304}:
        headers.append((b"content-length", size.encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else response.body})
