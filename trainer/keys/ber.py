"""Just enough of ASN.1's basic encoding rules (X.690) to read a CMS structure.

KMS answers with indefinite lengths and octet strings in pieces, which DER readers refuse.
"""

from __future__ import annotations

from dataclasses import dataclass

SEQUENCE, SET, INTEGER, OCTETS, OID = 0x30, 0x31, 0x02, 0x04, 0x06
_CONSTRUCTED = 0x20
_DEEPEST = 32


class BerError(ValueError):
    """The bytes are not in the basic encoding rules, or not what was expected there."""


@dataclass(frozen=True)
class Node:
    """One value: its identifier octet, its content, and its parts where it is constructed."""

    tag: int
    content: bytes
    parts: tuple[Node, ...] = ()

    def octets(self) -> bytes:
        """An octet string's bytes, joined where it came in pieces (section 8.7)."""
        if not self.tag & _CONSTRUCTED:
            return self.content
        return b"".join(part.octets() for part in self.parts)


def read(data: bytes) -> Node:
    """The one value that `data` is.

    Raises:
        BerError: malformed, nested too deeply, or followed by more bytes.
    """
    node, end = _node(data, 0, len(data), 0)
    if end != len(data):
        raise BerError(f"{len(data) - end} bytes follow the value")
    return node


def _node(data: bytes, at: int, limit: int, depth: int) -> tuple[Node, int]:
    if depth > _DEEPEST:
        raise BerError("nested too deeply")
    tag, at = _byte(data, at, limit), at + 1
    if tag & 0x1F == 0x1F:
        raise BerError("a tag number above 30")
    first, at = _byte(data, at, limit), at + 1
    if first == 0x80:
        if not tag & _CONSTRUCTED:
            raise BerError("an indefinite length of a primitive value")
        parts, start = [], at
        while data[at : min(at + 2, limit)] != b"\0\0":
            part, at = _node(data, at, limit, depth + 1)
            parts.append(part)
        return Node(tag, data[start:at], tuple(parts)), at + 2
    length = first
    if first > 0x80:
        size = first & 0x7F
        if size > 4 or at + size > limit:
            raise BerError("a length of more than four bytes")
        length, at = int.from_bytes(data[at : at + size], "big"), at + size
    end = at + length
    if end > limit:
        raise BerError("a value ends after what holds it")
    content, parts = data[at:end], []
    while tag & _CONSTRUCTED and at < end:
        part, at = _node(data, at, end, depth + 1)
        parts.append(part)
    return Node(tag, content, tuple(parts)), end


def _byte(data: bytes, at: int, limit: int) -> int:
    if at >= limit:
        raise BerError("cut off")
    return data[at]


def oid(node: Node) -> str:
    """An object identifier in dotted form (section 8.19).

    Raises:
        BerError: not one.
    """
    if node.tag != OID or not node.content or node.content[-1] & 0x80:
        raise BerError("no object identifier where one is expected")
    arcs, value = [], 0
    for byte in node.content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    top = min(arcs[0] // 40, 2)
    return ".".join(map(str, (top, arcs[0] - 40 * top, *arcs[1:])))
