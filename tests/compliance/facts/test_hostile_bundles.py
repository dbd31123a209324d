"""Bundles that somebody made to hurt: each is refused with words that name the place, or judged; none ends otherwise.

Whoever makes a bundle can make its digests agree, so these do.
"""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from compliance.estate.from_facts import estate_of_facts
from compliance.facts.bundle import EMPTY_HEAD, chained, open_bundle
from compliance.facts.canonical import canonical, digest, sha256
from compliance.facts.drift import drift
from compliance.facts.errors import BundleError
from compliance.facts.scope import scope_from_json
from compliance.prove.engine import prove
from compliance.report import csv, guarantees, html, ocsf, oscal, risks, sarif
from compliance.report.model import report_of
from compliance.rules.judge import judge
from operations.cli import build
from operations.errors import CommandError
from tests.compliance.bundles import write
from tests.compliance.world import world


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A good bundle's folder, facts, scope and manifest."""
    folder = tmp_path_factory.mktemp("good") / "b"
    write(world(), folder)
    facts = [json.loads(line) for line in (folder / "facts.jsonl").read_bytes().splitlines()]
    return folder, facts, json.loads((folder / "scope.json").read_bytes()), manifest_of(folder)


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_bytes())


def sealed(folder: Path, facts, scope, manifest) -> Path:
    """Writes a bundle whose every digest agrees."""
    folder.mkdir(parents=True, exist_ok=True)
    head, lines = EMPTY_HEAD, []
    for fact in facts:
        line = canonical(settled(fact))
        head = chained(head, line)
        lines.append(line + b"\n")
    (folder / "facts.jsonl").write_bytes(b"".join(lines))
    (folder / "scope.json").write_bytes(canonical(scope))
    files = {name: sha256((folder / name).read_bytes()) for name in ("facts.jsonl", "scope.json")}
    told = {"files": files, "facts": {"count": len(facts), "chain_head": head}}
    (folder / "manifest.json").write_bytes(canonical(manifest | told if isinstance(manifest, dict) else manifest))
    return folder


def settled(fact):
    """The fact with digests that fit, where it still has what they are made of."""
    try:
        answer = fact["response"] if fact["error"] is None else {"error": fact["error"]["code"]}
        members = {name: fact[name] for name in ("account", "api", "params", "region", "status")}
    except (KeyError, TypeError):
        return fact
    return fact | {"response_sha256": digest(answer), "digest": digest(members | {"response": digest(answer)})}


def everything(folder: Path) -> str:
    """Opens, judges, proves and writes every format; what was said where it was refused."""
    try:
        bundle = open_bundle(folder)
        report = report_of(bundle, judge(bundle))
    except BundleError as error:
        return str(error)
    for writer in (html, csv, sarif, ocsf, oscal, risks):
        assert writer.render(report)
    for tenant in report.scope.tenants:
        assert guarantees.render(report, tenant.id)
    drift(bundle, bundle)
    prove(estate_of_facts(bundle.facts(), scope_from_json(bundle.scope)))
    return ""


ODD = st.sampled_from(
    [None, True, 0, -1, 1.5, "", "x", [], {}, [None], [{}], {"a": 1}, "\x00", "${aws:x}", "9" * 400, [[[]]], "\ud800"]
)


def places(value, path=()):
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from places(item, (*path, key))


@st.composite
def damaged(draw, value):
    """The value with one member, however deep, replaced or taken away."""
    path = draw(st.sampled_from([path for path in places(value) if path]))
    value = copy.deepcopy(value)
    here = value
    for key in path[:-1]:
        here = here[key]
    if isinstance(here, dict) and draw(st.booleans()):
        del here[path[-1]]
    else:
        here[path[-1]] = draw(ODD)
    return value


FEW = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


@FEW
@given(data=st.data())
def test_damaged_scope_is_refused_or_judged(good, tmp_path_factory, data):
    _, facts, scope, manifest = good
    folder = sealed(tmp_path_factory.mktemp("b"), facts, data.draw(damaged(scope)), manifest)
    said = everything(folder)
    assert not said or "scope.json" in said


@FEW
@given(data=st.data())
def test_damaged_manifest_is_refused_or_judged(good, tmp_path_factory, data):
    _, facts, scope, manifest = good
    folder = sealed(tmp_path_factory.mktemp("b"), facts, scope, data.draw(damaged(manifest)))
    said = everything(folder)
    assert not said or "manifest.json" in said


@FEW
@given(data=st.data())
def test_damaged_fact_is_refused_or_judged(good, tmp_path_factory, data):
    _, facts, scope, manifest = good
    number = data.draw(st.integers(0, len(facts) - 1))
    changed = [*facts[:number], data.draw(damaged(facts[number])), *facts[number + 1 :]]
    said = everything(sealed(tmp_path_factory.mktemp("b"), changed, scope, manifest))
    assert not said or f"facts.jsonl:{number + 1}" in said


