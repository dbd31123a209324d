"""Alarms of a tenant: something tries to leave the network or the perimeter, or to use a key that it may not."""

from __future__ import annotations

from cdktn_provider_google.monitoring_alert_policy import MonitoringAlertPolicy
from cdktn_provider_google.monitoring_notification_channel import MonitoringNotificationChannel
from constructs import Construct

from modules.gcp.made import made
from modules.gcp.site import GcpSite

CROSSING = "type.googleapis.com/google.cloud.audit.VpcServiceControlAuditMetadata"
WATCHED = {
    "refused-flows": (
        "Something in the tenant's network tries to reach what it may not",
        'log_id("compute.googleapis.com/firewall") AND jsonPayload.disposition="DENIED"',
    ),
    "perimeter": (
        "A request tried to cross the tenant's perimeter",
        f'log_id("cloudaudit.googleapis.com/policy") AND protoPayload.metadata.@type="{CROSSING}"',
    ),
    "refused-keys": (
        "Someone was refused the use of a key",
        'protoPayload.serviceName="cloudkms.googleapis.com" AND protoPayload.status.code=7',
    ),
}
"""Alarm -> what it means, and the log entries that raise it."""

RATE = "300s"
CLOSED_AFTER = "86400s"


class Alarms(Construct):
    """One alert policy for each of `WATCHED`, sent to the tenant's security contact."""

    def __init__(self, scope: Construct, name: str, site: GcpSite) -> None:
        super().__init__(scope, name)
        project = site.names.project
        channel = made(
            MonitoringNotificationChannel,
            self,
            "security-contact",
            project=project,
            display_name=f"Security contact of {site.names.tenant}",
            type="email",
            labels={"email_address": site.tenant.contacts.security},
        )
        for alarm, (meaning, condition) in WATCHED.items():
            made(
                MonitoringAlertPolicy,
                self,
                alarm,
                project=project,
                display_name=f"{site.names.prefix}-{alarm}",
                combiner="OR",
                severity="WARNING",
                conditions=[{"display_name": meaning, "condition_matched_log": {"filter": condition}}],
                alert_strategy={"auto_close": CLOSED_AFTER, "notification_rate_limit": {"period": RATE}},
                documentation={"content": meaning, "mime_type": "text/markdown"},
                notification_channels=[channel.id],
                user_labels=site.labels(),
            )
