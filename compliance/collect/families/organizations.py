"""AWS Organizations: the tree of units, the accounts, the SCPs and RCPs and where they are attached."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.collect.request import Answer, Family, Place, Request, Where, absent

_NONE = absent("AWSOrganizationsNotInUseException")
POLICY_TYPES = ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY")


def _start(_place: Place) -> Iterator[Request]:
    yield Request("organizations:DescribeOrganization", absent=_NONE, expects=("Organization",))
    yield Request("organizations:ListRoots", absent=_NONE, expects=("Roots",), then=_roots)
    yield Request("organizations:ListAccounts", absent=_NONE, expects=("Accounts",), then=_accounts)
    yield Request("organizations:ListDelegatedAdministrators", absent=_NONE, expects=("DelegatedAdministrators",))
    yield Request(
        "organizations:ListAWSServiceAccessForOrganization", absent=_NONE, expects=("EnabledServicePrincipals",)
    )
    for kind in POLICY_TYPES:
        yield Request(
            "organizations:ListPolicies", {"Filter": kind}, absent=_NONE, expects=("Policies",), then=_policies
        )


def _roots(answer: Answer, _place: Place) -> Iterator[Request]:
    for root in answer["Roots"]:
        yield from _children(root["Id"])


def _children(parent: str) -> Iterator[Request]:
    params = {"ParentId": parent}
    yield Request(
        "organizations:ListOrganizationalUnitsForParent", params, expects=("OrganizationalUnits",), then=_units
    )
    yield Request("organizations:ListAccountsForParent", params, expects=("Accounts",))


def _units(answer: Answer, _place: Place) -> Iterator[Request]:
    for unit in answer["OrganizationalUnits"]:
        yield from _children(unit["Id"])


def _accounts(answer: Answer, _place: Place) -> Iterator[Request]:
    for account in answer["Accounts"]:
        yield Request("organizations:ListTagsForResource", {"ResourceId": account["Id"]}, expects=("Tags",))


def _policies(answer: Answer, _place: Place) -> Iterator[Request]:
    for policy in answer["Policies"]:
        params = {"PolicyId": policy["Id"]}
        yield Request("organizations:DescribePolicy", params, expects=("Policy",))
        yield Request("organizations:ListTargetsForPolicy", params, expects=("Targets",))


ORGANIZATIONS = Family("organizations", Where.MANAGEMENT, _start)
