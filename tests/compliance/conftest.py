"""A moto server over real HTTP in which any API can be made to fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

import boto3
import pytest

from compliance.collect.access import Entry, Keys
from compliance.collect.scan import Account, Plan

ACCOUNT = "123456789012"
REGION = "us-east-1"


@dataclass
class Fault:
    """What the server answers instead of moto, for how many calls (-1: for ever)."""

    status: int
    body: bytes
    content_type: str = "application/json"
    times: int = -1
    seen: int = 0


@dataclass
class FaultyCloud:
    """Moto behind a switch: `faults` maps an operation's name (or a query-string marker of S3) to a fault."""

    endpoint: str
    faults: dict[str, Fault] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def client(self, service: str):
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def plan(self, **more) -> Plan:
        keys = Keys("testing", "testing")
        account = Account(Entry(ACCOUNT, (), keys), (REGION,), management=True)
        return Plan(**{"accounts": (account,), "scope": {}, "endpoint": self.endpoint, "own_keys": keys, **more})


def operation_of(environ: dict, body: bytes) -> str:
    """The operation that a request asks for, as far as its headers, form or query string say."""
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rpartition(".")[2]
    if b"Action=" in body:
        return parse_qs(body.decode())["Action"][0]
    query = environ.get("QUERY_STRING", "").partition("&")[0].partition("=")[0]
    if query.startswith("x-id") or not query:
        return f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
    return f"{environ['REQUEST_METHOD']} ?{query}"


@pytest.fixture(scope="session")
def moto_server() -> Iterator[FaultyCloud]:
    import io

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *args):
            """Nothing: the tests look at what the scanner reports, not at an access log."""

    inner = DomainDispatcherApplication(create_backend_app)
    cloud = FaultyCloud("")

    def app(environ, start_response):
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length) if length else b""
        environ["wsgi.input"] = io.BytesIO(body)
        operation = operation_of(environ, body)
        cloud.calls.append(operation)
        fault = cloud.faults.get(operation)
        if "/access-analyzer/" in environ.get("HTTP_AUTHORIZATION", ""):
            # moto prints to stdout that it has no such service; an endpoint of ours says so in its answer.
            fault = Fault(501, b'{"__type":"NotImplemented"}')
        if fault is not None and fault.times != fault.seen:
            fault.seen += 1
            headers = [("Content-Type", fault.content_type), ("Content-Length", str(len(fault.body)))]
            start_response(f"{fault.status} injected", headers)
            return [fault.body]
        return inner(environ, start_response)

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    cloud.endpoint = f"http://127.0.0.1:{server.server_port}"
    yield cloud
    server.shutdown()
    thread.join()


@pytest.fixture
def cloud(moto_server: FaultyCloud, monkeypatch: pytest.MonkeyPatch) -> FaultyCloud:
    """The server with nothing in it and no faults."""
    import urllib.request

    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    moto_server.faults.clear()
    request = urllib.request.Request(f"{moto_server.endpoint}/moto-api/reset", method="POST")
    urllib.request.urlopen(request).close()
    moto_server.calls.clear()
    return moto_server


@pytest.fixture
def bundle_folder(tmp_path: Path) -> Path:
    return tmp_path / "bundle"
