"""A new account's id follows from its e-mail address.

moto draws a random id. Stacks are synthesised before the organisation exists and must know the ids, so the double
derives them (`tenancy.accounts.local_account_id`). AWS also attaches AdministratorAccess to the role it makes in a new
account; moto makes the role without any policy.
"""

from __future__ import annotations

import importlib
from typing import Any

from localcloud import accounts
from tenancy.accounts import local_account_id


def apply() -> None:
    """Replace the constructor of moto's organisation accounts."""
    models: Any = importlib.import_module("moto.organizations.models")
    utils: Any = importlib.import_module("moto.organizations.utils")

    original = models.FakeAccount.__init__

    def create(self: Any, organization: Any, **kwargs: Any) -> None:
        is_management = kwargs.get("Email") == utils.MASTER_ACCOUNT_EMAIL and kwargs.get("AccountName") == "master"
        new_id = organization.master_account_id if is_management else local_account_id(str(kwargs["Email"]))
        random_id = utils.make_random_account_id
        utils.make_random_account_id = lambda: new_id
        try:
            original(self, organization, **kwargs)
        finally:
            utils.make_random_account_id = random_id
        role = str(kwargs.get("RoleName") or accounts.ACCESS_ROLE)
        if is_management:
            _forget_role(new_id, role)
            return
        accounts.ensure_access_role(new_id, organization.master_account_id, role)

    models.FakeAccount.__init__ = create


def _forget_role(account: str, name: str) -> None:
    """AWS makes no such role in the management account."""
    from moto.iam.models import iam_backends  # noqa: PLC0415

    roles = iam_backends[account]["aws"].roles
    for key in [key for key, role in roles.items() if role.name == name]:
        del roles[key]
