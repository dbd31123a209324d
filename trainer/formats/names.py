"""The names that bindings, objects and ledgers carry: one narrow alphabet, so that no encoding question arises."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
"""Tenant, data set, version, class, run, purpose: lower-case letters, digits, dot, dash, underscore."""

ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""A column keeps the name that its source gave it, control characters excepted."""

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""32 bytes in lower-case hexadecimal."""


MetricName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""A number that a job reports: fit for Prometheus and OpenTelemetry alike."""


class Frozen(BaseModel):
    """Base of every document: immutable, and unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
