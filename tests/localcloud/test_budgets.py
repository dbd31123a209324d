"""Budgets: who is told at which share of the limit, kept and answered as it was written."""

from __future__ import annotations

import pytest

from tests.localcloud.test_gateway import refused

ALERT = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
SUBSCRIBERS = [{"SubscriptionType": "EMAIL", "Address": "billing@acme.example"}]


@pytest.fixture
def budgets(rig):
    """A client, the account, and a budget with one alert."""
    client, account = rig.client("budgets"), rig.id("management")
    client.create_budget(
        AccountId=account,
        Budget={
            "BudgetName": "monthly",
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": "5000.0", "Unit": "USD"},
        },
        NotificationsWithSubscribers=[{"Notification": ALERT, "Subscribers": SUBSCRIBERS}],
    )
    return client, {"AccountId": account, "BudgetName": "monthly"}


def test_the_subscribers_of_an_alert_are_read_back(budgets):
    client, budget = budgets
    (alert,) = client.describe_notifications_for_budget(**budget)["Notifications"]
    answer = client.describe_subscribers_for_notification(**budget, Notification=alert)
    assert answer["Subscribers"] == SUBSCRIBERS
    stated = {**ALERT, "ThresholdType": "PERCENTAGE"}
    assert client.describe_subscribers_for_notification(**budget, Notification=stated)["Subscribers"] == SUBSCRIBERS


@pytest.mark.parametrize(
    ("budget_name", "change"),
    [("monthly", {"Threshold": 81.0}), ("monthly", {"ThresholdType": "ABSOLUTE_VALUE"}), ("no", {})],
)
def test_what_is_not_there_is_said_so(budgets, budget_name, change):
    client, budget = budgets
    asked = {**budget, "BudgetName": budget_name, "Notification": {**ALERT, **change}}
    assert refused(client.describe_subscribers_for_notification, **asked)[0] == "NotFoundException"
