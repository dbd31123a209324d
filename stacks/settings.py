"""What the environment says when the app is run by `cdktn` or `cdktf`, which pass no arguments on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modules.aws.profile import PROFILES, ProfileName
from stacks.errors import StackError


@dataclass(frozen=True)
class Settings:
    """The environment variables of the app; `tenants` and `layers` are None where all are meant."""

    fleet: Path
    profile: ProfileName
    tenants: tuple[str, ...] | None
    layers: tuple[str, ...] | None
    out_dir: Path
    endpoint: str | None
    state_dir: Path | None


def from_environment(environment: Mapping[str, str] = os.environ) -> Settings:
    """Reads the variables `BULKHEAD_...`: FLEET, PROFILE, TENANTS, LAYERS, SYNTH_OUT, STATE_DIR and LOCAL_ENDPOINT.

    The output folder is that of the CLI (`CDKTF_OUTDIR`), or `cdktf.out`. Raises `StackError` for a value that no
    stack can be made from.
    """
    profile = environment.get("BULKHEAD_PROFILE", "local")
    if profile not in PROFILES:
        msg = f"BULKHEAD_PROFILE = {profile}: unknown. Set it to one of {', '.join(PROFILES)}"
        raise StackError(msg)
    out_dir = environment.get("BULKHEAD_SYNTH_OUT") or environment.get("CDKTF_OUTDIR") or "cdktf.out"
    return Settings(
        fleet=Path(environment.get("BULKHEAD_FLEET") or "tenants"),
        profile=profile,
        tenants=_listed(environment, "BULKHEAD_TENANTS"),
        layers=_listed(environment, "BULKHEAD_LAYERS"),
        out_dir=Path(out_dir),
        endpoint=environment.get("BULKHEAD_LOCAL_ENDPOINT") or None,
        state_dir=Path(state_dir) if (state_dir := environment.get("BULKHEAD_STATE_DIR")) else None,
    )


def _listed(environment: Mapping[str, str], name: str) -> tuple[str, ...] | None:
    """The names in a comma-separated variable; None where it is not set or empty."""
    names = tuple(part.strip() for part in environment.get(name, "").split(",") if part.strip())
    return names or None
