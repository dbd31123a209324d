"""GuardDuty in one account and region: AWS's own watch over API calls, network flows and names that are looked up."""

from __future__ import annotations

from collections.abc import Mapping

from cdktn_provider_aws.guardduty_detector import GuarddutyDetector
from constructs import Construct


class Detector(Construct):
    """A detector that is on and tells of what it finds every fifteen minutes."""

    def __init__(self, scope: Construct, name: str, tags: Mapping[str, str]) -> None:
        super().__init__(scope, name)
        GuarddutyDetector(
            self, "detector", enable=True, finding_publishing_frequency="FIFTEEN_MINUTES", tags=dict(tags)
        )
