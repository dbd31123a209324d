"""Every source, through sealing and back; and what sealing must refuse."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.trainer.test_data_set import table
from trainer.agent.data import open_data_set
from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.ingest.cutting import cut
from trainer.ingest.seal import seal_data_set
from trainer.ingest.spec import SealSpec, partition
from trainer.job import DataUse, JobSpec, RecipeSpec
from trainer.sources.batches import ArraySource
from trainer.sources.open import SourceSpec, open_source
from trainer.store.filesystem import FilesystemStore


def seal_and_read(backends: Backends, root: Path, source: SourceSpec | ArraySource, **changes: Any) -> dict[str, Any]:
    """What a job that declares all columns reads, rows in order."""
    described = source if isinstance(source, SourceSpec) else SourceSpec(kind="bundled", name="digits")
    values: dict[str, Any] = {"shard_bytes": 4096, "workers": 3} | changes
    version = values.pop("version", "1")
    spec = SealSpec(
        tenant="acme", data_set="set", version=version, source=described, url=f"file://{root}/data", **values
    )
    given_source = None if isinstance(source, SourceSpec) else source
    seal_data_set(spec, backends, source=given_source)
    columns = tuple(column.name for column in (given_source or open_source(described)).columns())
    use = DataUse(data_set="set", version=version, url=f"file://{root}/data", columns=columns)
    job = JobSpec(tenant="acme", run="r", data=(use,), recipe=RecipeSpec(name="tabular"))
    data = open_data_set(use, backends, job, root)
    parts = [table(data).read_cut(*rows) for rows in data.view.cuts]
    data.close()
    return {name: [value for part in parts for value in part[name]] for name in columns}


ROWS = [
    {"n": number, "x": number / 7, "word": f"wörd {number}" * (number % 5), "flag": number % 3 == 0}
    for number in range(700)
]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("group_by", ["column", "class"])
def test_tables(kind: str, group_by: str, local: Backends, tmp_path: Path) -> None:
    paths = []
    for number, rows in enumerate((ROWS[:300], ROWS[300:])):
        path = tmp_path / f"part{number}.{kind}"
        if kind == "csv":
            lines = ["n,x,word,flag", *(f"{r['n']},{r['x']!r},{r['word']},{str(r['flag']).lower()}" for r in rows)]
            path.write_text("\n".join(lines) + "\n")
        elif kind == "jsonl":
            path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        else:
            pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=64)
        paths.append(str(path))
    source = SourceSpec(kind=kind, paths=tuple(paths))  # type: ignore[arg-type]
    read = seal_and_read(local, tmp_path, source, group_by=group_by, classes={"word": "restricted"})
    assert [int(value) for value in read["n"]] == [row["n"] for row in ROWS]
    assert [float(value) for value in read["x"]] == [row["x"] for row in ROWS]
    assert [value.decode() for value in read["word"]] == [row["word"] for row in ROWS]
    assert [bool(value) for value in read["flag"]] == [row["flag"] for row in ROWS]


def test_parquet_types(local: Backends, tmp_path: Path) -> None:
    when = np.array(["2024-01-01T00:00:00", "1969-12-31T23:59:59.999999"], dtype="<M8[us]")
    content = pa.table(
        {
            "list": pa.FixedSizeListArray.from_arrays(pa.array(np.arange(6, dtype="<f4")), 3),
            "when": pa.array(when),
            "code": pa.array(["a", "b"]).dictionary_encode(),
            "nested": pa.array([{"k": [1, 2]}, {"k": []}]),
            "hole": pa.array([1.5, None]),
            "raw": pa.array([b"\x00\xff", b""]),
        }
    )
    pq.write_table(content, tmp_path / "t.parquet")
    read = seal_and_read(local, tmp_path, SourceSpec(kind="parquet", paths=(str(tmp_path / "t.parquet"),)))
    assert np.array_equal(np.array(read["list"]), np.arange(6).reshape(2, 3))
    assert read["when"] == list(when)
    assert read["code"] == [b"a", b"b"]
    assert [json.loads(value) for value in read["nested"]] == [{"k": [1, 2]}, {"k": []}]
    assert read["hole"][0] == 1.5
    assert np.isnan(read["hole"][1])
    assert read["raw"] == [b"\x00\xff", b""]


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_tokens(dtype: str, local: Backends, tmp_path: Path) -> None:
    tokens = np.random.default_rng(1).integers(0, 60000, 9000).astype(dtype)
    (tmp_path / "a.bin").write_bytes(tokens[:4000].tobytes())
    (tmp_path / "b.bin").write_bytes(tokens[4000:].tobytes())
    paths = (str(tmp_path / "a.bin"), str(tmp_path / "b.bin"))
    read = seal_and_read(local, tmp_path, SourceSpec(kind="tokens", paths=paths, dtype=dtype))  # type: ignore[arg-type]
    assert np.array_equal(read["tokens"], tokens)


def test_text_becomes_its_bytes(local: Backends, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("Grüße " * 2000)
    read = seal_and_read(local, tmp_path, SourceSpec(kind="text", paths=(str(tmp_path / "t.txt"),)))
    assert bytes(int(token) for token in read["tokens"]).decode() == "Grüße " * 2000


def test_arrays_in_a_file(local: Backends, tmp_path: Path) -> None:
    image = np.random.default_rng(2).integers(0, 255, (50, 4, 4, 3)).astype("u1")
    np.savez(tmp_path / "a.npz", image=image, label=np.arange(50, dtype=">i4"))
    read = seal_and_read(local, tmp_path, SourceSpec(kind="arrays", paths=(str(tmp_path / "a.npz"),)))
    assert np.array_equal(np.array(read["image"]), image)
    assert [int(value) for value in read["label"]] == list(range(50))


def tar(path: Path, members: list[tuple[str, bytes]]) -> str:
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return str(path)


def test_images(local: Backends, tmp_path: Path) -> None:
    samples = [(f"train/{number:04d}", bytes([number % 256]) * (number + 1), str(number % 10)) for number in range(300)]
    members = [part for key, png, label in samples for part in ((f"{key}.png", png), (f"{key}.cls", label.encode()))]
    source = SourceSpec(kind="images", paths=(tar(tmp_path / "i.tar", members),))
    read = seal_and_read(local, tmp_path, source)
    assert read["key"] == [key.encode() for key, _, _ in samples]
    assert read["png"] == [png for _, png, _ in samples]
    assert read["cls"] == [label.encode() for _, _, label in samples]


BAD: dict[str, tuple[str, Any]] = {
    "no such file": ("csv", None),
    "not a table": ("parquet", b"PAR1 not really"),
    "types that change": ("csv", b"a,b\n" + (b"1," + b"y" * 20_000 + b"\n") * 500 + b"x,y\n"),
    "ragged lines": ("csv", b"a,b\n1,2\n3\n"),
    "a broken line": ("jsonl", b'{"a": 1}\n{"a": \n'),
    "missing whole numbers": ("jsonl", b'{"a": 1}\n{"a": null}\n{"a": 3}\n'),
    "half a token": ("tokens", b"abc"),
    "no rows": ("csv", b"a,b\n"),
    "nothing": ("tokens", b""),
    "not a tar": ("images", b"x" * 2000),
    "pickled objects": ("arrays", "pickle"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_sources_are_refused_and_leave_no_manifest(name: str, local: Backends, tmp_path: Path) -> None:
    kind, content = BAD[name]
    path = tmp_path / "bad"
    if content == "pickle":
        path = tmp_path / "bad.npy"
        np.save(path, np.array([{}], dtype=object), allow_pickle=True)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(TrainerError, match="bad") as caught:
        seal_and_read(local, tmp_path, SourceSpec(kind=kind, paths=(str(path),)))  # type: ignore[arg-type]
    assert caught.value.reason == Reason.BAD_SOURCE
    assert not list(tmp_path.rglob("manifest.json"))


def test_samples_with_other_parts_are_refused(local: Backends, tmp_path: Path) -> None:
    path = tar(tmp_path / "bad.tar", [("a.png", b"1"), ("a.cls", b"1"), ("b.png", b"1")])
    with pytest.raises(TrainerError, match="'b' has parts"):
        seal_and_read(local, tmp_path, SourceSpec(kind="images", paths=(path,)))


def test_a_class_for_a_column_that_is_not_there_is_refused(local: Backends, tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="salary") as caught:
        seal_and_read(local, tmp_path, ArraySource({"x": np.arange(3)}), classes={"salary": "restricted"})
    assert caught.value.reason == Reason.BAD_JOB
    assert local.log.read("data.set") == []


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    hnp.arrays(st.sampled_from(["<f4", "<i8", "|u1", "|b1"]), st.integers(1, 400)),
    st.integers(1, 300),
    st.integers(4096, 20_000),
    st.sampled_from(["column", "class"]),
)
def test_cuts_cover_every_row_once(array: Any, batch: int, limit: int, group_by: str) -> None:
    """Batches of any size, cut at any size: the same rows in the same order, within the limit, in every group."""
    wide = np.repeat(np.arange(len(array), dtype="<i4")[:, None], 40, axis=1)
    source = ArraySource({"value": array, "wide": wide}, rows_per_batch=batch)
    spec = SealSpec(
        tenant="t",
        data_set="d",
        version="1",
        source=SourceSpec(kind="bundled"),
        url="memory://x",
        group_by=group_by,
        classes={"wide": "other"},
    )
    groups = partition(spec, source.columns())
    cuts = list(cut(source, groups, limit))
    assert [piece.start for piece in cuts] == [0, *(piece.stop for piece in cuts[:-1])]
    assert cuts[-1].stop == len(array)
    for piece in cuts:
        assert sum(len(part) for parts in piece.payloads.values() for part in parts) <= limit
    first = b"".join(bytes(part) for piece in cuts for part in piece.payloads["g000"])
    assert first == array.tobytes()


def test_memory_is_bounded_by_the_shards_in_flight(local: Backends, tmp_path: Path) -> None:
    """The source is read no further than `workers` + 3 cuts past what is stored: those in flight, one in hand."""
    ahead = []
    stored: list[str] = []

    class Counting(FilesystemStore):
        def upload(self, name: str, file: BinaryIO) -> None:
            super().upload(name, file)
            stored.append(name)

    class Endless(ArraySource):
        def batches(self) -> Any:
            for number in range(64):
                ahead.append(number - len(stored))
                yield {"x": np.full(1024, number, dtype="<i4")}

    spec = SealSpec(
        tenant="acme",
        data_set="d",
        version="1",
        source=SourceSpec(kind="bundled"),
        url=f"file://{tmp_path}",
        shard_bytes=4096,
        workers=2,
    )
    backends = replace(local, open_store=Counting)
    result = seal_data_set(spec, backends, source=Endless({"x": np.zeros(1, dtype="<i4")}))
    assert result.shards == len(stored) == 64
    assert max(ahead) <= spec.workers + 3
