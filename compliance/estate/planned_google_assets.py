"""Planned resources of Google Cloud as assets of Cloud Asset Inventory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final

from compliance.estate.google_owners import GoogleOwners
from compliance.estate.google_terraform import Planned, camel, many, one

_LINK: Final = "https://www.googleapis.com/compute/v1/"
_CRM: Final = "//cloudresourcemanager.googleapis.com/"


def number_of(address: str) -> str:
    """A number for something that Google will number: the same for one address."""
    return str(int(hashlib.sha256(address.encode()).hexdigest(), 16))[:12]


class Inventory:
    """Assets under construction, by full name."""

    def __init__(self, whose: GoogleOwners, organisation: str) -> None:
        """Starts with the organisation and the platform's projects, which no stack makes."""
        self.whose = whose
        self.organisation = organisation
        self.assets: dict[str, dict[str, Any]] = {}
        self.policies: dict[str, dict[str, Any]] = {}
        self.denials: list[dict[str, Any]] = []
        self.boundaries: list[dict[str, Any]] = []
        self.bindings: list[dict[str, Any]] = []
        self.problems: list[str] = []
        self.above: dict[str, tuple[str, ...]] = {}
        self.behind: dict[str, dict[tuple[str, str], None]] = {}
        self._reading: tuple[str, str] | None = None
        self.rules: dict[str, list[dict[str, Any]]] = {}
        self._node(f"organizations/{organisation}", "Organization", ())

    def begin(self, resource: Planned) -> None:
        """What is written from now on comes of this resource."""
        self._reading = (resource.stack, f"{resource.type}.{resource.address}")

    def about(self, name: str) -> None:
        """Notes that the resource that is being read says something about an asset: `behind`, by stack and address."""
        if self._reading is not None:
            self.behind.setdefault(name, {})[self._reading] = None

    @property
    def top(self) -> tuple[str, ...]:
        """The organisation as the only ancestor."""
        return (f"organizations/{self.organisation}",)

    def _node(self, node: str, kind: str, above: tuple[str, ...]) -> None:
        self.above[node] = (node, *above)
        self._write(f"{_CRM}{node}", f"cloudresourcemanager.googleapis.com/{kind}", {"name": node}, (node, *above))

    def ancestors(self, project: str) -> tuple[str, ...]:
        """Nodes above what is in a project."""
        node = self.whose.node(project)
        return self.above.get(node, (node, *self.top))

    def add(self, name: str, kind: str, data: Mapping[str, Any], project: str) -> dict[str, Any]:
        """Adds an asset of a project."""
        return self._write(name, kind, data, self.ancestors(project))

    def _write(self, name: str, kind: str, data: Mapping[str, Any], ancestors: tuple[str, ...]) -> dict[str, Any]:
        self.about(name)
        self.assets[name] = {
            "name": name, "assetType": kind, "ancestors": list(ancestors),
            "resource": {"version": "v1", "data": dict(data)},
        }  # fmt: skip
        found: dict[str, Any] = self.assets[name]["resource"]["data"]
        return found

    def doubt(self, about: str, why: str) -> None:
        """Makes the allow policy of something unreadable, so that nothing is claimed about it."""
        self.problems.append(why)
        self.policies[about] = {"bindings": [{"role": why, "members": []}]}

    def folder(self, resource: Planned) -> None:
        """A folder, under the organisation or another folder."""
        node = self.attribute(resource.type, _address(resource), resource.values, "name")
        parent = str(resource.values.get("parent", ""))
        self._node(node, "Folder", self.above.get(parent, self.top))

    def project(self, resource: Planned) -> None:
        """A project, in a folder or directly under the organisation."""
        folder = str(resource.values.get("folder_id") or "").removeprefix("folders/")
        above = self.above.get(f"folders/{folder}", self.top) if folder else self.top
        self._node(self.whose.node(str(resource.values.get("project_id", ""))), "Project", above)

    def attribute(self, kind: str, address: str, values: Mapping[str, Any], attribute: str) -> str:
        """The value that an attribute of a planned resource will have."""
        maker = _ATTRIBUTES.get(kind)
        made = maker(self, address, values, attribute) if maker is not None else None
        if made is not None:
            return made
        value = values.get(attribute)
        return value if isinstance(value, str) and value else f"unknown-{number_of(address)}-{attribute}"


