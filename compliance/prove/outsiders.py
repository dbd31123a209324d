"""Resources open to an account that is neither a tenant's nor the platform's.

No pair of tenants shows it, since nobody knows whose the account is; so it is said beside them. Tried are the accounts
that the resource's own policy and grants name: whoever lets in everybody is found tenant by tenant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from compliance.estate.model import Resource
from compliance.prove.result import Obligation
from compliance.reason.reach.attacker import outsider, step
from compliance.reason.reach.world import World

_BOUND: Final = 400
_ACCOUNT: Final = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_ACCOUNT_KEYS: Final = ("aws:principalaccount", "aws:principalarn", "kms:calleraccount")


def open_to_outsiders(world: World, goals: Iterable[tuple[Resource, str, str]]) -> Iterator[Obligation]:
    """For each resource and unknown account the first request of these goals that it can make."""
    found: set[tuple[str, str]] = set()
    for resource, action, on in goals:
        for account in _named(world, resource):
            if (resource.arn, account) in found:
                continue
            result = world.attempt(outsider(account), action, resource, _BOUND, on)
            if result.verdict != "possible":
                continue
            found.add((resource.arn, account))
            reasons = (f"{action} on {resource.arn}: {result.decision.decided_by.text}",)
            witness = {"steps": [step(result)]}
            yield Obligation(
                f"account {account}", resource.owner, resource.path, action, resource.arn, "violated", reasons, witness
            )


def _named(world: World, resource: Resource) -> list[str]:
    """The accounts that policy and grants name and that are nobody's known."""
    texts = [e.text for grant in resource.grants for e in (grant.grantee, grant.retiring) if e is not None]
    for statement in resource.policy.policy.statements if resource.policy is not None else ():
        if statement.allow:
            texts += [element.text for element in statement.principals or () if element.type == "AWS"]
            texts += [v.text for c in statement.conditions if c.key in _ACCOUNT_KEYS for v in c.values]
    named = dict.fromkeys(account for text in texts for account in _ACCOUNT.findall(text))
    return [account for account in named if account not in world.estate.accounts]
