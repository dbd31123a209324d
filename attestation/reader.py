"""Reading binary structures with a bound on every length."""

from __future__ import annotations

from attestation.errors import AttestationError

MAX_EVIDENCE = 16 * 1024 * 1024
"""Largest evidence file that is looked at, in bytes: the largest real one (a padded event log) is 1 MiB."""


class Reader:
    """A cursor over bytes that refuses to read past the end.

    Args:
        data: the whole structure.
        what: what it is, for messages ("TPMS_ATTEST").
    """

    def __init__(self, data: bytes, what: str) -> None:
        self.data = data
        self.what = what
        self.at = 0

    @property
    def left(self) -> int:
        """Bytes not yet read."""
        return len(self.data) - self.at

    def take(self, count: int, field: str) -> bytes:
        """The next `count` bytes.

        Raises:
            AttestationError: fewer are left.
        """
        if count < 0 or count > self.left:
            raise AttestationError(
                f"{self.what}: {field} at offset {self.at} needs {count} bytes, {self.left} are left"
            )
        self.at += count
        return self.data[self.at - count : self.at]

    def le(self, size: int, field: str) -> int:
        """An unsigned little-endian integer of `size` bytes (UEFI, TCG event logs, Intel, AMD, SPDM)."""
        return int.from_bytes(self.take(size, field), "little")

    def be(self, size: int, field: str) -> int:
        """An unsigned big-endian integer of `size` bytes (TPM structures)."""
        return int.from_bytes(self.take(size, field), "big")

    def tpm2b(self, field: str, limit: int = 4096) -> bytes:
        """A TPM2B: a big-endian 16-bit size, then that many bytes (TPM 2.0 Part 2, section 10.4)."""
        size = self.be(2, f"{field} size")
        if size > limit:
            raise AttestationError(f"{self.what}: {field} says {size} bytes, at most {limit} are allowed")
        return self.take(size, field)

    def end(self) -> None:
        """Refuses bytes after the structure: nothing may ride along unchecked."""
        if self.left:
            raise AttestationError(f"{self.what}: {self.left} bytes follow the end of the structure")