def _address(resource: Planned) -> str:
    return f"{resource.stack}:{resource.type}.{resource.address}"


def _text(values: Mapping[str, Any], name: str) -> str:
    return str(values.get(name) or "")


def _project(values: Mapping[str, Any]) -> str:
    return _text(values, "project").removeprefix("projects/")


def compute_path(kind: str, values: Mapping[str, Any]) -> str:
    """`projects/p/global/networks/n`, with region or zone where the resource has one."""
    where = next((f"{k}s/{_text(values, k).rsplit('/', 1)[-1]}" for k in ("zone", "region") if values.get(k)), "global")
    return f"projects/{_project(values)}/{where}/{kind}/{_text(values, 'name')}"


_Attribute = Callable[[Inventory, str, Mapping[str, Any], str], str | None]


def _path(path: Callable[[Mapping[str, Any]], str], *names: str) -> _Attribute:
    def made(_inventory: Inventory, _address: str, values: Mapping[str, Any], attribute: str) -> str | None:
        return path(values) if attribute in ("id", *names) else None

    return made


def _folder(_inventory: Inventory, address: str, _values: Mapping[str, Any], attribute: str) -> str | None:
    number = number_of(address)
    return {"name": f"folders/{number}", "id": f"folders/{number}", "folder_id": number}.get(attribute)


def _of_project(inventory: Inventory, _address: str, values: Mapping[str, Any], attribute: str) -> str | None:
    node = inventory.whose.node(_text(values, "project_id"))
    return {"number": node.removeprefix("projects/"), "id": f"projects/{_text(values, 'project_id')}"}.get(attribute)


def _account(_inventory: Inventory, address: str, values: Mapping[str, Any], attribute: str) -> str | None:
    email = f"{_text(values, 'account_id')}@{_project(values)}.iam.gserviceaccount.com"
    name = f"projects/{_project(values)}/serviceAccounts/{email}"
    known = {"email": email, "name": name, "id": name, "member": f"serviceAccount:{email}"}
    return known.get(attribute) or (number_of(address) if attribute == "unique_id" else None)


def _writer(inventory: Inventory, _address: str, values: Mapping[str, Any], attribute: str) -> str | None:
    if attribute != "writer_identity":
        return None
    project = _project(values)
    number = inventory.whose.node(project).removeprefix("projects/") if project else f"org-{inventory.organisation}"
    return f"serviceAccount:service-{number}@gcp-sa-logging.iam.gserviceaccount.com"


def _compute(kind: str) -> _Attribute:
    def made(_inventory: Inventory, _address: str, values: Mapping[str, Any], attribute: str) -> str | None:
        path = compute_path(kind, values)
        return {"id": path, "self_link": f"{_LINK}{path}"}.get(attribute)

    return made


def _ring(values: Mapping[str, Any]) -> str:
    return f"projects/{_project(values)}/locations/{_text(values, 'location')}/keyRings/{_text(values, 'name')}"


def _log_path(values: Mapping[str, Any]) -> str:
    return f"projects/{_project(values)}/locations/{_text(values, 'location')}/buckets/{_text(values, 'bucket_id')}"


def _log_bucket(_inventory: Inventory, values: Mapping[str, Any]) -> str:
    return f"//logging.googleapis.com/{_log_path(values)}"


def _boundary(inventory: Inventory, _address: str, values: Mapping[str, Any], attribute: str) -> str | None:
    own = _text(values, "principal_access_boundary_policy_id")
    name = f"organizations/{inventory.organisation}/locations/global/principalAccessBoundaryPolicies/{own}"
    return name if attribute in ("name", "id") else None


