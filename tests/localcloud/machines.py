"""A network of one tenant with real sockets, and a machine in it whose software TPM is real."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from images import tpm
from localcloud.message import Door, Listener, Message
from tests.localcloud.conftest import Rig
from tests.localcloud.test_gateway import allow, document


def network(rig: Rig, tenant: str) -> Listener:
    """The listener of a new VPC with the tenant's tag."""
    ec2 = rig.client("ec2", tenant)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "tenant", "Value": tenant}])
    return Listener(Door.NETWORK, vpc)


def node_role(rig: Rig, tenant: str, *statements: dict[str, Any]) -> str:
    """A role that EC2 may give to machines."""
    iam = rig.client("iam", tenant)
    trust = {**allow("sts:AssumeRole"), "Principal": {"Service": "ec2.amazonaws.com"}}
    del trust["Resource"]
    iam.create_role(RoleName="node", AssumeRolePolicyDocument=document(trust))
    policy = document(*statements) if statements else document(allow("sts:GetCallerIdentity"))
    iam.put_role_policy(RoleName="node", PolicyName="work", PolicyDocument=policy)
    return "node"


def post(rig: Rig, path: str, body: dict[str, Any], listener: Listener | None = None, token: str = "") -> Any:
    """Status and JSON of a POST to one of the host's addresses."""
    headers = (("content-type", "application/json"), ("x-bulkhead-token", token))
    answer = rig.send(Message("POST", path, "", headers, json.dumps(body).encode(), listener or rig.listener))
    return answer.status, json.loads(answer.body)


def register(rig: Rig, tenant: str, ak_public: str, **more: Any) -> Any:
    """Status and JSON of a machine's registration."""
    token = (rig.root / "token").read_text().strip()
    body = {"account": tenant, "role": "node", "ak_public": ak_public, **more}
    return post(rig, "/_bulkhead/machines", body, token=token)


@contextlib.contextmanager
def served(rig: Rig, listener: Listener) -> Iterator[str]:
    """The address of a real server whose requests arrive at `listener`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = tuple((name.lower(), value) for name, value in self.headers.items())
            found = rig.send(Message(self.command, parts.path, parts.query, headers, body, listener))
            self.send_response(found.status)
            self.send_header("content-length", str(len(found.body)))
            self.end_headers()
            self.wfile.write(found.body)

        do_GET = do_POST = do_PUT = answer  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def software_tpm(folder: Path) -> Iterator[tuple[str, bytes]]:
    """How to reach a running TPM that has an attestation key, and that key's TPM2B_PUBLIC."""
    public = tpm.manufacture(folder).read_bytes()
    with tpm.running(folder / "tpm", tcti=True) as socket:
        tcti = f"swtpm:path={socket}"
        tpm.run([tpm.program("tpm2_startup"), "-c"], {"TPM2TOOLS_TCTI": tcti})
        yield tcti, public
