"""A request to an API of Google Cloud, and what it is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from compliance.reason.gcp.cel.values import OPEN, Open, OpenMap
from compliance.reason.gcp.principals import Principal
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth

_CREDENTIALS: Final = frozenset(
    f"iam.serviceAccounts.{verb}"
    for verb in ("getAccessToken", "getOpenIdToken", "signBlob", "signJwt", "implicitDelegation")
)
_HOSTS: Final = {"resourcemanager": "cloudresourcemanager", "artifactregistry": "artifactregistry"}
_TYPES: Final = (
    (r"//storage\.googleapis\.com/.+/objects/.*", "storage.googleapis.com/Object"),
    (r"//storage\.googleapis\.com/.+", "storage.googleapis.com/Bucket"),
    (r"//cloudkms\.googleapis\.com/.+/cryptoKeyVersions/.+", "cloudkms.googleapis.com/CryptoKeyVersion"),
    (r"//cloudkms\.googleapis\.com/.+/cryptoKeys/.+", "cloudkms.googleapis.com/CryptoKey"),
    (r"//cloudkms\.googleapis\.com/.+/keyRings/.+", "cloudkms.googleapis.com/KeyRing"),
    (r"//iam\.googleapis\.com/.+/serviceAccounts/[^/]+/keys/.+", "iam.googleapis.com/ServiceAccountKey"),
    (r"//iam\.googleapis\.com/.+/serviceAccounts/[^/]+", "iam.googleapis.com/ServiceAccount"),
    (r"//iam\.googleapis\.com/.+/roles/.+", "iam.googleapis.com/Role"),
    (r"//cloudresourcemanager\.googleapis\.com/projects/[^/]+", "cloudresourcemanager.googleapis.com/Project"),
    (r"//cloudresourcemanager\.googleapis\.com/folders/[^/]+", "cloudresourcemanager.googleapis.com/Folder"),
    (
        r"//cloudresourcemanager\.googleapis\.com/organizations/[^/]+",
        "cloudresourcemanager.googleapis.com/Organization",
    ),
    (r"//compute\.googleapis\.com/.+/instances/[^/]+", "compute.googleapis.com/Instance"),
    (r"//compute\.googleapis\.com/.+/disks/[^/]+", "compute.googleapis.com/Disk"),
    (r"//compute\.googleapis\.com/.+/images/[^/]+", "compute.googleapis.com/Image"),
    (r"//compute\.googleapis\.com/.+/snapshots/[^/]+", "compute.googleapis.com/Snapshot"),
    (r"//compute\.googleapis\.com/.+/subnetworks/[^/]+", "compute.googleapis.com/Subnetwork"),
    (r"//compute\.googleapis\.com/.+/networks/[^/]+", "compute.googleapis.com/Network"),
    (r"//secretmanager\.googleapis\.com/.+/versions/.+", "secretmanager.googleapis.com/SecretVersion"),
    (r"//secretmanager\.googleapis\.com/.+/secrets/[^/]+", "secretmanager.googleapis.com/Secret"),
    (r"//pubsub\.googleapis\.com/.+/topics/.+", "pubsub.googleapis.com/Topic"),
    (r"//pubsub\.googleapis\.com/.+/subscriptions/.+", "pubsub.googleapis.com/Subscription"),
    (r"//artifactregistry\.googleapis\.com/.+/repositories/[^/]+", "artifactregistry.googleapis.com/Repository"),
    (r"//logging\.googleapis\.com/.+/buckets/[^/]+/views/.+", "logging.googleapis.com/LogView"),
    (r"//logging\.googleapis\.com/.+/buckets/[^/]+", "logging.googleapis.com/LogBucket"),
)
_COMPILED: Final = tuple((re.compile(pattern), kind) for pattern, kind in _TYPES)


def type_of(name: str) -> str:
    """The type of a resource by its full name; empty if the name does not tell."""
    return next((kind for pattern, kind in _COMPILED if pattern.fullmatch(name)), "")


def relative_name(name: str) -> str:
    """What conditions see as `resource.name`: no host, and `projects/_/buckets/…` for Cloud Storage."""
    rest = name.removeprefix("//").partition("/")[2]
    if name.startswith("//storage.googleapis.com/") and not rest.startswith("projects/"):
        return f"projects/_/buckets/{rest}"
    return rest


@dataclass(frozen=True, slots=True)
class Target:
    """The resource.

    Attributes:
        name: full resource name (`//storage.googleapis.com/projects/_/buckets/b`); a final `*` stands for anything.
        ancestors: `projects/<number>`, folders and `organizations/<number>`, nearest first.
        aliases: other names of the project, as `projects/<id>`.
        tags: short value by namespaced key (`123/env`), inherited ones too; None if not known.
        tag_ids: `tagValues/…` by `tagKeys/…`.
    """

    name: str
    type: str
    ancestors: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] | None = ()
    tag_ids: tuple[tuple[str, str], ...] | None = ()

    @property
    def project(self) -> str:
        """`projects/<number>`; empty for folders and organisations."""
        return next((node for node in self.ancestors if node.startswith("projects/")), "")

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every name of every node that it is under."""
        return (*self.ancestors, *self.aliases)


