"""A VPC takes its network ACLs with it when it is deleted, as in AWS.

moto leaves them behind: a listing then shows an open ACL of a network that is gone.
"""

from __future__ import annotations

import importlib
from typing import Any


def apply() -> None:
    """Delete a VPC's ACLs with it."""
    backend: Any = importlib.import_module("moto.ec2.models").EC2Backend
    original = backend.delete_vpc

    def delete(self: Any, vpc_id: str) -> Any:
        deleted = original(self, vpc_id)
        for acl in [acl for acl in self.network_acls.values() if acl.vpc_id == vpc_id]:
            del self.network_acls[acl.id]
        return deleted

    backend.delete_vpc = delete
