"""Sharing through RAM, quotas, and budgets."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.collect.request import Answer, Family, Follow, Place, Request, Where, absent

_NONE = absent("NotFoundException")


def _start(_place: Place) -> Iterator[Request]:
    for owner in ("SELF", "OTHER-ACCOUNTS"):
        params = {"resourceOwner": owner}
        yield Request("ram:GetResourceShares", params, expects=("resourceShares",), then=_associations(owner))
        yield Request("ram:ListResources", params, expects=("resources",))
        yield Request("ram:ListPrincipals", params, expects=("principals",))
    yield Request("service-quotas:ListServiceQuotas", {"ServiceCode": "ec2"}, expects=("Quotas",))


def _associations(owner: str) -> Follow:
    def follow(answer: Answer, _place: Place) -> Iterator[Request]:
        if owner != "SELF" or not answer["resourceShares"]:
            return
        arns = [share["resourceShareArn"] for share in answer["resourceShares"]]
        for kind in ("PRINCIPAL", "RESOURCE"):
            yield Request(
                "ram:GetResourceShareAssociations",
                {"associationType": kind, "resourceShareArns": arns},
                expects=("resourceShareAssociations",),
            )

    return follow


def _budgets_start(place: Place) -> Iterator[Request]:
    params = {"AccountId": place.account}
    yield Request("budgets:DescribeBudgets", params, absent=_NONE, then=_budgets)


def _budgets(answer: Answer, place: Place) -> Iterator[Request]:
    for budget in answer.get("Budgets", []):
        yield Request(
            "budgets:DescribeNotificationsForBudget",
            {"AccountId": place.account, "BudgetName": budget["BudgetName"]},
            absent=_NONE,
        )


GOVERNANCE = Family("governance", Where.EACH_REGION, _start)
BUDGETS = Family("budgets", Where.ACCOUNT, _budgets_start)
