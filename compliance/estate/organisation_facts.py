"""The organisation: which SCPs and RCPs bind which account, level by level."""

from __future__ import annotations

from typing import Any

from compliance.estate.build import Builder
from compliance.estate.index import Index
from compliance.reason.iam import Labelled, Level
from compliance.reason.iam.policy import PolicyKind

_KINDS: tuple[tuple[str, PolicyKind], ...] = (("SERVICE_CONTROL_POLICY", "scp"), ("RESOURCE_CONTROL_POLICY", "rcp"))


def _read_tree(index: Index) -> dict[str, tuple[str, ...]]:
    """For each account, the ids from the root to the account itself."""
    parents: dict[str, str] = {}
    for fact, unit in index.items("organizations:ListOrganizationalUnitsForParent", "OrganizationalUnits"):
        parents[unit["Id"]] = fact.params["ParentId"]
    for fact, account in index.items("organizations:ListAccountsForParent", "Accounts"):
        parents[account["Id"]] = fact.params["ParentId"]
    chains: dict[str, tuple[str, ...]] = {}
    for node in parents:
        chain = [node]
        while chain[0] in parents and parents[chain[0]] not in chain:
            chain.insert(0, parents[chain[0]])
        chains[node] = tuple(chain)
    return chains


def organisation(index: Index, builder: Builder) -> None:
    """Fills the levels of each account; the management account has none."""
    described = {fact.params["PolicyId"]: fact.response["Policy"] for fact in index.of("organizations:DescribePolicy")}
    attached: dict[tuple[str, str], list[str]] = {}
    for fact, target in index.items("organizations:ListTargetsForPolicy", "Targets"):
        policy = fact.params["PolicyId"]
        kind = described.get(policy, {}).get("PolicySummary", {}).get("Type", "")
        attached.setdefault((kind, target["TargetId"]), []).append(policy)
    management = {
        f.response["Organization"].get("MasterAccountId") for f in index.of("organizations:DescribeOrganization")
    }
    chains = _read_tree(index)
    for account in builder.owners.by_account:
        chain = chains.get(account)
        if chain is None or account in management:
            if account not in management:
                builder.unknown.append(
                    f"the place of account {account} in the organisation: no SCP or RCP is counted on"
                )
            continue
        for type_, kind in _KINDS:
            if not any(key[0] == type_ for key in attached):
                continue
            levels = tuple(
                Level(node, tuple(_policies(builder, account, kind, attached.get((type_, node), []), described)))
                for node in chain
                # AWS keeps at least one policy on every root, unit and account; none means that it was not listed.
                if (type_, node) in attached
            )
            (builder.scps if kind == "scp" else builder.rcps)[account] = levels
    builder.read["organisation policy"] = len(described)


def _policies(
    builder: Builder, account: str, kind: PolicyKind, ids: list[str], described: dict[str, Any]
) -> list[Labelled]:
    found: list[Labelled] = []
    for policy in ids:
        name = described[policy].get("PolicySummary", {}).get("Name", policy)
        compiled = builder.policy(described[policy]["Content"], kind, f"{kind} {name}", account, ())
        if compiled is not None:
            found.append(compiled)
    return found


ORGANISATION = (organisation,)
