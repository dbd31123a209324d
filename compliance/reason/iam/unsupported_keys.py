"""Where a global condition key is missing although it is said to be in every request.

Source: IAM User Guide, "AWS global condition context keys", `aws:ResourceAccount`, Availability.
"""

from __future__ import annotations

from typing import Final

_SERVICES: Final = frozenset({"ebs", "events"})
_ACTIONS: Final = frozenset(
    {
        "ec2:copyfpgaimage",
        "ec2:copyimage",
        "ec2:copysnapshot",
        "ec2:createtransitgatewaypeeringattachment",
        "ec2:createvolume",
        "ec2:createvpcpeeringconnection",
        "workspaces:copyworkspaceimage",
        "workspaces:describeworkspaceimages",
    }
)


def lacks_resource_account(action: str) -> bool:
    """Whether AWS leaves `aws:ResourceAccount` out of the requests of this action."""
    lower = action.lower()
    return lower in _ACTIONS or lower.partition(":")[0] in _SERVICES
