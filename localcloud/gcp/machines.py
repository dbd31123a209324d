"""Machines as Compute Engine would start them from the deployed instance templates.

Each is given an attestation launcher on a UNIX socket and a metadata server.

A machine here is a process. Its launch is what the template says; an attack may start one otherwise, and its token says
so. Google Cloud "Confidential Space: metadata variables"; Compute Engine "About VM metadata".
"""

from __future__ import annotations

import http.server
import json
import secrets
import socketserver
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from localcloud.backend import Response
from localcloud.gcp.access import Caller, Origin
from localcloud.gcp.computed import project_number
from localcloud.gcp.desk import Desk
from localcloud.gcp.errors import Code, GoogleError
from localcloud.gcp.inventory import Asset, Inventory
from localcloud.gcp.issuer import Issuer, Launch
from localcloud.gcp.tokens import Tokens
from localcloud.message import Message

DEFAULT_AUDIENCE = "https://sts.googleapis.com"
_HARDWARE = {"TDX": "GCP_INTEL_TDX", "SEV": "GCP_AMD_SEV", "SEV_SNP": "GCP_AMD_SEV_SNP"}
_TEMPLATE = "compute.googleapis.com/InstanceTemplate"
NONCES = (8, 88)
"""Bytes of a nonce (Confidential Space "eat_nonce")."""


@dataclass(frozen=True)
class Machine:
    """A started machine."""

    id: str
    launch: Launch
    origin: Origin
    socket: Path


class Machines:
    """Every machine that was started; each has a launcher socket of its own."""

    def __init__(self, desk: Desk, issuer: Issuer, tokens: Tokens) -> None:
        self._desk, self._issuer, self._tokens = desk, issuer, tokens
        self._held: dict[str, Machine] = {}
        self._launchers: dict[str, _Launcher] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="bulkhead-launcher-")

    def start(self, project: str, otherwise: Mapping[str, Any]) -> Machine:
        """A machine of the project's instance template; `otherwise` holds fields of `Launch` to start it with instead.

        Raises:
            GoogleError: the project has no template, or it is not one of a Confidential Space machine.
        """
        template = self._template(project)
        id_ = str(secrets.randbelow(9 * 10**18) + 10**18)
        launch, origin = _launch(self._desk.inventory, template, project, id_)
        if unknown := set(otherwise) - set(Launch.__dataclass_fields__):
            raise GoogleError(Code.INVALID_ARGUMENT, f"a launch has no {', '.join(sorted(unknown))}")
        changed = {name: _frozen(value) for name, value in otherwise.items()}
        socket = Path(self._folder.name) / f"{id_}.sock"
        machine = Machine(id_, replace(launch, **changed), origin, socket)
        self._held[id_] = machine
        self._launchers[id_] = _Launcher(machine, self._issuer)
        return machine

    def _template(self, project: str) -> Asset:
        number = f"projects/{project_number(project)}"
        found = [
            a for a in self._desk.inventory.of_type(_TEMPLATE) if self._desk.inventory.ancestors(a.name)[0] == number
        ]
        if not found:
            raise GoogleError(Code.NOT_FOUND, f"{project}: has no deployed instance template")
        return found[0]

    def metadata(self, message: Message, origin: Origin) -> Response:
        """The metadata server of the machine that the path names; only the machine's own network reaches it."""
        _, _, _, id_, *rest = message.raw_path.split("/")
        machine = self._held.get(id_)
        if machine is None or machine.origin != origin:
            raise GoogleError(Code.NOT_FOUND, f"there is no machine {id_} in this network")
        headers = (("metadata-flavor", "Google"), ("content-type", "application/json"))
        if message.header("metadata-flavor") != "Google":
            raise GoogleError(Code.PERMISSION_DENIED, "Missing Metadata-Flavor:Google header.")
        account = machine.launch.service_account
        path = [part for part in rest if part]
        match path:
            case ["computeMetadata", "v1", "instance", "service-accounts", name] if name in {"default", account}:
                scopes = ["https://www.googleapis.com/auth/cloud-platform"]
                body: Any = {"aliases": ["default"], "email": account, "scopes": scopes}
            case ["computeMetadata", "v1", "instance", "service-accounts", name, "token"] if name in {
                "default",
                account,
            }:
                now = self._desk.clock()
                issued = self._tokens.issue(Caller("serviceAccount", account), now)
                seconds = int((issued.expires - now).total_seconds())
                body = {"access_token": issued.token, "expires_in": seconds, "token_type": "Bearer"}
            case ["computeMetadata", "v1", "project", "project-id"]:
                return Response(200, (headers[0], ("content-type", "text/plain")), machine.launch.project_id.encode())
            case ["computeMetadata", "v1", "universe", "universe-domain"]:
                return Response(200, (headers[0], ("content-type", "text/plain")), b"googleapis.com")
            case _:
                raise GoogleError(Code.NOT_FOUND, f"the metadata server of a local machine has no /{'/'.join(path)}")
        return Response(200, headers, json.dumps(body).encode())

    def close(self) -> None:
        """Ends every launcher."""
        for launcher in self._launchers.values():
            launcher.close()
        self._folder.cleanup()


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((str(key), str(item)) for key, item in value.items()))
    return tuple(value) if isinstance(value, list) else value


