"""What a request needs: actions on resources, each with the context that conditions can ask about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from localcloud.identity import Caller


@dataclass(frozen=True)
class Endpoint:
    """A VPC endpoint as deployed; `policy` is its JSON text."""

    id: str
    vpc: str
    account: str
    service_name: str
    policy: str


ContextValue = str | tuple[str, ...]


@dataclass(frozen=True)
class Access:
    """One action on one resource.

    Attributes:
        action: IAM's name of the action, as `s3:GetObject`.
        resource: the resource's ARN, or `*` where the action has no resource type.
        account: the account that owns the resource.
        context: condition keys of this access only (the request's own are in `Request.context`).
        via: the service that asks in the caller's name (forward access session), or empty.
    """

    action: str
    resource: str
    account: str
    context: Mapping[str, ContextValue] = field(default_factory=dict)
    via: str = ""


@dataclass(frozen=True)
class Request:
    """All that one HTTP request needs to be allowed.

    Attributes:
        caller: who asks.
        region: the region of the credential scope.
        accesses: every one of them must be allowed.
        context: condition keys that hold for all of them.
        endpoint: the VPC endpoint that the request came through, or None.
    """

    caller: Caller
    region: str
    accesses: tuple[Access, ...]
    context: Mapping[str, ContextValue] = field(default_factory=dict)
    endpoint: Endpoint | None = None


@dataclass(frozen=True)
class Decision:
    """What the authoriser says about one access.

    Attributes:
        allowed: the verdict.
        decided_by: the document and statement that decided, or what failed to allow, in words.
        reason: the end of AWS's message, such as `with an explicit deny in a service control policy`.
    """

    allowed: bool
    decided_by: str
    reason: str = ""


class Authoriser(Protocol):
    """Decides accesses against the deployed state."""

    def decide(self, request: Request, access: Access) -> Decision:
        """Whether `request.caller` may do `access`."""
        ...
