"""Evaluation of expressions where some values are known and others are not.

What depends on an unknown value is unknown unless it comes out the same whatever that value is: `false && x` is false.
Errors are values as in CEL: `&&` and `||` absorb one when the other side settles the result (CEL language definition,
"Logical operators").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.gcp.cel.functions import FUNCTIONS, METHODS
from compliance.reason.gcp.cel.parse import Call, Entries, Items, Literal, Name, Node, Select, parse
from compliance.reason.gcp.cel.values import OPEN, Failure, Open, OpenMap
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth

Environment = Mapping[str, Any]

_MACROS: Final = frozenset({"exists", "all", "exists_one", "filter", "map"})


def holds(expression: str, environment: Environment, place: str = "expression", *, on_error: Truth = FALSE) -> Truth:
    """Whether a condition holds; `on_error` is what an error counts as.

    Raises:
        ComplianceError: naming `place`, if the text is no CEL expression.
    """
    value = evaluate(parse(expression, place), environment)
    if value is True:
        return TRUE
    if value is False:
        return FALSE
    return UNKNOWN if isinstance(value, Open) else on_error


def evaluate(node: Node, environment: Environment) -> Any:
    """The value of an expression: a Python value, `Open`, or a `Failure`."""
    if isinstance(node, Literal):
        return node.value
    if isinstance(node, Name):
        found = environment.get(node.name, Failure(f"no variable {node.name}"))
        return environment[node.name] if isinstance(environment, OpenMap) else found
    if isinstance(node, Select):
        return _field(evaluate(node.operand, environment), node.field)
    if isinstance(node, Items):
        return _collected([evaluate(item, environment) for item in node.items])
    if isinstance(node, Entries):
        return _entries(node, environment)
    return _call(node, environment)


def _field(value: Any, field: str) -> Any:
    if isinstance(value, Open | Failure):
        return OPEN if isinstance(value, Open) else value
    if isinstance(value, OpenMap):
        return value[field]
    if isinstance(value, Mapping):
        return value[field] if field in value else Failure(f"no field {field}")
    return Failure(f"no field {field} in a value that is no object")


def _collected(values: list[Any]) -> Any:
    for value in values:
        if isinstance(value, Failure):
            return value
    return values


def _entries(node: Entries, environment: Environment) -> Any:
    found: dict[Any, Any] = {}
    for key_node, value_node in node.entries:
        key, value = evaluate(key_node, environment), evaluate(value_node, environment)
        for part in (key, value):
            if isinstance(part, Failure):
                return part
        if isinstance(key, Open | list | dict):
            return OPEN
        found[key] = value
    return found


def _call(node: Call, environment: Environment) -> Any:
    special = _SPECIAL.get(node.function)
    if special is not None and (node.target is None) and len(node.arguments) == special[0]:
        return special[1](node, environment)
    if node.function in _MACROS and node.target is not None and len(node.arguments) in (2, 3):
        return _macro(node, environment)
    arguments = [evaluate(argument, environment) for argument in node.arguments]
    if node.target is not None:
        arguments.insert(0, evaluate(node.target, environment))
    for value in arguments:
        if isinstance(value, Failure):
            return value
    table: Mapping[str, Callable[..., Any]] = METHODS if node.target is not None else FUNCTIONS
    function = table.get(node.function)
    if function is None:
        return OPEN  # a function that is not modelled may answer anything
    try:
        return function(*arguments)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError, IndexError, KeyError) as error:
        return Failure(f"{node.function}: {error}")


def _or(node: Call, environment: Environment) -> Any:
    left, right = (evaluate(argument, environment) for argument in node.arguments)
    if left is True or right is True:
        return True
    return _undecided(left, right, False)


def _and(node: Call, environment: Environment) -> Any:
    left, right = (evaluate(argument, environment) for argument in node.arguments)
    if left is False or right is False:
        return False
    return _undecided(left, right, True)


def _undecided(left: Any, right: Any, neutral: bool) -> Any:
    """Both sides are neutral, open or wrong."""
    if isinstance(left, Open) or isinstance(right, Open):
        return OPEN
    for value in (left, right):
        if value is not neutral:
            return value if isinstance(value, Failure) else Failure("a logical operator needs booleans")
    return neutral


def _not(node: Call, environment: Environment) -> Any:
    value = evaluate(node.arguments[0], environment)
    if isinstance(value, Open | Failure):
        return OPEN if isinstance(value, Open) else value
    return (not value) if isinstance(value, bool) else Failure("`!` needs a boolean")


def _ternary(node: Call, environment: Environment) -> Any:
    condition, then, otherwise = node.arguments
    value = evaluate(condition, environment)
    if isinstance(value, Open):
        first, second = evaluate(then, environment), evaluate(otherwise, environment)
        same = type(first) is type(second) and first == second and not isinstance(first, Open)
        return first if same else OPEN
    if isinstance(value, bool):
        return evaluate(then if value else otherwise, environment)
    return value if isinstance(value, Failure) else Failure("`?:` needs a boolean")


def _has(node: Call, environment: Environment) -> Any:
    argument = node.arguments[0]
    if not isinstance(argument, Select):
        return Failure("has() takes a field selection")
    value = evaluate(argument.operand, environment)
    if isinstance(value, OpenMap):
        return True if argument.field in value else OPEN
    if isinstance(value, Open | Failure):
        return OPEN if isinstance(value, Open) else value
    return argument.field in value if isinstance(value, Mapping) else Failure("has() takes a field of an object")


_SPECIAL: Final[dict[str, tuple[int, Callable[[Call, Environment], Any]]]] = {
    "_||_": (2, _or),
    "_&&_": (2, _and),
    "!_": (1, _not),
    "_?_:_": (3, _ternary),
    "has": (1, _has),
}


def _macro(node: Call, environment: Environment) -> Any:
    assert node.target is not None
    values = evaluate(node.target, environment)
    variable = node.arguments[0]
    if not isinstance(variable, Name):
        return Failure(f"{node.function}() takes a variable first")
    if isinstance(values, Open | OpenMap):
        return OPEN
    if not isinstance(values, list | dict):
        return values if isinstance(values, Failure) else Failure(f"{node.function}() needs a list or an object")
    known = dict(environment.known) if isinstance(environment, OpenMap) else dict(environment)
    bodies = node.arguments[1:]

    def body(value: Any, which: Node) -> Any:
        inner = known | {variable.name: value}
        return evaluate(which, OpenMap(inner) if isinstance(environment, OpenMap) else inner)

    results = [body(value, bodies[0]) for value in values]
    if node.function == "map":
        return _collected([body(value, bodies[-1]) for value in values]) if len(bodies) == 1 else OPEN
    if node.function == "filter":
        if any(isinstance(result, Open) for result in results):
            return OPEN
        return [value for value, result in zip(values, results, strict=True) if result is True]
    unknown = any(isinstance(result, Open) for result in results)
    if node.function == "exists":
        return True if any(r is True for r in results) else OPEN if unknown else _first_error(results, False)
    if node.function == "all":
        return False if any(r is False for r in results) else OPEN if unknown else _first_error(results, True)
    return OPEN if unknown else sum(r is True for r in results) == 1


def _first_error(results: list[Any], otherwise: bool) -> Any:
    return next((result for result in results if isinstance(result, Failure)), otherwise)


def is_text_condition(expression: Any, place: str) -> str:
    """The expression of a `condition` element (`{"expression", "title", …}`), checked to be CEL.

    Raises:
        ComplianceError: it has another shape, or the expression cannot be parsed.
    """
    if not isinstance(expression, Mapping) or not isinstance(expression.get("expression"), str):
        raise ComplianceError(place, "expected an object with `expression`, a CEL text")
    text: str = expression["expression"]
    parse(text, f"{place}.expression")
    return text
