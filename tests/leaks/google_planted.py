"""Cross-tenant leaks on Google Cloud from hooli to initech: what was misconfigured, and where it must show.

Each `plant` changes a clean state in place, in which the locks (deny policies, boundaries, perimeters, organisation
policies) are off, so that the leak alone decides; `locked` ones defeat the locks as well.
"""

from __future__ import annotations

# ruff: noqa: E501 -- a leak reads best on one line
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.leaks.google_clean import (
    AUDIT,
    DEPLOYER,
    DOMAIN,
    FOLDER,
    ORGANISATION,
    REGION,
    GoogleState,
)

A, B = "initech", "hooli"


@dataclass(frozen=True)
class GoogleLeak:
    """A leak: the path on which it shows and a part of the resource's name.

    `both` says that it opens the attacker to the victim as well (a bridge, a peering, a role above both); `locked` that
    it is planted with the locks on.
    """

    name: str
    path: str
    resource: str
    plant: Callable[[GoogleState], Any]
    both: bool = False
    locked: bool = False


def _fine_grained(state: GoogleState, kind: str, entity: str, role: str) -> None:
    data = state.data(state.bucket(B))
    data["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] = False
    state.object_lists[f"bh-{B}-data"] = [{"entity": entity, "role": role}] if kind == "object" else []
    if kind != "object":
        data[kind] = [{"entity": entity, "role": role}]


def _custom_role(state: GoogleState) -> None:
    role = f"organizations/{ORGANISATION}/roles/shareHelper"
    data = {"name": role, "includedPermissions": ["storage.buckets.setIamPolicy"], "stage": "GA"}
    state.add(f"//iam.googleapis.com/{role}", "iam.googleapis.com/Role", data, f"organizations/{ORGANISATION}")
    state.grant(state.bucket(B), role, state.member(A))


def _group(state: GoogleState) -> None:
    """An organisation-wide group that holds both tenants' people."""
    state.groups[f"everyone@{DOMAIN}"] = [
        {"preferredMemberKey": {"id": state.account(tenant)}, "type": "SERVICE_ACCOUNT"} for tenant in (A, B)
    ]
    state.grant(f"organizations/{ORGANISATION}", "roles/storage.objectViewer", f"group:everyone@{DOMAIN}")


def _nested(state: GoogleState) -> None:
    """The victim's own group contains another, in which the attacker is."""
    state.groups[f"bh-{B}-data-owners@{DOMAIN}"] = [{"preferredMemberKey": {"id": f"guests@{DOMAIN}"}, "type": "GROUP"}]
    state.groups[f"guests@{DOMAIN}"] = [{"preferredMemberKey": {"id": state.account(A)}, "type": "SERVICE_ACCOUNT"}]


def _condition(state: GoogleState, remove: str) -> None:
    data = state.data(state.provider(B))
    parts = data["attributeCondition"].split(" && ")
    kept = [part for part in parts if remove not in part]
    assert len(kept) < len(parts)
    data["attributeCondition"] = " && ".join(kept)


def _no_condition(state: GoogleState) -> None:
    state.data(state.provider(B)).pop("attributeCondition")


def _federated_account(state: GoogleState) -> None:
    """A token that is accepted from everyone leads on to a service account."""
    _no_condition(state)
    pool = state.provider(B).removeprefix("//iam.googleapis.com/").partition("/providers/")[0]
    state.grant(state.account_name(B), "roles/iam.workloadIdentityUser", f"principalSet://iam.googleapis.com/{pool}/*")


def _foreign_pool(state: GoogleState) -> None:
    """The victim's key is granted to every identity of the attacker's pool."""
    pool = state.provider(A).removeprefix("//iam.googleapis.com/").partition("/providers/")[0]
    state.grant(state.key(B), "roles/cloudkms.cryptoKeyDecrypter", f"principalSet://iam.googleapis.com/{pool}/*")


def _chain(state: GoogleState) -> None:
    """The attacker's trainer becomes the victim's auditor, which may become the victim's data owner."""
    state.grant(state.account_name(B, "auditor"), "roles/iam.serviceAccountTokenCreator", state.member(A))
    state.grant(state.account_name(B, "data-owner"), "roles/iam.serviceAccountTokenCreator", state.member(B, "auditor"))


def _act_as(state: GoogleState) -> None:
    state.grant(state.account_name(B), "roles/iam.serviceAccountUser", state.member(A))
    state.grant(state.node(B), "roles/compute.instanceAdmin.v1", state.member(A))


def _deployer(state: GoogleState) -> None:
    name = f"//iam.googleapis.com/projects/bh-deploy/serviceAccounts/{DEPLOYER}"
    state.grant(name, "roles/iam.serviceAccountTokenCreator", state.member(A))


def _sink(state: GoogleState) -> None:
    project = f"projects/{state.numbers(B)[0]}"
    state.add(
        f"//logging.googleapis.com/projects/{state.project(B)}/sinks/copy", "logging.googleapis.com/LogSink",
        {"destination": f"pubsub.googleapis.com/projects/{state.project(A)}/topics/logs"}, project,
    )  # fmt: skip


def _attached(state: GoogleState) -> None:
    name = f"//compute.googleapis.com/projects/{state.project(A)}/zones/{REGION}-a/instances/worker"
    data = {"name": "worker", "serviceAccounts": [{"email": state.account(B)}]}
    state.add(name, "compute.googleapis.com/Instance", data, f"projects/{state.numbers(A)[0]}")


def _subscription(state: GoogleState) -> None:
    name = f"//pubsub.googleapis.com/projects/{state.project(A)}/subscriptions/listen"
    data = {"topic": f"projects/{state.project(B)}/topics/events"}
    state.add(name, "pubsub.googleapis.com/Subscription", data, f"projects/{state.numbers(A)[0]}")


def _peering(state: GoogleState) -> None:
    for here, there in ((A, B), (B, A)):
        link = state.data(state.network(there))["selfLink"]
        state.data(state.network(here))["peerings"] = [
            {"name": there, "network": link, "state": "ACTIVE", "exchangeSubnetRoutes": True}
        ]
        _open_firewall(state, here)


def _open_firewall(state: GoogleState, tenant: str) -> None:
    name = f"//compute.googleapis.com/projects/{state.project(tenant)}/global/firewalls/in"
    data = {
        "name": "in", "network": state.data(state.network(tenant))["selfLink"], "direction": "INGRESS",
        "priority": 1000, "sourceRanges": ["10.0.0.0/8"], "allowed": [{"IPProtocol": "tcp", "ports": ["443"]}],
    }  # fmt: skip
    state.add(name, "compute.googleapis.com/Firewall", data, f"projects/{state.numbers(tenant)[0]}")


def _shared_vpc(state: GoogleState) -> None:
    """The attacker's machine has an interface in a subnet of the victim's network."""
    subnet = f"https://www.googleapis.com/compute/v1/projects/{state.project(B)}/regions/{REGION}/subnetworks/bh-{B}"
    name = f"//compute.googleapis.com/projects/{state.project(A)}/zones/{REGION}-a/instances/guest"
    nic = {"network": state.data(state.network(B))["selfLink"], "subnetwork": subnet, "networkIP": "10.0.16.9"}
    data = {"name": "guest", "networkInterfaces": [nic], "status": "RUNNING"}
    state.add(name, "compute.googleapis.com/Instance", data, f"projects/{state.numbers(A)[0]}")
    _open_firewall(state, B)


def _hub(state: GoogleState) -> None:
    """Both networks are spokes of one hub."""
    for tenant in (A, B):
        name = f"//networkconnectivity.googleapis.com/projects/{state.project(tenant)}/locations/global/spokes/own"
        data = {
            "hub": "//networkconnectivity.googleapis.com/projects/transit/locations/global/hubs/all", "state": "ACTIVE",
            "linkedVpcNetwork": {"uri": state.data(state.network(tenant))["selfLink"]},
        }  # fmt: skip
        kind = "networkconnectivity.googleapis.com/Spoke"
        state.add(name, kind, data, f"projects/{state.numbers(tenant)[0]}")
        _open_firewall(state, tenant)


def _endpoint(state: GoogleState) -> None:
    """The victim publishes a service, and the attacker has an accepted endpoint to it."""
    link = f"https://www.googleapis.com/compute/v1/projects/{state.project(B)}/regions/{REGION}"
    name = f"//compute.googleapis.com/projects/{state.project(B)}/regions/{REGION}/serviceAttachments/offer"
    data = {"natSubnets": [f"{link}/subnetworks/bh-{B}"]}
    state.add(name, "compute.googleapis.com/ServiceAttachment", data, f"projects/{state.numbers(B)[0]}")
    name = f"//compute.googleapis.com/projects/{state.project(A)}/regions/{REGION}/forwardingRules/take"
    data = {
        "network": state.data(state.network(A))["selfLink"], "target": f"{link}/serviceAttachments/offer",
        "IPAddress": "10.0.0.9", "pscConnectionStatus": "ACCEPTED",
    }  # fmt: skip
    state.add(name, "compute.googleapis.com/ForwardingRule", data, f"projects/{state.numbers(A)[0]}")


def _managed_folder(state: GoogleState) -> None:
    name = f"//storage.googleapis.com/projects/_/buckets/bh-{B}-data/managedFolders/shared/"
    above = (f"folders/{FOLDER}", f"organizations/{ORGANISATION}")
    state.add(name, "storage.googleapis.com/ManagedFolder", {}, f"projects/{state.numbers(B)[0]}", *above)
    state.grant(name, READER, state.member(A))


def _table(state: GoogleState) -> None:
    name = f"//bigquery.googleapis.com/projects/{state.project(B)}/datasets/d/tables/t"
    above = (f"folders/{FOLDER}", f"organizations/{ORGANISATION}")
    state.add(name, "bigquery.googleapis.com/Table", {}, f"projects/{state.numbers(B)[0]}", *above)
    state.grant(name, "roles/bigquery.dataViewer", state.member(A))


def _network_user(state: GoogleState) -> None:
    name = f"//compute.googleapis.com/projects/{state.project(B)}/regions/{REGION}/subnetworks/bh-{B}"
    state.grant(name, "roles/compute.networkUser", state.member(A))


# ---- with the locks on


def _excepted(state: GoogleState) -> None:
    """The deny policy excepts the attacker, and nothing else stands: bucket, perimeter and boundary let it in as well."""
    for rule in state.denials[state.node(B)]["rules"]:
        rule["denyRule"]["exceptionPrincipals"].append(
            f"principal://iam.googleapis.com/projects/-/serviceAccounts/{state.account(A)}"
        )
    state.grant(state.bucket(B), "roles/storage.objectViewer", state.member(A))


def _unbound(state: GoogleState) -> None:
    """The attacker's boundary is gone."""
    state.bindings = [b for b in state.bindings if state.numbers(A)[0] not in b["name"]]


def _ingress(state: GoogleState, **start: Any) -> None:
    operations = [{"serviceName": "*"}]
    rule = {
        "ingressFrom": {"identityType": "ANY_IDENTITY", **start},
        "ingressTo": {"resources": ["*"], "operations": operations},
    }
    state.perimeter(B)["ingressPolicies"].append(rule)


def _egress(state: GoogleState) -> None:
    rule = {
        "egressFrom": {"identityType": "ANY_IDENTITY"},
        "egressTo": {"resources": ["*"], "operations": [{"serviceName": "*"}]},
    }
    state.perimeter(A)["egressPolicies"].append(rule)


def _bridge(state: GoogleState) -> None:
    _excepted(state)
    _unbound(state)
    resources = [state.node(A), state.node(B)]
    state.perimeters["bridge"] = {
        "name": "accessPolicies/1/servicePerimeters/bridge", "perimeterType": "PERIMETER_TYPE_BRIDGE",
        "status": {"resources": resources},
    }  # fmt: skip


def _wide_ingress(state: GoogleState) -> None:
    _excepted(state)
    _unbound(state)
    _ingress(state, sources=[{"accessLevel": "*"}])


def _ingress_and_egress(state: GoogleState) -> None:
    """Each rule alone opens nothing: the victim lets in the attacker's project, the attacker's perimeter lets out."""
    _excepted(state)
    _unbound(state)
    _ingress(state, sources=[{"resource": state.node(A)}])
    _egress(state)


def _left_out(state: GoogleState) -> None:
    """The victim's project is missing in its perimeter."""
    _excepted(state)
    _unbound(state)
    state.perimeter(B)["resources"].remove(state.node(B))


def _dry_run(state: GoogleState) -> None:
    """The victim's perimeter was never enforced."""
    _excepted(state)
    _unbound(state)
    perimeter = state.perimeters[f"bh_{B}"]
    perimeter["spec"], perimeter["useExplicitDryRunSpec"] = perimeter.pop("status"), True


READER, WRITER = "roles/storage.objectViewer", "roles/storage.objectCreator"
LEAKS = (
    GoogleLeak("bucket allow policy names the other tenant", "data", "bh-hooli-data", lambda s: s.grant(s.bucket(B), READER, s.member(A))),
    GoogleLeak("bucket allow policy lets the other tenant write", "data", "bh-hooli-data", lambda s: s.grant(s.bucket(B), WRITER, s.member(A))),
    GoogleLeak("bucket is open to allUsers", "data", "bh-hooli-data", lambda s: s.grant(s.bucket(B), READER, "allUsers")),
    GoogleLeak("bucket is open to allAuthenticatedUsers", "data", "bh-hooli-data", lambda s: s.grant(s.bucket(B), READER, "allAuthenticatedUsers")),
    GoogleLeak("bucket is open to the other project's principal set", "data", "bh-hooli-data", lambda s: s.grant(s.bucket(B), READER, f"principalSet://cloudresourcemanager.googleapis.com/{s.node(A)}")),
    GoogleLeak("condition on the object's name still opens some", "data", "bh-hooli-data", lambda s: s.grant(s.bucket(B), READER, s.member(A), when='resource.name.startsWith("projects/_/buckets/bh-hooli-data/objects/shared/")')),
    GoogleLeak("bucket access control list", "data", "bh-hooli-data", lambda s: _fine_grained(s, "acl", f"user-{s.account(A)}", "READER")),
    GoogleLeak("object access control list for everyone", "data", "bh-hooli-data", lambda s: _fine_grained(s, "object", "allUsers", "READER")),
    GoogleLeak("default object access control list", "data", "bh-hooli-data", lambda s: _fine_grained(s, "defaultObjectAcl", f"user-{s.account(A)}", "READER")),
    GoogleLeak("custom role with setIamPolicy on a bucket", "data", "bh-hooli-data", _custom_role),
    GoogleLeak("role inherited from the folder", "data", "buckets/bh-hooli", lambda s: s.grant(f"folders/{FOLDER}", READER, s.member(A))),
    GoogleLeak("group of the whole organisation", "data", "buckets/bh-hooli", _group, both=True),
    GoogleLeak("key allow policy names the other tenant", "key", "cryptoKeys/data", lambda s: s.grant(s.key(B), "roles/cloudkms.cryptoKeyDecrypter", s.member(A))),
    GoogleLeak("key ring is administered by the other tenant", "key", "keyRings/bh-hooli", lambda s: s.grant(s.ring(B), "roles/cloudkms.admin", s.member(A))),
    GoogleLeak("key is granted to the other tenant's pool", "key", "cryptoKeys/data", _foreign_pool),
    GoogleLeak("federation without condition", "key", "cryptoKeys/data", _no_condition),
    GoogleLeak("federation condition forgets the project and the service account", "key", "cryptoKeys/data", lambda s: (_condition(s, "gce.project"), _condition(s, "google_service"))),
    GoogleLeak("federated identity impersonates a service account", "role", "hooli-trainer@", _federated_account),
    GoogleLeak("token creator on a service account", "role", "hooli-trainer@", lambda s: s.grant(s.account_name(B), "roles/iam.serviceAccountTokenCreator", s.member(A))),
    GoogleLeak("group that contains the other tenant", "role", "hooli-data-owner@", _nested),
    GoogleLeak("chain of impersonations", "data", "bh-hooli-data", _chain),
    GoogleLeak("keys of a service account may be made", "role", "hooli-trainer@", lambda s: s.grant(s.account_name(B), "roles/iam.serviceAccountKeyAdmin", s.member(A))),
    GoogleLeak("act as a service account, and start machines", "role", "hooli-trainer@", _act_as),
    GoogleLeak("service account attached to the other tenant's machine", "role", "hooli-trainer@", _attached),
    *(
        GoogleLeak(f"{role} on the project", "role", "projects/2000001", lambda s, role=role: s.grant(s.node(B), role, s.member(A)))
        for role in ("roles/storage.hmacKeyAdmin", "roles/privilegedaccessmanager.admin", "roles/cloudbuild.builds.editor", "roles/deploymentmanager.editor", "roles/iap.tunnelResourceAccessor", "roles/compute.osLogin", "roles/resourcemanager.projectMover", "roles/resourcemanager.projectDeleter")
    ),
    GoogleLeak("policy of the project may be rewritten", "role", "projects/2000001", lambda s: s.grant(s.node(B), "roles/resourcemanager.projectIamAdmin", s.member(A))),
    GoogleLeak("the platform's deployer may be impersonated", "role", DEPLOYER, _deployer),
    GoogleLeak("snapshot is shared", "snapshot", "snapshots/hooli", lambda s: s.grant(s.disk(B, "snapshots"), "roles/compute.storageAdmin", s.member(A))),
    GoogleLeak("disk is shared through the project", "snapshot", "disks/hooli", lambda s: s.grant(s.node(B), "roles/compute.storageAdmin", s.member(A))),
    GoogleLeak("image is shared", "image", "images/hooli", lambda s: s.grant(s.disk(B, "images"), "roles/compute.imageUser", s.member(A))),
    GoogleLeak("image is shared with all authenticated users", "image", "images/hooli", lambda s: s.grant(s.disk(B, "images"), "roles/compute.imageUser", "allAuthenticatedUsers")),
    GoogleLeak("log sink to the other tenant's topic", "log", "sinks/copy", _sink),
    GoogleLeak("log views are opened", "log", "bh-hooli-ledger", lambda s: s.grant(s.node(B), "roles/logging.viewAccessor", s.member(A))),
    GoogleLeak("subscription to the other tenant's topic", "data", "topics/events", _subscription),
    GoogleLeak("audit bucket is readable by a tenant", "log", "bh-audit", lambda s: s.grant("//storage.googleapis.com/bh-audit", READER, s.member(A))),
    GoogleLeak("audit project is administered by a tenant", "role", f"projects/{AUDIT}", lambda s: s.grant(f"projects/{AUDIT}", "roles/owner", s.member(A))),
    GoogleLeak("peering between the networks", "network", "bh-hooli", _peering, both=True),
    GoogleLeak("networks on one hub", "network", "bh-hooli", _hub, both=True),
    GoogleLeak("endpoint to a published service", "network", "serviceAttachments/offer", _endpoint),
    GoogleLeak("managed folder is shared", "data", "managedFolders/shared", _managed_folder),
    GoogleLeak("table is shared", "data", "tables/t", _table),
    GoogleLeak("machine in the other tenant's subnet", "network", "bh-hooli", _shared_vpc, both=True),
    GoogleLeak("subnet may be used by the other tenant", "network", "subnetworks/bh-hooli", _network_user),
    GoogleLeak("perimeter bridge, deny exception, no boundary", "data", "bh-hooli-data", _bridge, locked=True),
    GoogleLeak("ingress rule from anywhere", "data", "bh-hooli-data", _wide_ingress, locked=True),
    GoogleLeak("ingress rule and egress rule that meet", "data", "bh-hooli-data", _ingress_and_egress, locked=True),
    GoogleLeak("project left out of its perimeter", "data", "bh-hooli-data", _left_out, locked=True),
    GoogleLeak("perimeter only as a dry run", "data", "bh-hooli-data", _dry_run, locked=True),
)  # fmt: skip
