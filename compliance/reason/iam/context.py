"""The request context: condition keys and their values, known, absent or unknown.

Keys are case-insensitive (IAM User Guide, "Condition"). A key whose value is an empty list counts as absent, as a
multivalued key that resolves to an empty set does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from compliance.errors import ComplianceError


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that is not known.

    Attributes:
        may_be_absent: whether the key may be missing from the request altogether.
        pattern: a glob (`*`, `?`) that every possible value matches.
        excluding: globs that no possible value matches.
        not_before: for a time: seconds since the epoch, before which no possible value lies.
    """

    may_be_absent: bool = True
    pattern: str = "*"
    excluding: tuple[str, ...] = ()
    not_before: Decimal | None = None


Value = tuple[str, ...] | Unknown
"""The values of a key (one for a single-valued key), or `Unknown`; an absent key is the empty tuple."""

ABSENT: Final[tuple[str, ...]] = ()
ANYTHING: Final = Unknown()


class Context:
    """Condition keys of one request.

    Attributes:
        names: the keys as they were written, by their lower-case form; the names of an encryption context are
            case-sensitive, so the original is kept.
    """

    __slots__ = ("_default", "_values", "names")

    def __init__(self, values: Mapping[str, Value], default: Value = ABSENT) -> None:
        """Takes the values by key; `default` answers for every key that is not among them."""
        self._values: dict[str, Value] = {key.lower(): value for key, value in values.items()}
        self._default = default
        self.names: dict[str, str] = {key.lower(): key for key in values}

    def get(self, key: str) -> Value:
        """The value of a key given in lower case."""
        return self._values.get(key, self._default)

    def with_defaults(self, derived: Mapping[str, Value]) -> Context:
        """This context, completed by `derived` for the keys (lower case) that it does not state itself."""
        merged = Context({}, self._default)
        merged._values = {**derived, **self._values}
        merged.names = {**{key: key for key in derived}, **self.names}
        return merged

    def items(self) -> Iterable[tuple[str, Value]]:
        """Lower-case keys with their values."""
        return self._values.items()

    @property
    def open_world(self) -> bool:
        """Whether a key that is not stated may still be in the request."""
        return isinstance(self._default, Unknown)


def text_of(value: Any, place: str) -> str:
    """The text that IAM compares for a JSON scalar: `true` for a boolean, the digits for a number.

    Raises:
        ComplianceError: the value is null, a list or an object.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    raise ComplianceError(place, f"expected a string, number or boolean, found {type(value).__name__}")


def parse_context(document: Any, place: str) -> Context:
    """The context of a request document: an object of key to scalar or list of scalars.

    Raises:
        ComplianceError: the document has another shape; the same key is given twice in different case.
    """
    if document is None:
        return Context({})
    if not isinstance(document, dict):
        raise ComplianceError(place, "expected an object of condition keys to values")
    values: dict[str, Value] = {}
    seen: set[str] = set()
    for key, value in document.items():
        where = f"{place}[{key!r}]"
        if key.lower() in seen and not key.lower().startswith("kms:encryptioncontext:"):
            raise ComplianceError(where, "condition keys are case-insensitive and this one is given twice")
        seen.add(key.lower())
        if isinstance(value, list):
            values[key] = tuple(text_of(item, f"{where}[{index}]") for index, item in enumerate(value))
        else:
            values[key] = (text_of(value, where),)
    return Context(values)
