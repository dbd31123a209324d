"""A predicted register: each extend with what it is, so that a difference can be named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

BANKS = ("sha256", "sha384")
"""The banks that are predicted; EC2's NitroTPM documents carry SHA-384, Google's vTPM quotes carry SHA-256 too."""


@dataclass(frozen=True)
class Extend:
    """One extend.

    Args:
        what: what was measured, in words ("section .cmdline", "Secure Boot variable db").
        digests: bank -> the digest that is extended, lower-case hex.
    """

    what: str
    digests: tuple[tuple[str, str], ...]

    def digest(self, bank: str) -> str:
        """The digest in one bank, lower-case hex."""
        return dict(self.digests)[bank]


@dataclass(frozen=True)
class Register:
    """A register's whole history, from all zeros."""

    index: int
    extends: tuple[Extend, ...]

    def value(self, bank: str) -> str:
        """The value after all extends, lower-case hex (TPM 2.0 Part 1, section 11.4.8)."""
        value = bytes(hashlib.new(bank).digest_size)
        for extend in self.extends:
            value = hashlib.new(bank, value + bytes.fromhex(extend.digest(bank))).digest()
        return value.hex()


def measured(what: str, data: bytes) -> Extend:
    """An extend with the hash of `data`."""
    return Extend(what, tuple((bank, hashlib.new(bank, data).hexdigest()) for bank in BANKS))


def register(index: int, extends: Iterable[Extend]) -> Register:
    """A register from any iterable of extends."""
    return Register(index, tuple(extends))
