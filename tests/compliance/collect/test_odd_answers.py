"""Answers that no service gives: nothing falls over or runs for ever, and none of them is taken for an empty list."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from compliance.collect import engine
from compliance.collect.families.iam import IAM
from compliance.collect.families.kms import KMS
from compliance.collect.families.network import NETWORK
from compliance.collect.families.s3 import S3_REGIONAL
from compliance.collect.scan import scan
from compliance.facts.bundle import open_bundle
from compliance.facts.fact import Fact, Status
from tests.compliance.conftest import Fault

FAMILIES = (IAM, KMS, NETWORK, S3_REGIONAL)
BODIES = {
    "a list": b"[]",
    "a number": b"5",
    "null": b"null",
    "nothing": b"",
    "nested lists": b"[" * 100_000,
    "nested objects": b'{"a":' * 100_000,
    "nested elements": b"<a>" * 50_000,
    "not UTF-8": b"\xff\xfe",
    "another element": b"<x/>",
}


def read(folder) -> list[Fact]:
    return list(open_bundle(folder).facts())


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_odd_bodies_are_malformed_for_every_api(cloud, bundle_folder, body):
    cloud.client("kms").create_key()
    scan(cloud.plan(families=FAMILIES), bundle_folder.with_name("good"))
    for operation in set(cloud.calls):
        if operation != "GetCallerIdentity":
            cloud.faults[operation] = Fault(200, body)
    scan(cloud.plan(families=FAMILIES), bundle_folder)
    taken = {fact.api for fact in read(bundle_folder) if fact.status.read} - {"sts:GetCallerIdentity"}
    # Both may answer with nothing in it; the first then blocks nothing, which is a finding.
    assert taken <= {"s3control:GetPublicAccessBlock", "s3control:ListAccessPointsForObjectLambda"}


class Pages(dict[str, Fault]):
    """Faults of which one operation's is made anew for each call."""

    def __init__(self, operation: str, body: Callable[[int], dict]) -> None:
        super().__init__()
        self.operation, self.body, self.seen = operation, body, 0

    def get(self, name: str, default: Fault | None = None) -> Fault | None:  # type: ignore[override]
        if name != self.operation:
            return default
        self.seen += 1
        return Fault(200, json.dumps(self.body(self.seen)).encode())


def aliases(token: object) -> dict:
    return {"Aliases": [], "Truncated": True, "NextMarker": token}


@pytest.mark.parametrize(
    ("body", "says", "asked"),
    [
        (lambda n: aliases("one" if n % 2 else "two"), "used before", 3),
        (lambda n: aliases(f"page {n}"), "more than 7 pages", 7),
        (lambda _: aliases({"a": 1}), "no text", 1),
        (lambda _: aliases(["a"]), "no text", 1),
        (lambda _: aliases(5), "no text", 1),
        (lambda _: {"Aliases": [], "Truncated": True}, "none of", 1),
    ],
)
def test_pages_that_never_end_are_malformed(cloud, bundle_folder, monkeypatch, body, says, asked):
    monkeypatch.setattr(engine, "MAX_PAGES", 7)
    pages = Pages("ListAliases", body)
    monkeypatch.setattr(cloud, "faults", pages)
    scan(cloud.plan(families=(KMS,)), bundle_folder)
    found = [fact for fact in read(bundle_folder) if fact.api == "kms:ListAliases"]
    (odd,) = [fact for fact in found if fact.status is Status.MALFORMED]
    assert odd.error is not None
    assert says in odd.error["message"]
    assert pages.seen == asked


@pytest.mark.parametrize("name", [5, None, ["x"], {"a": "b"}, ""])
def test_names_of_another_kind_stop_nothing(cloud, bundle_folder, name):
    """What is asked next takes its parameters from an answer."""
    cloud.faults["ListKeys"] = Fault(200, json.dumps({"Keys": [{"KeyId": name}, 7], "Truncated": False}).encode())
    scan(cloud.plan(families=(KMS,)), bundle_folder)
    found = read(bundle_folder)
    assert {fact.status for fact in found if fact.api in {"kms:ListKeys", "kms:DescribeKey"}} & {
        Status.MALFORMED,
        Status.FAILED,
    }
    assert Status.UNIMPLEMENTED not in {fact.status for fact in found}
