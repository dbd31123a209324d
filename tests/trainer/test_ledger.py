"""The ledger: one chain, and every way to break it is seen."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.ledger.publication import acceptable, check_current
from trainer.ledger.records import Record, encode_record, next_record, verify_chain

details = st.dictionaries(
    st.text(max_size=5), st.one_of(st.text(max_size=5), st.integers(-100, 100), st.none()), max_size=3
)


def chain(contents: list[dict[str, Any]], stream: str = "s") -> list[str]:
    previous: Record | None = None
    lines = []
    for content in contents:
        previous = next_record(previous, "acme", stream, "kind", content)
        lines.append(encode_record(previous))
    return lines


@given(st.lists(details, max_size=6))
def test_a_chain_verifies(contents: list[dict[str, Any]]) -> None:
    assert [record.details for record in verify_chain(chain(contents), "acme", "s")] == contents


@given(st.lists(details, min_size=2, max_size=6), st.data())
def test_every_change_is_seen(contents: list[dict[str, Any]], data: st.DataObject) -> None:
    lines = chain(contents)
    at = data.draw(st.integers(0, len(lines) - 2))
    change = data.draw(st.sampled_from(["remove", "swap", "repeat", "edit", "foreign", "garbage", "field"]))
    if change == "remove":
        del lines[at]
    elif change == "swap":
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    elif change == "repeat":
        lines.insert(at, lines[at])
    elif change == "edit":
        lines[at] = json.dumps(json.loads(lines[at]) | {"kind": "other"})
    elif change == "foreign":
        lines[at] = chain(contents, "other")[at]
    elif change == "garbage":
        lines[at] = lines[at][:-1]
    else:
        lines[at] = json.dumps(json.loads(lines[at]) | {"more": 1})
    with pytest.raises(TrainerError):
        verify_chain(lines, "acme", "s")


@pytest.mark.parametrize("tenant", ["globex", "acm"])
def test_another_tenants_records_are_refused(tenant: str) -> None:
    with pytest.raises(TrainerError):
        verify_chain(chain([{}]), tenant, "s")


def test_cloudwatch_holds_the_chain_over_pages_and_processes(cloud: Backends, session: Any) -> None:
    from trainer.backends import aws_backends

    for number in range(30):
        cloud.log.append("s", "kind", {"number": number})
    again = aws_backends("acme", "cloudwatch:/bh/acme/ledger", session)
    again.log.append("s", "kind", {"number": 30})
    assert [record.details["number"] for record in again.log.read("s")] == list(range(31))
    assert again.log.read("nothing-here") == []


def test_cloudwatch_pages_are_followed_to_the_end(cloud: Backends, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty page is not the end; only a token that stays the same is."""
    lines = chain([{"n": number} for number in range(5)])
    pages = {None: (lines[:2], "a"), "a": ([], "b"), "b": (lines[2:], "c"), "c": ([], "c")}

    def page(**parameters: Any) -> dict[str, Any]:
        events, token = pages[parameters.get("nextToken")]
        return {"events": [{"message": line} for line in events], "nextForwardToken": token}

    client = cloud.log._client  # type: ignore[attr-defined]
    monkeypatch.setattr(client, "get_log_events", page)
    assert len(cloud.log.read("s")) == 5


def test_a_forged_record_in_cloudwatch_is_seen(cloud: Backends, session: Any) -> None:
    cloud.log.append("s", "kind", {})
    forged = chain([{"forged": True}])[0]
    session.client("logs").put_log_events(
        logGroupName="/bh/acme/ledger",
        logStreamName="s",
        logEvents=[{"timestamp": int(time.time() * 1000) + 1, "message": forged}],
    )
    with pytest.raises(TrainerError) as caught:
        cloud.log.read("s")
    assert caught.value.reason == Reason.LEDGER


def publications(*events: tuple[str, str]) -> list[Record]:
    previous: Record | None = None
    records = []
    for kind, manifest in events:
        previous = next_record(previous, "acme", "s", kind, {"manifest": manifest, "signer": "k", "run": "r"})
        records.append(previous)
    return records


@pytest.mark.parametrize(
    ("events", "accepted"),
    [
        ([], []),
        ([("p", "a")], ["a"]),
        ([("p", "a"), ("d", "a")], ["a"]),
        ([("p", "a"), ("d", "a"), ("p", "b")], ["b", "a"]),
        ([("p", "a"), ("d", "a"), ("p", "b"), ("d", "b")], ["b"]),
        ([("p", "a"), ("p", "b"), ("d", "b"), ("p", "c"), ("p", "d")], ["d", "c", "b"]),
    ],
)
def test_what_may_lie_in_the_store(events: list[tuple[str, str]], accepted: list[str]) -> None:
    found = acceptable(publications(*events), "p", "d", {"run": "r"})
    assert [publication.digest for publication in found] == accepted
    assert acceptable(publications(*events), "p", "d", {"run": "other"}) == []
    for digest in accepted:
        assert check_current(digest, found, "x", None) == "k"
        with pytest.raises(TrainerError):
            check_current(digest, found, "x", "another signer")
    with pytest.raises(TrainerError):
        check_current("never published", found, "x", None)
