"""Reads networks from assets of Cloud Asset Inventory (content type RESOURCE)."""

from __future__ import annotations

import ipaddress
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.google_network.model import Block, Endpoint, Fabric, Host, Peering, Route, Rule, Subnet
from compliance.reason.google_network.rules import classic_rule, policy_rule

_KIND: Final = "compute.googleapis.com/"


def short(link: Any) -> str:
    """`projects/…` of a link or full name."""
    text = str(link or "")
    return re.sub(r"^.*?(?:/compute/[a-z0-9]+/|compute\.googleapis\.com/)(?=projects/|locations/)", "", text)


def block(text: str, place: str) -> Block:
    """A block of addresses. Raises `ComplianceError` naming the place."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ComplianceError(place, str(error)) from error


def read_google_directory(folder: Path) -> list[Mapping[str, Any]]:
    """Every asset in the JSON files of a folder, at any depth.

    A file may hold `{"assets": […]}`, a list of assets, one asset, or one asset in each line (an export).

    Raises:
        ComplianceError: a file cannot be read, or none holds an asset.
    """
    found: list[Mapping[str, Any]] = []
    for path in sorted([*folder.rglob("*.json"), *folder.rglob("*.jsonl"), *folder.rglob("*.ndjson")]):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ComplianceError(str(path), f"cannot be read: {error}") from error
        found += _in_document(_documents(text, path))
    if not found:
        raise ComplianceError(str(folder), "no asset of Cloud Asset Inventory in any JSON file here")
    return found


def _documents(text: str, path: Path) -> list[Any]:
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except json.JSONDecodeError as error:
        raise ComplianceError(str(path), f"not JSON: {error.msg} at line {error.lineno}") from error


def _in_document(documents: Iterable[Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for document in documents:
        if isinstance(document, list):
            found += _in_document(document)
        elif isinstance(document, Mapping) and "assetType" in document:
            found.append(document)
        elif isinstance(document, Mapping):
            found += _in_document([document["assets"]] if isinstance(document.get("assets"), list) else [])
    return found


def looks_google(folder: Path) -> bool:
    """Whether some JSON file of a folder holds assets of Cloud Asset Inventory."""
    paths = [*folder.rglob("*.json"), *folder.rglob("*.jsonl"), *folder.rglob("*.ndjson")]
    return any('"assetType"' in path.read_text(encoding="utf-8", errors="replace") for path in paths)


class _Loader:
    """Collects what assets say of networks."""

    def __init__(self) -> None:
        self.networks: dict[str, str] = {}
        self.before_classic: dict[str, bool] = {}
        self.subnets: dict[str, Subnet] = {}
        self.hosts: list[Host] = []
        self.classic: dict[str, list[Rule]] = defaultdict(list)
        self.policies: list[tuple[str, Mapping[str, Any], str]] = []
        self.routes: dict[str, list[Route]] = defaultdict(list)
        self.peerings: dict[str, list[Peering]] = defaultdict(list)
        self.nat: set[str] = set()
        self.endpoints: list[Endpoint] = []
        self.attachments: dict[str, str] = {}
        self.balanced: set[str] = set()
        self.lines: dict[str, tuple[str, ...]] = {}
        self.aliases: dict[str, str] = {}
        self.missing: list[str] = []

    def take(self, asset: Mapping[str, Any]) -> None:
        """Reads one asset."""
        kind, name = str(asset.get("assetType", "")), str(asset.get("name", ""))
        data = (asset.get("resource") or {}).get("data") if isinstance(asset.get("resource"), Mapping) else None
        if not kind.startswith(_KIND) or not isinstance(data, Mapping):
            return
        own, ancestors = short(name), tuple(asset.get("ancestors") or ())
        project = "/".join(own.split("/")[:2])
        number = next((node for node in ancestors if node.startswith("projects/")), "")
        if number and project.startswith("projects/"):
            self.aliases[project] = number
        reader = getattr(self, f"_{kind.removeprefix(_KIND).lower()}", None)
        if reader is not None:
            reader(own, project, data, ancestors)

    def _network(self, own: str, project: str, data: Mapping[str, Any], ancestors: tuple[str, ...]) -> None:
        self.networks[own] = project
        self.lines[own] = ancestors
        self.before_classic[own] = data.get("networkFirewallPolicyEnforcementOrder") == "BEFORE_CLASSIC_FIREWALL"
        for item in data.get("peerings") or ():
            if item.get("state") == "ACTIVE":
                imports, exports = bool(item.get("importCustomRoutes")), bool(item.get("exportCustomRoutes"))
                self.peerings[own].append(Peering(own, short(item.get("network")), imports, exports))

    def _subnetwork(self, own: str, project: str, data: Mapping[str, Any], _up: tuple[str, ...]) -> None:
        texts = [data.get("ipCidrRange"), data.get("ipv6CidrRange"), data.get("internalIpv6Prefix")]
        texts += [item.get("ipCidrRange") for item in data.get("secondaryIpRanges") or ()]
        blocks = tuple(block(str(text), own) for text in texts if text)
        region = str(data.get("region", "")).rsplit("/", 1)[-1]
        self.subnets[own] = Subnet(own, project, short(data.get("network")), region, blocks)

    def _instance(self, own: str, project: str, data: Mapping[str, Any], _up: tuple[str, ...]) -> None:
        if data.get("status") in ("TERMINATED", "STOPPED", "SUSPENDED"):
            return
        tags = frozenset((data.get("tags") or {}).get("items") or ())
        accounts = frozenset(str(a.get("email", "")).lower() for a in data.get("serviceAccounts") or ())
        secure = (data.get("params") or {}).get("resourceManagerTags") or {}
        for index, nic in enumerate(data.get("networkInterfaces") or ()):
            aliases = [str(r.get("ipCidrRange", "")).partition("/")[0] for r in nic.get("aliasIpRanges") or ()]
            internal = [str(nic[key]) for key in ("networkIP", "ipv6Address") if nic.get(key)]
            public = [str(c["natIP"]) for c in nic.get("accessConfigs") or () if c.get("natIP")]
            self.hosts.append(
                Host(
                    f"{own}#nic{index}", project, short(nic.get("network")), short(nic.get("subnetwork")),
                    tuple(internal + [a for a in aliases if a]), tuple(public), tags, accounts,
                    frozenset(str(value) for value in secure.values()) if isinstance(secure, Mapping) else None,
                )
            )  # fmt: skip

    def _firewall(self, own: str, _project: str, data: Mapping[str, Any], _up: tuple[str, ...]) -> None:
        if not data.get("disabled"):
            self.classic[short(data.get("network"))] += classic_rule(own, data)

    def _firewallpolicy(self, own: str, _project: str, data: Mapping[str, Any], _up: tuple[str, ...]) -> None:
        self.policies.append((own, data, "hierarchical firewall policy"))

    def _networkfirewallpolicy(self, own: str, _project: str, data: Mapping[str, Any], _up: tuple[str, ...]) -> None:
        self.policies.append((own, data, "network firewall policy"))

    _regionnetworkfirewallpolicy = _networkfirewallpolicy

    def _route(self, own: str, _project: str, data: Mapping[str, Any], _up: tuple[str, ...]) -> None:
        hop = "internet" if str(data.get("nextHopGateway", "")).endswith("default-internet-gateway") else ""
        if any(data.get(key) for key in ("nextHopInstance", "nextHopIp", "nextHopIlb")):
            hop = "appliance"
        if any(data.get(key) for key in ("nextHopVpnTunnel", "nextHopInterconnectAttachment", "nextHopHub")):
            hop = "outside"
        if hop:
            network = short(data.get("network"))
            tags = frozenset(data.get("tags") or ())
            priority = int(data.get("priority", 1000))
            self.routes[network].append(
                Route(own, network, block(str(data.get("destRange")), own), priority, hop, tags)
            )

    def _router(self, _own: str, _project: str, data: Mapping[str, Any], _up: tuple[str, ...]) -> None:
        if data.get("nats"):
            region = str(data.get("region", "")).rsplit("/", 1)[-1]
            self.nat.add(f"{short(data.get('network'))}@{region}")
        if data.get("bgpPeers"):
            self.missing.append(f"routes that {data.get('name', 'a router')} learns are not in these facts")

    def _vpntunnel(self, own: str, project: str, _data: Mapping[str, Any], _up: tuple[str, ...]) -> None:
        self.missing.append(f"networks behind the VPN tunnel {own} of {project}")

    def _interconnectattachment(self, own: str, project: str, _data: Mapping[str, Any], _up: tuple[str, ...]) -> None:
        self.missing.append(f"networks behind the interconnect attachment {own} of {project}")

    def _forwardingrule(self, own: str, project: str, data: Mapping[str, Any], _up: tuple[str, ...]) -> None:
        network, target = short(data.get("network")), short(data.get("target"))
        if "/serviceAttachments/" in target:
            accepted = data.get("pscConnectionStatus", "ACCEPTED") == "ACCEPTED"
            address = str(data.get("IPAddress", ""))
            self.endpoints.append(Endpoint(own, project, network, address, target, accepted))
        elif str(data.get("loadBalancingScheme", "")).startswith("EXTERNAL"):
            self.balanced.add(project)

    _globalforwardingrule = _forwardingrule

    def _serviceattachment(self, own: str, _project: str, data: Mapping[str, Any], _up: tuple[str, ...]) -> None:
        for link in data.get("natSubnets") or ():
            self.attachments[own] = short(link)

    def finish(self) -> Fabric:
        """The fabric, with the order in which each network asks its rules."""
        levels = {network: tuple(self._levels(network)) for network in self.networks}
        attachments = {own: self.subnets[s].network for own, s in self.attachments.items() if s in self.subnets}
        return Fabric(
            self.networks, self.subnets, tuple(self.hosts), levels,
            {n: tuple(found) for n, found in self.routes.items()},
            {n: tuple(found) for n, found in self.peerings.items()},
            frozenset(self.nat), tuple(self.endpoints), attachments, frozenset(self.balanced), self.aliases,
            tuple(dict.fromkeys(self.missing)),
        )  # fmt: skip

    def _levels(self, network: str) -> Iterator[tuple[Rule, ...]]:
        """Hierarchical policies from the organisation down, then VPC rules and network policies in the network's order.

        Source: Cloud NGFW, "Policy and rule evaluation order".
        """
        for node in reversed(self.lines.get(network, ())):
            yield from self._associated(node)
        classic = tuple(sorted(self.classic.get(network, []), key=lambda rule: (rule.priority, rule.action != "deny")))
        policies = list(self._associated(network))
        yield from [*policies, classic] if self.before_classic.get(network) else [classic, *policies]

    def _associated(self, target: str) -> Iterator[tuple[Rule, ...]]:
        for own, data, kind in self.policies:
            targets = {short(item.get("attachmentTarget")) for item in data.get("associations") or ()}
            bare = {text.removeprefix("//cloudresourcemanager.googleapis.com/") for text in targets}
            if target in bare:
                rules = [r for item in data.get("rules") or () for r in policy_rule(own, kind, item)]
                yield tuple(sorted(rules, key=lambda rule: rule.priority))


def load(assets: Iterable[Mapping[str, Any]]) -> Fabric:
    """The networks that assets describe.

    Raises:
        ComplianceError: naming the asset and the value that cannot be read.
    """
    loader = _Loader()
    for asset in assets:
        loader.take(asset)
    return loader.finish()
