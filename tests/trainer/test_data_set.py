"""Sealed data sets: what a job gets, what it does not, and every data set that must be refused."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.independent_reader import open_envelope, read_shard
from tests.trainer.support import cancer_job, seal_cancer
from trainer.agent.data import OpenedDataSet, open_data_set
from trainer.backends import Backends
from trainer.data.table import Table
from trainer.errors import Reason, TrainerError
from trainer.formats.manifest import Manifest
from trainer.formats.reading import SealedReader
from trainer.formats.signing import DATA_SET_TYPE, sign_document
from trainer.ingest.rotate import rotate_data_set
from trainer.ingest.seal import seal_data_set
from trainer.ingest.spec import SealSpec
from trainer.job import DataUse, JobSpec
from trainer.keys.service import data_context
from trainer.sources.batches import ArraySource
from trainer.sources.open import SourceSpec


def job(root: Path, columns: tuple[str, ...] = ("mean radius", "target"), **changes: Any) -> JobSpec:
    use = DataUse(data_set="wdbc", version="1", url=f"file://{root}/data", columns=columns)
    return cancer_job(steps=1, data=(use,), **changes)


def opened(backends: Backends, root: Path, **changes: Any) -> OpenedDataSet:
    wanted = job(root, **changes)
    return open_data_set(wanted.data[0], backends, wanted, root)


def table(data: OpenedDataSet) -> Table:
    def reader(shard: str) -> SealedReader:
        import os

        from trainer.formats.reading import map_file

        key, binding, descriptor = data.grant(shard)
        mapped = map_file(descriptor, shard)
        os.close(descriptor)
        return SealedReader(mapped, key, binding, f"shard {shard}")

    return Table(data.view, reader)


def read_all(backends: Backends, root: Path, **changes: Any) -> dict[str, np.ndarray]:
    data = opened(backends, root, **changes)
    parts = [table(data).read_cut(*cut) for cut in data.view.cuts]
    return {name: np.concatenate([part[name] for part in parts]) for name in data.view.columns}


def where(root: Path) -> Path:
    return root / "data" / "wdbc" / "1"


def test_a_job_reads_exactly_what_was_sealed(local: Backends, tmp_path: Path) -> None:
    from sklearn.datasets import load_breast_cancer

    result = seal_cancer(local, f"file://{tmp_path}/data")
    assert (result.rows, result.shards) == (569, 31 * 4)
    read = read_all(local, tmp_path)
    cancer = load_breast_cancer()
    assert np.array_equal(read["mean radius"], cancer.data[:, 0].astype("<f4"))
    assert np.array_equal(read["target"], cancer.target)


def test_undeclared_columns_are_neither_seen_nor_granted(local: Backends, tmp_path: Path) -> None:
    seal_cancer(local, f"file://{tmp_path}/data")
    data = opened(local, tmp_path, columns=("mean radius",))
    assert [column.name for group in data.view.groups for column in group.columns] == ["mean radius"]
    other = next(shard for shard in opened(local, tmp_path, columns=("target",)).view.shards)
    with pytest.raises(TrainerError) as caught:
        data.grant(other.id)
    assert caught.value.reason == Reason.NOT_DECLARED
    contexts = [r.details["context"]["class"] for r in local.log.read("run.r1") if r.kind == "key-unwrap"]
    assert contexts == ["internal", "restricted"], "one class for the first opening, the other for the second"


def test_classes_have_different_keys(local: Backends, tmp_path: Path) -> None:
    """The key of one class opens no shard of another, even in the hands of someone who has both manifests."""
    seal_cancer(local, f"file://{tmp_path}/data")
    manifest = json.loads(base64.b64decode(json.loads((where(tmp_path) / "manifest.json").read_bytes())["payload"]))
    keys = {
        entry["sensitivity"]: local.keys.unwrap(
            entry["kms_key"],
            base64.b64decode(entry["wrapped"]),
            data_context("acme", "wdbc", entry["sensitivity"], entry["purpose"]),
        )
        for entry in manifest["keys"]
    }
    restricted = next(group["id"] for group in manifest["groups"] if group["sensitivity"] == "restricted")
    shard = next(shard for shard in manifest["shards"] if shard["group"] == restricted)
    sealed = (where(tmp_path) / shard["object"]).read_bytes()
    plaintext = read_shard(manifest, shard, sealed, keys["restricted"])
    assert set(np.frombuffer(plaintext, "<i8")) == {0, 1}
    from cryptography.exceptions import InvalidTag

    with pytest.raises(InvalidTag):
        read_shard(manifest, shard, sealed, keys["internal"])


def test_no_plaintext_touches_the_disk(local: Backends, tmp_path: Path) -> None:
    marker = b"BULKHEAD-MARKER-0123456789abcdef"
    rows = np.frombuffer(marker * 3000, dtype="|u1").reshape(3000, 32)
    spec = SealSpec(
        tenant="acme",
        data_set="wdbc",
        version="1",
        source=SourceSpec(kind="bundled", name="breast-cancer"),
        url=f"file://{tmp_path}/data",
        shard_bytes=20_000,
    )
    seal_data_set(spec, local, source=ArraySource({"secret": rows}))
    assert np.array_equal(read_all(local, tmp_path, columns=("secret",))["secret"], rows)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 6
    assert not [path for path in files if marker[:16] in path.read_bytes()]


# --- refused ------------------------------------------------------------------------------------------------------


def payload(root: Path) -> dict[str, Any]:
    document = json.loads((where(root) / "manifest.json").read_bytes())
    return dict(json.loads(base64.b64decode(document["payload"])))


def a_shard(root: Path, group: str = "g000", number: int = 0) -> Path:
    return where(root) / "shards" / f"{group}-{number:06d}.bh"


def truncated(root: Path) -> None:
    a_shard(root).write_bytes(a_shard(root).read_bytes()[:-1])


def changed(root: Path) -> None:
    data = bytearray(a_shard(root).read_bytes())
    data[200] ^= 1
    a_shard(root).write_bytes(data)


def swapped(root: Path) -> None:
    first, second = a_shard(root).read_bytes(), a_shard(root, number=1).read_bytes()
    a_shard(root).write_bytes(second)
    a_shard(root, number=1).write_bytes(first)


def missing(root: Path) -> None:
    a_shard(root).unlink()


def in_clear(root: Path) -> None:
    a_shard(root).write_bytes(b"\x00" * 4000)


def of_another_version(root: Path) -> None:
    shutil.copy(root / "data" / "wdbc" / "2" / "shards" / "g000-000000.bh", a_shard(root))


def manifest_of_another_version(root: Path) -> None:
    shutil.copy(root / "data" / "wdbc" / "2" / "manifest.json", where(root) / "manifest.json")


def signed_by_somebody_else(root: Path) -> None:
    document = sign_document(payload(root), DATA_SET_TYPE, Ed25519PrivateKey.generate())
    (where(root) / "manifest.json").write_bytes(document)


def not_json(root: Path) -> None:
    (where(root) / "manifest.json").write_bytes(b'{"a": 1, "a": 2}')


def before_rotation(root: Path) -> None:
    shutil.copy(root / "before-rotation.json", where(root) / "manifest.json")


REJECTED: list[tuple[Callable[[Path], None], Reason]] = [
    (truncated, Reason.TRUNCATED),
    (changed, Reason.TAMPERED),
    (swapped, Reason.FOREIGN),
    (missing, Reason.STORE),
    (in_clear, Reason.BAD_FORMAT),
    (of_another_version, Reason.FOREIGN),
    (manifest_of_another_version, Reason.STALE),
    (signed_by_somebody_else, Reason.STALE),
    (not_json, Reason.STALE),
    (before_rotation, Reason.STALE),
]


@pytest.mark.parametrize(("attack", "reason"), REJECTED, ids=[attack.__name__ for attack, _ in REJECTED])
def test_rejected(attack: Callable[[Path], None], reason: Reason, local: Backends, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/data"
    seal_cancer(local, url)
    seal_cancer(local, url, version="2")
    shutil.copy(where(tmp_path) / "manifest.json", tmp_path / "before-rotation.json")
    rotate_data_set(local, "acme", "wdbc", "1", url)
    assert len(read_all(local, tmp_path)["target"]) == 569
    attack(tmp_path)
    with pytest.raises(TrainerError, match=r"wdbc|shard") as caught:
        read_all(local, tmp_path)
    assert caught.value.reason == reason


def test_a_pinned_signer_is_demanded(local: Backends, tmp_path: Path) -> None:
    result = seal_cancer(local, f"file://{tmp_path}/data")
    use = job(tmp_path).data[0]
    for signer, fits in ((result.signer, True), (base64.b64encode(bytes(32)).decode(), False)):
        pinned = cancer_job(steps=1, data=(use.model_copy(update={"signer": signer}),))
        if fits:
            assert open_data_set(pinned.data[0], local, pinned, tmp_path).view.rows == 569
            continue
        with pytest.raises(TrainerError) as caught:
            open_data_set(pinned.data[0], local, pinned, tmp_path)
        assert caught.value.reason == Reason.BAD_SIGNATURE


def test_a_data_set_that_the_ledger_does_not_know_is_refused(local: Backends, tmp_path: Path) -> None:
    """As if another tenant had put a data set of its own, signed by itself, into the bucket."""
    seal_cancer(local, f"file://{tmp_path}/data")
    (tmp_path / "ledger" / "data.wdbc.jsonl").unlink()
    with pytest.raises(TrainerError) as caught:
        opened(local, tmp_path)
    assert caught.value.reason == Reason.LEDGER


def test_purposes_are_kept_apart(local: Backends, tmp_path: Path) -> None:
    seal_cancer(local, f"file://{tmp_path}/data", purposes=("training", "audit"))
    assert len(read_all(local, tmp_path, purpose="audit")["target"]) == 569
    with pytest.raises(TrainerError, match="not for 'marketing'") as caught:
        opened(local, tmp_path, purpose="marketing")
    assert caught.value.reason == Reason.NOT_DECLARED


def test_unknown_columns_are_named(local: Backends, tmp_path: Path) -> None:
    seal_cancer(local, f"file://{tmp_path}/data")
    with pytest.raises(TrainerError, match="salary") as caught:
        opened(local, tmp_path, columns=("salary",))
    assert caught.value.reason == Reason.NOT_DECLARED


def test_retention_is_enforced(local: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import trainer.formats.manifest as module

    seal_cancer(local, f"file://{tmp_path}/data", retention_days=2)
    assert len(read_all(local, tmp_path)["target"]) == 569

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return datetime.now(UTC) + timedelta(days=3)

    monkeypatch.setattr(module, "datetime", Later)
    with pytest.raises(TrainerError) as caught:
        opened(local, tmp_path)
    assert caught.value.reason == Reason.EXPIRED


def test_an_existing_version_is_never_replaced(local: Backends, tmp_path: Path) -> None:
    seal_cancer(local, f"file://{tmp_path}/data")
    before = (where(tmp_path) / "manifest.json").read_bytes()
    with pytest.raises(TrainerError, match="new version"):
        seal_cancer(local, f"file://{tmp_path}/data")
    assert (where(tmp_path) / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("fresh", [False, True])
def test_rotation_leaves_the_shards_as_they_are(local: Backends, tmp_path: Path, *, fresh: bool) -> None:
    url = f"file://{tmp_path}/data"
    seal_cancer(local, url)
    before = {path.name: path.read_bytes() for path in (where(tmp_path) / "shards").iterdir()}
    old = payload(tmp_path)
    result = rotate_data_set(local, "acme", "wdbc", "1", url, fresh=fresh)
    new = payload(tmp_path)
    assert {path.name: path.read_bytes() for path in (where(tmp_path) / "shards").iterdir()} == before
    assert all(a["wrapped"] != b["wrapped"] for a, b in zip(old["keys"], new["keys"], strict=True))
    same = [a["wrapped_key"] == b["wrapped_key"] for a, b in zip(old["shards"], new["shards"], strict=True)]
    assert not any(same) if fresh else all(same)
    assert result.shard_keys == (len(before) if fresh else 0)
    assert len(read_all(local, tmp_path)["target"]) == 569


# --- manifests as documents -----------------------------------------------------------------------------------------


def test_the_envelope_is_plain_dsse(local: Backends, tmp_path: Path) -> None:
    result = seal_cancer(local, f"file://{tmp_path}/data")
    raw = (where(tmp_path) / "manifest.json").read_bytes()
    assert open_envelope(raw, "application/vnd.bulkhead.data-set+json", result.signer)["rows"] == 569


@given(st.data())
def test_inconsistent_manifests_do_not_parse(data: st.DataObject) -> None:
    from pydantic import ValidationError

    document = json.loads(json.dumps(_VALID))
    assert Manifest.model_validate(document).rows == 100
    shard = data.draw(st.sampled_from(document["shards"]))
    change = data.draw(st.sampled_from(["start", "stop", "length", "group", "id", "drop", "extra", "format"]))
    if change in {"start", "stop", "length"}:
        shard[change] += data.draw(st.integers(-50, 50).filter(bool))
    elif change == "group":
        shard["group"] = "nowhere"
    elif change == "id":
        shard["id"] = next(other["id"] for other in document["shards"] if other is not shard)
    elif change == "drop":
        document["shards"].remove(shard)
    elif change == "extra":
        shard["more"] = 1
    else:
        document["format"] = "bulkhead-data-set/2"
    with pytest.raises(ValidationError):
        Manifest.model_validate(document)


_VALID: dict[str, Any] = {
    "format": "bulkhead-data-set/1",
    "tenant": "acme",
    "data_set": "d",
    "version": "1",
    "created": "2026-01-01T00:00:00Z",
    "retain_until": "2027-01-01T00:00:00Z",
    "purposes": ["training"],
    "origin": {"source": "test"},
    "rows": 100,
    "groups": [
        {"id": "g000", "sensitivity": "internal", "columns": [{"name": "x", "dtype": "<f4"}]},
        {"id": "g001", "sensitivity": "internal", "columns": [{"name": "y", "dtype": "<i8", "shape": [2]}]},
    ],
    "keys": [{"sensitivity": "internal", "purpose": "training", "kms_key": "k", "wrapped": ""}],
    "shards": [
        {
            "id": f"{group}-{number}",
            "group": group,
            "object": f"shards/{group}-{number}.bh",
            "start": number * 50,
            "stop": number * 50 + 50,
            "length": 50 * size,
            "commitment": "0" * 64,
            "wrapped_key": "",
        }
        for group, size in (("g000", 4), ("g001", 16))
        for number in (0, 1)
    ],
}
