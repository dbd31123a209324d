"""The manifest of a data set: what a job has to know, signed; see docs/formats/shard.md.

Columns are partitioned into groups. Every group has its own shards under the key of its sensitivity class, cut at the
same rows as those of all other groups, so a job that was not given a group's keys cannot read its columns.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Literal, Protocol, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from trainer.errors import Reason, TrainerError
from trainer.formats.container import Binding, shard_binding
from trainer.formats.names import ColumnName, Digest, Frozen, Name
from trainer.formats.signing import DATA_SET_TYPE, open_signed

FORMAT = "bulkhead-data-set/1"
MANIFEST = "manifest.json"
FIXED = ("|b1", "|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", "<M8[us]")
"""Types of fixed size, as numpy writes them: little-endian."""
VARIABLE = ("utf8", "bytes", "json")
"""Types whose values differ in length; such a column is a group of its own."""


class Column(Frozen):
    """One column: a type of `FIXED` with the shape of one row's value, or a type of `VARIABLE`."""

    name: ColumnName
    dtype: str
    shape: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.dtype not in FIXED + VARIABLE or (self.variable and self.shape) or any(n < 1 for n in self.shape):
            raise ValueError(f"column {self.name}: {self.dtype}{list(self.shape)} is not a known type and shape")
        return self

    @property
    def variable(self) -> bool:
        """Whether values differ in length."""
        return self.dtype in VARIABLE


class Group(Frozen):
    """Columns that are sealed together, under the key of one sensitivity class."""

    id: Name
    sensitivity: Name
    columns: tuple[Column, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_layout(self) -> Self:
        if len(self.columns) > 1 and any(column.variable for column in self.columns):
            raise ValueError(f"group {self.id}: a column of variable length must be alone in its group")
        return self

    @property
    def variable(self) -> bool:
        """Whether rows differ in length: then the shard ends with offsets."""
        return self.columns[0].variable

    @property
    def dtype(self) -> np.dtype[np.void]:
        """One row as a packed structured type (only for groups of fixed size)."""
        return np.dtype([(column.name, column.dtype, column.shape) for column in self.columns])


class ClassKey(Frozen):
    """The data-set key of one sensitivity class, wrapped by the key service for one purpose."""

    sensitivity: Name
    purpose: Name
    kms_key: str
    wrapped: str


class Shard(Frozen):
    """One sealed container: rows `start` to `stop` of one group."""

    id: Name
    group: Name
    object: str
    start: int = Field(ge=0)
    stop: int = Field(gt=0)
    length: int = Field(ge=0)
    commitment: Digest
    wrapped_key: str


class Origin(Frozen):
    """Where the data came from and what was done to it, in order."""

    source: str
    source_digest: Digest | None = None
    transformations: tuple[str, ...] = ()


class Manifest(Frozen):
    """A data set in one version."""

    format: Literal["bulkhead-data-set/1"]
    tenant: Name
    data_set: Name
    version: Name
    created: datetime
    retain_until: datetime
    purposes: tuple[Name, ...] = Field(min_length=1)
    origin: Origin
    rows: int = Field(gt=0)
    groups: tuple[Group, ...] = Field(min_length=1)
    keys: tuple[ClassKey, ...] = Field(min_length=1)
    shards: tuple[Shard, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        columns = [column.name for group in self.groups for column in group.columns]
        if len(set(columns)) != len(columns):
            raise ValueError("two columns have the same name")
        groups = {group.id: group for group in self.groups}
        if len(groups) != len(self.groups) or len({shard.id for shard in self.shards}) != len(self.shards):
            raise ValueError("two groups or two shards have the same id")
        if unknown := {shard.group for shard in self.shards} - set(groups):
            raise ValueError(f"shards of unknown groups {sorted(unknown)}")
        cuts = {group.id: self._cuts(group) for group in self.groups}
        if len(set(cuts.values())) != 1:
            raise ValueError("the groups are not cut at the same rows")
        have = {(key.sensitivity, key.purpose) for key in self.keys}
        need = {(group.sensitivity, purpose) for group in self.groups for purpose in self.purposes}
        if have != need or len(self.keys) != len(have):
            raise ValueError("keys do not match classes and purposes one to one")
        return self

    def _cuts(self, group: Group) -> tuple[int, ...]:
        shards = sorted((s for s in self.shards if s.group == group.id), key=lambda s: s.start)
        edges = [0, *(shard.stop for shard in shards)]
        for shard, (start, stop) in zip(shards, pairwise(edges), strict=True):
            if shard.start != start or stop <= start:
                raise ValueError(f"group {group.id}: rows before shard {shard.id} are missing or double")
            expected = (stop - start) * (8 if group.variable else group.dtype.itemsize) + (8 if group.variable else 0)
            if shard.length < expected or (not group.variable and shard.length != expected):
                raise ValueError(f"shard {shard.id}: {shard.length} bytes do not fit {stop - start} rows")
        if edges[-1] != self.rows:
            raise ValueError(f"group {group.id}: shards cover {edges[-1]} rows of {self.rows}")
        return tuple(edges)

    def binding(self, shard: Shard) -> Binding:
        """The binding under which a shard was sealed."""
        group = next(group for group in self.groups if group.id == shard.group)
        return shard_binding(self.tenant, self.data_set, self.version, shard.id, group.sensitivity)

    def groups_of(self, columns: tuple[str, ...]) -> tuple[Group, ...]:
        """The groups that hold these columns; `TrainerError` for a column that the data set does not have."""
        held = {column.name for group in self.groups for column in group.columns}
        if missing := [name for name in columns if name not in held]:
            raise TrainerError(
                Reason.NOT_DECLARED,
                f"data set {self.data_set} of tenant {self.tenant}: no column {missing}; it has {sorted(held)}",
            )
        return tuple(group for group in self.groups if {column.name for column in group.columns} & set(columns))


def open_manifest(
    data: bytes, trusted: tuple[str, ...], tenant: str, data_set: str, version: str, name: str
) -> Manifest:
    """The manifest in the signed document `data`, if it is that of the data set asked for and has not expired."""
    document = open_signed(data, DATA_SET_TYPE, trusted, name)
    try:
        manifest = Manifest.model_validate(document)
    except ValidationError as error:
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: not a data-set manifest: {error}") from error
    check_place(manifest, tenant, data_set, version, name)
    return manifest


class Placed(Protocol):
    """What the manifests of every kind of data set say about their place and time."""

    @property
    def tenant(self) -> str: ...  # noqa: D102
    @property
    def data_set(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> str: ...  # noqa: D102
    @property
    def retain_until(self) -> datetime: ...  # noqa: D102


def check_place(manifest: Placed, tenant: str, data_set: str, version: str, name: str) -> None:
    """Refuses the manifest of another data set, and one whose retention has ended."""
    found = (manifest.tenant, manifest.data_set, manifest.version)
    if found != (tenant, data_set, version):
        raise TrainerError(Reason.FOREIGN, f"{name}: is the manifest of {found}, not of {(tenant, data_set, version)}")
    if manifest.retain_until <= datetime.now(UTC):
        raise TrainerError(
            Reason.EXPIRED, f"data set {data_set} of tenant {tenant}: retention ended at {manifest.retain_until}"
        )
