"""Columns between Arrow and the manifest's types: which type a field has, values as arrays or bytes, and back."""

from __future__ import annotations

import json
import math
from datetime import date, time
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.errors import Reason, TrainerError
from trainer.formats.manifest import Column

ColumnValues = NDArray[Any] | list[bytes]


def column_of(field: pa.Field, name: str) -> Column:
    """The column that holds a field of this Arrow type; `TrainerError` for a type that cannot be sealed."""
    kind = field.type
    shape: tuple[int, ...] = ()
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_fixed_size_list(kind) and _numeric(kind.value_type):
        kind, shape = kind.value_type, (kind.list_size,)
    if pa.types.is_boolean(kind):
        return Column(name=field.name, dtype="|b1", shape=shape)
    if _numeric(kind):
        return Column(name=field.name, dtype=np.dtype(kind.to_pandas_dtype()).str, shape=shape)
    if pa.types.is_temporal(kind) and (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
        return Column(name=field.name, dtype="<M8[us]")
    if _text(kind):
        return Column(name=field.name, dtype="utf8")
    if any(test(kind) for test in _BINARY):
        return Column(name=field.name, dtype="bytes")
    if any(test(kind) for test in _NESTED):
        return Column(name=field.name, dtype="json")
    raise TrainerError(
        Reason.BAD_SOURCE, f"{name}: column {field.name} has type {kind}, which cannot be sealed; cast it"
    )


def column_values(array: pa.Array, column: Column, name: str) -> ColumnValues:
    """The values of an Arrow array as the column's type; missing values only where a float can say so."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if column.dtype == "json" and not _text(array.type):
        return [_json(value, column, name) for value in array.to_pylist()]
    inside = array.flatten() if column.shape else array
    if (column.shape and array.null_count) or (inside.null_count and column.dtype[:2] != "<f"):
        raise TrainerError(
            Reason.BAD_SOURCE, f"{name}: column {column.name} has missing values; fill them or make it a float column"
        )
    if column.dtype in {"utf8", "json"}:
        return [value.encode() for value in array.to_pylist()]
    if column.dtype == "bytes":
        return [bytes(value) for value in array.to_pylist()]
    if column.shape:
        flat: Any = inside.to_numpy(zero_copy_only=False)
        return np.asarray(flat).reshape(len(array), *column.shape)
    if column.dtype == "<M8[us]":
        return np.asarray(array.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False))
    return np.asarray(array.to_numpy(zero_copy_only=False))


def stored_as(column: Column) -> Column:
    """What a column looks like when it comes back from a table: JSON is text, and all shapes are flat lists."""
    shape = (math.prod(column.shape),) if column.shape else ()
    return column.model_copy(update={"dtype": "utf8" if column.dtype == "json" else column.dtype, "shape": shape})


def arrow_field(column: Column) -> pa.Field:
    """The field of a table that stores the column."""
    if column.dtype in {"utf8", "json"}:
        return pa.field(column.name, pa.string(), nullable=False)
    if column.dtype == "bytes":
        return pa.field(column.name, pa.binary(), nullable=False)
    kind = pa.timestamp("us") if column.dtype == "<M8[us]" else pa.from_numpy_dtype(np.dtype(column.dtype))
    if column.shape:
        kind = pa.list_(pa.field("element", kind, nullable=False), math.prod(column.shape))
    return pa.field(column.name, kind, nullable=False)


def arrow_array(values: ColumnValues, column: Column) -> pa.Array:
    """The values of a column (an array in the column's type, or bytes per row) as Arrow stores them."""
    kind = arrow_field(column).type
    if isinstance(values, list):
        return pa.array(values, pa.binary()).cast(kind)
    if not column.shape:
        return pa.array(values, kind)
    flat = pa.array(np.ascontiguousarray(values).reshape(-1), kind.value_type)
    return pa.FixedSizeListArray.from_arrays(flat, type=kind)


_BINARY = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
_NESTED = (
    pa.types.is_struct,
    pa.types.is_list,
    pa.types.is_large_list,
    pa.types.is_fixed_size_list,
    pa.types.is_null,
)


def _numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _json(value: Any, column: Column, name: str) -> bytes:
    """A nested value as JSON text; times and decimals as their text, and nothing that JSON would have to change."""
    try:
        return json.dumps(value, default=_as_text, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise TrainerError(
            Reason.BAD_SOURCE, f"{name}: column {column.name} has a value that JSON cannot carry: {error}"
        ) from error


def _as_text(value: object) -> str:
    if isinstance(value, (date, time, Decimal)):
        return str(value)
    raise TypeError(f"a value of type {type(value).__name__}")
