"""Parser of the Common Expression Language, as far as conditions of Google Cloud use it.

Source: CEL language definition (github.com/google/cel-spec, "Syntax"); IAM, "Overview of IAM Conditions". A tree is
built once for a text and shared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from compliance.errors import ComplianceError

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
    |(?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
    |(?P<int>0x[0-9a-fA-F]+u?|\d+u?)
    |(?P<string>(?:[rR][bB]?|[bB][rR]?)?(?:\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
    |(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)
    |(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/%!<>?:.,()\[\]{}])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES: Final = {
    "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
    "\\": "\\", '"': '"', "'": "'", "`": "`", "?": "?",
}  # fmt: skip
_BINARY: Final = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"))
_DEEPEST: Final = 100
_LONGEST: Final = 50_000


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, text, bytes, boolean or null."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`."""

    operand: Node
    field: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function, an operator (`_&&_`) or, with a target, a method."""

    function: str
    target: Node | None
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Entries:
    """A map."""

    entries: tuple[tuple[Node, Node], ...]


Node = Literal | Name | Select | Call | Items | Entries


@lru_cache(maxsize=4096)
def parse(text: str, place: str = "expression") -> Node:
    """The tree of an expression.

    Raises:
        ComplianceError: naming `place`, if it is not an expression, or one nested or written too long.
    """
    if len(text) > _LONGEST:
        raise ComplianceError(place, f"the expression has {len(text)} characters; Google Cloud allows far fewer")
    parser = _Parser(_tokens(text, place), place)
    node = parser.ternary(0)
    parser.expect("end")
    return node


def _tokens(text: str, place: str) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ComplianceError(place, f"unexpected character {text[at]!r} at column {at + 1} of the CEL expression")
        kind = str(match.lastgroup)
        if kind != "space":
            found.append((kind, match.group(), at))
        at = match.end()
    found.append(("end", "", at))
    return found


class _Parser:
    """Recursive descent, one method for each level of precedence."""

    def __init__(self, tokens: list[tuple[str, str, int]], place: str) -> None:
        self.tokens = tokens
        self.place = place
        self.at = 0

    def error(self, wanted: str) -> ComplianceError:
        _, text, at = self.tokens[self.at]
        found = repr(text) if text else "the end"
        return ComplianceError(
            self.place, f"expected {wanted} but found {found} at column {at + 1} of the CEL expression"
        )

    def peek(self) -> str:
        kind, text, _ = self.tokens[self.at]
        return text if kind in ("sign", "name") else kind

    def take(self) -> str:
        _, text, _ = self.tokens[self.at]
        self.at += 1
        return text

    def expect(self, wanted: str) -> None:
        if self.peek() != wanted:
            raise self.error(repr(wanted) if wanted != "end" else "the end")
        self.take()

    def ternary(self, depth: int) -> Node:
        if depth > _DEEPEST:
            raise ComplianceError(self.place, f"the CEL expression is nested deeper than {_DEEPEST}")
        condition = self.binary(0, depth)
        if self.peek() != "?":
            return condition
        self.take()
        then = self.ternary(depth + 1)
        self.expect(":")
        return Call("_?_:_", None, (condition, then, self.ternary(depth + 1)))

    def binary(self, level: int, depth: int) -> Node:
        if level == len(_BINARY):
            return self.unary(depth)
        left = self.binary(level + 1, depth)
        while self.peek() in _BINARY[level] and self.tokens[self.at][0] in ("sign", "name"):
            operator = self.take()
            left = Call(f"_{operator}_", None, (left, self.binary(level + 1, depth)))
        return left

    def unary(self, depth: int) -> Node:
        signs: list[str] = []
        while self.tokens[self.at][0] == "sign" and self.peek() in ("!", "-"):
            signs.append(self.take())
        node = self.member(depth)
        for sign in reversed(signs):
            if sign == "-" and isinstance(node, Literal) and isinstance(node.value, int | float):
                node = Literal(-node.value)
            else:
                node = Call(f"{sign}_", None, (node,))
        return node

    def member(self, depth: int) -> Node:
        node = self.primary(depth)
        while True:
            sign = self.peek() if self.tokens[self.at][0] == "sign" else ""
            if sign == ".":
                self.take()
                name = self.name()
                node = Call(name, node, self.arguments(")", depth)) if self._opens("(") else Select(node, name)
            elif sign == "[":
                self.take()
                node = Call("_[_]", None, (node, self.ternary(depth + 1)))
                self.expect("]")
            else:
                return node

    def name(self) -> str:
        if self.tokens[self.at][0] != "name":
            raise self.error("a name")
        return self.take()

    def _opens(self, sign: str) -> bool:
        if self.tokens[self.at][0] == "sign" and self.peek() == sign:
            self.take()
            return True
        return False

    def arguments(self, closing: str, depth: int) -> tuple[Node, ...]:
        found: list[Node] = []
        while self.peek() != closing:
            found.append(self.ternary(depth + 1))
            if self.peek() != closing:
                self.expect(",")
        self.expect(closing)
        return tuple(found)

    def primary(self, depth: int) -> Node:
        kind, text, _ = self.tokens[self.at]
        if kind in ("int", "float"):
            self.take()
            return Literal(float(text) if kind == "float" else int(text.rstrip("u"), 0 if "x" in text else 10))
        if kind == "string":
            self.take()
            return Literal(_unquote(text, self.place))
        if kind == "name":
            self.take()
            if text in ("true", "false"):
                return Literal(text == "true")
            if text == "null":
                return Literal(None)
            return Call(text, None, self.arguments(")", depth)) if self._opens("(") else Name(text)
        if self._opens("."):
            return Name(self.name())
        if self._opens("("):
            inner = self.ternary(depth + 1)
            self.expect(")")
            return inner
        if self._opens("["):
            return Items(self.arguments("]", depth))
        if self._opens("{"):
            return self.entries(depth)
        raise self.error("a value")

    def entries(self, depth: int) -> Node:
        found: list[tuple[Node, Node]] = []
        while self.peek() != "}":
            key = self.ternary(depth + 1)
            self.expect(":")
            found.append((key, self.ternary(depth + 1)))
            if self.peek() != "}":
                self.expect(",")
        self.expect("}")
        return Entries(tuple(found))


def _unquote(text: str, place: str) -> str | bytes:
    start = len(text) - len(text.lstrip("rRbB"))
    flags, body = text[:start].lower(), text[start:]
    width = 3 if body[:3] in ('"""', "'''") else 1
    body = body[width:-width]
    if "r" not in flags:
        body = re.sub(
            r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[xX][0-9a-fA-F]{2}|[0-3][0-7]{2}|.)",
            lambda m: _escaped(m[1], place),
            body,
            flags=re.DOTALL,
        )
    return body.encode("utf-8") if "b" in flags else body


def _escaped(code: str, place: str) -> str:
    if code in _ESCAPES:
        return _ESCAPES[code]
    try:
        if code[0] in "uUxX" and len(code) > 1:
            return chr(int(code[1:], 16))
        return chr(int(code, 8))
    except (ValueError, OverflowError) as error:
        raise ComplianceError(place, f"unknown escape \\{code} in the CEL expression") from error


def literals(node: Node) -> list[Any]:
    """Every literal in a tree, in order: the values that its variables are likely to be compared with."""
    if isinstance(node, Literal):
        return [node.value]
    inner: tuple[Node, ...] = ()
    if isinstance(node, Select):
        inner = (node.operand,)
    elif isinstance(node, Call):
        inner = ((node.target,) if node.target is not None else ()) + node.arguments
    elif isinstance(node, Items):
        inner = node.items
    elif isinstance(node, Entries):
        inner = tuple(part for entry in node.entries for part in entry)
    return [value for part in inner for value in literals(part)]
