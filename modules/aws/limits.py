"""What a tenant may spend and how many processors it may run: the budget and the quotas."""

from __future__ import annotations

import re

from cdktn_provider_aws.budgets_budget import BudgetsBudget, BudgetsBudgetNotification
from cdktn_provider_aws.servicequotas_service_quota import ServicequotasServiceQuota
from constructs import Construct

from modules.aws.compute import shape_of
from modules.aws.errors import ConstructError
from modules.aws.site import Site

QUOTA_OF_FAMILY: dict[str, str] = {
    "p": "L-417A185B",
    "g": "L-DB2E81BA",
    "vt": "L-DB2E81BA",
    "dl": "L-6E869C2A",
    "inf": "L-1945791B",
    "trn": "L-2C3B7624",
    "f": "L-74FC7D96",
    "x": "L-7295265B",
    **dict.fromkeys(("a", "c", "d", "h", "i", "m", "r", "t", "z", "im", "is"), "L-1216C47A"),
}
"""Letters of the instance family -> the quota "Running On-Demand ... instances", counted in vCPUs (EC2 quotas)."""


class Limits(Construct):
    """The monthly budget with alerts to the billing contact, and a quota that is enough for `max_nodes`, no more."""

    def __init__(self, scope: Construct, name: str, site: Site) -> None:
        super().__init__(scope, name)
        self._budget(site)
        nodes = site.tenant.compute.max_nodes
        if nodes and site.offers("aws_servicequotas_service_quota"):
            instance_type = shape_of(site).instance_type
            ServicequotasServiceQuota(
                self,
                "processors",
                service_code="ec2",
                quota_code=quota_code(instance_type),
                value=nodes * vcpus(instance_type),
            )

    def _budget(self, site: Site) -> None:
        spec = site.tenant.budget
        BudgetsBudget(
            self,
            "monthly",
            name=f"{site.names.prefix}-monthly",
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=f"{spec.monthly_usd}.0",
            limit_unit="USD",
            notification=[
                BudgetsBudgetNotification(
                    comparison_operator="GREATER_THAN",
                    threshold=percent,
                    threshold_type="PERCENTAGE",
                    notification_type="ACTUAL",
                    subscriber_email_addresses=[site.tenant.contacts.billing],
                )
                for percent in sorted(set(spec.alert_percent))
            ],
            tags=site.tags(),
        )


def vcpus(instance_type: str) -> int:
    """The vCPUs of an instance type with a `large` size: two for `large`, four per `xlarge`.

    Raises `ConstructError` for other sizes (`metal`, `medium`), which do not say how many they have.
    """
    size = re.fullmatch(r"[a-z0-9-]+\.(?:(large)|([0-9]*)xlarge)", instance_type)
    if size is None:
        msg = f"the number of vCPUs of {instance_type} does not follow from its name: choose a size in `xlarge`"
        raise ConstructError(msg)
    return 2 if size[1] else 4 * int(size[2] or 1)


def quota_code(instance_type: str) -> str:
    """The code of the quota that limits an instance type. Raises `ConstructError` for a family without one."""
    family = re.match(r"[a-z]+", instance_type)
    code = QUOTA_OF_FAMILY.get(family[0]) if family else None
    if code is None:
        msg = f"no quota is known for {instance_type}: add its family to modules/aws/limits.py"
        raise ConstructError(msg)
    return code
