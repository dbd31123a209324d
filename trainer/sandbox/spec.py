"""What the launcher of the sandbox is told. Nothing in it is secret."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True)
class SandboxSpec:
    """One confinement: an empty directory to build the root in, paths to show, limits, the identity to take on."""

    base: str
    readable: tuple[str, ...]
    devices: tuple[str, ...]
    memory_bytes: int
    address_space: bool
    """Whether memory is limited by address space too; a GPU's driver reserves far more than it uses."""
    processes: int
    uid: int
    """The unprivileged user that a privileged launcher becomes."""
    network: int | None = None
    """Descriptor of the network namespace to enter; by default a new one without any interface that is up."""

    groups: tuple[str, ...] = ()
    """Files of control groups to which the launcher writes itself first (`trainer.sandbox.cgroup`)."""

    def encode(self) -> str:
        """As one argument of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, text: str) -> Self:
        """From the argument."""
        document = json.loads(text)
        for name in ("readable", "devices", "groups"):
            document[name] = tuple(document[name])
        return cls(**document)
