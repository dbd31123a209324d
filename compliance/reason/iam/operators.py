"""How one request value compares with one policy value, for each condition operator.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators". A comparison answers True or False; None stands
for a value that the operator cannot read (not a number, not a date, not an ARN), which matches nothing, neither under
the operator nor under its negation.
"""

from __future__ import annotations

import base64
import binascii
import functools
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from compliance.reason.iam.globs import Piece, condition_arn_regex, is_arn, string_regex
from compliance.reason.iam.variables import plain

Compare = Callable[[str, tuple[Piece, ...]], bool | None]


@dataclass(frozen=True, slots=True)
class Operator:
    """A condition operator without its set qualifier and without `IfExists`.

    Attributes:
        name: as AWS writes it.
        negated: whether it holds when no policy value matches.
        compare: one request value against one policy value, in the positive sense.
        variables: whether policy variables are allowed in its values.
        family: `string`, `like`, `arn` or another word; the first three can be reasoned about as patterns.
    """

    name: str
    negated: bool
    compare: Compare
    variables: bool
    family: str


def _string_equals(value: str, pieces: tuple[Piece, ...]) -> bool:
    return value == plain(pieces)


def _string_equals_ignore_case(value: str, pieces: tuple[Piece, ...]) -> bool:
    return value.casefold() == plain(pieces).casefold()


def _string_like(value: str, pieces: tuple[Piece, ...]) -> bool:
    return string_regex(pieces).fullmatch(value) is not None


def _arn_like(value: str, pieces: tuple[Piece, ...]) -> bool | None:
    regex = condition_arn_regex(pieces)
    if regex is None or not is_arn(value):
        return None
    return regex.fullmatch(value) is not None


_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,5})?")


@functools.lru_cache(maxsize=4096)
def _number(text: str) -> Decimal | None:
    if _NUMBER.fullmatch(text.strip()) is None:
        return None
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        return None


_DATE: Final = re.compile(
    r"(\d{4})-(\d\d)(?:-(\d\d)(?:T(\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d+))?)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?)?"
)
_MILLISECONDS_FROM: Final = Decimal(100_000_000_000)
"""Epoch values from here on are milliseconds: as seconds they would be after the year 5138."""


@functools.lru_cache(maxsize=4096)
def parse_date(text: str) -> Decimal | None:
    """Seconds since the epoch of a W3C ISO 8601 date or of an epoch number, or None when it is neither."""
    text = text.strip()
    number = _number(text)
    found = _DATE.fullmatch(text)
    if found is None or (number is not None and "-" not in text):
        if number is None:
            return None
        return number / 1000 if abs(number) >= _MILLISECONDS_FROM else number
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        moment = datetime(
            int(year), int(month), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
    except ValueError:
        return None
    seconds = Decimal(int(moment.timestamp()))
    if fraction:
        seconds += Decimal(f"0.{fraction}")
    if zone and zone != "Z":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = int(digits[:2]) * 3600 + int(digits[2:]) * 60
        seconds -= offset if zone[0] == "+" else -offset
    return seconds


def _ordered(read: Callable[[str], Decimal | None], holds: Callable[[Decimal, Decimal], bool]) -> Compare:
    def compare(value: str, pieces: tuple[Piece, ...]) -> bool | None:
        left, right = read(value), read(plain(pieces))
        return None if left is None or right is None else holds(left, right)

    return compare


def _bool(value: str, pieces: tuple[Piece, ...]) -> bool | None:
    left, right = value.lower(), plain(pieces).lower()
    return left == right if right in ("true", "false") and left in ("true", "false") else None


def _binary(value: str, pieces: tuple[Piece, ...]) -> bool | None:
    try:
        return base64.b64decode(value, validate=True) == base64.b64decode(plain(pieces), validate=True)
    except (binascii.Error, ValueError):
        return None


@functools.lru_cache(maxsize=4096)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def _ip_address(value: str, pieces: tuple[Piece, ...]) -> bool | None:
    address, network = _network(value), _network(plain(pieces))
    if address is None or network is None:
        return None
    if isinstance(address, ipaddress.IPv4Network) and isinstance(network, ipaddress.IPv4Network):
        return address.subnet_of(network)
    if isinstance(address, ipaddress.IPv6Network) and isinstance(network, ipaddress.IPv6Network):
        return address.subnet_of(network)
    return False


def _is(left: Decimal, right: Decimal) -> bool:
    return left == right


def _less(left: Decimal, right: Decimal) -> bool:
    return left < right


def _at_most(left: Decimal, right: Decimal) -> bool:
    return left <= right


def _greater(left: Decimal, right: Decimal) -> bool:
    return left > right


def _at_least(left: Decimal, right: Decimal) -> bool:
    return left >= right


def _table() -> dict[str, Operator]:
    rows: list[tuple[str, str | None, Compare, bool, str]] = [
        ("StringEquals", "StringNotEquals", _string_equals, True, "string"),
        ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", _string_equals_ignore_case, True, "string-ignore-case"),
        ("StringLike", "StringNotLike", _string_like, True, "like"),
        ("ArnEquals", "ArnNotEquals", _arn_like, True, "arn"),
        ("ArnLike", "ArnNotLike", _arn_like, True, "arn"),
        ("Bool", None, _bool, True, "bool"),
        ("BinaryEquals", None, _binary, False, "binary"),
        ("IpAddress", "NotIpAddress", _ip_address, False, "ip"),
    ]
    for kind, read in (("Numeric", _number), ("Date", parse_date)):
        rows += [
            (f"{kind}Equals", f"{kind}NotEquals", _ordered(read, _is), False, kind.lower()),
            (f"{kind}LessThan", None, _ordered(read, _less), False, kind.lower()),
            (f"{kind}LessThanEquals", None, _ordered(read, _at_most), False, kind.lower()),
            (f"{kind}GreaterThan", None, _ordered(read, _greater), False, kind.lower()),
            (f"{kind}GreaterThanEquals", None, _ordered(read, _at_least), False, kind.lower()),
        ]
    table: dict[str, Operator] = {}
    for name, opposite, compare, variables, family in rows:
        table[name] = Operator(name, False, compare, variables, family)
        if opposite is not None:
            table[opposite] = Operator(opposite, True, compare, variables, family)
    return table


OPERATORS: Final[dict[str, Operator]] = _table()
"""Every operator but `Null`, by its exact name."""
