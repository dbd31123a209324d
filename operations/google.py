"""Stacks on Google Cloud: which they are, what the local cloud makes of them, and what deploying them needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from operations import deploy as deployment
from operations.errors import CommandError, Exit
from operations.terraform import TerraformError

if TYPE_CHECKING:
    from stacks.plan import StackInfo

PROVIDER = "hashicorp/google"
LOCALLY = "synthesised and checked; no Terraform applies it"
"""What a stack on Google Cloud is in the local profile, in words."""


def apart(stacks: Sequence[StackInfo]) -> tuple[list[StackInfo], list[StackInfo]]:
    """The stacks on AWS, and those on Google Cloud."""
    return [s for s in stacks if s.cloud == "aws"], [s for s in stacks if s.cloud == "gcp"]


def require_provider(place: deployment.Site, stacks: Sequence[StackInfo]) -> None:
    """Asks Terraform for Google's provider where stacks need it, before anything is changed.

    Raises:
        CommandError: it is not to be had; indeterminate, because without it nothing is known of what would change.
    """
    _, google = apart(stacks)
    if not google:
        return
    try:
        deployment.terraform(place, google[0]).find_providers()
    except TerraformError as error:
        if not any(PROVIDER in line for line in error.errors):
            raise
        count = "1 stack" if len(google) == 1 else f"{len(google)} stacks"
        msg = (
            f"{count} on Google Cloud synthesised and checked, and nothing was changed: deploying needs Terraform's "
            f"provider {PROVIDER} from registry.terraform.io or a filesystem mirror, and neither has it. "
            "Make it available, or name only tenants on AWS with --tenants"
        )
        raise CommandError(msg, Exit.INDETERMINATE) from error
