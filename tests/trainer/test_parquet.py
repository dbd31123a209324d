"""Parquet Modular Encryption: declared columns only, AES_GCM_V1 only, rotation without touching the file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from trainer.errors import Reason, TrainerError
from trainer.formats.parquet import MasterKeys, read_table, write_table
from trainer.formats.parquet_identity import file_identity
from trainer.formats.parquet_keys import ColumnKeys, derive_keys, material_name, rewrap_material

COLUMNS = {"age": "internal", "income of 2024": "internal", "diagnosis": "restricted"}
PLACE = {"tenant": "acme", "data_set": "people", "version": "1"}
TABLE = pa.table(
    {
        "age": np.arange(20_000),
        "income of 2024": np.linspace(0, 1, 20_000),
        "diagnosis": [f"MARKER-DIAGNOSIS-{number % 7}" for number in range(20_000)],
    }
)


def keys(seed: int = 1, **place: str) -> ColumnKeys:
    classes = {name: hashlib.sha256(f"{name}{seed}".encode()).digest() for name in ("internal", "restricted")}
    return derive_keys(hashlib.sha256(b"footer%d" % seed).digest(), classes, COLUMNS, PLACE | place)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.parquet"
    write_table(path, TABLE.schema, TABLE.to_batches(5000), keys())
    return path


def refused(path: Path, held: ColumnKeys, columns: tuple[str, ...], identity: str | None = None) -> Reason:
    with pytest.raises(TrainerError, match="people") as caught:
        read_table(path, held, columns, identity)
    return caught.value.reason


def test_round_trip(file: Path) -> None:
    assert read_table(file, keys(), tuple(COLUMNS), file_identity(file)).equals(TABLE)


def test_declared_columns_and_no_others(file: Path) -> None:
    held = keys().only(["age"])
    assert read_table(file, held, ("age",)).equals(TABLE.select(["age"]))
    for column in ("income of 2024", "diagnosis"):
        assert refused(file, held, (column,)) == Reason.NOT_DECLARED
    # Not even with the wrong keys in the place of those that it was not given.
    guess = ColumnKeys(held.footer, {**held.columns, "diagnosis": held.columns["age"]})
    assert refused(file, guess, ("diagnosis",)) == Reason.TAMPERED
    with pytest.raises(TrainerError, match="salary"):
        keys().only(["salary"])


def test_values_and_names_are_not_in_the_file(file: Path) -> None:
    content = b"".join(path.read_bytes() for path in file.parent.iterdir())
    assert len(list(file.parent.iterdir())) == 2
    for word in (b"MARKER-DIAGNOSIS", b"diagnosis", b"income"):
        assert word not in content


@pytest.mark.parametrize("change", [{"tenant": "globex"}, {"data_set": "other"}, {"version": "2"}])
def test_keys_of_another_place_do_not_open(file: Path, change: dict[str, str]) -> None:
    assert refused(file, keys(**change), ("age",)) == Reason.TAMPERED


def test_the_ctr_mode_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    configuration = pe.EncryptionConfiguration(
        footer_key="footer",
        column_keys={f"column-{hashlib.sha256(name.encode()).hexdigest()[:32]}": [name] for name in COLUMNS},
        encryption_algorithm="AES_GCM_CTR_V1",
        double_wrapping=False,
        internal_key_material=False,
        data_key_length_bits=256,
    )
    factory = pe.CryptoFactory(lambda _: MasterKeys(keys()))
    properties = factory.file_encryption_properties(
        pe.KmsConnectionConfig(), configuration, parquet_file_path=str(path)
    )
    with pq.ParquetWriter(path, TABLE.schema, encryption_properties=properties) as writer:
        writer.write_table(TABLE)
    assert refused(path, keys(), ("age",)) == Reason.BAD_FORMAT


def test_plain_parquet_is_refused(tmp_path: Path) -> None:
    pq.write_table(TABLE, tmp_path / "people.parquet")
    assert refused(tmp_path / "people.parquet", keys(), ("age",)) == Reason.BAD_FORMAT


def test_every_changed_byte_is_noticed(file: Path) -> None:
    """Sampled over the whole file: pages, headers, footer and tail."""
    whole = file.read_bytes()
    chance = np.random.default_rng(4)
    for position in [*chance.integers(4, len(whole), 60), len(whole) - 1, len(whole) - 5, len(whole) - 9]:
        changed = bytearray(whole)
        changed[position] ^= 1
        file.write_bytes(changed)
        with pytest.raises(TrainerError):
            read_table(file, keys(), tuple(COLUMNS))
    file.write_bytes(whole[:-1000])
    with pytest.raises(TrainerError):
        read_table(file, keys(), tuple(COLUMNS))


def test_another_genuine_file_in_its_place_is_refused(file: Path, tmp_path: Path) -> None:
    identity = file_identity(file)
    other = tmp_path / "other" / "people.parquet"
    other.parent.mkdir()
    write_table(other, TABLE.schema, TABLE.to_batches(), keys())
    assert read_table(other, keys(), ("age",)).num_rows == 20_000
    assert refused(other, keys(), ("age",), identity) == Reason.FOREIGN


def test_rotation_changes_the_key_material_only(file: Path) -> None:
    before = file.read_bytes()
    beside = file.parent / material_name(file.name)
    beside.write_text(rewrap_material(beside.read_text(), keys(1), keys(2), "people"))
    assert file.read_bytes() == before
    assert read_table(file, keys(2), tuple(COLUMNS)).equals(TABLE)
    assert refused(file, keys(1), ("age",)) == Reason.TAMPERED


def test_a_column_without_a_key_is_not_written(tmp_path: Path) -> None:
    short: Any = keys().only(["age"])
    with pytest.raises(TrainerError, match="diagnosis"):
        write_table(tmp_path / "people.parquet", TABLE.schema, TABLE.to_batches(), short)
    assert list(tmp_path.iterdir()) == []
