"""An HTTP request as it arrived: nothing decoded, nothing normalised, so that a signature can be checked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from urllib.parse import unquote


class Door(StrEnum):
    """The kind of listener a request came through."""

    MAIN = "main"
    """Stands for AWS's TLS endpoints: `aws:SecureTransport` is true."""
    INSECURE = "insecure"
    """Stands for plain HTTP: `aws:SecureTransport` is false."""
    NETWORK = "network"
    """One tenant's VPC: the request came through that VPC's endpoints."""


@dataclass(frozen=True)
class Listener:
    """Where a request arrived; `vpc` is set for `Door.NETWORK` only."""

    door: Door
    vpc: str | None = None


@dataclass(frozen=True)
class Message:
    """One HTTP request.

    Attributes:
        method: upper case.
        raw_path: the path as sent, percent-encoded.
        raw_query: the query string as sent, without the question mark.
        headers: lower-case names, in order of arrival, repeated names kept.
        body: the whole body, as sent.
        listener: where it arrived.
        client: the peer's address.
    """

    method: str
    raw_path: str
    raw_query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    listener: Listener = field(default_factory=lambda: Listener(Door.MAIN))
    client: str = "127.0.0.1"

    @cached_property
    def header_map(self) -> dict[str, str]:
        """Headers by lower-case name; repeated ones joined with a comma."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            found[name] = f"{found[name]},{value}" if name in found else value
        return found

    def header(self, name: str, default: str = "") -> str:
        """The header's value, or `default`."""
        return self.header_map.get(name, default)

    @cached_property
    def query_pairs(self) -> tuple[tuple[str, str], ...]:
        """Decoded pairs of the query string in order; a name without `=` has the empty value."""
        pairs = []
        for part in self.raw_query.split("&"):
            if part:
                name, _, value = part.partition("=")
                pairs.append((unquote(name.replace("+", " ")), unquote(value.replace("+", " "))))
        return tuple(pairs)

    @cached_property
    def query(self) -> dict[str, str]:
        """The query string by name; the first of a repeated name counts."""
        found: dict[str, str] = {}
        for name, value in self.query_pairs:
            found.setdefault(name, value)
        return found

    def with_headers(self, *, drop: frozenset[str] = frozenset(), add: dict[str, str] | None = None) -> Message:
        """A copy without the headers in `drop`, with those in `add` set."""
        added = add or {}
        kept = tuple((name, value) for name, value in self.headers if name not in drop and name not in added)
        return replace(self, headers=kept + tuple(added.items()))