_ATTRIBUTES: Final[dict[str, _Attribute]] = {
    "google_folder": _folder,
    "google_project": _of_project,
    "google_service_account": _account,
    "google_logging_project_sink": _writer,
    "google_logging_folder_sink": _writer,
    "google_logging_organization_sink": _writer,
    "google_kms_key_ring": _path(_ring),
    "google_kms_crypto_key": _path(lambda v: f"{_text(v, 'key_ring')}/cryptoKeys/{_text(v, 'name')}"),
    "google_logging_project_bucket_config": _path(_log_path, "name"),
    "google_compute_network": _compute("networks"),
    "google_compute_subnetwork": _compute("subnetworks"),
    "google_compute_instance": _compute("instances"),
    "google_iam_principal_access_boundary_policy": _boundary,
    "google_iam_workload_identity_pool": lambda i, _a, v, n: _pool(i, v) if n in ("name", "id") else None,
    "google_compute_firewall_policy": lambda _i, a, _v, n: number_of(a) if n in ("name", "id") else None,
}


def _pool(inventory: Inventory, values: Mapping[str, Any]) -> str:
    pool = _text(values, "workload_identity_pool_id")
    return f"{inventory.whose.node(_project(values))}/locations/global/workloadIdentityPools/{pool}"


# ---- assets


def _bucket(inventory: Inventory, resource: Planned) -> None:
    values = resource.values
    uniform = {"enabled": bool(values.get("uniform_bucket_level_access"))}
    prevention = _text(values, "public_access_prevention") or "inherited"
    data: dict[str, Any] = {
        "name": _text(values, "name"),
        "labels": dict(values.get("labels") or {}),
        "iamConfiguration": {"uniformBucketLevelAccess": uniform, "publicAccessPrevention": prevention},
        "logging": camel(one(values.get("logging"))),
    }
    if key := one(values.get("encryption")).get("default_kms_key_name"):
        data["encryption"] = {"defaultKmsKeyName": key}
    if retention := one(values.get("retention_policy")):
        locked = bool(retention.get("is_locked"))
        data["retentionPolicy"] = {"retentionPeriod": str(retention.get("retention_period", "0")), "isLocked": locked}
    data["versioning"] = {"enabled": bool(one(values.get("versioning")).get("enabled"))}
    data["lifecycle"] = {"rule": [_lifecycle(rule) for rule in many(values.get("lifecycle_rule"))]}
    if soft := one(values.get("soft_delete_policy")):
        data["softDeletePolicy"] = {"retentionDurationSeconds": str(soft.get("retention_duration_seconds", "0"))}
    inventory.add(
        f"//storage.googleapis.com/{_text(values, 'name')}", "storage.googleapis.com/Bucket", data, _project(values)
    )


_LIVE: Final = {"LIVE": True, "ARCHIVED": False}


