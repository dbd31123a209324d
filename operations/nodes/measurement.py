"""What a process node measures before it runs, as a machine's firmware and boot loader would.

The same function predicts and measures: the deployment computes the reference values from the installed trainer, the
start of a node extends the registers of its software TPM. On a machine the registers are filled by code that the
trainer cannot change; here by the command that starts it. A process node is a test double and its documents say so.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attestation.policy import ReferenceSet
from attestation.tcg.algorithms import extend

BANKS = ("sha256", "sha384")
CODE, CONFIGURATION, COMMAND_LINE, JOB = 4, 7, 12, 14
"""Registers as a measured image uses them: boot loader and kernel, Secure Boot's settings, command line, the job."""
BOUND = (CODE, CONFIGURATION, COMMAND_LINE)
PACKAGES = ("trainer", "attestation")
NAME = "process-node"
CHECKOUT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Extend:
    """One extend: the register, what is measured, in words, and the bytes whose hash is extended."""

    register: int
    what: str
    content: bytes

    def digest(self, bank: str) -> str:
        """The hash that is extended, lower-case hex."""
        return hashlib.new(bank, self.content).hexdigest()


def measure(root: Path, arguments: Sequence[str], note: str = "") -> tuple[Extend, ...]:
    """The extends of a node that runs the packages in `root` with `arguments`, in order.

    `note` marks a build that is another one although its files are the same (the attack suite's roll-back).
    """
    code = [Extend(CODE, f"the files of {package}", listing(root / package)) for package in PACKAGES]
    if note:
        code.append(Extend(CODE, "a note", note.encode()))
    return (
        *code,
        Extend(CONFIGURATION, "the interpreter and the installed packages", _configuration()),
        Extend(COMMAND_LINE, "the command line", json.dumps(list(arguments)).encode()),
    )


def listing(folder: Path) -> bytes:
    """Every file of a package with the SHA-256 of its content, in order; what the interpreter caches is left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    lines = [
        f"{path.relative_to(folder.parent).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in files
    ]
    return "".join(lines).encode()


def _configuration() -> bytes:
    found = {f"{entry.name}=={entry.version}" for entry in importlib.metadata.distributions()}
    interpreter = f"{platform.python_implementation()} {sys.version}"
    return json.dumps([interpreter, *sorted(found)]).encode()


def registers(extends: Sequence[Extend], bank: str) -> dict[int, str]:
    """What the registers hold after the extends, starting from zeros."""
    held: dict[int, bytes] = {}
    for entry in extends:
        start = held.get(entry.register, bytes(hashlib.new(bank).digest_size))
        held[entry.register] = extend(bank, start, bytes.fromhex(entry.digest(bank)))
    return {index: value.hex() for index, value in sorted(held.items())}


def reference_set(extends: Sequence[Extend], version: int) -> ReferenceSet:
    """The reference values of a node that makes these extends."""
    pcrs = {bank: {index: (value,) for index, value in registers(extends, bank).items()} for bank in BANKS}
    return ReferenceSet(name=NAME, version=version, pcrs=pcrs)
