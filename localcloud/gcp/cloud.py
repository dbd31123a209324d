"""One Google Cloud on this machine, without its sockets: what answers a request, and what the state is."""

from __future__ import annotations

import hmac
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.backend import Response
from localcloud.gcp import configuration, impersonation, inventory, sts
from localcloud.gcp.access import INTERNET, Authoriser, Caller, Origin
from localcloud.gcp.assets_api import Reads
from localcloud.gcp.desk import Desk
from localcloud.gcp.errors import Code, GoogleError, json_response, oauth_error, rendered
from localcloud.gcp.evaluation import Evaluator
from localcloud.gcp.inventory import Inventory
from localcloud.gcp.issuer import Issuer
from localcloud.gcp.key_material import KeyMaterial
from localcloud.gcp.kms import Kms
from localcloud.gcp.machines import Machines
from localcloud.gcp.object_store import ObjectStore
from localcloud.gcp.places import GcpPlaces
from localcloud.gcp.storage import Storage
from localcloud.gcp.tokens import Tokens
from localcloud.message import Message
from tenancy.names import PLATFORM_TENANT as PLATFORM

_GENERATE = re.compile(r"/v1/projects/-/serviceAccounts/([^/:]+):generateAccessToken")
BOOTSTRAP_ROLES = (
    "roles/resourcemanager.organizationAdmin",
    "roles/orgpolicy.policyAdmin",
    "roles/accesscontextmanager.policyAdmin",
)
"""What the deploying account was given on the organisation by hand, before the first deployment."""


