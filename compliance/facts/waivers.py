"""Waivers as a scope carries them, whichever cloud a tenant is on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WaiverScope:
    """A waiver of one rule, for one resource or (with None) for the tenant's every one. `expires` is a date."""

    rule: str
    resource: str | None
    owner: str
    reason: str
    compensating_control: str
    expires: str
