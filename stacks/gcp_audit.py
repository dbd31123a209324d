"""The audit project on Google Cloud: where every tenant's logs are kept, locked."""

from __future__ import annotations

from constructs import Construct

from modules.gcp.audit import AuditStore
from modules.gcp.site import GcpPlatformSite
from stacks.gcp_base import GcpPlatformStack
from stacks.gcp_organisation import GcpOrganisationStack
from stacks.profiles import Target


class GcpAuditStack(GcpPlatformStack):
    """The locked store, the sinks of both folders, and the scan's service account."""

    def __init__(
        self, scope: Construct, site: GcpPlatformSite, target: Target, organisation: GcpOrganisationStack
    ) -> None:
        super().__init__(scope, site, target)
        self.add_dependency(organisation)
        store = AuditStore(self, "store", site, organisation.folders)
        store.add_collector()
