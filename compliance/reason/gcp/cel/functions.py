"""Functions, methods and operators of CEL as conditions of Google Cloud use them.

Sources: CEL language definition, "List of standard definitions"; IAM, "Attribute reference for IAM Conditions";
Workload Identity Federation, "Attribute mapping and conditions"; Access Context Manager, "Custom access level
specification". Every function may raise what Python raises for wrong types: that is CEL's error.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from compliance.reason.gcp.cel.patterns import compiled
from compliance.reason.gcp.cel.values import OPEN, Failure, Open, OpenMap

_DURATION: Final = re.compile(r"([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:h|ms|m|s|us|ns))+")
_UNIT: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_FIXED_ZONE: Final = re.compile(r"([+-]?)(\d{1,2}):(\d{2})")


def _plain(value: Any) -> bool:
    return not isinstance(value, Open | OpenMap)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(left: Any, right: Any) -> Any:
    """CEL equality: values of different types differ."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Open):
            known_not = isinstance(other, str) and one.excludes(other)
            known_not = known_not or (isinstance(other, datetime) and one.after is not None and other < one.after)
            wrong_type = one.prefix is not None and _plain(other) and not isinstance(other, str)
            return False if known_not or wrong_type else OPEN
        if isinstance(one, OpenMap):
            return OPEN
    if _number(left) and _number(right):
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        return _all_equal(left, right) if len(left) == len(right) else False
    return type(left) is type(right) and left == right


def _all_equal(left: list[Any], right: list[Any]) -> Any:
    results = [equal(a, b) for a, b in zip(left, right, strict=True)]
    return False if False in results else OPEN if any(isinstance(r, Open) for r in results) else True


def _differ(left: Any, right: Any) -> Any:
    same = equal(left, right)
    return OPEN if isinstance(same, Open) else not same


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def ordered(left: Any, right: Any) -> Any:
        if not (_plain(left) and _plain(right)):
            return _of_times(compare, left, right)
        comparable = (_number(left) and _number(right)) or (
            type(left) is type(right) and isinstance(left, str | bytes | bool | datetime | timedelta)
        )
        return compare(left, right) if comparable else Failure("values that have no order")

    return ordered


