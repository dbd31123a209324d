"""The estate with the indexes that reach needs, and what outsiders can certainly not do to each resource."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from compliance.estate.model import PLATFORM, Account, Endpoint, Estate, Identity, Resource
from compliance.reason.iam import Possibility, Unknown
from compliance.reason.iam.context import Value
from compliance.reason.iam.principals import UNIQUE_ID
from compliance.reason.reach.attacker import Attacker, administrator, anyone_else, as_identity

ACT = "sts:AssumeRole"
RETRUST = "iam:UpdateAssumeRolePolicy"


def _globs(ids: Iterable[str]) -> tuple[str, ...]:
    """Globs of `aws:userid` for users and sessions of roles with these ids."""
    return tuple(glob for each in sorted(ids) for glob in (each, f"{each}:*"))


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

    @cached_property
    def _now_on(self) -> Mapping[str, Value]:
        """The condition keys of a request's time."""
        if self.estate.read_at is None:
            return {}
        time = Unknown(False, not_before=Decimal(int(self.estate.read_at.timestamp())))
        return {"aws:CurrentTime": time, "aws:EpochTime": time}

    def account(self, account: str) -> Account | None:
        """An account of the estate."""
        return self.estate.accounts.get(account)

    def outside_of(self, account: str, *, network_open: bool) -> Mapping[str, Value]:
        """What is certain of a request from outside an account: it does not come through that account's network.

        `network_open` says that this is not proved. Nor does it come from its principals or from a service that acts
        for it.
        """
        found = self._outside.get((account, network_open))
        if found is None:
            found = {**self.sources_outside(account), "aws:userid": Unknown(True, "*", self._ids_outside(account))}
            found |= {} if network_open else self.networks_of(account)
            self._outside[account, network_open] = found
        return found

    @cached_property
    def _outside(self) -> dict[tuple[str, bool], dict[str, Value]]:
        return {}

    @cached_property
    def _ids(self) -> Mapping[str, frozenset[str]]:
        """Unique ids of roles and users by account."""
        found: dict[str, set[str]] = defaultdict(set)
        for identity in self.estate.identities:
            if identity.unique_id:
                found[identity.account].add(identity.unique_id)
        return {account: frozenset(ids) for account, ids in found.items()}

    def _ids_outside(self, account: str) -> tuple[str, ...]:
        """Globs of `aws:userid` that no request from outside the account has."""
        return (account, *_globs(self._ids.get(account, frozenset())))

    def _ids_not_of(self, attacker: Attacker, resource: Resource) -> tuple[str, ...]:
        """Those of the ids that the resource's policy names and that nobody in the attacker's account has or will have.

        AWS never gives an id twice, so what a full list of the account lacks belongs to others, or to nobody any more.
        """
        own = self._ids.get(attacker.account, frozenset())
        unread = any(gap.account == attacker.account and "role" in gap.paths for gap in self.estate.gaps)
        if not own or unread or resource.policy is None:
            return ()
        named = {
            e.text for s in resource.policy.policy.statements for e in s.principals or () if UNIQUE_ID.fullmatch(e.text)
        }
        return _globs(named - own)

    def networks_of(self, account: str) -> Mapping[str, Value]:
        """That a request comes through no endpoint and network of an account."""
        return self._networks.get(account, {})

    def sources_outside(self, *accounts: str) -> dict[str, Value]:
        """For whom a service acts, if for none of these accounts. AWS alone sets these keys.

        The ARN of a bucket does not say whose it is, but a bucket that is there is nobody else's.
        """
        arns = tuple(f"arn:*:*:*:{account}:*" for account in accounts)
        buckets = tuple(
            f"arn:*:s3:*:*:{resource.arn.rpartition(':')[2]}"
            for account in accounts
            for resource in self.by_account.get(account, ())
            if resource.kind == "bucket" and (resource.s3 is None or resource.s3.access_point is None)
        )
        return {
            "aws:SourceAccount": Unknown(True, "*", accounts),
            "aws:SourceOwner": Unknown(True, "*", accounts),
            "aws:SourceArn": Unknown(True, "*", (*arns, *buckets)),
        }

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
        """Whether the attacker can do this to the resource, from when the facts were read."""
        known: Mapping[str, Value] = self._now_on
        if attacker.account != resource.account:
            known = {**known, **self.outside_of(resource.account, network_open=network_open)}
            if attacker.principal.kind == "any-of-account":
                theirs = Unknown(
                    True, "*", (*self._ids_outside(resource.account), *self._ids_not_of(attacker, resource))
                )
                known = {**known, "aws:userid": theirs}
            elif attacker.principal.kind != "anyone-else":
                # Who it is follows from the identity itself.
                known = {name: value for name, value in known.items() if name != "aws:userid"}
        return attacker.attempt(action, on or resource.arn, resource, self.account(resource.account), known, bound)
