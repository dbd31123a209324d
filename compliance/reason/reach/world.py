"""The estate with the indexes that reach needs, and what outsiders can certainly not do to each resource."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from compliance.estate.model import PLATFORM, Account, Endpoint, Estate, Identity, Resource
from compliance.reason.iam import Possibility, Unknown
from compliance.reason.iam.context import Value
from compliance.reason.reach.attacker import Attacker, administrator, anyone_else, as_identity

ACT = "sts:AssumeRole"
RETRUST = "iam:UpdateAssumeRolePolicy"


@dataclass(frozen=True)
class World:
    """The estate, indexed."""

    estate: Estate

    @cached_property
    def by_account(self) -> Mapping[str, list[Resource]]:
        """Resources by account."""
        found: dict[str, list[Resource]] = defaultdict(list)
        for resource in self.estate.resources:
            found[resource.account].append(resource)
        return found

    @cached_property
    def roles(self) -> list[Resource]:
        """Every role."""
        return [resource for resource in self.estate.resources if resource.kind == "role"]

    @cached_property
    def identities(self) -> Mapping[str, Identity]:
        """Identities by ARN."""
        return {identity.arn: identity for identity in self.estate.identities}

    @cached_property
    def platform_accounts(self) -> tuple[str, ...]:
        """Accounts without a tenant."""
        return tuple(account.id for account in self.estate.accounts.values() if not account.tenants)

    @cached_property
    def _networks(self) -> Mapping[str, dict[str, Value]]:
        endpoints: dict[str, list[str]] = defaultdict(list)
        vpcs: dict[str, list[str]] = defaultdict(list)
        for endpoint in self.estate.endpoints:
            endpoints[endpoint.account].append(endpoint.id)
            vpcs[endpoint.account].append(endpoint.vpc)
        return {
            account: {
                "aws:SourceVpce": Unknown(True, "*", tuple(endpoints[account])),
                "aws:SourceVpc": Unknown(True, "*", tuple(dict.fromkeys(vpcs[account]))),
            }
            for account in endpoints
        }

    def account(self, account: str) -> Account | None:
        """An account of the estate."""
        return self.estate.accounts.get(account)

    def outside_of(self, account: str, *, network_open: bool) -> Mapping[str, Value]:
        """What is certain of a request from outside an account: it does not come through that account's network.

        `network_open` says that this is not proved.
        """
        return {} if network_open else self._networks.get(account, {})

    @cached_property
    def _accounts_of(self) -> Mapping[str, list[Account]]:
        found: dict[str, list[Account]] = defaultdict(list)
        for account in self.estate.accounts.values():
            for tenant in account.tenants:
                found[tenant].append(account)
        return found

    @cached_property
    def identities_of(self) -> Mapping[str, list[Identity]]:
        """Identities by owner."""
        found: dict[str, list[Identity]] = defaultdict(list)
        for identity in self.estate.identities:
            found[identity.owner].append(identity)
        return found

    @cached_property
    def endpoints_of(self) -> Mapping[str, list[Endpoint]]:
        """Endpoints by account."""
        found: dict[str, list[Endpoint]] = defaultdict(list)
        for endpoint in self.estate.endpoints:
            found[endpoint.account].append(endpoint)
        return found

    def accounts_of(self, tenant: str) -> list[Account]:
        """The accounts with something of a tenant in them."""
        return self._accounts_of.get(tenant, [])

    def stranger(self, resource: Resource) -> Attacker:
        """Anyone of an account that is neither the resource's nor the platform's."""
        return anyone_else(resource.account, *self.platform_accounts)

    def start(self, tenant: str) -> Iterator[Attacker]:
        """Whom a tenant is without doing anything: everyone in its own account, its identities in a shared one."""
        for account in self.accounts_of(tenant):
            if not account.shared:
                yield administrator(account, self._kept_out(account))
                continue
            for identity in self.identities_of.get(tenant, ()):
                if identity.account == account.id:
                    yield as_identity(identity, account)

    def _kept_out(self, account: Account) -> tuple[str, ...]:
        """The platform's roles in a tenant's account, as far as the tenant can neither assume nor re-trust them."""
        kept = tuple(r.arn for r in self.by_account[account.id] if r.kind == "role" and r.owner == PLATFORM)
        anyone = administrator(account, kept)
        return tuple(
            role.arn
            for role in self.by_account[account.id]
            if role.arn in kept
            and not any(self.attempt(anyone, a, role, 0).verdict != "impossible" for a in (ACT, RETRUST))
        )

    def attempt(
        self,
        attacker: Attacker,
        action: str,
        resource: Resource,
        bound: int,
        on: str = "",
        *,
        network_open: bool = False,
    ) -> Possibility:
        """Whether the attacker can do this to the resource."""
        known: Mapping[str, Value] = {}
        if attacker.account != resource.account:
            known = self.outside_of(resource.account, network_open=network_open)
        return attacker.attempt(action, on or resource.arn, resource, self.account(resource.account), known, bound)
