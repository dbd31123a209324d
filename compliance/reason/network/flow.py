"""A flow: a set of packets on its way, what let it through so far, and what was not known on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from compliance.reason.network.model import Interface
from compliance.reason.network.space import NOTHING, Box, Packet, Space

Explain = Callable[[Packet], str]
Restore = Callable[[Packet], tuple[Box, ...]]


@dataclass(frozen=True, slots=True)
class Hop:
    """One object that let packets through.

    `space` is what left it. `explain` names the rule that a given packet met; `restore`, on hops that rewrite
    headers, gives the boxes around the packets of `before` that became a given packet.
    """

    kind: str
    id: str
    text: str
    space: Space
    explain: Explain | None = None
    restore: Restore | None = None
    before: Space = NOTHING


@dataclass(frozen=True, slots=True)
class Flow:
    """Packets with a common history.

    `sender` is what put them on the wire last: a host, a NAT gateway or a routing instance; None when they came
    through a gateway. `entered` says how they came into the present VPC: "" inside it, `peering:<id>`,
    `transit:<id>` or `outside`. `direct` is whether they still come straight from `sender`, as a security group
    reference demands. `visited` holds the places passed, so that circles end; `rewritten` counts rewrites of the
    destination, after which a place may be passed again.
    """

    space: Space
    hops: tuple[Hop, ...] = ()
    visited: frozenset[str] = frozenset()
    sender: Interface | None = None
    entered: str = ""
    direct: bool = True
    rewritten: int = 0
    missing: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    def through(
        self,
        kind: str,
        name: str,
        text: str,
        space: Space,
        *,
        explain: Explain | None = None,
        restore: Restore | None = None,
    ) -> Flow:
        """The flow after one more hop."""
        return replace(
            self, space=space, hops=(*self.hops, Hop(kind, name, text, space, explain, restore, before=self.space))
        )

    def lacking(self, *facts: str) -> Flow:
        """The flow, which now also hangs on facts that are missing."""
        return replace(self, missing=tuple(dict.fromkeys((*self.missing, *facts))))

    def assuming(self, *words: str) -> Flow:
        """The flow, which now also rests on assumptions."""
        return replace(self, assumed=tuple(dict.fromkeys((*self.assumed, *words))))

    def visiting(self, place: str) -> Flow | None:
        """The flow at a place that it has not passed; None on a second visit, when it runs in a circle."""
        if place in self.visited:
            return None
        return replace(self, visited=self.visited | {place})


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why packets went no further; `depth` counts the hops before it, the deepest is closest to the target."""

    id: str
    kind: str
    reason: str
    depth: int = field(compare=False)

    def as_json(self) -> dict[str, str]:
        """The obstacle as the report shows it."""
        return {"id": self.id, "kind": self.kind, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Witness:
    """A packet that arrives, and each hop with the packet as it left it."""

    packet: Packet
    hops: tuple[tuple[Hop, Packet], ...]

    def as_json(self) -> dict[str, object]:
        """The witness as the report shows it; `packet` stands in a hop where it differs from the one before."""
        shown: list[Mapping[str, object]] = []
        before = self.packet
        for hop, packet in self.hops:
            entry: dict[str, object] = {"kind": hop.kind, "id": hop.id, "detail": hop.text}
            if hop.explain is not None:
                entry["by"] = hop.explain(packet if hop.restore is None else before)
            if packet != before:
                entry["packet"] = packet.as_json()
            before = packet
            shown.append(entry)
        return {"packet": self.packet.as_json(), "hops": shown}


def witness_of(flow: Flow) -> Witness:
    """A concrete packet of the flow, followed back through every rewriting to the packet that was sent."""
    packet = flow.space.first()
    steps: list[tuple[Hop, Packet]] = []
    for hop in reversed(flow.hops):
        steps.append((hop, packet))
        if hop.restore is not None:
            packet = hop.before.meet(hop.restore(packet)).first()
    return Witness(packet, tuple(reversed(steps)))
