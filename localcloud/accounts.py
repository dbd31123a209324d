"""Accounts of the local cloud: the management account from the start, the others when Organizations creates them.

Only the double does this: every account has an administrator whose key `local status` shows. In the management account
that is an IAM user; elsewhere the key stands for the role through which the platform deploys.
"""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass

from tenancy.accounts import local_account_id

MANAGEMENT_EMAIL = "cloud+management@bulkhead.example"
ADMINISTRATOR = "administrator"
ADMINISTRATOR_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
ACCESS_ROLE = "OrganizationAccountAccessRole"


@dataclass(frozen=True)
class Account:
    """An account with its administrator's long-term key."""

    name: str
    id: str
    access_key_id: str
    secret_access_key: str


def ensure_management(email: str) -> str:
    """The id of the management account, whose administrator is made if need be."""
    account = local_account_id(email)
    ensure_administrator(account)
    return account


def ensure_administrator(account: str) -> None:
    """Make the administrator user of `account` with one access key, unless it is there."""
    from moto.iam.models import iam_backends  # noqa: PLC0415

    backend = iam_backends[account]["aws"]
    if ADMINISTRATOR in backend.users:
        return
    backend.create_user("us-east-1", ADMINISTRATOR)
    backend.attach_user_policy(ADMINISTRATOR_POLICY, ADMINISTRATOR)
    backend.create_access_key(ADMINISTRATOR)


class Administrators:
    """Keys of the platform's administrator in each member account.

    They are this program's own, derived from the token of its folder, and belong to no IAM user: a scan of an account
    sees what the stacks made and nothing of the double's.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def key(self, account: str) -> tuple[str, str]:
        """Access key id and secret of an account's administrator."""
        letters = base64.b32encode(self._derived("id", account)).decode()
        return f"AKIA{letters[:16]}", base64.b64encode(self._derived("secret", account)).decode()[:40]

    def account_of(self, access_key: str) -> str | None:
        """The account whose administrator has this key: one that Organizations made, with the deployer's role."""
        from moto.iam.models import iam_backends  # noqa: PLC0415

        for account, regions in list(iam_backends.items()):
            if hmac.compare_digest(self.key(account)[0], access_key) and "aws" in dict.keys(regions):
                roles = regions["aws"].roles.values()
                return str(account) if any(role.name == ACCESS_ROLE for role in roles) else None
        return None

    def _derived(self, what: str, account: str) -> bytes:
        return hmac.digest(self._token, f"{what}:{account}".encode(), "sha256")


def ensure_access_role(account: str, management: str, role_name: str) -> None:
    """Give the role that Organizations makes in a new account its trust and AdministratorAccess, as AWS does."""
    from moto.iam.models import iam_backends  # noqa: PLC0415

    backend = iam_backends[account]["aws"]
    roles = {role.name: role for role in backend.roles.values()}
    if role_name not in roles:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{management}:root"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        backend.create_role(role_name, json.dumps(trust), "/", None, "", [], "3600")
    backend.attach_role_policy(ADMINISTRATOR_POLICY, role_name)


def listed(management: str, administrators: Administrators) -> list[Account]:
    """The management account and the organisation's members, with their administrators' keys."""
    from moto.organizations.models import organizations_backends  # noqa: PLC0415

    members = organizations_backends[management]["aws"].accounts
    return [
        _account("management", management),
        *(
            Account(_shown_name(member.name, member.tags), member.id, *administrators.key(member.id))
            for member in members
            if member.id != management
        ),
    ]


def _shown_name(name: str, tags: dict[str, str]) -> str:
    """A tenant's account is known by its tenant; the platform's own by its role in the platform."""
    tenant = tags.get("tenant", "")
    if tenant and tenant != "platform":
        return tenant
    return "audit" if name == "audit" or name.endswith("-audit") else name


def _account(name: str, account: str) -> Account:
    from moto.iam.models import iam_backends  # noqa: PLC0415

    key = iam_backends[account]["aws"].users[ADMINISTRATOR].access_keys[0]
    return Account(name, account, key.access_key_id, key.secret_access_key)
