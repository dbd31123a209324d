"""AWS Organizations: every resource belongs to the management account.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Organizations".
"""

from __future__ import annotations

from typing import Any

from localcloud.access import Access, ContextValue
from localcloud.identity import Caller
from localcloud.operation import Operation
from localcloud.resources.template import request_tags, values

_PARAMETERS = (
    "PolicyId", "TargetId", "ParentId", "RootId", "OrganizationalUnitId", "AccountId", "ResourceId", "SourceParentId",
    "DestinationParentId", "ChildId",
)  # fmt: skip


def accesses(operation: Operation, caller: Caller, _region: str) -> tuple[Access, ...]:
    """The accesses of an Organizations operation."""
    from moto.organizations.models import organizations_backends  # noqa: PLC0415

    context: dict[str, ContextValue] = dict(request_tags(operation))
    for parameter, key in (("PolicyType", "organizations:PolicyType"), ("Type", "organizations:PolicyType"),
                           ("ServicePrincipal", "organizations:ServicePrincipal")):  # fmt: skip
        if operation.text(parameter):
            context[key] = operation.text(parameter)
    backend: Any = organizations_backends[caller.account]["aws"]
    org = backend.org
    arns: list[str] = []
    if org is not None:
        known = {node.id: node.arn for node in (*backend.ou, *backend.accounts, *backend.policies)}
        for parameter in _PARAMETERS:
            arns += [str(known[value]) for value in values(operation.params, parameter) if value in known]
    action = f"organizations:{operation.name}"
    return tuple(Access(action, arn, caller.account, context) for arn in dict.fromkeys(arns) or ["*"])
