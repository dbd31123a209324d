"""Takes every trace of the other tenants out of what one tenant is given.

A name of another tenant becomes `tenant-` and eight digits of a keyed hash, whose key the platform keeps: the same
tenant has the same pseudonym throughout, and nobody without the key can test a guess.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any

from compliance.facts.google_scope import GoogleTenant
from compliance.facts.scope import Scope, TenantScope


@dataclass(frozen=True)
class Redactor:
    """Replaces the identifiers of every tenant but one."""

    own: re.Pattern[str]
    others: tuple[tuple[re.Pattern[str], str], ...]

    def text(self, value: str) -> str:
        """The text without the others' identifiers; one's own are left as they are."""
        kept: list[str] = []

        def hide(match: re.Match[str]) -> str:
            kept.append(match.group(0))
            return f"\x00{len(kept) - 1}\x00"

        masked = self.own.sub(hide, value)
        for pattern, pseudonym in self.others:
            masked = pattern.sub(pseudonym, masked)
        return re.sub("\x00(\\d+)\x00", lambda match: kept[int(match.group(1))], masked)

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
    own = _any(_identifiers(mine))
    others = []
    for other in scope.everybody:
        if other.id == tenant:
            continue
        pseudonym = "tenant-" + hmac.new(key, other.id.encode(), hashlib.sha256).hexdigest()[:8]
        others.append((_any(_identifiers(other)), pseudonym))
    return Redactor(own, tuple(others))


def _identifiers(tenant: TenantScope | GoogleTenant) -> list[str]:
    network, _, _ = tenant.cidr.partition("/")
    if isinstance(tenant, TenantScope):
        places = [tenant.account]
    else:
        places = [*tenant.projects, *tenant.projects.values(), tenant.perimeter, tenant.pool, tenant.network]
        places += [*tenant.buckets.values(), *tenant.accounts.values()]
    return [word for word in (tenant.id, *places, tenant.cidr, network, *tenant.contacts) if word]


def _any(words: list[str]) -> re.Pattern[str]:
    """Any of the words, not inside a longer word of letters and digits, whatever its case."""
    longest = sorted(set(words), key=len, reverse=True)
    return re.compile(
        r"(?<![A-Za-z0-9])(?:" + "|".join(re.escape(word) for word in longest) + r")(?![A-Za-z0-9])", re.I
    )
