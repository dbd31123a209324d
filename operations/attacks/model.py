"""What an attempt is, who makes it, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tenancy.names import Names

if TYPE_CHECKING:
    from boto3 import Session

    from operations.attacks.nodes import NodeOf

Attacker = Literal["administrator", "trainer", "stolen", "smuggled", "anonymous", "platform", "insider", "tampered"]

WHO: dict[Attacker, str] = {
    "administrator": "the attacking tenant's administrator, with every right in its own account",
    "trainer": "code on the attacking tenant's own node, with that node's credentials",
    "stolen": "the victim's own node credentials, carried out of the victim's network",
    "smuggled": "the attacker's credentials, used from inside the victim's network",
    "anonymous": "nobody: a request without credentials",
    "platform": "the platform's own administrator, in the victim's account and network",
    "insider": "the victim's own node credentials inside its network, used by something that cannot attest",
    "tampered": "the victim's own machine, booted with something else than what is accepted",
}
"""The attackers, in words."""

Path = Literal["data", "key", "network", "snapshot", "image", "log", "role", "guardrail"]


@dataclass(frozen=True)
class Party:
    """One tenant as the suite knows it. Keys by purpose; the rest are ids of things that exist."""

    names: Names
    account: str
    region: str
    keys: dict[str, str]
    vpc: str
    subnet: str
    route_table: str
    endpoint: str
    security_group: str

    def role_arn(self, role: str) -> str:
        """The ARN of one of the tenant's roles."""
        return f"arn:aws:iam::{self.account}:role/{self.names.prefix}-{role}"


@dataclass(frozen=True)
class Prey:
    """What the victim has that is worth taking, made before the attack."""

    object_key: str
    wrapped_key: bytes
    presigned: str
    snapshot: str
    image: str
    volume: str
    log_stream: str


@dataclass(frozen=True)
class Stage:
    """Everything an attempt may use."""

    attacker: Party
    victim: Party
    prey: Prey
    sessions: dict[Attacker, Session]
    endpoints: dict[Attacker, str]
    attacker_node: NodeOf
    victim_node: NodeOf

    def client(self, who: Attacker, service: str) -> Any:
        """An AWS client with an attacker's credentials, from where that attacker stands."""
        from botocore.config import Config  # noqa: PLC0415 - heavy, and only the suite needs it

        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        make: Any = self.sessions[who].client  # its overloads take literal service names only
        return make(service, endpoint_url=self.endpoints[who], config=config)


@dataclass(frozen=True)
class Attempt:
    """One thing to try. `call` returns when it succeeded and raises the service's error when it was refused."""

    id: str
    path: Path
    who: Attacker
    title: str
    call: Callable[[Stage], Any]
    unknown: str = ""
    """The error code by which AWS says that an id means nothing outside its own account; as good as a refusal."""


Result = Literal["refused", "SUCCEEDED", "failed otherwise"]


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt. `by` is the document and statement that refused; `said` the service's own words."""

    attempt: Attempt
    result: Result
    code: str
    said: str
    by: str
