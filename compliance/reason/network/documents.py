"""The raw facts: responses of `aws ec2 describe-*`, read from a directory or handed over in memory.

A document is one JSON object as the AWS CLI prints it. What it holds is told by its top-level keys, never by its file
name; account and region come from the folder names above it where the objects do not carry them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compliance.errors import ComplianceError

_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_REGION_PREFIX = re.compile(
    r"[a-z]{2}(?:-gov|-iso[a-z]?)?-(?:north|south|east|west|central|(?:north|south)(?:east|west))-\d"
)
_REGION = re.compile(rf"(?<![a-z]){_REGION_PREFIX.pattern}(?![\da-z])")


@dataclass(frozen=True, slots=True)
class FactDocument:
    """One response.

    `source` names it in messages (a path, an API call, a plan address); `account` and `region` say whose call it was,
    None where unknown.
    """

    content: Mapping[str, Any]
    source: str
    account: str | None = None
    region: str | None = None


def read_directory(directory: Path) -> tuple[FactDocument, ...]:
    """Every JSON document below the directory, at any depth, in the order of their paths.

    Files that end in `.json` must be JSON objects; other files are read when they begin like one and ignored
    otherwise (a README beside the facts). Hidden files are ignored.

    Raises:
        ComplianceError: the directory is missing or holds no document, or a file is not UTF-8, not JSON, or not an
            object.
    """
    if not directory.is_dir():
        raise ComplianceError(str(directory), "no such directory; --facts names the directory with the responses")
    documents = tuple(_documents(directory))
    if not documents:
        raise ComplianceError(str(directory), "holds no JSON document; save the output of `aws ec2 describe-…` there")
    return documents


def _documents(directory: Path) -> Iterator[FactDocument]:
    for path in sorted(directory.rglob("*")):
        shown = path.relative_to(directory)
        if not path.is_file() or any(part.startswith(".") for part in shown.parts):
            continue
        content = _read(path, str(shown))
        if content is None:
            continue
        # the nearest folder wins: facts/111122223333/eu-west-1/vpcs.json, but also names given to a file
        trail = [*reversed(shown.parts)]
        yield FactDocument(content, str(shown), _first(_ACCOUNT, trail), _first(_REGION, trail))


def _read(path: Path, shown: str) -> Mapping[str, Any] | None:
    must = path.suffix.lower() == ".json"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        if must:
            raise ComplianceError(shown, f"is not UTF-8 text ({error.reason} at byte {error.start})") from error
        return None
    except OSError as error:
        raise ComplianceError(shown, f"cannot be read ({error.strerror})") from error
    if not must and not text.lstrip().startswith("{"):
        return None
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ComplianceError(f"{shown}:{error.lineno}:{error.colno}", f"is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise ComplianceError(shown, "is nested too deeply to be a response of the AWS CLI") from error
    if not isinstance(content, dict):
        raise ComplianceError(
            shown,
            f"the document is a {type(content).__name__}; a response of the AWS CLI is an object such as "
            '{"Vpcs": […]} (was --query used?)',
        )
    return content


def cut_short(documents: Iterable[FactDocument]) -> tuple[str, ...]:
    """Listings of which the last page is missing: every page that was given says `NextToken`."""
    ended: dict[tuple[str, str | None, str | None], bool] = {}
    sources: dict[tuple[str, str | None, str | None], str] = {}
    for document in documents:
        for key in (name for name, value in document.content.items() if isinstance(value, list)):
            listing = (key, document.account, document.region)
            ended[listing] = ended.get(listing, False) or not document.content.get("NextToken")
            sources.setdefault(listing, document.source)
    return tuple(f"the last page of {listing[0]} ({sources[listing]})" for listing, done in ended.items() if not done)


def region_in(text: str) -> str | None:
    """The Region that a zone or a file name contains: `eu-west-1a` gives `eu-west-1`."""
    match = _REGION_PREFIX.match(text)
    return match.group() if match else None


def _first(pattern: re.Pattern[str], parts: list[str]) -> str | None:
    return next((match.group() for part in parts if (match := pattern.search(part))), None)
