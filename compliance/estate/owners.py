"""Whose is it? By account, where the account is one tenant's alone; else by name or by the tag `tenant`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compliance.estate.model import PLATFORM
from compliance.facts.scope import Scope


@dataclass(frozen=True, slots=True)
class Owners:
    """The tenants of accounts, names and tags.

    Attributes:
        by_account: tenants with something in an account.
        by_name: tenant of a bucket, role, alias, log group or policy that the tenant files imply.
    """

    by_account: Mapping[str, tuple[str, ...]]
    by_name: Mapping[str, str] = field(default_factory=dict)
    platform_roles: frozenset[str] = frozenset()

    def of_account(self, account: str) -> str:
        """The tenant of an account; `platform` if several share it or none has it."""
        tenants = self.by_account.get(account, ())
        return tenants[0] if len(tenants) == 1 else PLATFORM

    def of_target(self, account_or_arn: str) -> str:
        """The tenant behind an account id or ARN that something is shared with; empty if nobody's known."""
        name = account_or_arn.rsplit(":", 1)[-1].rsplit("/", 1)[-1]
        if name in self.by_name:
            return self.by_name[name]
        account = account_or_arn.split(":")[4] if account_or_arn.count(":") >= 5 else account_or_arn
        tenants = self.by_account.get(account, ())
        return tenants[0] if len(tenants) == 1 else PLATFORM if account in self.by_account else ""

    def of(self, account: str, name: str, tags: Mapping[str, str]) -> str:
        """The owner of something in an account.

        In an account of one tenant everything is that tenant's but the platform's own roles. In a shared account the
        name decides, then the tag; what has neither is the platform's.
        """
        tenants = self.by_account.get(account, ())
        if name in self.platform_roles:
            return PLATFORM
        if len(tenants) == 1:
            return tenants[0]
        labelled = self.by_name.get(name) or tags.get("tenant", PLATFORM)
        return labelled if labelled in tenants else PLATFORM


def owners_of(scope: Scope) -> Owners:
    """The owners that a scope implies."""
    by_account: dict[str, tuple[str, ...]] = dict.fromkeys(scope.platform_accounts, ())
    by_name: dict[str, str] = {}
    for tenant in scope.tenants:
        by_account[tenant.account] = (*by_account.get(tenant.account, ()), tenant.id)
        names = (tenant.buckets, tenant.key_aliases, tenant.roles, tenant.log_groups)
        by_name |= {name: tenant.id for group in names for name in group.values()}
    return Owners(by_account, by_name, frozenset({scope.deployer_role}))
