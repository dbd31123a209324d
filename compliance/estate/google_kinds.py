"""Which types of asset the proof is about, and on which path reaching one counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from compliance.estate.model import Path

KINDS: Final[dict[str, tuple[str, Path]]] = {
    "storage.googleapis.com/Bucket": ("bucket", "data"),
    "storage.googleapis.com/ManagedFolder": ("managed-folder", "data"),
    "secretmanager.googleapis.com/Secret": ("secret", "data"),
    "pubsub.googleapis.com/Topic": ("topic", "data"),
    "pubsub.googleapis.com/Subscription": ("subscription", "data"),
    "bigquery.googleapis.com/Dataset": ("dataset", "data"),
    "bigquery.googleapis.com/Table": ("table", "data"),
    "cloudkms.googleapis.com/KeyRing": ("key-ring", "key"),
    "cloudkms.googleapis.com/CryptoKey": ("key", "key"),
    "compute.googleapis.com/Disk": ("disk", "snapshot"),
    "compute.googleapis.com/RegionDisk": ("disk", "snapshot"),
    "compute.googleapis.com/Snapshot": ("snapshot", "snapshot"),
    "compute.googleapis.com/Image": ("image", "image"),
    "compute.googleapis.com/MachineImage": ("machine-image", "image"),
    "artifactregistry.googleapis.com/Repository": ("repository", "image"),
    "logging.googleapis.com/LogBucket": ("log-bucket", "log"),
    "iam.googleapis.com/ServiceAccount": ("account", "role"),
    "compute.googleapis.com/Instance": ("instance", "role"),
    "cloudresourcemanager.googleapis.com/Project": ("project", "role"),
    "cloudresourcemanager.googleapis.com/Folder": ("folder", "role"),
    "cloudresourcemanager.googleapis.com/Organization": ("organization", "role"),
    "iam.googleapis.com/WorkloadIdentityPool": ("pool", "role"),
    "compute.googleapis.com/Subnetwork": ("subnet", "network"),
    "compute.googleapis.com/Network": ("network", "network"),
}
_JOINS: Final = frozenset(
    (
        "networkconnectivity.googleapis.com/Spoke", "networkconnectivity.googleapis.com/Hub",
        "networksecurity.googleapis.com/AddressGroup", "cloudresourcemanager.googleapis.com/TagBinding",
    )
)  # fmt: skip
NETWORKS: Final = _JOINS | frozenset(
    f"compute.googleapis.com/{kind}"
    for kind in (
        "Network", "Subnetwork", "Firewall", "FirewallPolicy", "NetworkFirewallPolicy", "RegionNetworkFirewallPolicy",
        "Route", "Router", "Instance", "ForwardingRule", "GlobalForwardingRule", "ServiceAttachment", "VpnTunnel",
        "VpnGateway", "TargetVpnGateway", "InterconnectAttachment", "Project", "Address", "GlobalAddress",
    )
)  # fmt: skip


_BETWEEN: Final = {
    "cloudkms.googleapis.com/CryptoKey": "/cryptoKeys/",
    "storage.googleapis.com/ManagedFolder": "/managedFolders/",
    "bigquery.googleapis.com/Table": "/tables/",
}
"""What stands in a name between the resource above and its own id."""


def normal_name(name: str, kind: str) -> str:
    """The name that requests use: buckets are called `projects/_/buckets/…` by conditions and methods."""
    bare = name.removeprefix("//storage.googleapis.com/")
    if kind in ("storage.googleapis.com/Bucket", "storage.googleapis.com/ManagedFolder") and not bare.startswith(
        "projects/"
    ):
        return f"//storage.googleapis.com/projects/_/buckets/{bare}"
    return name


def above(name: str, kind: str) -> tuple[str, ...]:
    """Resources below the project whose allow policy a resource inherits."""
    between = _BETWEEN.get(kind)
    return (name.partition(between)[0],) if between is not None else ()


def node_of(name: str) -> str:
    """`projects/…`, `folders/…` or `organizations/…` of the asset of a node; empty for any other asset."""
    host = "//cloudresourcemanager.googleapis.com/"
    return name.removeprefix(host) if name.startswith(host) else ""


def access_lists(data: Mapping[str, Any]) -> dict[str, Any]:
    """The access control settings of a bucket, in the form that the evaluator reads."""
    settings = data.get("iamConfiguration") or {}
    uniform = settings.get("uniformBucketLevelAccess") or settings.get("bucketPolicyOnly") or {}
    return {
        "uniformBucketLevelAccess": bool(uniform.get("enabled")),
        "publicAccessPrevention": settings.get("publicAccessPrevention", "inherited"),
        "bucket": entries(data.get("acl")),
        "object": entries(data.get("defaultObjectAcl")),
    }


def entries(items: Any) -> list[dict[str, Any]]:
    """Entries of an access control list as `entity` and `role`."""
    return [
        {"entity": item.get("entity"), "role": item.get("role")} for item in items or () if isinstance(item, Mapping)
    ]
