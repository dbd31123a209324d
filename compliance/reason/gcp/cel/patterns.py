"""Regular expressions of RE2 by Python's own module, where the two agree and none takes exponential time.

Source: RE2, "Syntax". In RE2 a dollar sign matches at the very end only, and nothing ever backtracks. What cannot be
carried over (classes of Unicode and of POSIX, repetition within repetition) is not modelled.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

_NOT_RE2: Final = re.compile(r"\\[1-9]|\(\?<?[=!]|\(\?>|\(\?\(")
_ONLY_RE2: Final = re.compile(r"\\[pPQEC]|\[:|\(\?[a-zA-Z]*U")
_FOLDED: Final = re.compile(r"\(\?[a-zA-Z]*i")
_LONGEST: Final = 1000
_MOST_CHOICES: Final = 3
"""Quantifiers in one expression that leave a choice: each multiplies the ways to match by the text's length."""


@dataclass
class _Group:
    """What is open in the scan: first characters of its alternatives, and whether something in it repeats."""

    firsts: list[str] = field(default_factory=lambda: [""])
    repeats: bool = False


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str] | None:
    """The expression for `search`; None if it is one of RE2 that is not modelled.

    Raises:
        ValueError: it is no expression of RE2.
    """
    if len(pattern) > _LONGEST or _NOT_RE2.search(pattern):
        raise ValueError("not a regular expression of RE2")
    if _ONLY_RE2.search(pattern):
        return None
    translated = _translated(pattern)
    if translated is None:
        return None
    try:
        return re.compile(translated)
    except re.error:  # flags within, `\\x{…}` and named groups are RE2's, and possibly not Python's
        return None


_PIECE: Final = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[^:)]*[:)]|[()|$]|[*+?]\??|\{\d+(?:,\d*)?\}\??|.", re.DOTALL
)


def _ends_by_itself(pieces: list[str], index: int) -> bool:
    """Whether what a quantifier repeats cannot match the character that must follow: then there is one way to match."""
    atom, after = pieces[index - 1] if index else "", pieces[index + 1 : index + 3]
    if not after or after[0] in ("$", "\\z"):
        return atom != ")"
    character = after[0][-1]
    literal = (len(after[0]) == 1 and character not in ".^()|[") or (after[0][0] == "\\" and not character.isalnum())
    optional = len(after) > 1 and after[1][0] in "*?{"
    if atom in ("", ")") or not literal or optional or _FOLDED.search("".join(pieces)):
        return False
    try:
        return re.fullmatch(atom, character) is None
    except re.error:
        return False


def _translated(pattern: str) -> str | None:
    """The text for Python; None where a repeated part repeats itself, or could match in two ways."""
    found: list[str] = []
    groups = [_Group()]
    closed: _Group | None = None
    choices = 0
    several_lines = re.search(r"\(\?[a-z]*m", pattern) is not None
    pieces = _PIECE.findall(pattern)
    for index, piece in enumerate(pieces):
        own = groups[-1]
        if piece[0] in "*+?" or (piece[0] == "{" and len(piece) > 1):
            choices += not _ends_by_itself(pieces, index)
            if choices > _MOST_CHOICES or (closed is not None and (closed.repeats or len(closed.firsts) > 1)):
                return None
            own.repeats = True
        elif piece == "|":
            own.firsts.append("")
        elif piece[0] != ")" and not own.firsts[-1]:
            own.firsts[-1] = piece
        if piece[0] == "(" and not piece.endswith(")"):
            groups.append(_Group())
        closed = None
        if piece == ")" and len(groups) > 1:
            closed = groups.pop()
            groups[-1].repeats = groups[-1].repeats or closed.repeats or len(closed.firsts) > 1
        at_end = piece == "\\z" or (piece == "$" and not several_lines)
        found.append("\\Z" if at_end else piece)
    return "".join(found)
