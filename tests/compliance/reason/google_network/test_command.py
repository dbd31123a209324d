"""`bulkhead reach` on assets of Cloud Asset Inventory: shapes and exit codes."""

import json

import pytest
from typer.testing import CliRunner

from operations.cli import build
from operations.errors import CommandError, Exit
from tests.compliance.reason.google_network.rigs import asset, firewall, joined

OPEN = joined(firewall("b", "in", sourceRanges=["10.0.0.0/8"]))


def run(folder, *flags, start="projects/a", to="projects/b"):
    command = ["reach", "--facts", str(folder), "--from", start, "--to", to, *flags]
    return CliRunner().invoke(build(), command)


def written(folder, assets, form="page"):
    if form == "lines":
        (folder / "export.ndjson").write_text("\n".join(map(json.dumps, assets)))
    else:
        (folder / "assets.json").write_text(json.dumps({"assets": assets} if form == "page" else assets))
    return folder


@pytest.mark.parametrize("form", ["page", "list", "lines"])
def test_assets_are_recognised_in_every_form(tmp_path, form):
    done = run(written(tmp_path, OPEN, form), "--json")
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["disposition"]) == (1, "reachable")
    assert set(answer["witness"]["packet"]) == {"source", "destination", "protocol", "port"}
    assert answer["witness"]["hops"][0]["kind"] == "host"


def test_unreachable_is_exit_0_with_what_stopped_it(tmp_path):
    done = run(written(tmp_path, joined()), "--json", "--cloud", "gcp")
    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["disposition"]) == (0, "unreachable")
    assert answer["blockedBy"] == [
        {"id": "projects/b/global/networks/b", "kind": "implied rule", "reason": "denies ingress"}
    ]


def test_indeterminate_is_exit_3_and_names_what_is_missing(tmp_path):
    done = run(written(tmp_path, OPEN), "--json", to="projects/other")
    assert (done.exit_code, json.loads(done.stdout)["missing"]) == (3, ["no fact describes projects/other"])


def test_bad_facts_are_exit_2_with_the_place(tmp_path):
    bad = asset("Subnetwork", "projects/a/regions/r1/subnetworks/x", {"ipCidrRange": "ten"})
    done = run(written(tmp_path, [bad]), "--json")
    assert (done.exit_code, json.loads(done.stdout)["error"]["place"]) == (2, "projects/a/regions/r1/subnetworks/x")


def test_unknown_cloud_is_bad_input(tmp_path):
    error = run(written(tmp_path, OPEN), "--cloud", "azure").exception
    assert isinstance(error, CommandError)
    assert error.code == Exit.BAD_INPUT


def test_people_get_sentences(tmp_path):
    said = run(written(tmp_path, OPEN)).stdout
    assert said.startswith("projects/a → projects/b: reachable\npacket: source 10.1.0.10")
    assert "peering" in said


def test_pages_are_read_to_the_last(tmp_path):
    page = {"assets": OPEN[:3], "nextPageToken": "more"}
    (tmp_path / "1.json").write_text(json.dumps(page))
    done = run(tmp_path, "--json")
    assert done.exit_code == 2
    assert "nextPageToken" in json.loads(done.stdout)["error"]["reason"]
    (tmp_path / "2.json").write_text("\ufeff" + json.dumps({"assets": OPEN[3:]}), encoding="utf-8")
    assert run(tmp_path, "--json").exit_code == 1


def test_an_error_answer_is_no_empty_page(tmp_path):
    (tmp_path / "projects-c.json").write_text(json.dumps({"error": {"code": 403, "message": "denied"}}))
    done = run(written(tmp_path, OPEN), "--json")
    assert done.exit_code == 2
    assert "403" in json.loads(done.stdout)["error"]["reason"]
