"""Network lock on Google Cloud, inside the network: firewall rules, and the names that resolve at all.

Machines reach Google's services at the restricted virtual address and each other, both ends listed; nothing else.
"""

from __future__ import annotations

from modules.policy.gcp_scope import Document

RESTRICTED_VIP = "199.36.153.4/30"
RESTRICTED_ADDRESSES = ("199.36.153.4", "199.36.153.5", "199.36.153.6", "199.36.153.7")
"""`restricted.googleapis.com`: serves only services that VPC Service Controls guards (VPC documentation)."""

ANYWHERE = "0.0.0.0/0"
ANYWHERE_V6 = "::/0"
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
HTTPS = "443"
BETWEEN_NODES = "1024-65535"
"""The nodes of a job listen where they choose; what they say to each other is mutual TLS."""

GOOGLE_NAMES = {"apis": "googleapis.com", "registry": "pkg.dev", "old-registry": "gcr.io"}
"""Domains that are answered with the restricted address, by the name of their rule."""


def folder_rules() -> list[Document]:
    """The hierarchical policy of the tenants' folder: no network below it can open what this closes.

    `goto_next` hands on to the tenant's own network policy, which names the machines; all else ends here.
    """
    return [
        _rule(1000, "EGRESS", "goto_next", "Google's services at the restricted address", RESTRICTED_VIP, HTTPS),
        _rule(1100, "EGRESS", "goto_next", "Machines of the same network", PRIVATE, BETWEEN_NODES),
        _rule(1200, "INGRESS", "goto_next", "Machines of the same network", PRIVATE, BETWEEN_NODES),
        *_deny_the_rest(),
    ]


def network_rules(cidr: str, node_tag: str) -> list[Document]:
    """The tenant's network policy. `node_tag` is the secure tag that only its instance template attaches."""
    nodes = {"target_secure_tags": [{"name": node_tag}]}
    from_nodes = {"src_secure_tags": [{"name": node_tag}]}
    return [
        _rule(1000, "EGRESS", "allow", "Nodes to Google's services", RESTRICTED_VIP, HTTPS) | nodes,
        _rule(1100, "EGRESS", "allow", "Nodes to nodes", cidr, BETWEEN_NODES) | nodes,
        _rule(1200, "INGRESS", "allow", "Nodes from nodes", None, BETWEEN_NODES, from_nodes) | nodes,
        *_deny_the_rest(),
    ]


def _deny_the_rest() -> list[Document]:
    """Logged, so that an attempt is seen. A range of one address family says nothing of the other: hence four."""
    return [
        _rule(9000, "EGRESS", "deny", "Everything else, outwards", ANYWHERE),
        _rule(9001, "EGRESS", "deny", "Everything else, outwards, IPv6", ANYWHERE_V6),
        _rule(9100, "INGRESS", "deny", "Everything else, inwards", ANYWHERE),
        _rule(9101, "INGRESS", "deny", "Everything else, inwards, IPv6", ANYWHERE_V6),
    ]


def _rule(
    priority: int,
    direction: str,
    action: str,
    description: str,
    ranges: str | tuple[str, ...] | None,
    ports: str | None = None,
    match: Document | None = None,
) -> Document:
    layer4 = {"ip_protocol": "tcp", "ports": [ports]} if ports else {"ip_protocol": "all"}
    end = "dest_ip_ranges" if direction == "EGRESS" else "src_ip_ranges"
    where = {} if ranges is None else {end: [ranges] if isinstance(ranges, str) else list(ranges)}
    rule: Document = {
        "priority": priority,
        "direction": direction,
        "action": action,
        "description": description,
        "match": {"layer4_configs": [layer4], **where, **(match or {})},
    }
    # The API refuses logging on a rule that only hands on.
    return rule if action == "goto_next" else rule | {"enable_logging": True}


def name_rules() -> dict[str, Document]:
    """Rules of the DNS response policy: every name below Google's domains leads to the restricted address."""
    rules: dict[str, Document] = {}
    for name, domain in GOOGLE_NAMES.items():
        for prefix, shown in (("", name), ("*.", f"{name}-below")):
            dns_name = f"{prefix}{domain}."
            answer = {"name": dns_name, "type": "A", "ttl": 300, "rrdatas": list(RESTRICTED_ADDRESSES)}
            rules[shown] = {"dns_name": dns_name, "local_data": {"local_datas": [answer]}}
    return rules
