"""A tenant's logs: its ledger of training events and its flow records, encrypted and kept as long as its file says."""

from __future__ import annotations

from cdktn_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from constructs import Construct

from modules.aws.keys import Keys
from modules.aws.site import Site

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180),
    *(365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""What CloudWatch Logs takes (PutRetentionPolicy)."""

NEVER_EXPIRE = 0


class Ledgers(Construct):
    """The two log groups, under the tenant's `logs` key."""

    def __init__(self, scope: Construct, name: str, site: Site, keys: Keys) -> None:
        super().__init__(scope, name)
        groups = {"ledger": site.names.ledger_log_group, "flow": site.names.flow_log_group}
        self.groups = {
            purpose: CloudwatchLogGroup(
                self,
                purpose,
                name=group,
                kms_key_id=keys.arn("logs"),
                retention_in_days=kept_for(site.tenant.audit.retention_days),
                tags=site.tags(purpose=purpose),
            )
            for purpose, group in groups.items()
        }


def kept_for(days: int) -> int:
    """The shortest retention that CloudWatch Logs takes and that is not below `days`; 0 (for ever) above them all."""
    return next((allowed for allowed in RETENTION_DAYS if allowed >= days), NEVER_EXPIRE)
