"""VPC Block Public Access: what an account lets through its internet gateways, Region by Region."""

from __future__ import annotations

from compliance.reason.network.network import Network


def blocked(
    network: Network, vpc: str, subnet: str | None, *, inward: bool, one_way: bool
) -> tuple[str, str, str] | None:
    """Why packets may not pass an internet gateway of the VPC, as (kind, id, reason); None if they may.

    `block-ingress` also ends connections that the VPC opens through an internet gateway, since their replies come in
    (NAT and egress-only gateways are exempt); a packet going out (`one_way`) is not stopped by it. Source: VPC user
    guide, "Block public access to VPCs and subnets".
    """
    known = network.vpcs.get(vpc)
    account = known.owner if known else None
    region = known.region if known else None
    for block in network.access_blocks:
        if block.account and account and block.account != account:
            continue
        if block.region and region and block.region != region:
            continue
        if block.mode == "off" or (block.mode == "block-ingress" and not inward and one_way):
            continue
        exempt = {e.mode for e in network.access_exclusions if e.resource in (vpc, subnet)}
        if "allow-bidirectional" in exempt:
            continue
        if "allow-egress" in exempt and block.mode == "block-bidirectional" and not inward:
            continue
        where = f"{block.account or account or 'the account'}/{block.region or region or 'the Region'}"
        return "VPC Block Public Access", where, f"{block.mode} stops {vpc} at its internet gateway"
    return None
