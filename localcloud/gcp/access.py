"""What a call needs, who asks and from where; and the narrow door to the evaluator that decides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from localcloud.gcp.inventory import Inventory

Kind = Literal["user", "serviceAccount", "federated", "anonymous"]


@dataclass(frozen=True)
class Caller:
    """Who asks.

    Attributes:
        kind: what kind of principal it is.
        id: e-mail address, or the whole `principal://…` of a federated identity.
        groups: addresses of the groups a user is in.
        pool: resource name of a federated identity's pool; `subject` and `attributes` are what its provider mapped.
    """

    kind: Kind
    id: str = ""
    groups: tuple[str, ...] = ()
    pool: str = ""
    subject: str = ""
    attributes: tuple[tuple[str, str], ...] = ()

    @property
    def member(self) -> str:
        """Its text as a member of an allow policy."""
        return self.id if self.kind == "federated" else f"{self.kind}:{self.id}" if self.id else self.kind


ANONYMOUS = Caller("anonymous")


@dataclass(frozen=True)
class Origin:
    """Where a request comes from: the internet (both empty), or a VPC network of a project.

    `project` is `projects/<number>`, `network` a full resource name.
    """

    project: str = ""
    network: str = ""


INTERNET = Origin()


@dataclass(frozen=True)
class Access:
    """One permission on one resource (full resource name); `method` is the API's, for rules of perimeters.

    `fallback` is the nearest deployed asset that the resource belongs to: an object's bucket, a version's key.
    """

    permission: str
    resource: str
    method: str = ""
    fallback: str = ""
    also: tuple[str, ...] = ()
    """Projects of further resources that the call touches (`projects/<number>`), such as a copy's source."""
    attributes: tuple[tuple[str, str], ...] = field(default=())


@dataclass(frozen=True)
class Decision:
    """What the evaluator says about an access, and by which statement of which document."""

    allowed: bool
    decided_by: str


class Authoriser(Protocol):
    """Decides accesses against the deployed state."""

    def decide(self, caller: Caller, origin: Origin, access: Access, now: datetime) -> Decision:
        """Whether the caller may do this from there. What cannot be evaluated is refused."""
        ...


class Refuser:
    """Refuses everything: what a local cloud without an evaluator answers."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def decide(self, caller: Caller, origin: Origin, access: Access, now: datetime) -> Decision:  # noqa: ARG002
        """Always a refusal."""
        return Decision(False, "there is no evaluator for Google Cloud's policies here, so nothing is allowed")
