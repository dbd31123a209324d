"""`python -m stacks`: what cdktf.json names as the app."""

from __future__ import annotations

import sys

from modules.aws.errors import ConstructError
from stacks.app import synthesise
from stacks.errors import StackError
from stacks.settings import from_environment
from tenancy import fleet
from tenancy.errors import SpecError


def main() -> int:
    """Synthesises what the environment asks for; 0, or 2 with the reason on stderr."""
    try:
        settings = from_environment()
        synthesise(
            fleet.load(settings.fleet),
            settings.profile,
            settings.tenants,
            settings.out_dir,
            settings.endpoint,
            state_dir=settings.state_dir,
            layers=settings.layers,
        )
    except (SpecError, StackError, ConstructError) as error:
        sys.stderr.write(f"stacks: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
