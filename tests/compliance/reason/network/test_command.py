"""`bulkhead reach`: exit codes and the JSON that outside suites read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from operations.cli import build

from .rigs import Rig, peered, two_vpcs


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(build(), ["reach", "--facts", str(folder), *arguments])
    return result.exit_code, result.stdout


def saved(rig: Rig, folder: Path) -> Path:
    for key, value in rig.facts.items():
        (folder / f"{key}.json").write_text(json.dumps({key: value}), encoding="utf-8")
    return folder


def test_reachable_is_a_finding(tmp_path: Path) -> None:
    arguments = ("--from", "i-a", "--to", "i-b", "--protocol", "tcp", "--port", "443", "--json")
    code, text = run(saved(peered(), tmp_path), *arguments)
    answer = json.loads(text)
    assert code == 1
    assert answer["disposition"] == "reachable"
    assert answer["witness"]["packet"]["destinationPort"] == 443
    assert next(hop["id"] for hop in answer["witness"]["hops"]) == "eni-a"
    assert "blockedBy" not in answer


@pytest.mark.parametrize("protocol", ["-1", "all", "ALL", "any", "TCP", "6"])
def test_spellings_of_a_protocol_that_is_open(tmp_path: Path, protocol: str) -> None:
    ends = ("--from", "i-a", "--to", "i-b", f"--protocol={protocol}", "--json")
    assert run(saved(peered(), tmp_path), *ends)[0] == 1
    assert run(saved(two_vpcs(), tmp_path), *ends)[0] == 0


def test_unreachable_is_clean(tmp_path: Path) -> None:
    code, text = run(saved(two_vpcs(), tmp_path), "--from", "vpc-a", "--to", "vpc-b", "--json")
    answer = json.loads(text)
    assert code == 0
    assert answer["disposition"] == "unreachable"
    assert answer["blockedBy"][0]["id"] == "rtb-a"
    assert "witness" not in answer


def test_missing_facts_are_indeterminate(tmp_path: Path) -> None:
    code, text = run(saved(two_vpcs(), tmp_path), "--from", "vpc-a", "--to", "vpc-lost", "--json")
    assert code == 3
    assert json.loads(text)["missing"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "nothing", "--to", "vpc-a"),
        ("--from", "vpc-a", "--to", "vpc-b", "--port", "http"),
        ("--from", "vpc-a", "--to", "vpc-b", "--port", "70000"),
        ("--from", "vpc-a", "--to", "vpc-b", "--protocol", "ipx"),
        ("--from", "vpc-a", "--to", "vpc-b", "--protocol", "47", "--port", "1"),
        ("--from", "vpc-a", "--to", "vpc-b", "--protocol", "icmp", "--port", "300"),
    ],
)
def test_bad_input(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code, text = run(saved(two_vpcs(), tmp_path), *arguments, "--json")
    assert code == 2
    assert json.loads(text)["error"]["place"]


def test_malformed_facts(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    code, text = run(tmp_path, "--from", "vpc-a", "--to", "vpc-b", "--json")
    assert code == 2
    assert json.loads(text)["error"]["place"].startswith("broken.json:1:")


def test_words_for_people(tmp_path: Path) -> None:
    code, text = run(saved(peered(), tmp_path), "--from", "i-a", "--to", "i-b")
    assert code == 1
    assert "i-a → i-b: reachable" in text
    assert "pcx-1" in text
