"""Encrypted Parquet against plain Parquet with the same pages, and against our own container."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.trainer.measure import Row, memory_folder, rate, ratio_of, seconds
from trainer.formats.parquet import PAGE, read_table, write_table
from trainer.formats.parquet_keys import derive_keys

ROWS = 2 << 20
COLUMNS = 8


def run(rounds: int) -> list[Row]:
    """Writing and reading of random 64-bit numbers without compression, so that encryption is not hidden behind it."""
    chance = np.random.default_rng(1)
    names = [f"column{number}" for number in range(COLUMNS)]
    table = pa.table({name: chance.integers(0, 1 << 62, ROWS) for name in names})
    secret = hashlib.sha256(b"bench").digest()
    keys = derive_keys(secret, {"internal": secret}, dict.fromkeys(names, "internal"), {"tenant": "bench"})
    amount = table.nbytes / 1e9
    with tempfile.TemporaryDirectory(dir=memory_folder()) as folder:
        plain, sealed = Path(folder) / "plain.parquet", Path(folder) / "sealed.parquet"

        def write_plain() -> None:
            with pq.ParquetWriter(plain, table.schema, data_page_size=PAGE) as writer:
                for batch in table.to_batches():
                    writer.write_batch(batch)

        def read_plain() -> pa.Table:
            return pq.ParquetFile(pa.BufferReader(plain.read_bytes())).read(columns=names, use_threads=False)

        writes = seconds(
            {"plain": write_plain, "sealed": lambda: write_table(sealed, table.schema, table.to_batches(), keys)},
            min(rounds, 3),
        )
        reads = seconds({"plain": read_plain, "sealed": lambda: read_table(sealed, keys, tuple(names))}, min(rounds, 5))
        assert read_table(sealed, keys, ("column3",))["column3"].equals(table["column3"])
    rows: list[Row] = []
    for what, times in (("write", writes), ("read", reads)):
        speed = ratio_of(times["plain"], times["sealed"])
        rows.append(rate(f"  plain Parquet, {what}, pages of 64 KiB", amount, "GB/s", times["plain"]))
        rows.append(rate(f"encrypted Parquet, {what}", amount, "GB/s", times["sealed"], ratio=speed))
    return rows
