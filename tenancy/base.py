"""What every specification has in common, and the small types that several of them use."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Spec(BaseModel):
    """A frozen specification: an unknown field is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def _email(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", value):
        msg = "not an e-mail address"
        raise ValueError(msg)
    return value


Email = Annotated[str, Field(max_length=64, examples=["security@acme.example"]), AfterValidator(_email)]
"""AWS Organizations takes at most 64 characters for an account's address."""

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,18}[a-z0-9]$", examples=["acme"])]
"""2 to 20 lower-case letters, digits and hyphens: short enough that every name derived from it fits (S3: 63)."""

Text = Annotated[str, Field(min_length=1, max_length=400)]
"""A sentence for people."""

AccountId = Annotated[str, Field(pattern=r"^[0-9]{12}$", examples=["111122223333"])]
"""An AWS account id: quote it in YAML, or a leading zero is lost."""

Days = Annotated[int, Field(ge=1, le=36500)]
"""A number of days."""
