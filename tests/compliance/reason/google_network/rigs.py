"""Builders of assets for networks: two projects `a` and `b`, each with a network, a subnet and a machine."""

from __future__ import annotations

from typing import Any

from compliance.reason.google_network import load, reach_google

V1 = "https://www.googleapis.com/compute/v1/"
ANCESTORS = {"a": ["projects/1", "folders/9", "organizations/5"], "b": ["projects/2", "folders/9", "organizations/5"]}
SUBNETS = {"a": "10.1.0.0/24", "b": "10.2.0.0/24"}
HOSTS = {"a": "10.1.0.10", "b": "10.2.0.10"}


def asset(kind: str, path: str, data: dict[str, Any]) -> dict[str, Any]:
    project = path.split("/")[1] if path.startswith("projects/") else ""
    return {
        "name": f"//compute.googleapis.com/{path}", "assetType": f"compute.googleapis.com/{kind}",
        "ancestors": ANCESTORS.get(project, ["organizations/5"]), "resource": {"version": "v1", "data": data},
    }  # fmt: skip


def net(project: str) -> str:
    return f"projects/{project}/global/networks/{project}"


def sub(project: str) -> str:
    return f"projects/{project}/regions/r1/subnetworks/{project}"


def network(project: str, *peers: str, **more: Any) -> dict[str, Any]:
    peerings = [{"name": p, "network": V1 + net(p), "state": "ACTIVE"} | more.pop("peering", {}) for p in peers]
    return asset("Network", net(project), {"name": project, "peerings": peerings} | more)


def subnet(project: str, block: str | None = None) -> dict[str, Any]:
    data = {"network": V1 + net(project), "ipCidrRange": block or SUBNETS[project], "region": V1 + "regions/r1"}
    return asset("Subnetwork", sub(project), data)


def machine(
    project: str, name: str = "vm", *, of: str | None = None, external: str = "", ip: str = "", **more: Any
) -> dict[str, Any]:
    """`of` is the project that it belongs to, if another than its network's."""
    nic: dict[str, Any] = {
        "network": V1 + net(project), "subnetwork": V1 + sub(project), "networkIP": ip or HOSTS[project],
    }  # fmt: skip
    if external:
        nic["accessConfigs"] = [{"natIP": external}]
    data = {"name": name, "status": "RUNNING", "networkInterfaces": [nic]} | more
    return asset("Instance", f"projects/{of or project}/zones/r1-a/instances/{name}", data)


def firewall(
    project: str, name: str, *, ports: list[str] | None = None, proto: str = "tcp", deny: bool = False, **more: Any
) -> dict[str, Any]:
    layer: dict[str, Any] = {"IPProtocol": proto} | ({"ports": ports} if ports else {})
    data = {"name": name, "network": V1 + net(project), "direction": "INGRESS", "priority": 1000}
    data |= {"denied" if deny else "allowed": [layer]} | more
    return asset("Firewall", f"projects/{project}/global/firewalls/{name}", data)


def rule(
    priority: int, action: str, *, egress: bool = False, ports: list[str] | None = None, proto: str = "tcp", **more: Any
) -> dict[str, Any]:
    match: dict[str, Any] = {"layer4Configs": [{"ipProtocol": proto} | ({"ports": ports} if ports else {})]}
    for key in ("srcIpRanges", "destIpRanges", "srcSecureTags", "srcRegionCodes", "srcAddressGroups"):
        if key in more:
            match[key] = more.pop(key)
    return {
        "priority": priority,
        "action": action,
        "direction": "EGRESS" if egress else "INGRESS",
        "match": match,
    } | more


def policy(target: str, *rules: dict[str, Any]) -> dict[str, Any]:
    """A hierarchical policy on a node, or a network policy on a network."""
    associations = [{"attachmentTarget": V1 + target if target.startswith("projects/") else target}]
    data = {"rules": list(rules), "associations": associations}
    if target.startswith("projects/"):
        project = target.split("/")[1]
        return asset("NetworkFirewallPolicy", f"projects/{project}/global/firewallPolicies/p", data)
    return asset("FirewallPolicy", f"locations/global/firewallPolicies/{target.replace('/', '-')}", data)


def route(project: str, block: str, priority: int = 1000, **hop: Any) -> dict[str, Any]:
    hop = hop or {"nextHopGateway": f"{V1}projects/{project}/global/gateways/default-internet-gateway"}
    data = {"network": V1 + net(project), "destRange": block, "priority": priority} | hop
    return asset("Route", f"projects/{project}/global/routes/{block.replace('/', '-')}-{priority}", data)


def ask(*assets: dict[str, Any], to: str = "projects/b", start: str = "projects/a", **more: Any) -> Any:
    return reach_google(load(assets), start, to, **more)


def disposition(*assets: dict[str, Any], **more: Any) -> str:
    return str(ask(*assets, **more).disposition)


def joined(*more: dict[str, Any], b: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Two peered networks with a machine each, and no rules but those given."""
    return [
        network("a", "b"),
        network("b", "a", **(b or {})),
        subnet("a"),
        subnet("b"),
        machine("a"),
        machine("b"),
        *more,
    ]