def _lifecycle(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A lifecycle rule in the API's words: Terraform's `with_state` is `isLive` there, and absent for either."""
    condition = {name: value for name, value in one(rule.get("condition")).items() if value not in (None, [], "")}
    state = _LIVE.get(str(condition.pop("with_state", "")))
    spelt = camel(condition) | ({} if state is None else {"isLive": state})
    return {"action": camel(dict(one(rule.get("action")))), "condition": spelt}


def _bucket_list(member: str) -> Callable[[Inventory, Planned], None]:
    def read(inventory: Inventory, resource: Planned) -> None:
        asset = inventory.assets.get(f"//storage.googleapis.com/{_text(resource.values, 'bucket')}")
        if asset is None:
            inventory.problems.append(f"{_address(resource)}: its bucket is in no stack")
            return
        inventory.about(asset["name"])
        found = [
            {"entity": e.rpartition(":")[2], "role": e.partition(":")[0]}
            for e in resource.values.get("role_entity") or ()
        ]
        if resource.values.get("entity"):
            found.append({"entity": resource.values["entity"], "role": resource.values.get("role")})
        asset["resource"]["data"].setdefault(member, []).extend(found)

    return read


def _simple(kind: str, name: Callable[[Inventory, Mapping[str, Any]], str]) -> Callable[[Inventory, Planned], None]:
    def read(inventory: Inventory, resource: Planned) -> None:
        full = name(inventory, resource.values)
        project = full.partition("/projects/")[2].partition("/")[0]
        inventory.add(full, kind, camel(dict(resource.values)), project)

    return read


def _service_account(inventory: Inventory, resource: Planned) -> None:
    email = inventory.attribute(resource.type, _address(resource), resource.values, "email")
    project = _project(resource.values)
    name = f"//iam.googleapis.com/projects/{project}/serviceAccounts/{email}"
    data = {"name": name.removeprefix("//iam.googleapis.com/"), "email": email}
    data["uniqueId"] = number_of(_address(resource))
    inventory.add(name, "iam.googleapis.com/ServiceAccount", data, project)


def _provider(inventory: Inventory, resource: Planned) -> None:
    values = resource.values
    own = _text(values, "workload_identity_pool_provider_id")
    name = f"//iam.googleapis.com/{_pool(inventory, values)}/providers/{own}"
    data = {
        "attributeCondition": _text(values, "attribute_condition"),
        "attributeMapping": dict(values.get("attribute_mapping") or {}),
        "oidc": camel(dict(one(values.get("oidc")))),
        "aws": camel(dict(one(values.get("aws")))),
        "disabled": bool(values.get("disabled")),
    }
    inventory.add(name, "iam.googleapis.com/WorkloadIdentityPoolProvider", data, _project(values))


def _role(inventory: Inventory, resource: Planned) -> None:
    values = resource.values
    parent = f"organizations/{_text(values, 'org_id')}" if values.get("org_id") else f"projects/{_project(values)}"
    name = f"{parent}/roles/{_text(values, 'role_id')}"
    data = {
        "name": name,
        "includedPermissions": list(values.get("permissions") or ()),
        "stage": values.get("stage") or "GA",
    }
    project = "" if values.get("org_id") else _project(values)
    full = f"//iam.googleapis.com/{name}"
    inventory._write(full, "iam.googleapis.com/Role", data, inventory.ancestors(project) if project else inventory.top)


def _deny(inventory: Inventory, resource: Planned) -> None:
    values = resource.values
    rules = [camel(dict(rule)) for rule in many(values.get("rules"))]
    inventory.denials.append(
        {"name": f"policies/{_text(values, 'parent')}/denypolicies/{_text(values, 'name')}", "rules": rules}
    )


def _boundary_policy(inventory: Inventory, resource: Planned) -> None:
    name = inventory.attribute(resource.type, _address(resource), resource.values, "name")
    inventory.boundaries.append({"name": name, "details": camel(dict(one(resource.values.get("details"))))})


def _binding(inventory: Inventory, resource: Planned) -> None:
    values = resource.values
    at = next(
        (f"{k}s/{_text(values, k).rsplit('/', 1)[-1]}" for k in ("project", "folder", "organization") if values.get(k)),
        "",
    )
    node = inventory.whose.node(at) if at.startswith("projects/") else at
    found = {
        "name": f"{node}/locations/global/policyBindings/{_text(values, 'policy_binding_id')}",
        "policy": _text(values, "policy"),
        "target": camel(dict(one(values.get("target")))),
    }
    condition = one(values.get("condition"))
    inventory.bindings.append(found | ({"condition": dict(condition)} if condition else {}))


_FLAGS: Final = ("enforce", "allowAll", "denyAll")
"""Words in Terraform, booleans in the API."""


def _constraint(inventory: Inventory, resource: Planned) -> None:
    spec = camel(dict(one(resource.values.get("spec"))))
    for rule in spec.get("rules") or ():
        rule |= {flag: str(rule[flag]).upper() == "TRUE" for flag in _FLAGS if rule.get(flag) is not None}
    data = {"name": _text(resource.values, "name"), "spec": spec}
    name = f"//orgpolicy.googleapis.com/{data['name']}"
    inventory._write(name, "orgpolicy.googleapis.com/Policy", data, inventory.top)


def _perimeter(inventory: Inventory, resource: Planned) -> None:
    values = {k: v for k, v in resource.values.items() if k in ("name", "perimeter_type", "status", "spec")}
    data = camel({k: one(v) if k in ("status", "spec") else v for k, v in values.items() if v is not None})
    name = f"//accesscontextmanager.googleapis.com/{data['name']}"
    inventory._write(name, "accesscontextmanager.googleapis.com/ServicePerimeter", data, inventory.top)


def _level(inventory: Inventory, resource: Planned) -> None:
    values = {k: v for k, v in resource.values.items() if k in ("name", "basic", "custom")}
    data = camel({k: one(v) if k in ("basic", "custom") else v for k, v in values.items() if v})
    name = f"//accesscontextmanager.googleapis.com/{data['name']}"
    inventory._write(name, "accesscontextmanager.googleapis.com/AccessLevel", data, inventory.top)


def _sink(inventory: Inventory, resource: Planned) -> None:
    values = resource.values
    folder, organisation = _text(values, "folder"), _text(values, "org_id")
    node = f"folders/{folder.removeprefix('folders/')}" if folder else f"organizations/{organisation}"
    where = f"projects/{_project(values)}" if values.get("project") else node
    ancestors = (
        inventory.ancestors(_project(values)) if values.get("project") else inventory.above.get(node, inventory.top)
    )
    data = {"destination": _text(values, "destination"), "includeChildren": bool(values.get("include_children"))}
    data |= {"disabled": bool(values.get("disabled")), "exclusions": camel(many(values.get("exclusions")))}
    inventory._write(
        f"//logging.googleapis.com/{where}/sinks/{_text(values, 'name')}",
        "logging.googleapis.com/LogSink",
        data,
        ancestors,
    )


def _peering(inventory: Inventory, resource: Planned) -> None:
    values = resource.values
    own = _text(values, "network").partition("compute/v1/")[2] or _text(values, "network")
    asset = inventory.assets.get(f"//compute.googleapis.com/{own}")
    peering = {
        "name": _text(values, "name"), "network": _text(values, "peer_network"), "state": "ACTIVE",
        "importCustomRoutes": bool(values.get("import_custom_routes")),
        "exportCustomRoutes": bool(values.get("export_custom_routes")),
    }  # fmt: skip
    if asset is None:
        inventory.problems.append(f"{_address(resource)}: its network is in no stack")
        return
    inventory.about(asset["name"])
    asset["resource"]["data"].setdefault("peerings", []).append(peering)


def _in_compute(kind: str, path: str) -> Callable[[Inventory, Planned], None]:
    def read(inventory: Inventory, resource: Planned) -> None:
        own = compute_path(path, resource.values)
        data = camel(dict(resource.values)) | {"selfLink": f"{_LINK}{own}"}
        inventory.add(
            f"//compute.googleapis.com/{own}",
            f"compute.googleapis.com/{kind}",
            _respelt(kind, data),
            _project(resource.values),
        )

    return read


def _respelt(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """What the provider calls otherwise than the API."""
    if kind == "Firewall":
        for here, there in (("allow", "allowed"), ("deny", "denied")):
            rules = [{"IPProtocol": r.get("protocol"), "ports": r.get("ports")} for r in many(data.pop(here, None))]
            data |= {there: rules} if rules else {}
    if kind == "Subnetwork":
        data["secondaryIpRanges"] = many(data.pop("secondaryIpRange", None))
    if kind == "Instance":
        data["networkInterfaces"] = [_interface(nic) for nic in many(data.pop("networkInterface", None))]
        data["tags"] = {"items": data.get("tags") if isinstance(data.get("tags"), list) else []}
        data["serviceAccounts"] = many(data.pop("serviceAccount", None))
    return data


_SOME_ADDRESS: Final = "203.0.113.77"
"""In place of an external address that Google will choose."""


def _interface(nic: Mapping[str, Any]) -> dict[str, Any]:
    external = [{"natIP": each.get("natIp") or _SOME_ADDRESS} for each in many(nic.get("accessConfig"))]
    return {**nic, "networkIP": nic.get("networkIp"), "accessConfigs": external}


def _nat(inventory: Inventory, resource: Planned) -> None:
    values = resource.values
    where = f"projects/{_project(values)}/regions/{_text(values, 'region')}"
    name = f"//compute.googleapis.com/{where}/routers/{_text(values, 'router')}"
    asset = inventory.assets.get(name)
    if asset is None:
        inventory.problems.append(f"{_address(resource)}: its router is in no stack")
        return
    asset["resource"]["data"]["nats"] = [{"name": _text(values, "name")}]


def _policy(kind: str) -> Callable[[Inventory, Planned], None]:
    def read(inventory: Inventory, resource: Planned) -> None:
        values = resource.values
        hierarchical = kind == "FirewallPolicy"
        own = number_of(_address(resource)) if hierarchical else _text(values, "name")
        path = f"locations/global/firewallPolicies/{own}" if hierarchical else compute_path("firewallPolicies", values)
        data: dict[str, Any] = {"rules": [], "associations": []}
        ancestors = inventory.top if hierarchical else inventory.ancestors(_project(values))
        inventory._write(f"//compute.googleapis.com/{path}", f"compute.googleapis.com/{kind}", data, ancestors)

    return read


def _into_policy(member: str) -> Callable[[Inventory, Planned], None]:
    """A rule or an association, written into its policy."""

    def read(inventory: Inventory, resource: Planned) -> None:
        values = resource.values
        named = _text(values, "firewall_policy").rsplit("/", 1)[-1]
        network = "network" in resource.type
        path = (
            compute_path("firewallPolicies", {**values, "name": named})
            if network
            else f"locations/global/firewallPolicies/{named}"
        )
        asset = inventory.assets.get(f"//compute.googleapis.com/{path}")
        if asset is None:
            inventory.problems.append(f"{_address(resource)}: its policy is in no stack")
            return
        item = camel(dict(values))
        if member == "associations":
            item = {"attachmentTarget": _text(values, "attachment_target")}
        asset["resource"]["data"][member].append(item)

    return read


def _key_name(_inventory: Inventory, values: Mapping[str, Any]) -> str:
    return f"//cloudkms.googleapis.com/{_text(values, 'key_ring')}/cryptoKeys/{_text(values, 'name')}"


def _repository(_inventory: Inventory, values: Mapping[str, Any]) -> str:
    where = f"projects/{_project(values)}/locations/{_text(values, 'location')}"
    return f"//artifactregistry.googleapis.com/{where}/repositories/{_text(values, 'repository_id')}"


def _named(service: str, collection: str, attribute: str = "name") -> Callable[[Inventory, Mapping[str, Any]], str]:
    return lambda _i, v: f"//{service}/projects/{_project(v)}/{collection}/{_text(v, attribute)}"


ASSETS: Final[dict[str, Callable[[Inventory, Planned], None]]] = {
    "google_folder": Inventory.folder,
    "google_project": Inventory.project,
    "google_storage_bucket": _bucket,
    "google_storage_bucket_acl": _bucket_list("acl"),
    "google_storage_bucket_access_control": _bucket_list("acl"),
    "google_storage_default_object_acl": _bucket_list("defaultObjectAcl"),
    "google_storage_default_object_access_control": _bucket_list("defaultObjectAcl"),
    "google_kms_key_ring": _simple(
        "cloudkms.googleapis.com/KeyRing", lambda _i, v: f"//cloudkms.googleapis.com/{_ring(v)}"
    ),
    "google_kms_crypto_key": _simple("cloudkms.googleapis.com/CryptoKey", _key_name),
    "google_service_account": _service_account,
    "google_iam_workload_identity_pool": _simple(
        "iam.googleapis.com/WorkloadIdentityPool", lambda i, v: f"//iam.googleapis.com/{_pool(i, v)}"
    ),
    "google_iam_workload_identity_pool_provider": _provider,
    "google_organization_iam_custom_role": _role,
    "google_project_iam_custom_role": _role,
    "google_iam_deny_policy": _deny,
    "google_iam_principal_access_boundary_policy": _boundary_policy,
    "google_iam_projects_policy_binding": _binding,
    "google_iam_folders_policy_binding": _binding,
    "google_iam_organizations_policy_binding": _binding,
    "google_org_policy_policy": _constraint,
    "google_access_context_manager_service_perimeter": _perimeter,
    "google_access_context_manager_access_level": _level,
    "google_logging_project_sink": _sink,
    "google_logging_folder_sink": _sink,
    "google_logging_organization_sink": _sink,
    "google_logging_project_bucket_config": _simple("logging.googleapis.com/LogBucket", _log_bucket),
    "google_pubsub_topic": _simple("pubsub.googleapis.com/Topic", _named("pubsub.googleapis.com", "topics")),
    "google_pubsub_subscription": _simple(
        "pubsub.googleapis.com/Subscription", _named("pubsub.googleapis.com", "subscriptions")
    ),
    "google_secret_manager_secret": _simple(
        "secretmanager.googleapis.com/Secret", _named("secretmanager.googleapis.com", "secrets", "secret_id")
    ),
    "google_artifact_registry_repository": _simple(
        "artifactregistry.googleapis.com/Repository",
        _repository,
    ),
    "google_compute_disk": _in_compute("Disk", "disks"),
    "google_compute_snapshot": _in_compute("Snapshot", "snapshots"),
    "google_compute_image": _in_compute("Image", "images"),
    "google_compute_instance": _in_compute("Instance", "instances"),
    "google_compute_network": _in_compute("Network", "networks"),
    "google_compute_subnetwork": _in_compute("Subnetwork", "subnetworks"),
    "google_compute_firewall": _in_compute("Firewall", "firewalls"),
    "google_compute_route": _in_compute("Route", "routes"),
    "google_compute_router": _in_compute("Router", "routers"),
    "google_compute_router_nat": _nat,
    "google_compute_vpn_tunnel": _in_compute("VpnTunnel", "vpnTunnels"),
    "google_compute_interconnect_attachment": _in_compute("InterconnectAttachment", "interconnectAttachments"),
    "google_compute_forwarding_rule": _in_compute("ForwardingRule", "forwardingRules"),
    "google_compute_service_attachment": _in_compute("ServiceAttachment", "serviceAttachments"),
    "google_compute_network_peering": _peering,
    "google_compute_firewall_policy": _policy("FirewallPolicy"),
    "google_compute_firewall_policy_rule": _into_policy("rules"),
    "google_compute_firewall_policy_association": _into_policy("associations"),
    "google_compute_network_firewall_policy": _policy("NetworkFirewallPolicy"),
    "google_compute_network_firewall_policy_rule": _into_policy("rules"),
    "google_compute_network_firewall_policy_association": _into_policy("associations"),
}  # fmt: skip

IGNORED: Final = frozenset(
    f"google_{kind}"
    for kind in (
        "billing_budget", "cloud_quotas_quota_preference", "compute_autoscaler", "compute_health_check",
        "compute_instance_group_manager", "compute_instance_template", "dns_managed_zone", "dns_policy",
        "dns_response_policy", "dns_response_policy_rule", "folder_iam_audit_config", "kms_crypto_key_version",
        "logging_metric", "monitoring_alert_policy", "monitoring_dashboard", "monitoring_notification_channel",
        "org_policy_custom_constraint", "organization_iam_audit_config", "privileged_access_manager_entitlement",
        "project_iam_audit_config", "project_service", "resource_manager_lien", "tags_tag_key", "tags_tag_value",
    )
)  # fmt: skip
"""Types that hand nothing to anybody. An entitlement does so only when one of the tenant's approvers agrees."""