@dataclass
class GoogleCloud:
    """Deployed state and services."""

    places: GcpPlaces
    deployed: Inventory
    desk: Desk
    tokens: Tokens
    issuer: Issuer
    kms: Kms
    machines: Machines
    _storage: Storage
    _reads: Reads
    _control: str
    endpoint_of: Callable[[Origin], str | None] = field(default=lambda _origin: None)

    def handle(self, message: Message) -> Response:
        """The response to one HTTP request; never raises."""
        origin = self.origin(message.listener.vpc)
        try:
            return self._answer(message, origin)
        except GoogleError as error:
            return oauth_error(error) if message.raw_path == "/v1/token" else rendered(error)

    def origin(self, network: str | None) -> Origin:
        """Where a listener's requests come from: full name of a network or of a project; None is the internet."""
        if network is None:
            return INTERNET
        asset = self.deployed.assets[network]
        project = self.deployed.ancestors(asset.name)[0]
        return Origin(project, network if asset.type.startswith("compute.") else "")

    def audit_project(self) -> str | None:
        """Full name of the platform's audit project: the scan's machine stands in it."""
        for asset in self.deployed.of_type("cloudresourcemanager.googleapis.com/Project"):
            if (asset.data.get("labels") or {}).get("tenant") == PLATFORM and asset.data["projectId"].endswith(
                "-audit"
            ):
                return asset.name
        return None

    def networks(self) -> dict[str, str]:
        """Tenant to the full name of its network: that of the project with the tenant's label."""
        found = {}
        for asset in self.deployed.of_type("compute.googleapis.com/Network"):
            project = self.deployed.assets.get(asset.parent)
            tenant = (project.data.get("labels") or {}).get("tenant") if project else None
            if tenant:
                found[str(tenant)] = asset.name
        return dict(sorted(found.items()))

    def _answer(self, message: Message, origin: Origin) -> Response:
        path = message.raw_path
        if path.startswith("/_bulkhead/machines/"):
            return self.machines.metadata(message, origin)
        if path.startswith("/_bulkhead/gcp/"):
            return self._controlled(message)
        if path == "/.well-known/jwks.json":
            return Response(200, (("content-type", "application/json"),), self.issuer.jwks)
        if path == "/v1/token" and message.method == "POST":
            return sts.exchange(message, self.desk, self.tokens, self.issuer)
        caller = self.tokens.caller(message.header("authorization"), self.desk.clock())
        if (found := _GENERATE.fullmatch(path)) and message.method == "POST":
            return impersonation.generate(message, found[1], caller, origin, self.desk, self.tokens)
        if "/storage/v1/" in path:
            return self._storage.answer(message, caller, origin)
        answer = self._reads.answer(message, caller, origin)
        if answer is None:
            raise GoogleError(Code.UNIMPLEMENTED, f"The local cloud, a test double, has no {message.method} {path}")
        return answer

    def _controlled(self, message: Message) -> Response:
        """What no API of Google's does for a caller: sign somebody in, start a machine."""
        if not hmac.compare_digest(message.header("x-bulkhead-token").encode(), self._control.encode()):
            raise GoogleError(Code.PERMISSION_DENIED, "the token of this local cloud is missing or wrong")
        try:
            asked: dict[str, Any] = json.loads(message.body)
            if message.raw_path == "/_bulkhead/gcp/tokens":
                return self._sign_in(asked)
            if message.raw_path == "/_bulkhead/gcp/machines":
                return self._start(asked)
        except (ValueError, KeyError, TypeError) as error:
            raise GoogleError(Code.INVALID_ARGUMENT, f"the request is not understood: {error!r}") from error
        raise GoogleError(Code.NOT_FOUND, f"{message.raw_path}: there is no such control address")

    def _sign_in(self, asked: Mapping[str, Any]) -> Response:
        """A person signed in with Google, with the groups of Cloud Identity, or a workload with its own account."""
        now = self.desk.clock()
        if "user" in asked:
            caller = Caller("user", str(asked["user"]), tuple(str(group) for group in asked.get("groups", [])))
        else:
            caller = Caller("serviceAccount", str(asked["account"]))
        issued = self.tokens.issue(caller, now)
        return json_response({"access_token": issued.token, "expires": issued.expires.isoformat()})

    def _start(self, asked: Mapping[str, Any]) -> Response:
        machine = self.machines.start(str(asked["project"]), asked.get("otherwise") or {})
        base = self.endpoint_of(machine.origin)
        if base is None:
            raise GoogleError(Code.FAILED_PRECONDITION, f"{asked['project']}: its machines have no network here")
        return json_response(
            {
                "machine": machine.id,
                "launcher": str(machine.socket),
                "metadata": f"{base}/_bulkhead/machines/{machine.id}".removeprefix("http://"),
                "service_account": machine.launch.service_account,
                "image_digest": machine.launch.image_digest,
            }
        )


def build(places: GcpPlaces, authoriser: Callable[[Inventory], Authoriser] = Evaluator) -> GoogleCloud:
    """The cloud whose deployed state was loaded below `places`.

    Raises:
        LocalCloudError: the loaded stacks cannot be taken for a deployed state.
    """
    places.make()
    loaded = json.loads(places.deployed.read_text(encoding="utf-8")) if places.deployed.exists() else {}
    stacks = {path.name.removesuffix(".tf.json"): path for path in sorted(places.stacks.glob("*.tf.json"))}
    bootstrap = [
        {"role": role, "members": [f"serviceAccount:{loaded['deployer']}"]}
        for role in BOOTSTRAP_ROLES
        if loaded.get("deployer")
    ]
    deployed = inventory.build(configuration.load(stacks), str(loaded.get("organisation", "0")), bootstrap)
    desk = Desk(deployed, authoriser(deployed), places.decisions)
    if not places.token.exists():
        places.token.touch(mode=0o600)
        places.token.write_text(secrets.token_urlsafe(32))
    issuer, tokens = Issuer(places.issuer), Tokens()
    return GoogleCloud(
        places=places,
        deployed=deployed,
        desk=desk,
        tokens=tokens,
        issuer=issuer,
        kms=Kms(desk, KeyMaterial(places.keys)),
        machines=Machines(desk, issuer, tokens),
        _storage=Storage(desk, ObjectStore(places.objects)),
        _reads=Reads(desk),
        _control=places.token.read_text().strip(),
    )