def _of_times(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> Any:
    """A comparison with a time of which only the earliest is known: settled if every later one agrees with it."""
    less = compare(1, 2)
    if isinstance(left, Open) and left.after is not None and isinstance(right, datetime):
        at_first = compare(left.after, right)
        return at_first if at_first is not less else OPEN
    if isinstance(right, Open) and right.after is not None and isinstance(left, datetime):
        at_first = compare(left, right.after)
        return at_first if at_first is less else OPEN
    return OPEN


def _in(item: Any, held: Any) -> Any:
    if isinstance(held, OpenMap):
        return True if isinstance(item, str) and item in held else OPEN
    if isinstance(held, Open):
        return OPEN
    if isinstance(held, Mapping):
        return OPEN if not _plain(item) else item in held
    if not isinstance(held, list):
        return Failure("`in` needs a list or an object")
    results = [equal(item, each) for each in held]
    return True if True in results else OPEN if any(isinstance(r, Open) for r in results) else False


def _index(held: Any, at: Any) -> Any:
    if isinstance(held, OpenMap) and isinstance(at, str):
        return held[at]
    if not (_plain(held) and _plain(at)):
        return OPEN
    if isinstance(held, Mapping):
        return held[at] if at in held else Failure(f"no key {at!r}")
    if isinstance(held, list) and isinstance(at, int) and not isinstance(at, bool) and 0 <= at < len(held):
        return held[at]
    return Failure("no such element")


def _known(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function on known values; unknown if any argument is."""

    def guarded(*arguments: Any) -> Any:
        return function(*arguments) if all(map(_plain, arguments)) else OPEN

    return guarded


def _texts(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function on known texts; anything else is an error."""

    def guarded(*arguments: Any) -> Any:
        if not all(map(_plain, arguments)):
            return OPEN
        if not all(isinstance(argument, str) for argument in arguments):
            return Failure("expected text")
        return function(*arguments)

    return guarded


def _starts_with(text: Any, beginning: Any) -> Any:
    if isinstance(text, Open) and text.prefix is not None and isinstance(beginning, str):
        if text.prefix.startswith(beginning):
            return True
        if not beginning.startswith(text.prefix):
            return False
    return _texts(str.startswith)(text, beginning)


def _matches(text: str, pattern: str) -> Any:
    expression = compiled(pattern)
    return OPEN if expression is None else expression.search(text) is not None


def extract(text: str, template: str) -> Any:
    """What stands for `{name}` of a template in a text; empty if the template does not fit (IAM, "extract()")."""
    match = re.fullmatch(r"([^{}]*)\{[^{}]*\}([^{}]*)", template)
    if match is None:
        return Failure("extract() takes a template with one {name}")
    before, after = match.groups()
    start = text.find(before)
    if start < 0:
        return ""
    rest = text[start + len(before) :]
    if not after:
        return rest
    end = rest.find(after)
    return rest[:end] if end >= 0 else ""


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, Open) and left.prefix is not None and isinstance(right, str):
        return Open(left.prefix)
    if isinstance(left, str) and isinstance(right, Open):
        return Open(left + (right.prefix or ""))
    if not (_plain(left) and _plain(right)):
        return OPEN
    fits = (_number(left) and _number(right)) or (
        type(left) is type(right) and isinstance(left, str | bytes | list | timedelta)
    )
    moves = {type(left), type(right)} == {datetime, timedelta}
    return left + right if fits or moves else Failure("values that cannot be added")


def _arithmetic(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def on_numbers(left: Any, right: Any) -> Any:
        return function(left, right) if _number(left) and _number(right) else Failure("expected numbers")

    return _known(on_numbers)


def _subtract(left: Any, right: Any) -> Any:
    if not (_plain(left) and _plain(right)):
        return OPEN
    if (_number(left) and _number(right)) or isinstance(left, datetime | timedelta):
        return left - right
    return Failure("values that cannot be subtracted")


def _divide(left: Any, right: Any) -> Any:
    return int(left / right) if isinstance(left, int) and isinstance(right, int) else left / right


def timestamp(value: Any) -> Any:
    """A time from RFC 3339 text; a text without zone is no timestamp."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        return Failure("timestamp() takes text")
    text = re.sub(r"(\.\d{6})\d+", r"\1", value.strip())
    found = datetime.fromisoformat(text.replace("Z", "+00:00") if text.endswith(("Z", "z")) else text)
    return found.astimezone(UTC) if found.tzinfo is not None else Failure("a timestamp needs a zone")


def date(value: Any) -> Any:
    """The first instant (UTC) of a day written as `2026-11-23` (IAM, "Date/time functions")."""
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        return Failure("date() takes text such as 2026-11-23")
    return datetime.fromisoformat(value).replace(tzinfo=UTC)


def duration(value: Any) -> Any:
    """A span from text such as `1h30m` or `20s`."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        return Failure("duration() takes text such as 3600s")
    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|m|s|us|ns)", value)
    return timedelta(seconds=(-1 if value.startswith("-") else 1) * sum(float(n) * _UNIT[u] for n, u in parts))


def _at(time: datetime, zone: str) -> datetime:
    fixed = _FIXED_ZONE.fullmatch(zone)
    if fixed:
        span = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
        return time.astimezone(UTC) + (-span if fixed[1] == "-" else span)
    try:
        return time.astimezone(ZoneInfo(zone))
    except ZoneInfoNotFoundError as error:
        raise ValueError(str(error)) from error


def _of_time(read: Callable[[datetime], int], span: Callable[[timedelta], int] | None = None) -> Callable[..., Any]:
    def method(time: Any, zone: str = "UTC") -> Any:
        if isinstance(time, timedelta) and span is not None:
            return span(time)
        return read(_at(time, zone)) if isinstance(time, datetime) else Failure("expected a timestamp")

    return _known(method)


def _size(value: Any) -> Any:
    return len(value) if isinstance(value, str | bytes | list | Mapping) else Failure("size() of a value without size")


def _only(value: Any, allowed: Any) -> Any:
    if isinstance(value, list) and isinstance(allowed, list):
        results = [_in(item, allowed) for item in value]
        return False if False in results else OPEN if any(isinstance(r, Open) for r in results) else True
    return Failure("hasOnly() takes lists")


def _attribute(api: Any, name: Any, default: Any) -> Any:
    if isinstance(api, OpenMap):
        return api[name] if isinstance(name, str) else OPEN
    return api.get(name, default) if isinstance(api, Mapping) else OPEN


def _tag(resource: Any, by: str, key: Any, value: Any = None) -> Any:
    """Whether the resource has a tag, or with a value that very tag."""
    held = resource[by] if isinstance(resource, OpenMap) else resource.get(by, {})
    if isinstance(held, Open) or not _plain(key) or not _plain(value):
        return OPEN
    if isinstance(held, OpenMap) and key not in held:
        return OPEN
    if key not in held:
        return False
    return True if value is None else equal(held[key], value)


def _in_ranges(address: Any, ranges: Any) -> Any:
    blocks = ranges if isinstance(ranges, list) else [ranges]
    number = ipaddress.ip_address(address)
    return any(number in ipaddress.ip_network(block, strict=False) for block in blocks)


def _convert(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value) if _number(value) else Failure("string() of such a value")


def _boolean(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    words = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}
    return words.get(value.lower(), Failure("bool() of such a text")) if isinstance(value, str) else Failure("bool()")


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "_==_": equal,
    "_!=_": _differ,
    "_<_": _ordered(lambda a, b: bool(a < b)),
    "_<=_": _ordered(lambda a, b: bool(a <= b)),
    "_>_": _ordered(lambda a, b: bool(a > b)),
    "_>=_": _ordered(lambda a, b: bool(a >= b)),
    "_in_": _in,
    "_[_]": _index,
    "_+_": _add,
    "_-_": _subtract,
    "_*_": _arithmetic(lambda a, b: a * b),
    "_/_": _arithmetic(_divide),
    "_%_": _arithmetic(lambda a, b: a - b * int(a / b)),
    "-_": _known(lambda a: -a if _number(a) else Failure("expected a number")),
    "size": _known(_size),
    "timestamp": _known(timestamp),
    "date": _known(date),
    "duration": _known(duration),
    "string": _known(_convert),
    "int": _known(lambda a: int(a) if isinstance(a, str | int | float) else Failure("int() of such a value")),
    "double": _known(float),
    "bool": _known(_boolean),
    "dyn": lambda a: a,
    "inIpRange": _known(_in_ranges),
}
METHODS: Final[dict[str, Callable[..., Any]]] = {
    "startsWith": _starts_with,
    "endsWith": _texts(str.endswith),
    "contains": _texts(lambda text, part: part in text),
    "matches": _texts(_matches),
    "extract": _texts(extract),
    "lowerAscii": _texts(str.lower),
    "upperAscii": _texts(str.upper),
    "trim": _texts(str.strip),
    "split": _known(lambda text, by, *most: text.split(by, *[n - 1 for n in most if n > 0])),
    "join": _known(lambda parts, by="": by.join(parts)),
    "replace": _known(lambda text, old, new, *most: text.replace(old, new, *most)),
    "indexOf": _known(lambda text, part, *at: text.find(part, *at)),
    "substring": _known(lambda text, *at: text[slice(*at) if len(at) > 1 else slice(at[0], None)]),
    "size": _known(_size),
    "hasOnly": _only,
    "getAttribute": _attribute,
    "matchTag": lambda resource, key, value: _tag(resource, "tags", key, value),
    "matchTagId": lambda resource, key, value: _tag(resource, "tagIds", key, value),
    "hasTagKey": lambda resource, key: _tag(resource, "tags", key),
    "hasTagKeyId": lambda resource, key: _tag(resource, "tagIds", key),
    "getFullYear": _of_time(lambda t: t.year),
    "getMonth": _of_time(lambda t: t.month - 1),
    "getDate": _of_time(lambda t: t.day),
    "getDayOfMonth": _of_time(lambda t: t.day - 1),
    "getDayOfWeek": _of_time(lambda t: t.isoweekday() % 7),
    "getDayOfYear": _of_time(lambda t: t.timetuple().tm_yday - 1),
    "getHours": _of_time(lambda t: t.hour, lambda d: int(d.total_seconds() // 3600)),
    "getMinutes": _of_time(lambda t: t.minute, lambda d: int(d.total_seconds() // 60)),
    "getSeconds": _of_time(lambda t: t.second, lambda d: int(d.total_seconds())),
    "getMilliseconds": _of_time(lambda t: t.microsecond // 1000, lambda d: d.microseconds // 1000),
}
