"""`bulkhead prove`: the JSON shape, the exit codes, what is written."""

import json
import subprocess
import sys

import pytest

from compliance.estate.model import PATHS
from compliance.facts.bundle import BundleWriter
from compliance.facts.scope import scope_to_json
from tests.leaks.clean import State, allow
from tests.leaks.planted import LEAKS, A, B


def bundle(state, folder):
    with BundleWriter(folder, scope_to_json(state.scope())) as writer:
        for fact in state.facts():
            writer.append(fact)
        writer.seal({})
    return folder


def run(folder, out, *flags):
    return subprocess.run(
        [sys.executable, "-m", "operations", "prove", "--facts", str(folder), "--out", str(out), *flags],
        capture_output=True,
        text=True,
        check=False,
    )


def planted(name):
    state = State(shared=False, locks=False)
    next(leak for leak in LEAKS if leak.name == name).plant(state)
    return state


def test_clean_is_exit_0_with_every_pair_and_path(tmp_path):
    done = run(bundle(State(shared=False), tmp_path / "facts"), tmp_path / "out", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 0
    assert {(p["from"], p["to"], p["path"]) for p in document["pairs"]} == {
        (a, b, path) for a, b in ((A, B), (B, A)) for path in PATHS
    }
    assert {p["verdict"] for p in document["pairs"]} == {"proved"}
    assert all(set(p) == {"from", "to", "path", "verdict", "resource", "witness", "reasons"} for p in document["pairs"])
    assert document["coverage"]["considered"]["bucket"] == 6


def test_a_leak_is_exit_1_with_its_witness(tmp_path):
    state = planted("grant to a role of the other tenant")
    done = run(bundle(state, tmp_path / "facts"), tmp_path / "out", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 1
    leaking = [pair for pair in document["pairs"] if pair["verdict"] == "violated"]
    assert [(p["from"], p["to"], p["path"]) for p in leaking] == [(A, B, "key")]
    step = leaking[0]["witness"]["steps"][-1]
    assert step["action"].startswith("kms:")
    assert "bh-acme-trainer" in step["as"]


def test_what_could_not_be_read_is_exit_3(tmp_path):
    state = State(shared=False)
    state.fail("kms:ListGrants", B, "globex-data-key")
    done = run(bundle(state, tmp_path / "facts"), tmp_path / "out", "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout)["coverage"]["unread"]


def test_every_obligation_is_written(tmp_path):
    run(bundle(State(shared=False), tmp_path / "facts"), tmp_path / "out")
    lines = (tmp_path / "out" / "obligations.jsonl").read_text().splitlines()
    obligations = [json.loads(line) for line in lines]
    assert {o["path"] for o in obligations} >= {"data", "key", "role", "log", "identity", "resource"}
    assert {o["verdict"] for o in obligations} == {"proved"}
    assert all(o["reasons"] for o in obligations)
    assert json.loads((tmp_path / "out" / "proof.json").read_text())["summary"]["proved"] == 14


def test_people_get_a_matrix(tmp_path):
    done = run(bundle(planted("public snapshot"), tmp_path / "facts"), tmp_path / "out")
    assert "acme" in done.stdout
    assert "✗" in done.stdout
    assert "snap-globex" in done.stdout


def test_one_tenant_alone_has_no_pairs_and_an_unknown_bundle_is_exit_2(tmp_path):
    folder = bundle(State(shared=False), tmp_path / "facts")
    done = run(folder, tmp_path / "out", "--json", "--tenants", A)
    assert json.loads(done.stdout)["pairs"] == []
    assert run(tmp_path / "nothing", tmp_path / "out").returncode == 2


@pytest.mark.parametrize("flags", [("--plan", "--live")])
def test_plan_and_live_exclude_each_other(tmp_path, flags):
    assert run(tmp_path, tmp_path / "out", *flags).returncode == 2


def test_a_name_that_steers_the_terminal_is_shown_and_not_obeyed(tmp_path):
    state = State(shared=False, locks=False)
    hostile = "x\x1b[2J\ud800"
    guest = {"AWS": state.account(A)}
    state.bucket_policy(B).append(allow("s3:*", "*", Sid=hostile, Principal=guest))
    done = run(bundle(state, tmp_path / "facts"), tmp_path / "out")
    assert done.returncode == 1, done.stderr
    assert "x\\x1b[2J" in done.stdout.replace("\n", "")
    assert "\x1b[2J" not in done.stdout
    written = json.loads((tmp_path / "out/proof.json").read_text())
    assert any(hostile in reason for pair in written["pairs"] for reason in pair["reasons"])