def among(named: frozenset[str], nodes: tuple[str, ...]) -> Truth:
    """Whether one of the nodes of a resource is named; not known where one side has numbers and the other only ids."""
    if any(node in named for node in nodes):
        return TRUE
    own = [node for node in nodes if node.startswith("projects/")]
    kinds = {node.removeprefix("projects/").isdigit() for node in own}
    others = {node.removeprefix("projects/").isdigit() for node in named if node.startswith("projects/")}
    if not own and nodes:
        return FALSE
    return FALSE if others <= kinds else UNKNOWN


@dataclass(frozen=True, slots=True)
class Source:
    """Where a request comes from: the internet, or a VPC network of a project.

    Attributes:
        project: `projects/<number>` of the network; empty for the internet.
        network: `//compute.googleapis.com/projects/<id>/global/networks/<name>`.
        access_levels: full names of the levels that the request meets; None: to be worked out.
        known: False if nothing is known of the source but that it is none of `besides` (projects and networks).
    """

    ip: str = ""
    project: str = ""
    network: str = ""
    access_levels: frozenset[str] | None = None
    region: str = ""
    device: bool = False
    known: bool = True
    besides: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Request:
    """One request.

    Attributes:
        permission: in the form of roles (`storage.objects.get`).
        method: of the API (`google.storage.objects.get`), if known; for rules of service perimeters.
        time: None if not known.
        attributes: API attributes and other context by dotted name (`api.…`, `destination.ip`, `request.path`).
        also: projects of further resources that the request touches, such as the source of a copy.
        open: whether what is not stated may hold anything (symbolic requests).
        not_before: of an open request, the time before which it is certainly not made.
        members: for `setIamPolicy`, the members that the new policy would add; None if not known.
    """

    permission: str
    principal: Principal
    target: Target
    source: Source = Source()
    method: str = ""
    service_host: str = ""
    time: datetime | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    also: tuple[str, ...] = ()
    open: bool = False
    members: tuple[str, ...] | None = None
    not_before: datetime | None = None

    @cached_property
    def service(self) -> str:
        """The API's host, as perimeters and the constraint on services name it."""
        if self.service_host:
            return self.service_host
        if self.permission in _CREDENTIALS:
            return "iamcredentials.googleapis.com"
        prefix = self.permission.partition(".")[0]
        return f"{_HOSTS.get(prefix, prefix)}.googleapis.com"

    @cached_property
    def v2_permission(self) -> str:
        """The permission in the form of deny policies: `storage.googleapis.com/objects.get`."""
        prefix, _, rest = self.permission.partition(".")
        return f"{_HOSTS.get(prefix, prefix)}.googleapis.com/{rest}"

    @cached_property
    def environment(self) -> Mapping[str, Any]:
        """What conditions of allow and deny policies see.

        Source: IAM, "Attribute reference for IAM Conditions".
        """
        target = self.target
        name: Any = relative_name(target.name)
        if name.endswith("*"):
            name = Open(name[:-1])
        resource: dict[str, Any] = {
            "name": name,
            "service": target.type.partition("/")[0],
            "type": target.type,
            "tags": OpenMap({}) if target.tags is None else dict(target.tags),
            "tagIds": OpenMap({}) if target.tag_ids is None else dict(target.tag_ids),
        }
        levels = self.source.access_levels
        request: dict[str, Any] = {
            "time": self.time or (Open(after=self.not_before) if self.open else OPEN),
            "auth": {"access_levels": OPEN if levels is None else sorted(levels)},
        }
        found: dict[str, Any] = {"resource": resource, "request": request, "api": {}}
        for key, value in self.attributes.items():
            _put(found, key, value)
        if not self.open:
            return found
        # The parts that the caller controls may hold what no fact states.
        for part in ("api", "request", "destination"):
            found[part] = OpenMap(found.get(part, {}))
        return found


def _put(found: dict[str, Any], key: str, value: Any) -> None:
    """Sets `a.b.c`; what follows `api.` is one name, since names of API attributes have dots themselves."""
    head, _, rest = key.partition(".")
    if not rest:
        found[head] = value
    elif head == "api":
        found.setdefault(head, {})[rest] = value
    else:
        inner = found.setdefault(head, {})
        if isinstance(inner, dict):
            _put(inner, rest, value)
