"""A tenant's vault: who may open it (identities), its keys, its buckets and its logs."""

from __future__ import annotations

from constructs import Construct

from modules.aws.identity import Identity
from modules.aws.keys import Keys
from modules.aws.ledgers import Ledgers
from modules.aws.site import Site
from modules.aws.storage import Storage
from stacks.base import TenantStack
from stacks.profiles import Target


class VaultStack(TenantStack):
    """Comes first: keys name roles, and the perimeter's records are encrypted under a key from here."""

    def __init__(self, scope: Construct, site: Site, target: Target) -> None:
        super().__init__(scope, site, target)
        identity = Identity(self, "identity", site)
        keys = Keys(self, "keys", site, identity)
        Storage(self, "storage", site, keys)
        Ledgers(self, "ledgers", site, keys)
        self.disk_key_arn = keys.arn("disk")
