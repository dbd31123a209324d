"""The subscribers of a budget's notifications can be read.

moto's Budgets keeps them and has no DescribeSubscribersForNotification; the Terraform provider asks for them after it
creates a budget.
"""

from __future__ import annotations

import importlib
import json
from typing import Any


def apply() -> None:
    """Add the operation to moto's Budgets. An unknown budget or notification is a NotFoundException, as on AWS."""
    response: Any = importlib.import_module("moto.budgets.responses").BudgetsResponse
    not_found: Any = importlib.import_module("moto.budgets.exceptions").NotFoundException

    def describe_subscribers_for_notification(self: Any) -> str:
        account, name = self._get_param("AccountId"), self._get_param("BudgetName")
        asked = _identity(self._get_param("Notification"))
        budget = self.backend.budgets.get(account, {}).get(name)
        for notification in budget.notifications if budget is not None else ():
            if _identity(notification.details) == asked:
                return json.dumps({"Subscribers": notification.subscribers, "NextToken": None})
        msg = f"Unable to get subscribers - the notification does not exist for the budget: {name}"
        raise not_found(msg)

    response.describe_subscribers_for_notification = describe_subscribers_for_notification


def _identity(notification: dict[str, Any]) -> tuple[str, str, float, str]:
    """What tells a budget's notifications apart; the type of the threshold is a percentage unless stated."""
    return (
        notification["NotificationType"],
        notification["ComparisonOperator"],
        float(notification["Threshold"]),
        notification.get("ThresholdType", "PERCENTAGE"),
    )