def _launch(inventory: Inventory, template: Asset, project: str, id_: str) -> tuple[Launch, Origin]:
    properties = template.data["properties"]
    metadata = {item["key"]: item["value"] for item in properties["metadata"]["items"]}
    reference = str(metadata.get("tee-image-reference", ""))
    accounts = properties["serviceAccounts"]
    kind = (properties.get("confidentialInstanceConfig") or {}).get("confidentialInstanceType", "")
    if "@sha256:" not in reference or not accounts or kind not in _HARDWARE:
        raise GoogleError(
            Code.FAILED_PRECONDITION,
            f"{template.name}: is not the template of a Confidential Space machine (tee-image-reference {reference!r}, "
            f"confidential computing {kind or 'none'}, {len(accounts)} service accounts)",
        )
    boot = str(next((disk.get("sourceImage") for disk in properties["disks"] if disk.get("sourceImage")), ""))
    gpu = bool(properties["guestAccelerators"]) or str(properties.get("machineType", "")).startswith("a3-")
    interface = properties["networkInterfaces"][0]
    number = project_number(project)
    environment = tuple(
        sorted((key.removeprefix("tee-env-"), value) for key, value in metadata.items() if key.startswith("tee-env-"))
    )
    command = metadata.get("tee-cmd")
    launch = Launch(
        instance_id=id_,
        instance_name=f"{template.data['name']}-{id_[-4:]}",
        project_id=project,
        project_number=number,
        zone=_zone(inventory, template),
        service_account=str(accounts[0]["email"]),
        image_digest=reference.rpartition("@")[2],
        image_reference=reference,
        hwmodel=_HARDWARE[kind],
        debug="confidential-space-debug" in boot,
        gpu="ON" if gpu and kind == "TDX" else ("OFF" if gpu else None),
        env_override=environment,
        cmd_override=tuple(json.loads(command)) if command else (),
    )
    return launch, Origin(f"projects/{number}", _network(inventory, interface))


def _zone(inventory: Inventory, template: Asset) -> str:
    """The zone of the instance group that starts machines from the template; empty without one."""
    groups = inventory.of_type("compute.googleapis.com/InstanceGroupManager")
    return next((str(group.data.get("zone", "")) for group in groups if group.parent == template.parent), "")


def _network(inventory: Inventory, interface: Mapping[str, Any]) -> str:
    """Full name of the network that an interface is in, by its network or its subnetwork."""
    network = str(interface.get("network") or "")
    if not network:
        subnet = inventory.assets.get(_full(str(interface.get("subnetwork") or "")))
        network = str(subnet.data.get("network") or "") if subnet else ""
    name = _full(network)
    if name not in inventory.assets:
        raise GoogleError(Code.FAILED_PRECONDITION, f"{network or interface}: is not a network that is deployed here")
    return name


def _full(reference: str) -> str:
    return f"//compute.googleapis.com/{reference.partition('compute/v1/')[2] or reference}"


class _Launcher:
    """The launcher's HTTP server on a UNIX socket."""

    def __init__(self, machine: Machine, issuer: Issuer) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path != "/v1/token":
                    self._say(404, b"not found")
                    return
                self._say(200, issuer.token(machine.launch, DEFAULT_AUDIENCE).encode())

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                status, said = _custom(self.path, self.rfile.read(min(length, 1 << 16)), machine, issuer)
                self._say(status, said)

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self) -> str:
                return "unix"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
                """Nothing: tokens are not for logs."""

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self._server = Server(str(machine.socket), Handler)
        machine.socket.chmod(0o600)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _custom(path: str, body: bytes, machine: Machine, issuer: Issuer) -> tuple[int, bytes]:
    """A token for an audience and nonces of one's own."""
    if path != "/v1/token":
        return 404, b"not found"
    try:
        asked = json.loads(body)
        audience, kind, nonces = str(asked["audience"]), asked.get("token_type", "OIDC"), list(asked.get("nonces", []))
    except (ValueError, KeyError, TypeError, AttributeError):
        return 400, b"expected a JSON object with audience, token_type and nonces"
    least, most = NONCES
    if not audience or audience == DEFAULT_AUDIENCE:
        return 400, b"use GET request for the default identity token"
    if (
        kind != "OIDC"
        or len(nonces) > 6
        or not all(isinstance(n, str) and least <= len(n.encode()) <= most for n in nonces)
    ):
        return 400, b"token_type must be OIDC, nonces at most six of 8 to 88 bytes"
    return 200, issuer.token(machine.launch, audience, tuple(nonces)).encode()
