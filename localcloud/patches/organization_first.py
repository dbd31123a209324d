"""Organizations without an organisation answers with its own error.

moto fails with a server error, which clients retry for long; Terraform makes policies beside the organisation.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

_METHODS = (
    "create_policy", "create_organizational_unit", "attach_policy", "list_policies_for_target",
    "list_targets_for_policy",
    "enable_policy_type", "enable_aws_service_access",
)  # fmt: skip


def apply() -> None:
    """Check first that there is an organisation."""
    models: Any = importlib.import_module("moto.organizations.models")
    for name in _METHODS:
        setattr(models.OrganizationsBackend, name, _checked(models, getattr(models.OrganizationsBackend, name)))


def _checked(models: Any, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.org is None:
            raise models.AWSOrganizationsNotInUseException
        return method(self, *args, **kwargs)

    return wrapped
