"""AWS's own watches in one account and region: GuardDuty over what happens, Access Analyzer over who is let in."""

from __future__ import annotations

from collections.abc import Mapping

from cdktn_provider_aws.accessanalyzer_analyzer import AccessanalyzerAnalyzer
from cdktn_provider_aws.guardduty_detector import GuarddutyDetector
from constructs import Construct


class Detector(Construct):
    """A detector that is on and tells of what it finds every fifteen minutes."""

    def __init__(self, scope: Construct, name: str, tags: Mapping[str, str]) -> None:
        super().__init__(scope, name)
        GuarddutyDetector(
            self, "detector", enable=True, finding_publishing_frequency="FIFTEEN_MINUTES", tags=dict(tags)
        )


class Analyzer(Construct):
    """An analyzer that reports every resource of the account which lets in someone from outside it."""

    def __init__(self, scope: Construct, name: str, tags: Mapping[str, str]) -> None:
        super().__init__(scope, name)
        AccessanalyzerAnalyzer(self, "analyzer", analyzer_name="outside-access", type="ACCOUNT", tags=dict(tags))