@pytest.mark.parametrize(
    ("member", "value", "says"),
    [
        ("regions", "us-east-1", "regions"),
        ("judged", ["mallory"], "mallory"),
        ("audit_retention_days", "365", "audit_retention_days"),
        ("tenants", [None], "scope.json"),
        ("unknown", 1, "unknown"),
    ],
)
def test_scope_of_another_form_is_refused(good, tmp_path, member, value, says):
    _, facts, scope, manifest = good
    assert says in everything(sealed(tmp_path, facts, scope | {member: value}, manifest))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("ended", "yesterday"),
        ("ended", None),
        ("ended", "2026-03-01T12:00:00"),
        ("accounts", [1]),
        ("tool", {}),
        ("local_test_double", "no"),
        ("endpoint", 5),
        ("caller", []),
    ],
)
def test_manifest_of_another_form_is_refused(good, tmp_path, member, value):
    _, facts, scope, manifest = good
    assert member in everything(sealed(tmp_path, facts, scope, manifest | {member: value}))


def run(*arguments):
    """What the command does with it: exit code and message; anything but `CommandError` would be a defect."""
    result = CliRunner().invoke(build(), list(arguments))
    if isinstance(result.exception, CommandError):
        return int(result.exception.code), str(result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def broken(folder: Path, name: str, how: str) -> None:
    """Damages one file of a bundle."""
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    if how == "directory":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "endless device":
        path.symlink_to("/dev/zero")
    elif how == "link elsewhere":
        (folder.parent / "elsewhere").write_bytes(content)
        path.symlink_to(folder.parent / "elsewhere")
    else:
        made = {
            "nested": b"[" * 100_000 + b"]" * 100_000,
            "cut short": content[: len(content) // 2],
            "not UTF-8": b'{"a": "\xff\xfe"}',
            "empty": b"",
            "numbers": b'{"count": ' + b"9" * 10_000 + b"}",
            "not a number": content.replace(b'"', b"NaN,", 1),
        }
        path.write_bytes(made[how])


HOW = ["directory", "pipe", "endless device", "link elsewhere", "nested", "cut short", "not UTF-8", "empty", "numbers"]


@pytest.mark.parametrize("how", [*HOW, "not a number"])
@pytest.mark.parametrize("name", ["facts.jsonl", "scope.json", "manifest.json"])
def test_damaged_file_is_refused_with_its_name(good, tmp_path, name, how):
    _, facts, scope, manifest = good
    folder = sealed(tmp_path / "b", facts, scope, manifest)
    broken(folder, name, how)
    for command in (("scan", "--from"), ("report", "--from"), ("evidence", "pack", "--from")):
        code, said = run(*command, str(folder))
        assert (code, name in said) == (2, True), said
    code, said = run("drift", str(folder), str(folder))
    assert (code, name in said) == (2, True)


@pytest.mark.parametrize("name", ["../../elsewhere", "/tmp/elsewhere", "", "a\nb", "."])
def test_tenant_whose_id_would_leave_the_folder_of_packs_is_refused(good, tmp_path, name):
    _, facts, scope, manifest = good
    first, *others = scope["tenants"]
    forged = scope | {"tenants": [first | {"id": name}, *others], "judged": [name]}
    folder = sealed(tmp_path / "b", facts, forged, manifest)
    code, said = run("evidence", "pack", "--from", str(folder), "--tenant", name, "--out", str(tmp_path / "out"))
    assert (code, "scope.json" in said) == (2, True)
    assert not (tmp_path / "out").exists()


def test_bundle_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    for place in ("file", "nothing"):
        code, said = run("scan", "--from", str(tmp_path / place))
        assert (code, place in said) == (2, True)


def test_facts_that_contradict_each_other_do_not_pass_twice(good, tmp_path):
    """The same call answered twice, once well and once badly: both answers are read, as pages are."""
    _, facts, scope, manifest = good
    listed = next(fact for fact in facts if fact["api"] == "kms:ListGrants" and fact["response"]["Grants"] == [])
    stranger = {"GrantId": "g", "GranteePrincipal": "arn:aws:iam::999999999999:root", "Operations": ["Decrypt"]}
    bad = listed | {"response": listed["response"] | {"Grants": [stranger]}}
    bundle = open_bundle(sealed(tmp_path, [*facts, bad], scope, manifest))
    failed = {one.rule for one in judge(bundle).results if one.status == "fail"}
    assert "keys.grants-by-services-only" in failed
