"""From a request to the accesses it needs."""

from __future__ import annotations

from collections.abc import Callable

from localcloud.access import Access
from localcloud.identity import Caller
from localcloud.operation import Operation
from localcloud.resources import ec2, generic, iam, kms, named, organizations, sts

_Rule = Callable[[Operation, Caller, str], tuple[Access, ...]]
_RULES: dict[str, _Rule] = {
    "ec2": ec2.accesses,
    "iam": iam.accesses,
    "kms": kms.accesses,
    "organizations": organizations.accesses,
    "secretsmanager": named.secretsmanager,
    "sqs": named.sqs,
    "sts": sts.accesses,
}


def accesses(operation: Operation, caller: Caller, region: str) -> tuple[Access, ...]:
    """The accesses that `operation` needs (S3 has its own, in `resources.s3`)."""
    return _RULES.get(operation.service.prefix, generic.accesses)(operation, caller, region)
