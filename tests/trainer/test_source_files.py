"""Sources that lie in object stores: read with the owner's credentials, and refused in words when they cannot be."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.test_pictures import picture
from tests.trainer.test_sources import seal_and_read, tar
from trainer.backends import Backends
from trainer.errors import Reason, TrainerError
from trainer.sources.files import open_binary
from trainer.sources.open import SourceSpec


@pytest.fixture
def bucket(cloud: Backends, session: Any, tmp_path: Path) -> str:
    """A bucket of moto's with one file of each kind of source."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import s3fs

    # s3fs keeps its clients for the life of the process, and moto's server is another one for each test session.
    s3fs.S3FileSystem.clear_instance_cache()
    table = io.BytesIO()
    pq.write_table(pa.table({"a": list(range(2000))}), table)
    files = {
        "table.csv": b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(3000)),
        "table.jsonl": b'{"a": 1}\n{"a": 2}\n',
        "table.parquet": table.getvalue(),
        "tokens.bin": np.arange(70_000, dtype="<u4").tobytes(),
        "pictures.tar": Path(
            tar(tmp_path / "p.tar", [(f"{n % 2}/{n}.png", picture(n)) for n in range(20)])
        ).read_bytes(),
    }
    s3 = session.client("s3")
    s3.create_bucket(Bucket="owners", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for name, content in files.items():
        s3.put_object(Bucket="owners", Key=f"raw/{name}", Body=content)
    return "s3://owners/raw"


def test_every_kind_is_read_from_s3(bucket: str, local: Backends, tmp_path: Path) -> None:
    def read(column: str, kind: str, name: str, **more: Any) -> list[int]:
        root = tmp_path / kind
        root.mkdir()
        source = SourceSpec.model_validate({"kind": kind, "paths": [f"{bucket}/{name}"], **more})
        return [int(value) for value in seal_and_read(local, root, source, version=kind)[column]]

    assert read("b", "csv", "table.csv") == [n * n for n in range(3000)]
    assert read("a", "jsonl", "table.jsonl") == [1, 2]
    assert read("a", "parquet", "table.parquet") == list(range(2000))
    assert read("tokens", "tokens", "tokens.bin", dtype="uint32") == list(range(70_000))
    assert read("target", "images", "pictures.tar", decode={"size": [8, 8]}) == [0, 1] * 10


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("s3://owners/raw/missing.csv", "missing.csv"),
        ("s3://no-such-bucket-here/x.csv", "no-such-bucket-here"),
        ("nosuch://x/y.csv", "nosuch"),
        ("abfs://container/y.csv", "adlfs"),
        ("gs:///y.csv", "gs:///y.csv"),
    ],
)
def test_what_cannot_be_opened_says_why(
    path: str, words: str, bucket: str, local: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(TrainerError, match=words) as caught:
        seal_and_read(local, tmp_path, SourceSpec(kind="csv", paths=(path,)))
    assert caught.value.reason == Reason.BAD_SOURCE
    assert bucket


def test_a_cloud_without_credentials_says_so(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import s3fs

    with open_binary(f"{bucket}/table.jsonl") as file:
        assert file.read(8) == b'{"a": 1}'
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises((TrainerError, OSError), match=r"[Cc]redentials"), open_binary(f"{bucket}/table.jsonl") as file:
        file.read()
