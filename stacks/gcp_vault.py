"""A tenant's vault on Google Cloud: who may open it (identities), its keys, its buckets and its logs."""

from __future__ import annotations

from constructs import Construct

from modules.gcp.entitlements import Entitlements
from modules.gcp.identity import Identity
from modules.gcp.keys import Keys, Release
from modules.gcp.ledgers import Ledgers
from modules.gcp.policies import Denials
from modules.gcp.site import GcpSite
from modules.gcp.storage import Storage
from modules.policy.gcp_deny import key_project_denials, project_denials
from stacks.gcp_base import GcpTenantStack
from stacks.profiles import Target


class GcpVaultStack(GcpTenantStack):
    """Comes first: machines run as an identity from here, and their disks are encrypted under a key from here."""

    def __init__(self, scope: Construct, site: GcpSite, target: Target) -> None:
        super().__init__(scope, site, target)
        identity = Identity(self, "identity", site)
        release = Release(self, "release", site)
        keys = Keys(self, "keys", site, release, identity.all)
        Storage(self, "storage", site, keys, identity.all)
        Ledgers(self, "ledgers", site, keys, identity.all)
        Denials(self, "denied", f"projects/{site.names.project}", project_denials(site.scope), identity.all)
        Denials(
            self,
            "keys-denied",
            f"projects/{site.names.key_project}",
            key_project_denials(site.scope),
            [*identity.all, release.pool],
        )
        Entitlements(self, "entitlements", site)
        self.disk_key = keys.key("disk")
