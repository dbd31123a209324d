"""What the proofs reason about on Google Cloud. No logic: who owns what, under which policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from compliance.estate.google_owners import GoogleOwners
from compliance.estate.model import Path
from compliance.reason.gcp.acl import Acl
from compliance.reason.gcp.allow import AllowPolicy
from compliance.reason.gcp.boundary import Boundary
from compliance.reason.gcp.deny import DenyPolicy
from compliance.reason.gcp.organisation_policy import ConstraintPolicy
from compliance.reason.gcp.perimeter import Borders
from compliance.reason.gcp.roles import CustomRole


@dataclass(frozen=True, slots=True)
class GoogleResource:
    """A thing that a request can be about.

    Attributes:
        name: full resource name.
        kind: `bucket`, `key`, `key-ring`, `secret`, `snapshot`, `disk`, `image`, `repository`, `log-bucket`, `topic`,
            `subscription`, `dataset`, `account`, `instance`, `project`, `network`, `subnet` or `pool`.
        ancestors: `projects/<number>`, folders, `organizations/<number>`, nearest first.
        above: names of resources that pass their allow policy on to this one (a key's ring).
    """

    name: str
    type: str
    owner: str
    kind: str
    path: Path
    ancestors: tuple[str, ...]
    above: tuple[str, ...] = ()
    acl: Acl | None = None
    tags: tuple[tuple[str, str], ...] | None = ()

    @property
    def project(self) -> str:
        """`projects/<number>`."""
        return next((node for node in self.ancestors if node.startswith("projects/")), "")


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A service account; `unique_id` is what its tokens call `sub`."""

    email: str
    project: str
    owner: str
    ancestors: tuple[str, ...]
    unique_id: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider of a workload identity pool.

    Attributes:
        pool: `projects/<number>/locations/global/workloadIdentityPools/<pool>`.
        issuer: of an OIDC provider; `aws_account` of an AWS one.
        mapping: CEL by attribute; `condition` is CEL, empty if every token is accepted.
    """

    name: str
    pool: str
    owner: str
    ancestors: tuple[str, ...]
    issuer: str
    aws_account: str
    condition: str
    mapping: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class GoogleEstate:
    """Everything of Google Cloud that was considered.

    Attributes:
        aliases: other names of a project, `projects/<id>` by `projects/<number>`.
        owners: tenant (or platform) by `projects/<number>`.
        allow: allow policies by node (`projects/<number>`) or full resource name.
        deny, constraints: by node.
        networks: raw data of network resources, for the search over packets.
        whose: the owners of projects, groups and identities.
        read_at: when the first of the facts was read, before which no request is asked about; None: not told.
    """

    tenants: tuple[str, ...]
    aliases: Mapping[str, str]
    owners: Mapping[str, str]
    allow: Mapping[str, AllowPolicy]
    whose: GoogleOwners
    deny: Mapping[str, tuple[DenyPolicy, ...]] = field(default_factory=dict)
    constraints: Mapping[str, tuple[ConstraintPolicy, ...]] = field(default_factory=dict)
    boundaries: tuple[Boundary, ...] = ()
    borders: Borders = field(default_factory=Borders)
    roles: Mapping[str, CustomRole] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    resources: tuple[GoogleResource, ...] = ()
    accounts: Mapping[str, ServiceAccount] = field(default_factory=dict)
    providers: tuple[Provider, ...] = ()
    networks: tuple[Mapping[str, Any], ...] = ()
    read_at: datetime | None = None
