"""Data sets as encrypted Parquet, all the way: sealed, read by a job for its columns only, by others with the keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.trainer.independent_reader import hkdf_sha512, jcs, open_envelope
from tests.trainer.support import cancer_columns, cancer_job, seal_cancer
from trainer import agent
from trainer.agent.data import open_data_set
from trainer.agent.tables import OpenedTable
from trainer.backends import Backends
from trainer.data.parquet_table import OpenedFile, ParquetTable
from trainer.errors import Reason, TrainerError
from trainer.formats.manifest import Column
from trainer.formats.reading import map_file
from trainer.ingest.rotate import rotate_data_set
from trainer.ingest.seal import SealResult, seal_data_set
from trainer.ingest.spec import SealSpec
from trainer.ingest.tables import TableSealing
from trainer.job import DataUse, JobSpec, RecipeSpec
from trainer.keys.service import data_context
from trainer.sources.batches import ArraySource
from trainer.sources.open import SourceSpec

ROWS = 2500
SECRET = "BULKHEAD-MARKER-"


def arrays() -> dict[str, Any]:
    chance = np.random.default_rng(1)
    return {
        "age": np.arange(ROWS, dtype="<i2"),
        "image": chance.integers(0, 255, (ROWS, 4, 3)).astype("|u1"),
        "income": chance.normal(size=ROWS).astype("<f4"),
        "ill": chance.integers(0, 2, ROWS).astype("|b1"),
        "seen": np.datetime64("2026-01-01T00:00:00", "us") + np.arange(ROWS),
    }


CLASSES = {"income": "restricted", "ill": "restricted"}


def spec(root: Path, **changes: Any) -> SealSpec:
    values = {
        "tenant": "acme",
        "data_set": "people",
        "version": "1",
        "source": SourceSpec(kind="bundled", name="digits"),
        "url": f"file://{root}/data",
        "classes": CLASSES,
        "format": "parquet",
        "shard_bytes": 10_000,
    }
    return SealSpec(**(values | changes))


def seal_people(backends: Backends, root: Path, **changes: Any) -> SealResult:
    return seal_data_set(spec(root, **changes), backends, source=ArraySource(arrays(), rows_per_batch=700))


def job(root: Path, columns: tuple[str, ...], **changes: Any) -> JobSpec:
    use = DataUse(data_set="people", version="1", url=f"file://{root}/data", columns=columns)
    return JobSpec(tenant="acme", run="r", data=(use,), recipe=RecipeSpec(name="tabular"), **changes)


def opened(backends: Backends, root: Path, columns: tuple[str, ...], **changes: Any) -> OpenedTable:
    wanted = job(root, columns, **changes)
    found = open_data_set(wanted.data[0], backends, wanted, root)
    assert isinstance(found, OpenedTable)
    return found


def table(data: OpenedTable) -> ParquetTable:
    def file(name: str) -> OpenedFile:
        granted, descriptor = data.grant(name)
        mapped = map_file(descriptor, name)
        os.close(descriptor)
        return OpenedFile(name, mapped, granted.keys(), granted.material, granted.identity)

    return ParquetTable(data.view, file)


def read(backends: Backends, root: Path, columns: tuple[str, ...], **changes: Any) -> dict[str, Any]:
    data = opened(backends, root, columns, **changes)
    parts = [table(data).read_cut(*rows) for rows in data.view.cuts]
    data.close()
    return {name: np.concatenate([part[name] for part in parts]) for name in columns}


def where(root: Path) -> Path:
    return root / "data" / "people" / "1"


def files(root: Path) -> list[Path]:
    return sorted((where(root) / "files").glob("part-*.parquet"))


def test_a_job_reads_exactly_what_was_sealed(local: Backends, tmp_path: Path) -> None:
    result = seal_people(local, tmp_path)
    assert (result.rows, result.shards) == (ROWS, len(files(tmp_path)))
    assert result.shards > 3
    found = read(local, tmp_path, tuple(arrays()))
    for name, values in arrays().items():
        assert found[name].dtype == values.dtype, name
        assert np.array_equal(found[name], values), name


def test_text_bytes_and_nested_values(local: Backends, tmp_path: Path) -> None:
    rows = [{"t": f"wörd {n}" * (n % 3), "b": bytes([n % 256]) * (n % 5), "j": {"k": [n]}} for n in range(300)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "in.parquet")
    source = SourceSpec(kind="parquet", paths=(str(tmp_path / "in.parquet"),))
    seal_data_set(spec(tmp_path, source=source, classes={"t": "restricted"}, shard_bytes=4096), local)
    data = opened(local, tmp_path, ("t", "b", "j"))
    parts = [table(data).read_cut(*cut) for cut in data.view.cuts]
    assert [v.decode() for part in parts for v in part["t"]] == [row["t"] for row in rows]
    assert [v for part in parts for v in part["b"]] == [row["b"] for row in rows]
    assert [json.loads(v) for part in parts for v in part["j"]] == [row["j"] for row in rows]


def test_the_worker_is_given_keys_of_declared_columns_only(local: Backends, tmp_path: Path) -> None:
    seal_people(local, tmp_path)
    data = opened(local, tmp_path, ("age",))
    granted, descriptor = data.grant("part-000000")
    os.close(descriptor)
    assert set(granted.columns) == {"age"}
    assert [column.name for group in data.view.groups for column in group.columns] == ["age"]
    contexts = [r.details["context"]["class"] for r in local.log.read("run.r") if r.kind == "key-unwrap"]
    assert contexts == ["footer", "internal"], "the key of the restricted class is not even asked for"
    # With everything that this job was given, and with its keys in the place of others, nothing else opens.
    other = opened(local, tmp_path, ("age", "income"))
    for held in (
        granted,
        granted.model_copy(update={"columns": dict.fromkeys(("age", "income"), granted.columns["age"])}),
    ):
        part = other.grant("part-000000")
        file = OpenedFile("part", map_file(part[1], "part"), held.keys(), granted.material, granted.identity)
        os.close(part[1])
        with pytest.raises(TrainerError) as caught:
            ParquetTable(other.view, lambda _, file=file: file).read_cut(*other.view.cuts[0])  # type: ignore[misc]
        assert caught.value.reason in {Reason.NOT_DECLARED, Reason.TAMPERED}


def test_what_is_not_there_is_not_granted(local: Backends, tmp_path: Path) -> None:
    seal_people(local, tmp_path)
    with pytest.raises(TrainerError, match="salary") as caught:
        opened(local, tmp_path, ("salary",))
    assert caught.value.reason == Reason.NOT_DECLARED
    with pytest.raises(TrainerError, match="part-999999") as caught:
        opened(local, tmp_path, ("age",)).grant("part-999999")
    assert caught.value.reason == Reason.NOT_DECLARED
    with pytest.raises(TrainerError, match="not for 'marketing'"):
        opened(local, tmp_path, ("age",), purpose="marketing")


def test_no_plaintext_touches_the_disk(local: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    rows = [{"secret": f"{SECRET}{number}"} for number in range(2000)]
    (tmp_path.parent / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = SourceSpec(kind="jsonl", paths=(str(tmp_path.parent / "in.jsonl"),))
    seen: list[bytes] = []

    def look(*_: int) -> None:
        seen.extend(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    seal_data_set(spec(tmp_path, source=source, classes={}), local, look)
    look()
    assert len(seen) > 4
    assert not [content for content in seen if SECRET.encode() in content or b"secret" in content]


# --- other readers and writers ------------------------------------------------------------------------------------


class SomebodysKms(pe.KmsClient):
    """A key service for Parquet as docs/formats/parquet.md describes it, without any code of the trainer."""

    def __init__(self, masters: dict[str, bytes]) -> None:
        super().__init__()
        self._masters = masters

    def wrap_key(self, key_bytes: bytes, master_key_identifier: str) -> bytes:
        nonce = os.urandom(12)
        key = AESGCM(self._masters[master_key_identifier])
        return base64.b64encode(nonce + key.encrypt(nonce, key_bytes, master_key_identifier.encode()))

    def unwrap_key(self, wrapped_key: bytes, master_key_identifier: str) -> bytes:
        data = base64.b64decode(wrapped_key)
        key = AESGCM(self._masters[master_key_identifier])
        return key.decrypt(data[:12], data[12:], master_key_identifier.encode())


def identifier(column: str) -> str:
    return "column-" + hashlib.sha256(column.encode()).hexdigest()[:32]


def masters(backends: Backends, manifest: dict[str, Any], columns: tuple[str, ...]) -> dict[str, bytes]:
    """The master keys, from the manifest and the key service, by the document alone."""
    classes = {
        key["sensitivity"]: backends.keys.unwrap(
            key["kms_key"],
            base64.b64decode(key["wrapped"]),
            data_context(manifest["tenant"], manifest["data_set"], key["sensitivity"], key["purpose"]),
        )
        for key in manifest["keys"]
    }
    place = {name: manifest[name] for name in ("tenant", "data_set", "version")}

    def derive(key: bytes, more: dict[str, str]) -> bytes:
        return hkdf_sha512(key, b"", b"bulkhead-parquet/1\x00" + jcs(place | more), 32)

    found = {"footer": derive(classes["footer"], {"footer": "yes"})}
    for column in manifest["columns"]:
        if column["name"] in columns:
            found[identifier(column["name"])] = derive(classes[column["sensitivity"]], {"column": column["name"]})
    return found


def test_plain_pyarrow_reads_it_with_the_keys(local: Backends, tmp_path: Path) -> None:
    result = seal_people(local, tmp_path)
    raw = (where(tmp_path) / "manifest.json").read_bytes()
    manifest = open_envelope(raw, "application/vnd.bulkhead.table+json", result.signer)
    held = masters(local, manifest, ("age", "ill"))
    parts = []
    for path in files(tmp_path):
        factory = pe.CryptoFactory(lambda _: SomebodysKms(held))
        properties = factory.file_decryption_properties(pe.KmsConnectionConfig(), parquet_file_path=str(path))
        file = pq.ParquetFile(path, decryption_properties=properties)
        parts.append(file.read(columns=["age", "ill"], use_threads=False))
        with pytest.raises(KeyError):
            file.read(columns=["income"], use_threads=False)
    read_back = pa.concat_tables(parts)
    assert np.array_equal(read_back["age"].to_numpy(), arrays()["age"])
    assert np.array_equal(read_back["ill"].to_numpy(), arrays()["ill"])
    listed = {file["object"]: file["identity"] for file in manifest["files"]}
    for path in files(tmp_path):
        whole = path.read_bytes()
        length = int.from_bytes(whole[-8:-4], "little")
        assert hmac.compare_digest(listed[f"files/{path.name}"], hashlib.sha256(whole[-8 - length : -8]).hexdigest())


def foreign_file(
    folder: Path, sealing: TableSealing, rows: pa.Table, footer_key: str = "footer", **changes: Any
) -> Path:
    """A file as Spark's or another's writer makes it: other pages, other row groups, the same keys."""
    path = folder / "theirs.parquet"
    held = {"footer": sealing.keys.footer} | {identifier(n): key for n, key in sealing.keys.columns.items()}
    values = {
        "column_keys": {identifier(name): [name] for name in rows.column_names},
        "encryption_algorithm": "AES_GCM_V1",
        "plaintext_footer": False,
        "double_wrapping": False,
        "internal_key_material": False,
        "data_key_length_bits": 256,
    }
    configuration = pe.EncryptionConfiguration(footer_key=footer_key, **(values | changes))
    properties = pe.CryptoFactory(lambda _: SomebodysKms(held)).file_encryption_properties(
        pe.KmsConnectionConfig(), configuration, parquet_file_path=str(path)
    )
    with pq.ParquetWriter(
        path,
        rows.schema,
        encryption_properties=properties,
        data_page_size=1 << 20,
        compression="zstd",
        store_schema=False,
    ) as writer:
        writer.write_table(rows, row_group_size=100)
    return path


THEIRS = pa.table({"age": pa.array(range(1000), pa.int16()), "income": pa.array(np.linspace(0, 1, 1000, dtype="f4"))})
COLUMNS = (Column(name="age", dtype="<i2"), Column(name="income", dtype="<f4"))


def test_files_that_another_writer_made_become_a_data_set(local: Backends, tmp_path: Path) -> None:
    sealing = TableSealing(spec(tmp_path, classes={"income": "restricted"}), COLUMNS, local)
    for number, at in ((3, 600), (1, 0)):
        (tmp_path / str(number)).mkdir()
        path = foreign_file(tmp_path / str(number), sealing, THEIRS.slice(at, 600))
        assert sealing.add(number, path) == min(600, 1000 - at)
    assert sealing.publish("a cluster", 0).rows == 1000
    found = read(local, tmp_path, ("income", "age"))
    assert np.array_equal(found["age"], np.arange(1000))
    assert np.array_equal(found["income"], THEIRS["income"].to_numpy())


FOREIGN: dict[str, tuple[dict[str, Any], pa.Table, str]] = {
    "a column in clear": ({"column_keys": {identifier("age"): ["age"]}}, THEIRS, "income opens without its key"),
    "a column under another's key": (
        {"column_keys": {identifier("age"): ["age", "income"]}},
        THEIRS,
        "cannot be decrypted",
    ),
    "the CTR mode": ({"encryption_algorithm": "AES_GCM_CTR_V1"}, THEIRS, "AES_GCM_CTR_V1 is refused"),
    "a footer in clear": ({"plaintext_footer": True}, THEIRS, "encrypted footer"),
    "short keys": ({"data_key_length_bits": 128}, THEIRS, "256-bit"),
    "double wrapping": ({"double_wrapping": True}, THEIRS, "single wrapping"),
    "key material inside": ({"internal_key_material": True}, THEIRS, "outside the file"),
    "another column": ({}, THEIRS.rename_columns(["age", "salary"]), "not those of the table"),
    "another type": ({}, THEIRS.set_column(1, "income", pa.array(range(1000))), "income is <i8"),
    "no rows": ({}, THEIRS.slice(0, 0), "has no rows"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files_that_are_not_encrypted_as_demanded_are_refused(
    name: str, local: Backends, tmp_path: Path
) -> None:
    changes, rows, message = FOREIGN[name]
    sealing = TableSealing(spec(tmp_path, classes={"income": "restricted"}), COLUMNS, local)
    if "salary" in rows.column_names:
        sealing.keys.columns["salary"] = os.urandom(32)  # type: ignore[index]
    path = foreign_file(tmp_path, sealing, rows, **changes)
    with pytest.raises(TrainerError, match=message):
        sealing.add(0, path)
    with pytest.raises(TrainerError, match="has no rows"):
        sealing.publish("a cluster", 0)
    assert not (where(tmp_path) / "manifest.json").exists()


# --- refused ------------------------------------------------------------------------------------------------------


def flip(root: Path) -> None:
    data = bytearray(files(root)[0].read_bytes())
    data[200] ^= 1
    files(root)[0].write_bytes(data)


def truncate(root: Path) -> None:
    files(root)[0].write_bytes(files(root)[0].read_bytes()[:-1])


def swap(root: Path) -> None:
    one, two = (path.read_bytes() for path in files(root)[:2])
    files(root)[0].write_bytes(two + bytes(max(0, len(one) - len(two))))
    files(root)[1].write_bytes(one)


def older(root: Path) -> None:
    """A genuine file of the same length, of another sealing: its footer says so."""
    whole = bytearray(files(root)[0].read_bytes())
    length = int.from_bytes(whole[-8:-4], "little")
    whole[-8 - length + 5] ^= 1
    files(root)[0].write_bytes(whole)


def plain(root: Path) -> None:
    size = files(root)[0].stat().st_size
    pq.write_table(pa.table({"age": np.arange(10)}), files(root)[0])
    content = files(root)[0].read_bytes()
    files(root)[0].write_bytes(content + bytes(size - len(content)))


TAMPERING: dict[str, tuple[Callable[[Path], None], set[Reason]]] = {
    "a flipped bit": (flip, {Reason.TAMPERED}),
    "a truncated file": (truncate, {Reason.TRUNCATED}),
    "two files changed places": (swap, {Reason.FOREIGN, Reason.TRUNCATED, Reason.BAD_FORMAT}),
    "another footer": (older, {Reason.FOREIGN}),
    "plain Parquet": (plain, {Reason.BAD_FORMAT}),
}


@pytest.mark.parametrize("name", TAMPERING)
def test_what_was_tampered_with_is_refused(name: str, local: Backends, tmp_path: Path) -> None:
    seal_people(local, tmp_path)
    assert len(read(local, tmp_path, ("age",))["age"]) == ROWS
    change, reasons = TAMPERING[name]
    change(tmp_path)
    with pytest.raises(TrainerError, match="part-00000") as caught:
        read(local, tmp_path, ("age",))
    assert caught.value.reason in reasons


def test_the_copy_of_the_key_material_is_not_believed(local: Backends, tmp_path: Path) -> None:
    seal_people(local, tmp_path)
    for path in (where(tmp_path) / "files").glob("_KEY_MATERIAL_FOR_*"):
        path.write_text("{}")
    assert len(read(local, tmp_path, ("age",))["age"]) == ROWS


@pytest.mark.parametrize("fresh", [False, True])
def test_rotation_leaves_the_files_as_they_are(local: Backends, tmp_path: Path, *, fresh: bool) -> None:
    result = seal_people(local, tmp_path)
    raw = (where(tmp_path) / "manifest.json").read_bytes()
    old = open_envelope(raw, "application/vnd.bulkhead.table+json", result.signer)
    before = {path.name: path.read_bytes() for path in files(tmp_path)}
    stale = masters(local, old, ("age",))
    rotated = rotate_data_set(local, "acme", "people", "1", f"file://{tmp_path}/data", fresh=fresh)
    assert {path.name: path.read_bytes() for path in files(tmp_path)} == before
    assert rotated.shard_keys == (len(before) if fresh else 0)
    found = read(local, tmp_path, tuple(arrays()))
    assert np.array_equal(found["income"], arrays()["income"])
    # Old master keys open the files' keys only if they were not replaced.
    path = files(tmp_path)[0]
    properties = pe.CryptoFactory(lambda _: SomebodysKms(stale)).file_decryption_properties(
        pe.KmsConnectionConfig(), parquet_file_path=str(path)
    )
    if not fresh:
        assert pq.ParquetFile(path, decryption_properties=properties).read(columns=["age"]).num_rows > 0
        return
    from cryptography.exceptions import InvalidTag

    with pytest.raises((InvalidTag, OSError)):
        pq.ParquetFile(path, decryption_properties=properties)
    (where(tmp_path) / "manifest.json").write_bytes(raw)
    with pytest.raises(TrainerError) as caught:
        read(local, tmp_path, ("age",))
    assert caught.value.reason == Reason.STALE


def test_a_class_called_footer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="footers"):
        spec(tmp_path, classes={"income": "footer"})


def test_a_job_trains_on_a_table_as_it_does_on_shards(cloud: Backends) -> None:
    """In the strict sandbox, with real boto3 clients; the same rows in the same cuts give the same model."""
    seal_cancer(cloud, "s3://bh-acme-data", version="1", shard_bytes=1 << 20)
    seal_cancer(cloud, "s3://bh-acme-data", version="2", shard_bytes=1 << 20, format="parquet")
    results = []
    for version in ("1", "2"):
        use = DataUse(data_set="wdbc", version=version, url="s3://bh-acme-data", columns=cancer_columns())
        results.append(agent.run(cancer_job(steps=80, run=f"r{version}", data=(use,)), cloud))
    assert results[1].sandbox["kind"] == "strict"
    assert results[0].metrics == results[1].metrics
    assert results[0].metrics["accuracy"] > 0.8
