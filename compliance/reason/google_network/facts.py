"""Reads networks from assets of Cloud Asset Inventory (content type RESOURCE)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.google_network.fields import (
    Data,
    address,
    blocks,
    flag,
    part,
    parts,
    required,
    short,
    text,
    texts,
)
from compliance.reason.google_network.model import Endpoint, Fabric, Gap, Host, Peering, Route, Rule, Spoke, Subnet
from compliance.reason.google_network.names import by_id, ids_of
from compliance.reason.google_network.parse_hosts import parse_instance, parse_subnet
from compliance.reason.google_network.parse_joins import (
    hub_name,
    parse_endpoint,
    parse_nats,
    parse_peerings,
    parse_route,
    parse_spoke,
    region_of,
)
from compliance.reason.google_network.parse_rules import Groups, classic_rule, policy_rule, short_group

_FILTERS: Final = frozenset(
    {"Network", "Firewall", "FirewallPolicy", "NetworkFirewallPolicy", "RegionNetworkFirewallPolicy"}
)
"""Kinds of assets that can stop packets: without one of them nothing is claimed, not even that a packet arrives."""


class _Loader:
    """Collects what assets say of networks."""

    def __init__(self) -> None:
        self.networks: dict[str, str] = {}
        self.before_classic: dict[str, bool] = {}
        self.subnets: dict[str, Subnet] = {}
        self.hosts: list[Host] = []
        self.classic: dict[str, list[Rule]] = defaultdict(list)
        self.policies: list[tuple[str, Data, str]] = []
        self.routes: dict[str, list[Route]] = defaultdict(list)
        self.peerings: dict[str, list[Peering]] = defaultdict(list)
        self.spokes: dict[str, list[Spoke]] = defaultdict(list)
        self.topologies: dict[str, str] = {}
        self.routers: list[tuple[str, Data]] = []
        self.reserved: dict[str, str] = {}
        self.groups: dict[str, Any] = {}
        self.endpoints: list[Endpoint] = []
        self.attachments: dict[str, str] = {}
        self.balanced: dict[str, list[str]] = defaultdict(list)
        self.lines: dict[str, tuple[str, ...]] = {}
        self.aliases: dict[str, str] = {}
        self.numbered: dict[str, str] = {}
        self.tags: dict[str, set[str]] = defaultdict(set)
        self.missing: list[Gap] = []
        self.compiled: list[tuple[frozenset[str], str, tuple[Rule, ...]]] = []

    def take(self, asset: Mapping[str, Any], data: Data) -> None:
        """Reads one asset."""
        own, ancestors = short(asset.get("name")), _ancestors(asset)
        own = own.removeprefix("//networkconnectivity.googleapis.com/").removeprefix("//")
        project = _project(own)
        number = next((node for node in ancestors if node.startswith("projects/")), "")
        if number and project:
            self.aliases[project] = number
        _READERS[_kind(asset)](self, own, project, data, ancestors)

    def lack(self, asset: Mapping[str, Any], why: str) -> None:
        """Notes an asset that could not be read."""
        own, kind = short(asset.get("name")), _kind(asset)
        self.missing.append(Gap(f"{kind} {own} {why}", _project(own), filters=kind in _FILTERS))

    def network(self, own: str, project: str, data: Data, ancestors: tuple[str, ...]) -> None:
        self.networks[own] = project
        self.lines[own] = ancestors
        order = text(data, "networkFirewallPolicyEnforcementOrder", own)
        self.before_classic[own] = order == "BEFORE_CLASSIC_FIREWALL"
        self.peerings[own] += parse_peerings(own, data)

    def subnetwork(self, own: str, project: str, data: Data, _up: tuple[str, ...]) -> None:
        self.subnets[own] = parse_subnet(own, project, data)

    def instance(self, own: str, project: str, data: Data, _up: tuple[str, ...]) -> None:
        self.hosts += parse_instance(own, project, data)
        self.numbered[f"{project}/{own.split('/', 2)[-1].rpartition('/')[0]}/{data.get('id')}"] = own

    def firewall(self, own: str, _project: str, data: Data, _up: tuple[str, ...]) -> None:
        if not flag(data, "disabled", own):
            self.classic[short(required(data, "network", own))] += classic_rule(own, data)

    def firewall_policy(self, own: str, _project: str, data: Data, _up: tuple[str, ...]) -> None:
        self.policies.append((own, data, "hierarchical firewall policy"))

    def network_policy(self, own: str, _project: str, data: Data, _up: tuple[str, ...]) -> None:
        self.policies.append((own, data, "network firewall policy"))

    def route(self, own: str, _project: str, data: Data, _up: tuple[str, ...]) -> None:
        found = parse_route(own, data)
        if found is not None:
            self.routes[found.network].append(found)

    def router(self, own: str, project: str, data: Data, _up: tuple[str, ...]) -> None:
        self.routers.append((own, data))
        if parts(data, "bgpPeers", own):
            self.missing.append(Gap(f"routes that {own} learns are not in these facts", project, hybrid=True))

    def reserve(self, own: str, _project: str, data: Data, _up: tuple[str, ...]) -> None:
        if found := address(data, "address", own):
            self.reserved[own] = found

    def tunnel(self, own: str, project: str, _data: Data, _up: tuple[str, ...]) -> None:
        self.missing.append(Gap(f"networks behind the VPN tunnel {own} of {project}", project, hybrid=True))

    def interconnect(self, own: str, project: str, _data: Data, _up: tuple[str, ...]) -> None:
        what = f"networks behind the interconnect attachment {own} of {project}"
        self.missing.append(Gap(what, project, hybrid=True))

    def spoke(self, own: str, project: str, data: Data, _up: tuple[str, ...]) -> None:
        found = parse_spoke(own, data)
        if found is not None:
            self.spokes[found.network].append(found)
        elif not data.get("linkedVpcNetwork"):
            self.missing.append(Gap(f"networks behind the spoke {own} of {project}", project, hybrid=True))

    def hub(self, own: str, _project: str, data: Data, _up: tuple[str, ...]) -> None:
        self.topologies[hub_name(own)] = text(data, "presetTopology", own)

    def forwarding_rule(self, own: str, project: str, data: Data, _up: tuple[str, ...]) -> None:
        if "/serviceAttachments/" in text(data, "target", own):
            self.endpoints.append(parse_endpoint(own, project, data))
        elif text(data, "loadBalancingScheme", own).startswith("EXTERNAL"):
            self.balanced[project].append(address(data, "IPAddress", own))

    def service_attachment(self, own: str, _project: str, data: Data, _up: tuple[str, ...]) -> None:
        for link in texts(data, "natSubnets", own):
            self.attachments[own] = short(link)

    def tag_binding(self, own: str, _project: str, data: Data, _up: tuple[str, ...]) -> None:
        held = {text(data, name, own) for name in ("tagValue", "tagValueNamespacedName")} - {""}
        self.tags[short(required(data, "parent", own))] |= held

    def address_group(self, own: str, _project: str, data: Data, _up: tuple[str, ...]) -> None:
        self.groups[short_group(own)] = blocks(data, "items", own)

    def finish(self) -> Fabric:
        """The fabric, with the order in which each network asks its rules."""
        self._compile()
        named = {*self.networks, *self.classic, *(host.network for host in self.hosts)}
        levels = {network: tuple(self._levels(network)) for network in sorted(named)}
        attachments = {own: self.subnets[s].network for own, s in self.attachments.items() if s in self.subnets}
        nats = tuple(nat for own, data in self.routers for nat in parse_nats(own, data, self.reserved))
        return Fabric(
            self.networks, self.subnets, tuple(self._tagged()), levels, _tuples(self.routes), _tuples(self.peerings),
            _tuples(self.spokes), self.topologies, nats, tuple(self.endpoints), attachments, _tuples(self.balanced),
            self.aliases, tuple(dict.fromkeys(self.missing)),
        )  # fmt: skip

    def _tagged(self) -> Iterator[Host]:
        """The hosts with the secure tags that bindings give them; a binding names the machine by name or by number."""
        bound: dict[str, set[str]] = defaultdict(set)
        for parent, held in self.tags.items():
            bound[self.numbered.get(parent, parent)] |= held
        for host in self.hosts:
            held = bound.get(host.id.partition("#")[0], set())
            yield replace(host, secure_tags=host.secure_tags | held) if held and host.secure_tags is not None else host

    def _levels(self, network: str) -> Iterator[tuple[Rule, ...]]:
        """Hierarchical policies from the organisation down, then VPC rules and network policies in the network's order.

        Of network policies the global one comes first. Source: Cloud NGFW, "Policy and rule evaluation order".
        """
        line = self.lines.get(network, ())
        if network in self.networks and not line and any(kind.startswith("hier") for _, _, kind in self.policies):
            lost = f"folders and organisation above {network}, whose firewall policies apply to it"
            self.missing.append(Gap(lost, self.networks[network], filters=True))
        for node in reversed(line):
            yield from (rules for _, rules in self._associated(node))
        classic = tuple(sorted(self.classic.get(network, []), key=lambda rule: (rule.priority, rule.action != "deny")))
        policies = [rules for _, rules in sorted(self._associated(network), key=lambda found: bool(found[0]))]
        yield from [*policies, classic] if self.before_classic.get(network) else [classic, *policies]

    def _associated(self, target: str) -> Iterator[tuple[str, tuple[Rule, ...]]]:
        """Region (empty: global) and rules of each policy of a node or network."""
        yield from ((region, rules) for targets, region, rules in self.compiled if target in targets)

    def _compile(self) -> None:
        """Targets, region and rules of every policy."""
        groups: Groups = self.groups
        for own, data, kind in self.policies:
            links = [short(text(item, "attachmentTarget", own)) for item in parts(data, "associations", own)]
            targets = frozenset(link.removeprefix("//cloudresourcemanager.googleapis.com/") for link in links)
            region = region_of(text(data, "region", own)) or (region_of(own) if "/regions/" in own else "")
            rules = [r for item in parts(data, "rules", own) for r in policy_rule(own, kind, item, groups, region)]
            self.compiled.append((targets, region, tuple(sorted(rules, key=lambda rule: rule.priority))))


_Reader = Callable[[_Loader, str, str, Data, tuple[str, ...]], None]
_COMPUTE: Final = "compute.googleapis.com/"
_READERS: Final[dict[str, _Reader]] = {
    "Network": _Loader.network,
    "Subnetwork": _Loader.subnetwork,
    "Instance": _Loader.instance,
    "Firewall": _Loader.firewall,
    "FirewallPolicy": _Loader.firewall_policy,
    "NetworkFirewallPolicy": _Loader.network_policy,
    "RegionNetworkFirewallPolicy": _Loader.network_policy,
    "Route": _Loader.route,
    "Router": _Loader.router,
    "Address": _Loader.reserve,
    "GlobalAddress": _Loader.reserve,
    "VpnTunnel": _Loader.tunnel,
    "InterconnectAttachment": _Loader.interconnect,
    "ForwardingRule": _Loader.forwarding_rule,
    "GlobalForwardingRule": _Loader.forwarding_rule,
    "ServiceAttachment": _Loader.service_attachment,
    "networkconnectivity.googleapis.com/Spoke": _Loader.spoke,
    "networkconnectivity.googleapis.com/Hub": _Loader.hub,
    "cloudresourcemanager.googleapis.com/TagBinding": _Loader.tag_binding,
    "networksecurity.googleapis.com/AddressGroup": _Loader.address_group,
}
"""Readers by type of asset; those of Compute Engine without its name."""


def load(assets: Iterable[Mapping[str, Any]]) -> Fabric:
    """The networks that assets describe.

    An asset may come several times, also without its resource (exports of other content types). One that never comes
    with its resource, or that is described in different words, is missing.

    Raises:
        ComplianceError: naming the asset and the value that cannot be read.
    """
    loader = _Loader()
    seen: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    wanted = [asset for asset in assets if _kind(asset) in _READERS]
    ids = ids_of(wanted)
    for asset in wanted:
        try:
            named = {**asset, "name": by_id(asset.get("name"), ids), "resource": by_id(asset.get("resource"), ids)}
        except RecursionError as error:
            raise ComplianceError(short(asset.get("name")), "is nested too deeply") from error
        seen[_kind(asset), str(named["name"])].append(named)
    for found in seen.values():
        described = [(asset, data) for asset in found if (data := _data(asset)) is not None]
        if not described:
            loader.lack(found[0], "comes without its resource (content type RESOURCE)")
        elif any(data != described[0][1] for _, data in described):
            loader.lack(found[0], "is described in different words")
        else:
            loader.take(*described[0])
    return loader.finish()


def _kind(asset: Mapping[str, Any]) -> str:
    return str(asset.get("assetType", "")).removeprefix(_COMPUTE)


def _data(asset: Mapping[str, Any]) -> Data | None:
    resource = asset.get("resource")
    if resource is None:
        return None
    name = short(asset.get("name"))
    if not isinstance(resource, Mapping):
        raise ComplianceError(f"{name}.resource", f"is {resource!r:.80}, but must be an object")
    return part(resource, "data", f"{name}.resource") if "data" in resource else None


def _ancestors(asset: Mapping[str, Any]) -> tuple[str, ...]:
    found = asset.get("ancestors") or ()
    if not isinstance(found, list | tuple) or not all(isinstance(node, str) for node in found):
        raise ComplianceError(f"{short(asset.get('name'))}.ancestors", f"is {found!r:.80}, but must be a list of texts")
    return tuple(found)


def _project(own: str) -> str:
    return "/".join(own.split("/")[:2]) if own.startswith("projects/") else ""


def _tuples(found: Mapping[str, list[Any]]) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(items) for name, items in found.items()}
