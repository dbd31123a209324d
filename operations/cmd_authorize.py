"""`bulkhead authorize`: one request or many, judged by the evaluator of AWS or Google Cloud authorisation."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from operations.errors import CommandError, Exit

_CLOUDS = ("aws", "gcp")


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("authorize")(authorize)


def authorize(
    request: Annotated[str, typer.Option("--request", help="File with the question(s), or - for standard input.")],
    json_output: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    cloud: Annotated[
        str, typer.Option("--cloud", help="aws or gcp; a question may also say so itself, as `cloud`.")
    ] = "aws",
) -> None:
    """Would the cloud allow this request? A list is answered as a list.

    Exit code: 0 allowed, 1 denied, 2 malformed, 3 (gcp) what is given does not settle it.
    """
    from compliance.errors import ComplianceError  # noqa: PLC0415

    if cloud not in _CLOUDS:
        raise CommandError(f"--cloud {cloud}: expected {' or '.join(_CLOUDS)}")

    def answer(question: Any, place: str) -> dict[str, Any]:
        try:
            return _judge(question, cloud)
        except ComplianceError as error:
            where = f"{place}{error.place.removeprefix('$')}"
            return {"error": {"place": where.removeprefix("$."), "reason": error.reason}}

    try:
        document = _read(request)
    except ComplianceError as error:
        if json_output:
            _print({"error": {"place": error.place, "reason": error.reason}})
            raise typer.Exit(int(Exit.BAD_INPUT)) from error
        raise CommandError(str(error)) from error
    many = isinstance(document, list)
    answers = [answer(q, f"$[{i}]") for i, q in enumerate(document)] if many else [answer(document, "$")]
    if json_output:
        _print(answers if many else answers[0])
    else:
        for index, one in enumerate(answers):
            _tell(one, f"{index}: " if many else "")
    raise typer.Exit(int(_exit_code(answers)))


def _judge(question: Any, cloud: str) -> dict[str, Any]:
    """The answer of the evaluator of the question's cloud."""
    from compliance.errors import ComplianceError  # noqa: PLC0415

    if isinstance(question, dict) and "cloud" in question:
        cloud = question["cloud"]
        if cloud not in _CLOUDS:
            raise ComplianceError("$.cloud", f"{cloud!r}; expected {' or '.join(_CLOUDS)}")
        if cloud == "aws":
            question = {name: value for name, value in question.items() if name != "cloud"}
    if cloud == "gcp":
        from compliance.reason import gcp  # noqa: PLC0415 - quick start

        return gcp.authorise(*gcp.parse_question(question)).as_json()
    from compliance.reason import iam  # noqa: PLC0415

    return iam.authorise(*iam.parse_question(question)).as_json()


def _exit_code(answers: list[dict[str, Any]]) -> Exit:
    if any("error" in one for one in answers):
        return Exit.BAD_INPUT
    if any(one["decision"] == "indeterminate" for one in answers):
        return Exit.INDETERMINATE
    return Exit.CLEAN if all(one["decision"] == "allowed" for one in answers) else Exit.FINDINGS


def _read(source: str) -> Any:
    from compliance.errors import ComplianceError  # noqa: PLC0415
    from compliance.json_text import parse_json  # noqa: PLC0415

    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ComplianceError(source, f"cannot be read: {error}") from error
    return parse_json(text, source)


def _print(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _tell(answer: dict[str, Any], prefix: str) -> None:
    from compliance.report.neutral import printable  # noqa: PLC0415

    if "error" in answer:
        said = f"{answer['error']['place']}: {answer['error']['reason']}"
        sys.stderr.write(f"{prefix}malformed: {printable(said)}\n")
        return
    sys.stdout.write(f"{prefix}{answer['decision']}: {printable(answer['decidedBy']['text'])}\n")
    for reason in answer["explain"]:
        named = printable(f"{reason['policy']} {reason['statement'] or ''}")
        sys.stdout.write(f"    {reason['effect']:14} {named}\n")
