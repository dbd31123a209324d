"""Text that came from the cloud, made harmless: names of resources are chosen by tenants, and by attackers."""

from __future__ import annotations

import unicodedata

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_HIDING = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode categories that steer a terminal, reorder text or show nothing."""


def printable(text: str) -> str:
    r"""The text with everything that steers a terminal or hides other text shown as an escape (`\x1b`, `\u202e`)."""
    return "".join(_shown(char) if unicodedata.category(char) in _HIDING else char for char in text)


def _shown(char: str) -> str:
    point = ord(char)
    return f"\\x{point:02x}" if point < 0x100 else f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def cell(text: str) -> str:
    """The text as a cell of a spreadsheet: never a formula (OWASP, "CSV Injection")."""
    shown = printable(text)
    return f"'{shown}" if text.startswith(_FORMULA) or shown.startswith(_FORMULA) else shown
