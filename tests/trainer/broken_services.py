"""A proxy before the moto server that breaks connections and answers: a cloud on a bad day, over real HTTP."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Judge = Callable[["Asked"], str]
"""What becomes of a request: `pass`, `error` (503), `reset` (no answer), `cut` (half of the answer)."""


@dataclass(frozen=True)
class Asked:
    """One request: its number, the service it goes to, and what it asks for."""

    number: int
    service: str
    method: str
    path: str


class BrokenServices:
    """Forwards to `upstream` what `judge` lets pass."""

    def __init__(self, upstream: str) -> None:
        self.judge: Judge = lambda _: "pass"
        self.asked: list[Asked] = []
        self._upstream = urlsplit(upstream)
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                proxy._serve(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _serve  # noqa: N815 - the server's names

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        target = request.headers.get("X-Amz-Target", "")
        service = "logs" if target.startswith("Logs_") else "kms" if target.startswith("TrentService") else "s3"
        with self._lock:
            asked = Asked(len(self.asked), service, request.command, request.path)
            self.asked.append(asked)
            verdict = self.judge(asked)
        if verdict == "error":
            request.send_response(503)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if verdict == "reset":
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        upstream = http.client.HTTPConnection(self._upstream.hostname or "", self._upstream.port, timeout=120)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "expect"}
        upstream.request(request.command, request.path, body, headers)
        answer = upstream.getresponse()
        content = answer.read()
        request.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}:
                request.send_header(name, value)
        length = answer.getheader("Content-Length") if request.command == "HEAD" else str(len(content))
        request.send_header("Content-Length", length or "0")
        request.end_headers()
        upstream.close()
        if verdict == "cut":
            request.wfile.write(content[: len(content) // 2])
            request.wfile.flush()
            request.close_connection = True
            request.connection.shutdown(socket.SHUT_RDWR)
            return
        if request.command != "HEAD":
            request.wfile.write(content)
