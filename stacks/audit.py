"""The audit account, and the organisation's trail that is written to it."""

from __future__ import annotations

from constructs import Construct

from modules.aws.audit import AuditStore
from modules.aws.detector import Analyzer, Detector
from modules.aws.site import PlatformSite
from modules.aws.trail import OrganisationTrail
from stacks.base import PlatformStack
from stacks.profiles import Target, add_provider


class AuditStack(PlatformStack):
    """Two accounts in one stack: the trail cannot be made before the bucket that it is checked against."""

    def __init__(self, scope: Construct, site: PlatformSite, target: Target) -> None:
        super().__init__(scope, site, target)
        management = add_provider(
            self,
            "aws-management",
            target,
            region=site.region,
            account_id=site.management_account_id,
            assume=False,
            alias="management",
        )
        store = AuditStore(self, "store", site)
        Detector(self, "detector", site.tags())
        if site.offers("aws_accessanalyzer_analyzer"):
            Analyzer(self, "analyzer", site.tags())
        OrganisationTrail(self, "trail", site, store, management)
