"""Three-valued logic (Kleene): what is certainly false, not known, or certainly true.

The values are ordered integers so that conjunction is `min` and disjunction is `max`. A concrete request never meets
`UNKNOWN`; a symbolic one does, and what is not certainly false then counts as possible.
"""

from __future__ import annotations

from typing import Final, Literal

Truth = Literal[0, 1, 2]

FALSE: Final[Truth] = 0
UNKNOWN: Final[Truth] = 1
TRUE: Final[Truth] = 2

_NEGATED: Final[tuple[Truth, Truth, Truth]] = (TRUE, UNKNOWN, FALSE)


def negate(value: Truth) -> Truth:
    """The negation: unknown stays unknown."""
    return _NEGATED[value]


def both(left: Truth, right: Truth) -> Truth:
    """Conjunction."""
    return left if left < right else right


def either(left: Truth, right: Truth) -> Truth:
    """Disjunction."""
    return left if left > right else right


def certain(value: bool) -> Truth:
    """A plain boolean as a truth."""
    return TRUE if value else FALSE


def agree(left: Truth, right: Truth) -> Truth:
    """What holds whichever of two cases is the real one: their common value, else unknown."""
    return left if left == right else UNKNOWN
