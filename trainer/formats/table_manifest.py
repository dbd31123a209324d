"""The manifest of a data set that is stored as encrypted Parquet; see docs/formats/parquet.md."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from typing import Final, Literal, Self

from pydantic import Field, ValidationError, model_validator

from trainer.errors import Reason, TrainerError
from trainer.formats.manifest import ClassKey, Column, Group, Origin, check_place
from trainer.formats.names import Digest, Frozen, Name
from trainer.formats.parquet_keys import ColumnKeys, derive_keys
from trainer.formats.signing import TABLE_TYPE, open_signed

FORMAT: Final = "bulkhead-table/1"
FOOTER_CLASS: Final = "footer"
"""The class of the key that opens footers, which show names, types and row counts, and no values."""


class TableColumn(Column):
    """A column and the sensitivity class whose key its own master key is derived from."""

    sensitivity: Name


class TableFile(Frozen):
    """One Parquet file: rows `start` to `stop` of all columns. `identity` is `file_identity`, `size` in bytes."""

    id: Name
    object: str
    start: int = Field(ge=0)
    stop: int = Field(gt=0)
    size: int = Field(gt=0)
    identity: Digest
    key_material: str


class TableManifest(Frozen):
    """A table in one version."""

    format: Literal["bulkhead-table/1"]
    encryption: Literal["AES_GCM_V1"]
    tenant: Name
    data_set: Name
    version: Name
    created: datetime
    retain_until: datetime
    purposes: tuple[Name, ...] = Field(min_length=1)
    origin: Origin
    rows: int = Field(gt=0)
    columns: tuple[TableColumn, ...] = Field(min_length=1)
    keys: tuple[ClassKey, ...] = Field(min_length=1)
    files: tuple[TableFile, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = {column.name for column in self.columns}
        if len(names) != len(self.columns) or len({file.id for file in self.files}) != len(self.files):
            raise ValueError("two columns have the same name, or two files the same id")
        if any(column.sensitivity == FOOTER_CLASS for column in self.columns):
            raise ValueError(f"the class {FOOTER_CLASS} is that of the footers; no column may have it")
        edges = [0, *(file.stop for file in self.files)]
        for file, (start, stop) in zip(self.files, pairwise(edges), strict=True):
            if file.start != start or stop <= start:
                raise ValueError(f"rows before file {file.id} are missing or double")
        if edges[-1] != self.rows:
            raise ValueError(f"the files hold {edges[-1]} rows of {self.rows}")
        have = [(key.sensitivity, key.purpose) for key in self.keys]
        need = {(sensitivity, purpose) for sensitivity in self.classes for purpose in self.purposes}
        if set(have) != need or len(have) != len(need):
            raise ValueError("keys do not match classes and purposes one to one")
        return self

    @property
    def classes(self) -> tuple[str, ...]:
        """All sensitivity classes that have a key, that of the footers included."""
        return (*sorted({column.sensitivity for column in self.columns}), FOOTER_CLASS)

    @property
    def place(self) -> dict[str, str]:
        """What master keys are derived for."""
        return {"tenant": self.tenant, "data_set": self.data_set, "version": self.version}

    def column_keys(self, class_keys: Mapping[str, bytes], columns: tuple[str, ...]) -> ColumnKeys:
        """The master keys of these columns from the data-set keys of their classes and of the footer."""
        classes = {column.name: column.sensitivity for column in self.columns}
        wanted = {name: classes[name] for name in columns}
        return derive_keys(class_keys[FOOTER_CLASS], class_keys, wanted, self.place)

    def groups_of(self, columns: tuple[str, ...]) -> tuple[Group, ...]:
        """Each of these columns as a group of its own; `TrainerError` for a column that the table does not have."""
        held = {column.name: column for column in self.columns}
        if missing := [name for name in columns if name not in held]:
            raise TrainerError(
                Reason.NOT_DECLARED,
                f"data set {self.data_set} of tenant {self.tenant}: no column {missing}; it has {sorted(held)}",
            )
        return tuple(
            Group(
                id=f"g{number:03d}",
                sensitivity=held[name].sensitivity,
                columns=(Column(name=name, dtype=held[name].dtype, shape=held[name].shape),),
            )
            for number, name in enumerate(dict.fromkeys(columns))
        )


def open_table_manifest(
    data: bytes, trusted: tuple[str, ...], tenant: str, data_set: str, version: str, name: str
) -> TableManifest:
    """The manifest in the signed document `data`, if it is that of the data set asked for and has not expired."""
    document = open_signed(data, TABLE_TYPE, trusted, name)
    try:
        manifest = TableManifest.model_validate(document)
    except ValidationError as error:
        raise TrainerError(Reason.BAD_FORMAT, f"{name}: not a table manifest: {error}") from error
    check_place(manifest, tenant, data_set, version, name)
    return manifest


def wrapped_key(keys: tuple[ClassKey, ...], sensitivity: str, purpose: str, name: str) -> bytes:
    """The wrapped data-set key of a class for a purpose; `TrainerError` where the manifest has none."""
    for key in keys:
        if (key.sensitivity, key.purpose) == (sensitivity, purpose):
            try:
                return base64.b64decode(key.wrapped, validate=True)
            except binascii.Error as error:
                raise TrainerError(Reason.BAD_FORMAT, f"{name}: a wrapped key is not base64") from error
    raise TrainerError(Reason.WRONG_KEY, f"{name}: no key of class {sensitivity} for {purpose}")
