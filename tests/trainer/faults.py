"""Backends whose nth write fails, before or after it has taken effect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from trainer.backends import Backends


class InjectedError(Exception):
    """The failure that a test asked for: stands for a killed process."""


class FaultyBackends:
    """Counts writes to stores and ledger once armed and fails at number `fail_at`."""

    def __init__(self, real: Backends, fail_at: int, *, after: bool) -> None:
        self._fail_at, self._after = fail_at, after
        self._count = -1
        self._armed = False
        self.backends = replace(
            real,
            log=_Proxy(real.log, {"append"}, self),
            open_store=lambda url: _Proxy(real.open_store(url), {"put", "upload", "delete"}, self),
        )

    @property
    def writes(self) -> int:
        """How many writes there were since it was armed."""
        return self._count + 1

    def arm(self) -> None:
        self._armed = True

    def disarm(self) -> None:
        self._armed = False

    def around(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        if not self._armed:
            return operation(*args, **kwargs)
        self._count += 1
        if self._count != self._fail_at:
            return operation(*args, **kwargs)
        if self._after:
            operation(*args, **kwargs)
        raise InjectedError("injected")


class _Proxy:
    def __init__(self, real: Any, names: set[str], faults: FaultyBackends) -> None:
        self._real, self._names, self._faults = real, names, faults

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in self._names:
            return found
        return lambda *args, **kwargs: self._faults.around(found, *args, **kwargs)
