"""The documentation is true: links lead somewhere, commands and their options exist, make targets exist.

The commands of the first run are executed by `tests/operations/test_demo.py`; here every command that any page shows
is parsed by the command itself, with the values that the page gives.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from operations.cli import build

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMAND = typer.main.get_command(build())

_SHOWN = re.compile(r"^\s*(?:\$ )?(?:eval \"\$\()?(?:\.venv/bin/)?bulkhead (?P<rest>[^#\n]*)", re.MULTILINE)
_MAKE = re.compile(r"^\s*(?:\$ )?make (?P<target>[a-z-]+)", re.MULTILINE)
_LINK = re.compile(r"\]\((?P<to>[^)#\s]+)(?:#[^)]*)?\)")
_FENCE = re.compile(r"^```(?:console|sh|bash)?\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    fences = ((page.name, fence["body"]) for page in PAGES for fence in _FENCE.finditer(page.read_text("utf-8")))
    return [
        (name, shown["rest"].split(")", 1)[0].strip() if "$(" in shown[0] else shown["rest"].strip())
        for name, body in fences
        for shown in _SHOWN.finditer(body)
    ]


def known_options(command: object) -> set[str]:
    return {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}  # type: ignore[attr-defined]


def test_there_are_commands_to_check() -> None:
    assert len(commands()) > 25


@pytest.mark.parametrize(("page", "line"), commands(), ids=[f"{page}: {line}"[:60] for page, line in commands()])
def test_every_command_shown_exists_with_its_options(page: str, line: str) -> None:
    # Optional parts stand in brackets, alternatives are separated by bars: check the names, not the values.
    words = shlex.split(re.sub(r"[\[\]()…]", " ", line))
    command, used = COMMAND, 0
    for word in words:
        choices = word.split("|")
        if not hasattr(command, "commands") or choices[0] not in command.commands:
            break
        assert all(choice in command.commands for choice in choices), f"{page}: bulkhead {line}"
        command, used = command.commands[choices[0]], used + 1
    assert used, f"{page}: bulkhead {line}: no such command"
    options = [word.split("=")[0] for word in words[used:] if word.startswith("--")]
    unknown = [option for option in options if option not in known_options(command)]
    assert not unknown, f"{page}: bulkhead {line}: {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_make_targets_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = [
        link["to"]
        for link in _LINK.finditer(text)
        if "://" not in link["to"] and not (page.parent / link["to"]).exists()
    ]
    assert broken == []
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {found["target"] for found in _MAKE.finditer(text)} <= targets
