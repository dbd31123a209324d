"""Operations of services without a file of their own: one access on what an ARN parameter names."""

from __future__ import annotations

from localcloud.access import Access
from localcloud.identity import Caller
from localcloud.operation import Operation


def accesses(operation: Operation, caller: Caller, _region: str) -> tuple[Access, ...]:
    """One access in the caller's own account."""
    return (Access(f"{operation.service.prefix}:{operation.name}", "*", caller.account),)
