"""Names fit their services, states follow one another, schemas are fresh."""

from __future__ import annotations

import json

import pytest

from tenancy import accounts, schema
from tenancy.lifecycle import State, may_follow, successors
from tenancy.names import BUCKET_PURPOSES, KEY_PURPOSES, Names, audit_bucket


def test_longest_names_fit_what_aws_takes() -> None:
    names = Names("p" * 20, "t" * 20)
    assert all(len(names.bucket(purpose)) <= 63 for purpose in BUCKET_PURPOSES)
    assert all(len(names.role(role)) <= 64 for role in ("trainer", "data-owner", "auditor"))
    assert len(audit_bucket("p" * 20)) <= 63


def test_no_two_tenants_share_a_name() -> None:
    def every(names: Names) -> set[str]:
        return {
            *(names.bucket(purpose) for purpose in BUCKET_PURPOSES),
            *(names.key_alias(purpose) for purpose in KEY_PURPOSES),
            *(names.role(role) for role in ("trainer", "data-owner", "auditor")),
            names.boundary,
            names.ledger_log_group,
            names.flow_log_group,
        }

    assert not every(Names("bh", "acme")) & every(Names("bh", "acme2"))


def test_shredded_is_final() -> None:
    assert successors(State.SHREDDED) == (State.SHREDDED,)


@pytest.mark.parametrize(
    ("before", "after", "legal"),
    [
        (State.ACTIVE, State.QUARANTINED, True),
        (State.QUARANTINED, State.ACTIVE, True),
        (State.OFFBOARDING, State.SHREDDED, True),
        (State.ACTIVE, State.SHREDDED, False),
        (State.OFFBOARDING, State.ACTIVE, False),
    ],
)
def test_transitions(before: State, after: State, legal: bool) -> None:
    assert may_follow(before, after) is legal


def test_local_account_ids_are_twelve_digits_and_stable() -> None:
    assert accounts.ACCOUNT_ID.fullmatch(accounts.local_account_id("cloud+acme@bulkhead.example"))
    assert accounts.local_account_id("a@b.c") != accounts.local_account_id("a@b.d")


def test_committed_schemas_match_the_models() -> None:
    assert schema.stale() == []


def test_a_stale_schema_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(schema, "FOLDER", tmp_path)
    schema.write()
    assert schema.stale() == []
    path = schema.FOLDER / "tenant.schema.json"
    document = json.loads(path.read_text())
    document["properties"].pop("network")
    path.write_text(json.dumps(document))
    assert schema.stale() == ["tenant.schema.json"]
