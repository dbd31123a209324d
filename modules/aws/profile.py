"""Where a stack is deployed to: the local cloud on this machine, or AWS."""

from __future__ import annotations

from typing import Literal

ProfileName = Literal["local", "cloud"]

PROFILES: tuple[ProfileName, ...] = ("local", "cloud")
