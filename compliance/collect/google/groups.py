"""Who is in the groups that policies name: Cloud Identity API v1, for groups of the organisation's own domain.

Other domains' groups are nobody's here to read; the proof takes them for what they are, anybody they may hold. Reading
needs the administrator role "Groups Reader" of Google Workspace or Cloud Identity, which no IAM policy gives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator

from compliance.collect.google.model import Answer, Call, Follow

_NAMED = re.compile(r'"(?:group:|principalSet://goog/group/)([^"@]+@[^"]+)"')
_PAGE = "500"


def members_of_named(domain: str) -> Follow:
    """For each group of the domain that an answer names in a binding or an exception: the calls for its members."""

    def follow(answer: Answer, account: str) -> Iterator[Call]:
        named = sorted({email.lower() for email in _NAMED.findall(json.dumps(answer))})
        return _lookups(named, domain, account)

    return follow


def _lookups(groups: Iterable[str], domain: str, account: str) -> Iterator[Call]:
    for group in groups:
        if group.rpartition("@")[2] == domain.lower():
            query = (("groupKey.id", group),)
            then = _members(group, domain)
            yield Call("cloudidentity:LookupGroup", account, "/v1/groups:lookup", {"group": group}, query, then)


def _members(group: str, domain: str) -> Follow:
    """The members of a group that was looked up, and of the groups among them."""

    def inner(answer: Answer, account: str) -> Iterator[Call]:
        held = answer.get("memberships", [])
        nested = {str(m["preferredMemberKey"]["id"]).lower() for m in held if m.get("type") == "GROUP"}
        return _lookups(sorted(nested), domain, account)

    def follow(answer: Answer, account: str) -> Iterator[Call]:
        name = str(answer["name"])
        query = (("view", "FULL"), ("pageSize", _PAGE))
        params = {"group": group, "parent": name}
        yield Call("cloudidentity:ListMemberships", account, f"/v1/{name}/memberships", params, query, inner)

    return follow
