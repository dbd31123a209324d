"""Takes every trace of the other tenants out of what one tenant is given.

A name of another tenant becomes `tenant-` and eight digits of a keyed hash, whose key the platform keeps: the same
tenant has the same pseudonym throughout, and nobody without the key can test a guess.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import Any

from compliance.facts.google_scope import GoogleTenant
from compliance.facts.scope import Scope, TenantScope

_ADDRESS = r"(?<![0-9.])[0-9]{1,3}([.-])[0-9]{1,3}\1[0-9]{1,3}\1[0-9]{1,3}(?:/[0-9]{1,2})?(?![0-9])"
"""An address or a range of IPv4, also as EC2 writes it into a machine's name (`ip-10-20-0-7`)."""


@dataclass(frozen=True)
class Redactor:
    """Replaces the identifiers of every tenant but one, and the addresses of their networks.

    `known` holds every identifier in small letters, with the pseudonym of its tenant; None for one's own.
    """

    pattern: re.Pattern[str]
    known: Mapping[str, str | None]
    networks: tuple[tuple[IPv4Network, str], ...]
    own: IPv4Network | None

    def text(self, value: str) -> str:
        """The text without the others' identifiers; one's own are left as they are."""
        return self.pattern.sub(self._hidden, value)

    def _hidden(self, match: re.Match[str]) -> str:
        found = match.group(0)
        if found.lower() in self.known:
            return self.known[found.lower()] or found
        try:
            place = ip_network(found.replace("-", "."), strict=False)
        except ValueError:
            return found
        if not isinstance(place, IPv4Network) or (self.own is not None and place.subnet_of(self.own)):
            return found
        return next((pseudonym for network, pseudonym in self.networks if place.subnet_of(network)), found)

    def value(self, value: Any) -> Any:
        """A JSON value whose every text, names of members too, is redacted."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def touches(self, text: str) -> bool:
        """Whether the text names another tenant."""
        return self.text(text) != text


def redactor(scope: Scope, tenant: str, key: bytes) -> Redactor:
    """The redactor for what `tenant` is given."""
    mine = scope.anyone(tenant)
    known: dict[str, str | None] = {}
    networks = []
    for other in scope.everybody:
        if other.id == tenant:
            continue
        pseudonym = "tenant-" + hmac.new(key, other.id.encode(), hashlib.sha256).hexdigest()[:8]
        known |= dict.fromkeys((word.lower() for word in _identifiers(other)), pseudonym)
        if (network := _network(other)) is not None:
            networks.append((network, pseudonym))
    known |= dict.fromkeys(word.lower() for word in (*_identifiers(mine), *_names(mine)))
    return Redactor(_any(known), known, tuple(networks), _network(mine))


def _identifiers(tenant: TenantScope | GoogleTenant) -> list[str]:
    network, _, _ = tenant.cidr.partition("/")
    if isinstance(tenant, TenantScope):
        places = [tenant.account]
    else:
        places = [*tenant.projects, *tenant.projects.values(), tenant.perimeter, tenant.pool, tenant.network]
        places += [*tenant.buckets.values(), *tenant.accounts.values()]
    return [word for word in (tenant.id, *places, tenant.cidr, network, *tenant.contacts) if word]


def _names(tenant: TenantScope | GoogleTenant) -> list[str]:
    """Names that a tenant's own id is a part of: kept whole, whatever another tenant is called."""
    if isinstance(tenant, GoogleTenant):
        return [name for name in tenant.keys.values() if name]
    held = (tenant.buckets, tenant.key_aliases, tenant.roles, tenant.log_groups)
    return [name for names in held for name in names.values() if name] + [tenant.boundary or tenant.id]


def _network(tenant: TenantScope | GoogleTenant) -> IPv4Network | None:
    try:
        found = ip_network(tenant.cidr, strict=False)
    except ValueError:
        return None
    return found if isinstance(found, IPv4Network) else None


def _any(words: Mapping[str, object]) -> re.Pattern[str]:
    """Any of the words, whatever its case, or an address; the longest that begins at a place.

    Not inside a longer word of letters and digits, unless capitals (`bhGlobexReader`) or a number mark where it ends.
    """
    longest = sorted(words, key=len, reverse=True)
    some = "|".join(re.escape(word) for word in longest)
    begins = r"(?:(?<![A-Za-z0-9])|(?<=[a-z0-9])(?=[A-Z]))"
    ends = r"(?:(?![A-Za-z0-9])|(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[0-9]))"
    return re.compile(f"{_ADDRESS}|{begins}(?i:{some}){ends}")
