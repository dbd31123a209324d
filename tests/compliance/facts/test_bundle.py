"""A bundle that was changed in any way is refused, and says where."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.facts.bundle import BundleWriter, open_bundle
from compliance.facts.canonical import canonical, digest, jsonable
from compliance.facts.errors import BundleError
from compliance.facts.fact import Fact, Status, fact_from_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def fact(number: int = 1, **more) -> Fact:
    values = {
        "api": "kms:ListGrants",
        "params": {"KeyId": f"k{number}"},
        "account": "111111111111",
        "region": "us-east-1",
        "caller": "arn:aws:iam::111111111111:user/a",
        "started": "2026-01-01T00:00:00.000Z",
        "ended": "2026-01-01T00:00:01.000Z",
        "status": Status.OK,
        "response": {"Grants": [number]},
    }
    return Fact(**{**values, **more})


@pytest.fixture
def folder(tmp_path):
    with BundleWriter(tmp_path / "b", {"tenants": []}) as writer:
        for number in range(5):
            writer.append(fact(number))
        writer.seal({"endpoint": "x"})
    return tmp_path / "b"


def test_reads_back_what_was_written(folder):
    assert list(open_bundle(folder).facts("111111111111")) == sorted(
        (fact(number) for number in range(5)), key=lambda one: (one.key, one.digest)
    )
    assert list(open_bundle(folder).facts("222222222222")) == []


def edit(path, change):
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(change(lines)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: lines[:-1], "4 facts"),
        (lambda lines: [*lines, lines[0]], "6 facts"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "chain head"),
        (lambda lines: [lines[0].replace(b"k0", b"kX"), *lines[1:]], "facts.jsonl:1"),
        (lambda lines: [*lines[:2], b"{}\n", *lines[3:]], "facts.jsonl:3"),
        (lambda lines: [*lines[:4], lines[4][:30]], "facts.jsonl:5"),
        (lambda lines: [lines[0].replace(b"user/a", b"user/b"), *lines[1:]], "chain head"),
    ],
)
def test_changed_facts_are_refused(folder, change, says):
    edit(folder / "facts.jsonl", change)
    with pytest.raises(BundleError, match=says):
        open_bundle(folder)


@pytest.mark.parametrize("name", ["facts.jsonl", "scope.json", "manifest.json"])
def test_missing_file_is_refused(folder, name):
    (folder / name).unlink()
    with pytest.raises(BundleError, match=name):
        open_bundle(folder)


def test_changed_scope_is_refused(folder):
    (folder / "scope.json").write_text('{"tenants":["x"]}')
    with pytest.raises(BundleError, match=r"scope\.json: digest"):
        open_bundle(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format":"bulkhead.facts/1"}', "not json"])
def test_bad_manifest_is_refused(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(BundleError, match=r"manifest\.json"):
        open_bundle(folder)


def test_unfinished_bundle_is_refused_and_can_be_resumed(tmp_path):
    with BundleWriter(tmp_path, {"a": 1}) as writer:
        writer.append(fact(1))
        writer.append(fact(2, status=Status.DENIED, response=None, error={"code": "AccessDenied", "message": ""}))
    with pytest.raises(BundleError, match="resume"):
        open_bundle(tmp_path)
    with pytest.raises(BundleError, match="interrupted"):
        BundleWriter(tmp_path, {"a": 1})
    with pytest.raises(BundleError, match="other tenants"):
        BundleWriter(tmp_path, {"a": 2}, resume=True)
    with BundleWriter(tmp_path, {"a": 1}, resume=True) as writer:
        assert set(writer.earlier) == {fact(1).key}
        writer.append(fact(2))
        writer.seal({})
    assert len(list(open_bundle(tmp_path).facts())) == 2


def test_finished_bundle_is_not_written_over(folder):
    with pytest.raises(BundleError, match="finished"):
        BundleWriter(folder, {"tenants": []})


@given(JSON, JSON)
def test_digest_tells_answers_apart(one, other):
    first, second = fact(response={"x": one}), fact(response={"x": other})
    assert (first.digest == second.digest) == (canonical(one) == canonical(other))


@given(JSON)
def test_fact_survives_its_json(value):
    written = fact(response={"x": value})
    assert fact_from_json(json.loads(canonical(written.to_json())), "here") == written


@given(JSON)
def test_canonical_form_is_rfc_8785(value):
    import rfc8785

    keys_in_bmp = all(ord(char) < 0xD800 for char in json.dumps(value, ensure_ascii=False))
    if keys_in_bmp:
        assert canonical(jsonable(value)) == rfc8785.dumps(value)


def test_times_do_not_enter_the_digest_and_the_call_does():
    assert fact(started="x").digest == fact().digest
    assert fact(account="222222222222").digest != fact().digest
    assert fact(params={"KeyId": "other"}).digest != fact().digest


@pytest.mark.parametrize("value", [object(), {1, 2}])
def test_what_no_api_answers_with_is_refused(value):
    with pytest.raises(TypeError, match="no place in JSON"):
        jsonable(value)


def test_whole_numbers_have_no_fraction():
    assert canonical(jsonable({"b": 1, "a": 2.0})) == b'{"a":2,"b":1}'
    assert digest(jsonable(2.5)) != digest(jsonable(2))
