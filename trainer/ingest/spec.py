"""The document that says what to seal, for whom, under which keys and limits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from trainer.formats.manifest import Column, Group
from trainer.formats.names import ColumnName, Frozen, Name
from trainer.formats.table_manifest import FOOTER_CLASS
from trainer.sources.open import SourceSpec


class SealSpec(Frozen):
    """One data set to seal.

    `classes` names the sensitivity class of columns, `default_class` that of all others. With `group_by="column"`
    every column has shards, and so keys, of its own: a job gets exactly the columns that it declared. `"class"` puts
    the fixed-size columns of a class together, which is quicker for wide tables and coarser.
    """

    platform: Name = "bh"
    tenant: Name
    data_set: Name
    version: Name
    source: SourceSpec
    url: str
    """The tenant's data bucket, `s3://bh-acme-data` or with a prefix."""
    kms_key: str | None = None
    """Default `alias/{platform}/{tenant}/data`."""
    ledger: str | None = None
    """Default `cloudwatch:/{platform}/{tenant}/ledger`."""
    purposes: tuple[Name, ...] = Field(default=("training",), min_length=1)
    retention_days: int = Field(default=365, gt=0, le=36500)
    default_class: Name = "internal"
    classes: dict[ColumnName, Name] = Field(default_factory=dict)
    format: Literal["shards", "parquet"] = "shards"
    """`parquet` stores encrypted Parquet (docs/formats/parquet.md), one master key per column whatever `group_by`."""
    group_by: str = Field(default="column", pattern="^(column|class)$")
    shard_bytes: int = Field(default=64 << 20, ge=4096, le=1 << 32)
    """Plaintext bytes of one row range over all groups, at most; bounds memory at about this times `workers` + 2.

    With `format` parquet, those of one file."""
    workers: int = Field(default=2, ge=1, le=64)
    transformations: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _purposes_and_classes(self) -> SealSpec:
        if self.format == "parquet" and FOOTER_CLASS in {self.default_class, *self.classes.values()}:
            raise ValueError(f"classes: {FOOTER_CLASS!r} is the class of the files' own footers; choose another name")
        if len(set(self.purposes)) != len(self.purposes):
            raise ValueError(f"purposes: {list(self.purposes)} names one twice")
        return self

    @property
    def key(self) -> str:
        """The KMS key of the tenant's data."""
        return self.kms_key or f"alias/{self.platform}/{self.tenant}/data"

    @property
    def ledger_url(self) -> str:
        """Where the tenant's ledger lies."""
        return self.ledger or f"cloudwatch:/{self.platform}/{self.tenant}/ledger"

    @property
    def prefix(self) -> str:
        """The prefix of this version's objects."""
        return f"{self.data_set}/{self.version}"


def partition(spec: SealSpec, columns: tuple[Column, ...]) -> tuple[Group, ...]:
    """The groups that the columns are sealed in; ids are `g000`, `g001`, … in the order of the columns."""
    together: dict[tuple[str, str], list[Column]] = {}
    for column in columns:
        sensitivity = spec.classes.get(column.name, spec.default_class)
        alone = spec.group_by == "column" or column.variable
        together.setdefault((sensitivity, column.name if alone else ""), []).append(column)
    return tuple(
        Group(id=f"g{number:03d}", sensitivity=sensitivity, columns=tuple(members))
        for number, ((sensitivity, _), members) in enumerate(together.items())
    )
