"""What a tenant may spend and how many accelerators it may run: the budget and the quotas."""

from __future__ import annotations

from cdktn_provider_google.billing_budget import BillingBudget
from cdktn_provider_google.cloud_quotas_quota_preference import CloudQuotasQuotaPreference
from cdktn_provider_google.monitoring_notification_channel import MonitoringNotificationChannel
from constructs import Construct

from modules.gcp.made import made
from modules.gcp.site import GcpSite

COMPUTE = "compute.googleapis.com"
ALL_GPUS = "GPUS-ALL-REGIONS-per-project"
"""The quota over all accelerators of a project (Compute Engine documentation, "Allocation quotas")."""


class Limits(Construct):
    """The monthly budget with alerts to the billing contact, and a quota that is enough for `max_nodes`, no more."""

    def __init__(self, scope: Construct, name: str, site: GcpSite) -> None:
        super().__init__(scope, name)
        self._budget(site)
        made(
            CloudQuotasQuotaPreference,
            self,
            "accelerators",
            parent=f"projects/{site.names.project}",
            name=f"{site.names.tenant}-accelerators",
            service=COMPUTE,
            quota_id=ALL_GPUS,
            contact_email=site.platform.contact,
            # Zero for a tenant without accelerators: a stolen credential mines nothing.
            quota_config={"preferred_value": str(site.tenant.compute.max_nodes * site.shape.gpus)},
        )

    def _budget(self, site: GcpSite) -> None:
        spec = site.tenant.budget
        channel = made(
            MonitoringNotificationChannel,
            self,
            "billing-contact",
            project=site.names.project,
            display_name=f"Billing contact of {site.names.tenant}",
            type="email",
            labels={"email_address": site.tenant.contacts.billing},
        )
        made(
            BillingBudget,
            self,
            "monthly",
            billing_account=site.organisation.billing_account,
            display_name=f"{site.names.prefix}-monthly",
            budget_filter={
                "projects": [f"projects/{site.scope.project_number}", f"projects/{site.scope.key_project_number}"],
                "calendar_period": "MONTH",
            },
            amount={"specified_amount": {"currency_code": "USD", "units": str(spec.monthly_usd)}},
            threshold_rules=[
                {"threshold_percent": percent / 100, "spend_basis": "CURRENT_SPEND"}
                for percent in sorted(set(spec.alert_percent))
            ],
            all_updates_rule={
                "monitoring_notification_channels": [channel.id],
                "disable_default_iam_recipients": True,
            },
        )
