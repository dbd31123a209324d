"""Wildcards of policies as regular expressions, and when two of them cannot meet.

Three matchings differ in how far a `*` reaches:

- an action or a string: anywhere;
- an ARN in a condition (`ArnLike`): each of the six colon-separated parts is matched on its own (IAM User Guide,
  "Amazon Resource Name (ARN) condition operators");
- an ARN in `Resource`: within its part, unless the `*` ends the part, when it may also reach beyond the colon (IAM User
  Guide, "JSON policy elements: Resource"). The last part, the resource, may itself hold colons.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

Piece = tuple[Literal["glob", "part", "literal"], str]
"""A part of a pattern: `glob` text in which `*` and `?` are wildcards, `part` text in which they match no colon, or
`literal` text in which nothing is a wildcard."""

_PARTS_BEFORE_RESOURCE = 5


def _anywhere(pieces: Sequence[Piece]) -> str:
    out: list[str] = []
    for kind, text in pieces:
        if kind == "literal":
            out.append(re.escape(text))
            continue
        out.extend(".*" if char == "*" else "." if char == "?" else re.escape(char) for char in text)
    return "".join(out)


def _by_part(pieces: Sequence[Piece], *, reach_beyond: bool) -> str:
    chars = [(kind != "literal", char) for kind, text in pieces for char in text]
    out: list[str] = []
    part = 0
    for index, (wild, char) in enumerate(chars):
        last = part >= _PARTS_BEFORE_RESOURCE
        if char == ":":
            part += 1
            out.append(":")
        elif wild and char == "*":
            ends_part = index + 1 == len(chars) or chars[index + 1][1] == ":"
            out.append(".*" if last or (reach_beyond and ends_part) else "[^:]*")
        elif wild and char == "?":
            out.append("." if last else "[^:]")
        else:
            out.append(re.escape(char))
    return "".join(out)


@lru_cache(maxsize=65536)
def string_regex(pieces: tuple[Piece, ...], ignore_case: bool = False) -> re.Pattern[str]:
    """The expression for a string or action pattern."""
    return re.compile(_anywhere(pieces), re.DOTALL | (re.IGNORECASE if ignore_case else 0))


@lru_cache(maxsize=65536)
def condition_arn_regex(pieces: tuple[Piece, ...]) -> re.Pattern[str] | None:
    """The expression for an `ArnLike` pattern, or None when the pattern is not an ARN.

    A pattern of `*` alone is taken as any ARN.
    """
    colons = sum(text.count(":") for _, text in pieces)
    if colons < _PARTS_BEFORE_RESOURCE:
        return re.compile(r"(?:[^:]*:){5}.*", re.DOTALL) if pieces == (("glob", "*"),) else None
    return re.compile(_by_part(pieces, reach_beyond=False), re.DOTALL)


@lru_cache(maxsize=65536)
def resource_regex(pieces: tuple[Piece, ...]) -> re.Pattern[str]:
    """The expression for a `Resource` or `NotResource` pattern."""
    return re.compile(_by_part(pieces, reach_beyond=True), re.DOTALL)


def is_arn(value: str) -> bool:
    """Whether a value has the six colon-separated parts of an ARN and starts with `arn`."""
    return value.startswith("arn:") and value.count(":") >= _PARTS_BEFORE_RESOURCE


_RUN, _RUN_WITHOUT_COLON, _ANY_CHARACTER = "run", "run without colon", "any"


def _tokens(pieces: Sequence[Piece]) -> list[str]:
    """The pattern as a list of single characters and of the three wildcards above."""
    tokens: list[str] = []
    for kind, text in pieces:
        for char in text:
            if kind == "literal" or char not in "*?":
                tokens.append(char)
            elif char == "?":
                tokens.append(_ANY_CHARACTER)
            else:
                tokens.append(_RUN if kind == "glob" else _RUN_WITHOUT_COLON)
    return tokens


def _takes(run: str, other: str) -> bool:
    """Whether a run may swallow the next token of the other pattern."""
    return run == _RUN or other != ":"


@lru_cache(maxsize=65536)
def disjoint(left: tuple[Piece, ...], right: tuple[Piece, ...]) -> bool:
    """Whether certainly no string matches both patterns (a product of two small automata)."""
    a, b = _tokens(left), _tokens(right)
    runs = (_RUN, _RUN_WITHOUT_COLON)
    reached = {(0, 0)}
    stack = [(0, 0)]
    while stack:
        i, j = stack.pop()
        if i == len(a) and j == len(b):
            return False
        x, y = a[i] if i < len(a) else "", b[j] if j < len(b) else ""
        steps: list[tuple[int, int]] = []
        if x in runs:
            steps += [(i + 1, j), (i, j + 1)] if y and _takes(x, y) else [(i + 1, j)]
        if y in runs:
            steps += [(i, j + 1), (i + 1, j)] if x and _takes(y, x) else [(i, j + 1)]
        if x and y and x not in runs and y not in runs and (x == y or _ANY_CHARACTER in (x, y)):
            steps.append((i + 1, j + 1))
        for step in steps:
            if step not in reached:
                reached.add(step)
                stack.append(step)
    return True


@lru_cache(maxsize=65536)
def within(inner: tuple[Piece, ...], outer: str) -> bool:
    """Whether certainly every string that the inner pattern matches also matches the outer one.

    The inner pattern's wildcards are read as characters, which only a wildcard of the outer one matches. In the first
    five parts of an ARN they must not reach beyond their part for that to hold.
    """
    text = plain_text(inner)
    if not is_arn(outer):
        return string_regex((("glob", outer),)).fullmatch(text) is not None
    colons = 0
    for kind, piece in inner:
        for char in piece:
            if kind == "glob" and char in "*?" and colons < _PARTS_BEFORE_RESOURCE:
                return False
            colons += char == ":"
    regex = condition_arn_regex((("glob", outer),))
    return regex is not None and regex.fullmatch(text) is not None


def plain_text(pieces: Sequence[Piece]) -> str:
    """The text of pieces, wildcards included."""
    return "".join(text for _, text in pieces)


def arn_pieces(pattern: str) -> tuple[Piece, ...]:
    """The pieces of an ARN pattern whose wildcards stay within the first five parts; other text is a plain glob."""
    if not is_arn(pattern):
        return (("glob", pattern),)
    *parts, resource = pattern.split(":", _PARTS_BEFORE_RESOURCE)
    return (("part", ":".join(parts) + ":"), ("glob", resource))
