"""Running the attempts, and showing what refused each."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from rich.table import Table

from operations.attacks.model import Attempt, Outcome, Stage
from operations.nodes import refusals

REFUSALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "Client.UnauthorizedOperation",
        "403",
    }
)
"""Error codes by which AWS says that the caller may not. Anything else is no refusal, and is shown as such."""


def run(
    stage: Stage, attempts: Sequence[Attempt], decisions: Path, ledger: Path, progress: Callable[[Attempt], None]
) -> list[Outcome]:
    """Makes every attempt, one after the other.

    `decisions` is the local cloud's decision log, `ledger` the folder of its release ledgers: who refused, and why.
    """
    outcomes = []
    for attempt in attempts:
        progress(attempt)
        before, decided = _size(decisions), refusals.size(ledger, stage.victim.names.tenant)

        def refuser(since: int = before, entries: int = decided) -> str:
            why = refusals.reasons_since(ledger, stage.victim.names.tenant, entries)
            words = [reason for reason in why[:1] if "is not authorized" not in reason]
            return ": ".join([*filter(None, [_refuser(decisions, since)]), *words])

        outcomes.append(_one(stage, attempt, refuser))
    return outcomes


def _one(stage: Stage, attempt: Attempt, refuser: Callable[[], str]) -> Outcome:
    try:
        attempt.call(stage)
    except ClientError as error:
        code, said = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
        if code == attempt.unknown:
            return Outcome(attempt, "refused", code, said, "the id is unknown outside the victim's account")
        return Outcome(attempt, "refused" if code in REFUSALS else "failed otherwise", code, said, refuser())
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")
        by = refuser() or _message(said)
        return Outcome(attempt, "refused" if error.code == 403 else "failed otherwise", str(error.code), said, by)
    except (BotoCoreError, urllib.error.URLError) as error:
        return Outcome(attempt, "failed otherwise", type(error).__name__, str(error), "")
    return Outcome(attempt, "SUCCEEDED", "", "", "")


def _message(said: str) -> str:
    """The words of the host's attestation service, whose refusals are in no decision log."""
    try:
        return str(json.loads(said)["message"])
    except (ValueError, KeyError, TypeError):
        return ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _refuser(decisions: Path, since: int) -> str:
    """The document and statement that refused last, from the decision log; empty where it does not say."""
    if not decisions.exists():
        return ""
    with decisions.open("rb") as log:
        # The local cloud begins the file anew when it has grown large.
        log.seek(since if since <= _size(decisions) else 0)
        lines = [json.loads(line) for line in log.read().splitlines() if line.strip()]
    denied = [line for line in lines if line.get("decision") == "denied"]
    return _words(denied[-1].get("decidedBy")) if denied else ""


def _words(decided_by: Any) -> str:
    if isinstance(decided_by, dict):
        parts = [
            str(decided_by[key]) for key in ("document", "policy", "kind", "statement", "sid") if decided_by.get(key)
        ]
        return " · ".join(dict.fromkeys(parts))
    return "" if decided_by is None else str(decided_by)


def as_json(outcomes: Sequence[Outcome]) -> list[dict[str, str]]:
    """The outcomes as plain values."""
    return [
        {
            "id": outcome.attempt.id,
            "path": outcome.attempt.path,
            "who": outcome.attempt.who,
            "tried": outcome.attempt.title,
            "result": outcome.result,
            "code": outcome.code,
            "refusedBy": outcome.by,
            "said": outcome.said,
        }
        for outcome in outcomes
    ]


def table(outcomes: Sequence[Outcome]) -> Table:
    """The outcomes for people."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("", "attempt", "who", "tried to", "refused by"):
        shown.add_column(heading, overflow="fold")
    for outcome in outcomes:
        refused = outcome.result == "refused"
        mark = "[green]✓[/green]" if refused else "[red]✗[/red]"
        why = outcome.by or outcome.code if refused else f"[red]{outcome.result}[/red] {outcome.code}"
        shown.add_row(mark, outcome.attempt.id, outcome.attempt.who, outcome.attempt.title, why)
    return shown
