"""Private Service Connect: from an endpoint in a consumer's network to the network behind a service attachment.

Source: VPC, "About accessing published services through endpoints": only hosts of the endpoint's own network reach it,
and their egress rules are asked for its address.
"""

from __future__ import annotations

from collections.abc import Iterable

from compliance.reason.google_network.deliver import decide
from compliance.reason.google_network.ends import End
from compliance.reason.google_network.model import Endpoint, Fabric, Host
from compliance.reason.google_network.outcome import Fate, hop
from compliance.reason.google_network.ranges import number
from compliance.reason.google_network.rules import Packet
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, both


def through_endpoints(
    fabric: Fabric, start: End, end: End, headers: Iterable[tuple[int, int]]
) -> list[tuple[Packet, Fate]]:
    """What becomes of the packets that hosts of the one end send to endpoints which lead to the other."""
    networks = {host.network for host in end.hosts}
    found: list[tuple[Packet, Fate]] = []
    kinds = [(protocol, port) for protocol, port in headers if protocol in (6, 17)]
    for endpoint in fabric.endpoints:
        leads = _leads(fabric, endpoint, end, networks)
        hubs = _hubs(fabric, endpoint.network)
        senders = [h for h in start.hosts if h.network == endpoint.network or hubs & _hubs(fabric, h.network)]
        if leads == FALSE or not endpoint.accepted or not senders:
            continue
        for host in senders:
            for protocol, port in kinds:
                packet = Packet(_sender(host, endpoint), endpoint.address or "unknown", protocol, port)
                found.append((packet, _fate(fabric, packet, host, endpoint, leads)))
    return found


def _hubs(fabric: Fabric, network: str) -> set[str]:
    return {spoke.hub for spoke in fabric.spokes.get(network, ())}


def _leads(fabric: Fabric, endpoint: Endpoint, end: End, networks: set[str]) -> Truth:
    """Whether the endpoint leads to the end: to a whole network certainly, to a machine in it if it is a backend."""
    behind = fabric.attachments.get(endpoint.attachment)
    if behind is None:
        return UNKNOWN if "/".join(endpoint.attachment.split("/")[:2]) in end.projects else FALSE
    if behind not in networks:
        return FALSE
    return TRUE if end.whole else UNKNOWN


def _sender(host: Host, endpoint: Endpoint) -> str:
    wide = ":" in endpoint.address
    return next((each for each in host.addresses if (number(each).version == 6) == wide), "")


def _fate(fabric: Fabric, packet: Packet, host: Host, endpoint: Endpoint, leads: Truth) -> Fate:
    if not packet.source:
        return Fate(FALSE, (), ("endpoint", endpoint.id, "has an address of another family"))
    out = Fate(TRUE)
    if endpoint.address:
        out = decide(fabric, packet, host, None, egress=True)
        if out.truth == FALSE:
            return out
    hops = (
        *out.hops,
        hop("endpoint", endpoint.id, "Private Service Connect"),
        hop("service attachment", endpoint.attachment, "hands it to the load balancer behind"),
    )
    what = "which machines stand behind the attachment is not in these facts"
    if host.network != endpoint.network:
        # Whether the hub passes endpoints on (`exportPsc`) is not modelled.
        leads = both(leads, UNKNOWN)
    return Fate(both(out.truth, leads), hops, ("service attachment", endpoint.attachment, what))
