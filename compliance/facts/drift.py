"""What changed between two bundles, in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compliance.facts.bundle import Bundle
from compliance.facts.canonical import canonical
from compliance.facts.fact import Fact
from compliance.graph import call_params

VOLATILE = frozenset(
    {
        "GeneratedTime", "LastUpdatedTime", "LastUsedDate", "LatestDeliveryTime", "LatestDigestDeliveryTime",
        "LatestCloudWatchLogsDeliveryTime", "TimeLoggingStarted", "StateUpdatedTimestamp", "StateTransitionedTimestamp",
        "storedBytes", "Content", "CalculatedSpend", "LatestNotificationTime", "LatestDeliveryAttemptTime",
        "LatestDeliveryAttemptSucceeded", "lastEventTimestamp", "RoleLastUsed", "TimePeriod", "NextRotationDate",
        "readTime", "updateTime", "etag", "nextRotationTime",
    }
)  # fmt: skip
"""Members that change although nothing was changed: clocks and counters."""
NAMES = ("Arn", "ARN", "arn", "Id", "id", "KeyId", "Name", "name")


@dataclass(frozen=True)
class Change:
    """One change: where, what, and a sentence about it."""

    account: str
    api: str
    params: dict[str, Any]
    sentence: str

    def to_json(self) -> dict[str, Any]:
        """The change as an object."""
        return {"account": self.account, "api": self.api, "params": self.params, "sentence": self.sentence}


def drift(before: Bundle, after: Bundle) -> list[Change]:
    """Every change from one bundle to another, in the order of account and API."""
    changes: list[Change] = []
    for account in sorted(set(before.index) | set(after.index)):
        if account not in before.index or account not in after.index:
            word = "is new" if account in after.index else "was read before and is not any more"
            changes.append(Change(account, "", {}, f"Account {account} {word}."))
            continue
        earlier, later = _calls(before, account), _calls(after, account)
        for key in sorted(set(earlier) | set(later)):
            changes += _compared(account, earlier.get(key, []), later.get(key, []))
    return changes


def _calls(bundle: Bundle, account: str) -> dict[tuple[str, str, bytes], list[Fact]]:
    found: dict[tuple[str, str, bytes], list[Fact]] = {}
    for fact in bundle.facts(account):
        if fact.api not in {"sts:AssumeRole", "sts:GetCallerIdentity", "iam:GenerateCredentialReport"}:
            key = (fact.api, fact.region, canonical(call_params(fact.params)))
            found.setdefault(key, []).append(fact)
    return found


def _compared(account: str, earlier: list[Fact], later: list[Fact]) -> Iterator[Change]:
    one = (later or earlier)[0]
    params = call_params(one.params)
    about = _about(params)
    if not earlier or not later:
        word = "is there now" if later else "is gone"
        if params:
            yield Change(account, one.api, params, f"{about or one.api} {word} ({one.api}).")
        return
    statuses = (earlier[0].status, later[0].status)
    if statuses[0] != statuses[1]:
        yield Change(account, one.api, params, f"{one.api}{_of(about)} was {statuses[0]} and is {statuses[1]} now.")
        return
    for sentence in _differences("", _joined(earlier), _joined(later)):
        yield Change(account, one.api, params, f"{one.api}{_of(about)}: {sentence}.")


def _about(params: dict[str, Any]) -> str:
    values = [str(value) for name, value in params.items() if name != "AccountId" and isinstance(value, str)]
    return " ".join(values)


def _of(about: str) -> str:
    return f" of {about}" if about else ""


def _joined(pages: list[Fact]) -> Any:
    """The pages of a call as one answer."""
    whole: dict[str, Any] = {}
    for page in pages:
        for name, value in (page.response or {}).items():
            if isinstance(value, list) and isinstance(whole.get(name), list):
                whole[name] = whole[name] + value
            elif name not in {
                "NextToken",
                "nextToken",
                "Marker",
                "NextMarker",
                "IsTruncated",
                "Truncated",
                "nextPageToken",
            }:
                whole[name] = value
    return whole


def _differences(path: str, before: Any, after: Any) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(set(before) | set(after)):
            if name in VOLATILE:
                continue
            here = f"{path}.{name}" if path else name
            if name not in after:
                yield f"{here} is gone (was {_short(before[name])})"
            elif name not in before:
                yield f"{here} is new ({_short(after[name])})"
            else:
                yield from _differences(here, before[name], after[name])
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(path, before, after)
    else:
        yield f"{path} was {_short(before)} and is {_short(after)}"


def _lists(path: str, before: list[Any], after: list[Any]) -> Iterator[str]:
    earlier, later = {_name(item): item for item in before}, {_name(item): item for item in after}
    for name in sorted(set(earlier) | set(later)):
        if name not in later:
            yield f"{path}: {name} is gone"
        elif name not in earlier:
            yield f"{path}: {name} is new"
        else:
            yield from _differences(f"{path}[{name}]", earlier[name], later[name])


def _name(item: Any) -> str:
    """What identifies an entry of a list: its id or name, or its whole text."""
    if isinstance(item, dict):
        for name in NAMES:
            if isinstance(item.get(name), str):
                return str(item[name])
        for name, value in item.items():
            if name.endswith(("Id", "Arn", "ARN", "Name")) and isinstance(value, str):
                return value
    return _short(item)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else canonical(value).decode("utf-8", "replace")
    return text if len(text) <= 160 else f"{text[:157]}…"
