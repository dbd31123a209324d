"""Sources that are odd, wrong or damaged: taken as they are meant, or refused by name; never an error of a library."""

from __future__ import annotations

import decimal
import io
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trainer.test_pictures import picture
from tests.trainer.test_sources import seal_and_read
from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.ingest.seal import seal_data_set
from trainer.ingest.spec import SealSpec
from trainer.sources.open import SourceSpec, open_source


def parquet(values: Any, kind: pa.DataType | None = None) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array(values, kind)}), out)
    return out.getvalue()


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def npz(**arrays: Any) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def archive() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in (("x/a.png", picture()), ("x/a.cls", b"1"), ("x/b.png", picture(9)), ("x/b.cls", b"0")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


NOON = datetime(2020, 1, 1, 12, tzinfo=UTC)
BERLIN = pa.timestamp("us", "Europe/Berlin")
TAKEN: dict[str, tuple[str, bytes, str, list[Any]]] = {
    "a byte order mark": ("csv", b"\xef\xbb\xbfa,b\n1,2\n", "a", [1]),
    "a line break in a field": ("csv", b'a,b\n"x\ny",1\n', "a", [b"x\ny"]),
    "nested objects": ("jsonl", b'{"a": {"b": [1, null]}}\n', "a", [b'{"b": [1, null]}']),
    "a list of text of one length": ("parquet", parquet([["x", "y"]], pa.list_(pa.string(), 2)), "a", [b'["x", "y"]']),
    "a list of times": (
        "parquet",
        parquet([[NOON]], pa.list_(pa.timestamp("us"), 1)),
        "a",
        [b'["2020-01-01 12:00:00"]'],
    ),
    "decimals in lists": ("parquet", parquet([[decimal.Decimal("1.5")]]), "a", [b'["1.5"]']),
    "text in a view": ("parquet", parquet(["x"], pa.string_view()), "a", [b"x"]),
    "bytes of one length": ("parquet", parquet([b"abcd"], pa.binary(4)), "a", [b"abcd"]),
    "a dictionary": ("parquet", parquet(pa.array(["x", "y", "x"]).dictionary_encode()), "a", [b"x", b"y", b"x"]),
    "a time with a zone": ("parquet", parquet([NOON], BERLIN), "a", [np.datetime64("2020-01-01T12:00:00")]),
    "the other byte order": ("arrays", npy(np.arange(3, dtype=">i4")), "values", [0, 1, 2]),
    "seconds": ("arrays", npy(np.array(["2020-01-01"], "M8[s]")), "values", [np.datetime64("2020-01-01", "us")]),
}


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("layout", ["shards", "parquet"])
def test_taken_as_it_is_meant(name: str, layout: str, local: Backends, tmp_path: Path) -> None:
    kind, content, column, expected = TAKEN[name]
    (tmp_path / "odd").write_bytes(content)
    source = SourceSpec.model_validate({"kind": kind, "paths": [str(tmp_path / "odd")]})
    if layout == "shards":
        assert seal_and_read(local, tmp_path, source)[column] == expected
        return
    spec = SealSpec(
        tenant="acme", data_set="s", version="1", source=source, url=f"file://{tmp_path}/data", format="parquet"
    )
    assert seal_data_set(spec, local).rows == len(expected)


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "two columns of one name": ("csv", b"a,a\n1,2\n", r"more than one column \['a'\]"),
    "a column without a name": ("csv", b"a,\n1,2\n", "bad"),
    "a control character in a name": ("csv", b"a\x01,b\n1,2\n", "bad"),
    "a time of day": ("csv", b"a\n12:00:00\n", "column a has type time32"),
    "no objects": ("jsonl", b"[1]\n2\n", "bad"),
    "bytes in a struct": ("parquet", parquet([{"x": b"\xff"}]), "column a.*JSON cannot carry"),
    "not a number in a list": ("parquet", parquet([[float("nan")]]), "column a.*JSON cannot carry"),
    "a missing list": ("parquet", parquet([[1.0, 2.0], None], pa.list_(pa.float32(), 2)), "column a has missing"),
    "a missing number in a list": ("parquet", parquet([[1, None]], pa.list_(pa.int32(), 2)), "column a has missing"),
    "nanoseconds": ("parquet", parquet([1], pa.timestamp("ns")), "lose data"),
    "a decimal": ("parquet", parquet([decimal.Decimal("1.5")]), "column a has type decimal"),
    "a map": ("parquet", parquet([[("k", 1)]], pa.map_(pa.string(), pa.int32())), "column a has type map"),
    "one number": ("arrays", npy(np.array(5)), "number of rows"),
    "one number beside rows": ("arrays", npz(a=np.arange(3), b=np.array(1)), "number of rows"),
    "rows of different numbers": ("arrays", npz(a=np.arange(3), b=np.arange(4)), "number of rows"),
    "no arrays": ("arrays", npz(), "number of rows"),
    "rows of nothing": ("arrays", npy(np.zeros((3, 0))), "cannot be sealed"),
    "text": ("arrays", npy(np.array(["a", "b"])), "cannot be sealed"),
    "complex numbers": ("arrays", npy(np.array([1j])), "cannot be sealed"),
    "a structure": ("arrays", npy(np.zeros(3, [("x", "i4"), ("y", "f8")])), "cannot be sealed"),
    "picoseconds": ("arrays", npy(np.array([1], "M8[ps]")), "cannot be sealed"),
    "no bytes": ("arrays", b"", "cannot be read"),
    "a zip that is none": ("arrays", b"PK\x03\x04garbage", "cannot be read"),
    "an array larger than any memory": (
        "arrays",
        npy(np.zeros(1)).replace(b"(1,), }", b"(9999999999999,), }".ljust(7)),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("layout", ["shards", "parquet"])
def test_refused_by_name(name: str, layout: str, local: Backends, tmp_path: Path) -> None:
    kind, content, words = REFUSED[name]
    (tmp_path / "bad").write_bytes(content)
    source = SourceSpec.model_validate({"kind": kind, "paths": [str(tmp_path / "bad")]})
    with pytest.raises(TrainerError, match=words) as caught:
        seal_and_read(local, tmp_path, source, format=layout)
    assert caught.value.reason == Reason.BAD_SOURCE
    assert not list(tmp_path.rglob("manifest.json"))


WHOLE: dict[str, Callable[[], bytes]] = {
    "csv": lambda: b"a,b,c\n1,x,2020-01-01\n2,y,2021-02-03\n",
    "jsonl": lambda: b'{"a": 1, "b": [1, 2]}\n{"a": 2, "b": []}\n',
    "parquet": lambda: parquet([{"x": 1.5, "y": "z"}, {"x": 2.5, "y": ""}]),
    "arrays": lambda: npz(a=np.arange(40), b=np.ones((40, 2))),
    "images": archive,
}


@pytest.mark.parametrize("kind", WHOLE)
@given(data=st.data())
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_files_are_rows_or_an_error_of_ours(kind: str, data: st.DataObject, tmp_path: Path) -> None:
    raw = bytearray(WHOLE[kind]())
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "damaged").write_bytes(raw[: data.draw(st.integers(0, len(raw))) or None])
    document: dict[str, Any] = {"kind": kind, "paths": [str(tmp_path / "damaged")]}
    for source in (document, document | {"decode": {"size": [8, 8]}}) if kind == "images" else (document,):
        try:
            opened = open_source(SourceSpec.model_validate(source))
            columns = {column.name for column in opened.columns()}
            for batch in opened.batches():
                assert set(batch) == columns
        except TrainerError as error:
            refused = error
        else:
            continue
        assert refused.reason == Reason.BAD_SOURCE
        assert "damaged" in str(refused)
