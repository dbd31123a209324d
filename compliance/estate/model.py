"""What the proofs reason about. No logic: who owns what, under which policies, shared with whom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from compliance.reason.iam import Grant, Labelled, Level
from compliance.reason.iam.s3 import S3Setting

if TYPE_CHECKING:
    from compliance.estate.google_model import GoogleEstate

Path = Literal["data", "key", "network", "snapshot", "image", "log", "role"]
PATHS: tuple[Path, ...] = ("data", "key", "network", "snapshot", "image", "log", "role")

PLATFORM = "platform"
"""Owner of what belongs to no tenant."""
EVERYONE = "*"
"""In place of an account: anyone at all."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account. `tenants` are those with something in it; `scps` and `rcps` run from the root to the account."""

    id: str
    tenants: tuple[str, ...]
    scps: tuple[Level, ...] = ()
    rcps: tuple[Level, ...] = ()

    @property
    def shared(self) -> bool:
        """Whether several tenants live in it, so that the account itself separates nothing."""
        return len(self.tenants) > 1


@dataclass(frozen=True, slots=True)
class Identity:
    """A role or user.

    Attributes:
        policies: its identity policies (a user's include its groups').
        whole: False if a policy of it could not be read; it may then do more than `policies` say.
        trust: the trust policy of a role.
        services: service principals that may assume it, for PassRole.
    """

    arn: str
    account: str
    owner: str
    policies: tuple[Labelled, ...] = ()
    boundary: tuple[Labelled, ...] | None = None
    trust: Labelled | None = None
    unique_id: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Resource:
    """A thing that a request can be about.

    Attributes:
        kind: `bucket`, `key`, `secret`, `queue`, `topic`, `repository`, `function`, `log-group`, `event-bus`,
            `log-destination`, `snapshot`, `volume`, `image`, `instance` or `role`.
        path: the path on which reaching it counts.
        policy: its resource policy; None if it has none.
        tags: as condition keys see them (`aws:ResourceTag/…`).
        ways_known: of a bucket, whether every access point of its own account is known; each that leads to the bucket
            is then a resource of its own, with the point in `s3`.
    """

    arn: str
    account: str
    owner: str
    kind: str
    path: Path
    policy: Labelled | None = None
    grants: tuple[Grant, ...] = ()
    s3: S3Setting | None = None
    tags: tuple[tuple[str, str], ...] = ()
    ways_known: bool = False


@dataclass(frozen=True, slots=True)
class Handover:
    """Something that is configured to go, or to be open, to another account without any further request.

    Attributes:
        kind: `launch permission`, `volume permission`, `replication`, `subscription`, `share`, …
        source: ARN or id of what is handed over; `owner` and `account` are its own.
        target: account id, ARN, or `*` for everyone; `target_owner` its tenant, `""` if it belongs to nobody known.
        direction: `out` if the source's content goes to the target, `in` if the target's content comes to the source.
    """

    kind: str
    path: Path
    source: str
    account: str
    owner: str
    target: str
    target_owner: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A VPC endpoint; `policy` None is AWS's default of full access."""

    id: str
    account: str
    owner: str
    vpc: str
    service: str
    policy: Labelled | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that could not be read, and the paths of the owners on which nothing is claimed because of it."""

    account: str
    owners: tuple[str, ...]
    paths: tuple[Path, ...]
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class NetworkFact:
    """One answer of `ec2 describe-*`, as the CLI prints it."""

    account: str
    region: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Estate:
    """Everything that was considered, and what was not.

    Attributes:
        tenants: the tenants that can be proved about.
        source: `plan` or `live`.
        read: counts of what was read, by kind.
        unknown: limits in words that no fact could settle.
        google: the Google Cloud part; None if there is none. `gaps`, `handovers` and `read` are of both clouds.
        read_at: when the first of AWS's facts was read, before which no request is asked about; None: not told.
    """

    tenants: tuple[str, ...]
    source: str
    accounts: dict[str, Account]
    identities: tuple[Identity, ...] = ()
    resources: tuple[Resource, ...] = ()
    handovers: tuple[Handover, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    network: tuple[NetworkFact, ...] = ()
    gaps: tuple[Gap, ...] = ()
    read: dict[str, int] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    google: GoogleEstate | None = None
    read_at: datetime | None = None
