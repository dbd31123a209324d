"""Tells which list or route table a response is about when the response itself does not say.

`search-transit-gateway-routes`, `get-transit-gateway-route-table-associations`, `…-propagations` and
`get-managed-prefix-list-entries` print no id of the table or list that they were asked for. The id is taken, in this
order, from a key beside the list (`TransitGatewayRouteTableId`, `PrefixListId`), from the file's name or the folders
above it, and from there being only one candidate.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from compliance.errors import ComplianceError
from compliance.reason.network.documents import FactDocument


def subject_of(document: FactDocument, key: str, prefix: str, known: Iterable[str]) -> str | None:
    """The id that the document is about, None if it cannot be told.

    `key` is the field beside the list, `prefix` how such an id begins (`tgw-rtb-`), `known` the candidates.
    """
    stated = document.content.get(key)
    if stated is not None:
        if not isinstance(stated, str) or not stated:
            raise ComplianceError(document.source, f"{key} is {stated!r:.80}, but must be a string such as {prefix}…")
        return stated
    candidates = sorted(known, key=lambda name: (-len(name), name))
    for part in reversed(document.source.split("/")):
        for candidate in candidates:
            if candidate in part:
                return candidate
        if match := re.search(rf"(?<![0-9a-z]){re.escape(prefix)}[0-9a-z]+", part):
            return match.group()
    return candidates[0] if len(candidates) == 1 else None
