"""What a rule sees: the facts of one tenant's accounts, and every use of a fact on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from compliance.facts.fact import Fact, Status
from compliance.facts.scope import PLATFORM, Scope, TenantScope
from compliance.graph import Graph

MAY_LACK_THE_LIST = frozenset(
    {
        "budgets:DescribeBudgets",
        "budgets:DescribeNotificationsForBudget",
        "s3:ListBucketInventoryConfigurations",
        "sqs:ListQueues",
    }
)
"""Calls that answer without the list where nothing is in it; all others give an empty one."""


class Unread(Exception):  # noqa: N818 -- not an error of the program: it is what the rule runner is told
    """A fact that a rule needs could not be collected; `sentence` names the API."""

    def __init__(self, api: str, fact: Fact | None) -> None:
        if fact is None:
            sentence = f"{api} was not collected"
        else:
            said = f" ({fact.error['code']})" if fact.error else ""
            sentence = f"{api} could not be read: {fact.status}{said}"
        super().__init__(sentence)
        self.api = api
        self.sentence = sentence
        self.digest = fact.digest if fact else None


class View:
    """The facts about one tenant, or about the platform. Every answer given is noted in `used`."""

    def __init__(self, scope: Scope, tenant: str, graph: Graph) -> None:
        self.scope = scope
        self.name = tenant
        self.graph = graph
        self.used: dict[str, None] = {}

    @property
    def tenant(self) -> TenantScope:
        """The tenant's scope; only in a tenant's view."""
        return self.scope.tenant(self.name)

    @property
    def account(self) -> str:
        """The account that the view is about: the tenant's, or the audit account."""
        return self.scope.audit_account if self.name == PLATFORM else self.tenant.account

    @property
    def management(self) -> str:
        """The organisation's management account."""
        return self.scope.management_account

    @contextmanager
    def noting(self) -> Iterator[dict[str, None]]:
        """Notes the facts used inside; the facts used so far are put back afterwards."""
        before, self.used = self.used, {}
        try:
            yield self.used
        finally:
            self.used = before

    def answers(self, api: str, account: str | None = None, **params: Any) -> list[dict[str, Any]]:
        """Every page of a call, in every region; empty if the service says that there is no such configuration.

        Raises:
            Unread: a page could not be read, or the call was never made.
        """
        facts = self.graph.facts(account or self.account, api, **params)
        if not facts:
            raise Unread(api, None)
        for fact in facts:
            if not fact.status.read:
                raise Unread(api, fact)
        for fact in facts:
            self.used[fact.digest] = None
        return [fact.response for fact in facts if fact.status is Status.OK]

    def items(self, api: str, member: str, account: str | None = None, **params: Any) -> list[Any]:
        """The entries of a listing over all its pages and regions.

        Raises:
            KeyError, TypeError: an answer has no such list. It is not taken for an empty one.
        """
        found: list[Any] = []
        for answer in self.answers(api, account, **params):
            held = answer.get(member, []) if api in MAY_LACK_THE_LIST else answer[member]
            if not isinstance(held, list):
                msg = f"{member} is {type(held).__name__}, not a list"
                raise TypeError(msg)
            found += held
        return found

    def by_region(self, api: str, **params: Any) -> list[tuple[str, dict[str, Any]]]:
        """The account's answers of a call that each region answers for itself, with the region.

        Raises:
            KeyError: no region has such a setting.
        """
        self.answers(api, **params)
        facts = self.graph.facts(self.account, api, **params)
        found = [(fact.region, fact.response) for fact in facts if fact.status is Status.OK]
        if not found:
            raise KeyError(api)
        return found

    def one(self, api: str, account: str | None = None, **params: Any) -> dict[str, Any] | None:
        """The answer of a call that has one page; None if there is no such configuration."""
        answers = self.answers(api, account, **params)
        return answers[0] if answers else None

    def fleet_accounts(self) -> dict[str, str]:
        """Tenant (or `platform`) by account."""
        owners = dict.fromkeys(self.scope.platform_accounts, PLATFORM)
        return owners | {tenant.account: tenant.id for tenant in self.scope.tenants}
