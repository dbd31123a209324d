"""Network namespaces without names: each lives as long as a descriptor of it is open, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from trainer.errors import Reason, TrainerError
from trainer.sandbox import kernel

Result = TypeVar("Result")
_OWN = "/proc/thread-self/ns/net"


@dataclass(frozen=True)
class Namespace:
    """An open network namespace."""

    descriptor: int

    def command(self, *words: str) -> list[str]:
        """The command line that runs a program inside; the program must be started with `descriptor` passed on."""
        return ["nsenter", f"--net=/proc/self/fd/{self.descriptor}", *words]

    def run(self, *words: str) -> str:
        """What a short program prints, run inside. Raises `TrainerError(PEER)` with what it says when it fails."""
        return run(*self.command(*words), descriptors=(self.descriptor,))

    def call(self, function: Callable[[], Result]) -> Result:
        """`function()` as called from inside: sockets that it makes belong to this namespace for good."""

        def inside() -> Result:
            kernel.setns(self.descriptor, kernel.CLONE_NEWNET)
            return function()

        return _in_thread(inside)


@contextmanager
def new_namespace() -> Iterator[Namespace]:
    """A namespace of its own with nothing in it but a loopback interface. Needs root."""

    def make() -> int:
        kernel.unshare(kernel.CLONE_NEWNET)
        return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)

    descriptor = _in_thread(make)
    try:
        space = Namespace(descriptor)
        space.run("ip", "link", "set", "lo", "up")
        yield space
    finally:
        os.close(descriptor)


def without_ipv6(space: Namespace) -> None:
    """Switches IPv6 off inside: what is not used need not be reasoned about."""
    switch = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")
    if switch.exists():
        space.call(lambda: switch.write_text("1", encoding="ascii"))


def run(*words: str, descriptors: Sequence[int] = (), given: bytes | None = None) -> str:
    """What a short program prints. Raises `TrainerError(PEER)` with what it says when it fails or is missing."""
    try:
        done = subprocess.run(words, input=given, capture_output=True, pass_fds=tuple(descriptors), check=False)
    except FileNotFoundError as error:
        raise TrainerError(Reason.PEER, f"{words[0]} is not installed (see scripts/apt-packages.txt)") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise TrainerError(Reason.PEER, f"{' '.join(words)}: {said or f'exit status {done.returncode}'}")
    return done.stdout.decode(errors="replace")


def _in_thread(function: Callable[[], Result]) -> Result:
    """A namespace belongs to a thread: the rest of the process stays where it is."""
    results: list[Result] = []
    failures: list[TrainerError | OSError] = []

    def body() -> None:
        try:
            results.append(function())
        except (TrainerError, OSError) as error:
            failures.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]
