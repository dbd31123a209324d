"""moto in this process, called as the WSGI application of the service that was authorised.

The account is given by a header that only the gateway can set; moto's own guess from the access key is never used.
"""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from localcloud.message import Message

if TYPE_CHECKING:
    from flask import Flask

_log = logging.getLogger("localcloud.backend")
NOT_IMPLEMENTED = 501
_ACCOUNT_HEADER = "x-moto-account-id"
# Read by moto when it is imported, so set before.
_SETTINGS = {
    "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true",
    "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(64 * 1024 * 1024),
    "MOTO_DISABLE_GLOBAL_CORS": "true",
    "TEST_SERVER_MODE": "true",
    # The default images are a megabyte of state that no stack here uses.
    "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
}


@dataclass(frozen=True)
class Response:
    """An HTTP response."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def prepare() -> None:
    """Set what moto reads from the environment at import; call before anything imports moto."""
    os.environ.update(_SETTINGS)
    for name in ("MOTO_ACCOUNT_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        os.environ.pop(name, None)


def environ_of(message: Message, account: str | None, host: str = "") -> dict[str, Any]:
    """The WSGI environment of `message`, acting in `account`.

    Args:
        message: the request, its body plain.
        account: the account whose state is used, or None where nothing is dispatched yet.
        host: replaces the request's host.
    """
    environ: dict[str, Any] = {
        "REQUEST_METHOD": message.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(message.raw_path).decode("latin-1"),
        "RAW_URI": message.raw_path + (f"?{message.raw_query}" if message.raw_query else ""),
        "QUERY_STRING": message.raw_query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": message.client,
        "CONTENT_LENGTH": str(len(message.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(message.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    preserved: dict[str, str] = {}
    for name, value in message.header_map.items():
        if name in {"content-length", "transfer-encoding", _ACCOUNT_HEADER}:
            continue
        key = name.upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        if "_" in name:
            # WSGI folds `_` and `-`: only object metadata may carry an underscore, and never in place of a dash.
            if not name.startswith("x-amz-meta-") or name.replace("_", "-") in message.header_map:
                continue
            preserved[key] = name
        environ[key] = value
    environ["moto.preserved_header_names"] = preserved
    if host:
        environ["HTTP_HOST"] = host
    if account is not None:
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = account
    return environ


def call(backend: str, environ: dict[str, Any]) -> Response:
    """What moto's `backend` answers. Not safe to call from two threads at once."""
    app = _app(backend)
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], _exc: Any = None) -> Callable[[bytes], None]:
        started.append((status, headers))
        return _refuse_write

    chunks = app(environ, start_response)
    body = b"".join(chunks)
    status, headers = started[-1]
    return Response(int(status.split(" ", 1)[0]), tuple((name.lower(), value) for name, value in headers), body)


def accounts() -> frozenset[str]:
    """Every account that has state in any service."""
    from moto.core.base_backend import BackendDict  # noqa: PLC0415

    kind: Any = BackendDict
    return frozenset(str(account) for dictionary in kind._instances for account in list(dictionary))


def _refuse_write(_data: bytes) -> None:
    raise RuntimeError("moto wrote to the WSGI write callable, which the local cloud does not use")


@lru_cache
def _app(backend: str) -> Flask:
    import moto.moto_server.werkzeug_app as server  # noqa: PLC0415

    name: Any = backend
    app = server.create_backend_app(name)
    app.debug = False
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.register_error_handler(NotImplementedError, _not_implemented)
    return app


def _not_implemented(error: NotImplementedError) -> tuple[str, int, dict[str, str]]:
    """Moto lacks the operation; the gateway turns this status into an error that clients do not retry."""
    return str(error), NOT_IMPLEMENTED, {}
