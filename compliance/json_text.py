"""JSON text read strictly: what a lenient reader would settle in silence is refused."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, NoReturn

from compliance.errors import ComplianceError


def parse_json(text: str, place: str) -> Any:
    """The value of a JSON text (RFC 8259).

    Raises:
        ComplianceError: it is no JSON, a name stands twice in one object (the second `Condition` of a statement would
            silently replace the first), a number has thousands of digits, or it is nested too deeply.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            twice = next(name for name, number in Counter(name for name, _ in pairs).items() if number > 1)
            raise ComplianceError(place, f"{twice!r} is given twice in one JSON object")
        return result

    def refuse(name: str) -> NoReturn:
        raise ComplianceError(place, f"not JSON: {name} is no number")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ComplianceError(place, f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise ComplianceError(place, "nested too deeply") from error
    except ValueError as error:
        raise ComplianceError(place, f"a number cannot be read: {error}") from error
