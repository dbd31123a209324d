"""Operations of services without a file of their own: the table says which ARNs the parameters name.

A parameter that is an ARN of another account makes the access one on that account's resource, so that no service
crosses an account's boundary unnoticed.
"""

from __future__ import annotations

import re

from localcloud.access import Access
from localcloud.identity import Caller
from localcloud.operation import Operation
from localcloud.resources import passed_roles
from localcloud.resources.tables import ACTIONS, TABLES
from localcloud.resources.template import build

_FOREIGN = re.compile(r"arn:aws:(?P<service>[a-z0-9-]+):[a-z0-9-]*:(?P<account>[0-9]{12}):.+")


def accesses(operation: Operation, caller: Caller, region: str) -> tuple[Access, ...]:
    """The accesses of an operation by table; on `*` in the caller's account where the table does not know it."""
    prefix = operation.service.prefix
    action = ACTIONS.get(f"{prefix}:{operation.name}", f"{prefix}:{operation.name}")
    templates = TABLES.get(prefix, {}).get(operation.name)
    if templates is None:
        templates = tuple(
            "{" + name + "}"
            for name, value in operation.params.items()
            if isinstance(value, str) and _own_resource(value, prefix, caller)
        )
    return build(action, templates, operation, caller, region) + passed_roles.accesses(operation, caller)


def _own_resource(value: str, prefix: str, caller: Caller) -> bool:
    """Whether a parameter is the ARN of a resource of this very service in another account."""
    match = _FOREIGN.fullmatch(value)
    return match is not None and match["service"] == prefix and match["account"] != caller.account
