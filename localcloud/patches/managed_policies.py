"""AWS's own managed policies appear in an account when they are first named.

moto either has none of them or makes all fourteen hundred in every account, which would be most of the kept state.
`ListPolicies` therefore shows only those that were used.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

_PREFIX = "arn:aws:iam::aws:policy/"
_METHODS = (
    "attach_role_policy", "attach_user_policy", "attach_group_policy", "get_policy", "get_policy_version",
    "list_policy_versions", "list_policy_tags", "put_role_permissions_boundary",
    "create_role", "create_user",
)  # fmt: skip


def apply() -> None:
    """Wrap the methods of moto's IAM that take a policy's ARN."""
    from moto.iam.models import IAMBackend  # noqa: PLC0415

    for name in _METHODS:
        setattr(IAMBackend, name, _with_policies(getattr(IAMBackend, name)))


def _with_policies(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        for value in (*args, *kwargs.values()):
            if isinstance(value, str) and value.startswith(_PREFIX):
                ensure(self, value)
        return method(self, *args, **kwargs)

    return wrapped


def ensure(backend: Any, arn: str) -> None:
    """Make the AWS managed policy `arn` known to an account's IAM backend, if AWS has one of that name."""
    from moto.iam.models import AWSManagedPolicy  # noqa: PLC0415

    if arn in backend.managed_policies:
        return
    name = arn.rpartition("/")[2]
    data = _all().get(name)
    if data is None:
        return
    policy = AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, data)
    if policy.arn == arn:
        backend.managed_policies[arn] = policy
        backend.aws_managed_policies.append(policy)


@functools.lru_cache
def _all() -> dict[str, Any]:
    from moto.iam.aws_managed_policies import aws_managed_policies_data  # noqa: PLC0415

    parsed: dict[str, Any] = json.loads(aws_managed_policies_data)
    return parsed
