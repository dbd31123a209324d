"""The published data set and its tampered variants (docs/formats/vectors), against both readers."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.trainer.independent_reader import read_data_set
from tests.trainer.test_data_set import table
from trainer.agent.data import open_data_set
from trainer.backends import Backends
from trainer.errors import TrainerError
from trainer.formats.signing import digest
from trainer.job import DataUse, JobSpec, RecipeSpec
from trainer.keys.local import LocalKeyService
from trainer.ledger.file_log import FileLog
from trainer.store.objects import open_store

VECTORS = Path(__file__).parents[2] / "docs/formats/vectors"
KEYS = json.loads((VECTORS / "data-set/keys.json").read_text())
REJECTED = json.loads((VECTORS / "rejected.json").read_text())
TYPES = {"age": "<u2", "size": "<f4", "seen": "|b1", "corner": "<i4", "taken": "<i8", "weight": "<i8"}


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    """A copy of the published data set, where a store would have it."""
    folder = tmp_path / "data/vectors/1"
    shutil.copytree(VECTORS / "data-set", folder)
    return folder


def read_by_the_product(folder: Path) -> dict[str, list[Any]]:
    """Every value, through the agent's own path; the ledger has whatever manifest lies there."""
    root = folder.parents[2]
    log = FileLog(root / "ledger", "acme")
    place = {"data_set": "vectors", "version": "1"}
    published = place | {"manifest": digest((folder / "manifest.json").read_bytes()), "signer": KEYS["signer"]}
    for kind in ("data-publish", "data-published"):
        log.append("data.vectors", kind, published)
    keys = LocalKeyService({"alias/bh/acme/data": [bytes.fromhex(KEYS["kms_key"])]})
    use = DataUse(data_set="vectors", version="1", url=f"file://{root}/data", columns=tuple(KEYS["columns"]))
    job = JobSpec(tenant="acme", run="r", data=(use,), recipe=RecipeSpec(name="tabular"))
    data = open_data_set(use, Backends(keys, log, open_store), job, root)
    parts = [table(data).read_cut(*cut) for cut in data.view.cuts]
    data.close()
    return {name: [value for part in parts for value in part[name]] for name in use.columns}


def read_independently(folder: Path) -> dict[str, list[bytes]]:
    keys = {name: bytes.fromhex(key) for name, key in KEYS["data_set_keys"].items()}
    return read_data_set(folder, KEYS["signer"], keys)


def shown(name: str, value: Any) -> Any:
    """A value as `keys.json` shows it."""
    if name == "note":
        return value.decode()
    if name == "scan":
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, bytes):
        value = np.frombuffer(value, TYPES[name]).reshape((2, 3) if name == "corner" else ())
    return value.astype("<i8").item() if name == "taken" else value.tolist()


@pytest.mark.parametrize("read", [read_by_the_product, read_independently])
def test_every_value_is_found(read: Any, data_set: Path) -> None:
    found = read(data_set)
    assert {name: [shown(name, value) for value in values] for name, values in found.items()} == KEYS["columns"]


def changed(folder: Path, case: dict[str, Any]) -> bytes:
    data = bytearray((folder / case["object"]).read_bytes())
    for step in case["steps"]:
        ((kind, value),) = step.items()
        if kind == "flip":
            data[value[0]] ^= 1 << value[1]
        elif kind == "cut":
            del data[value:]
        elif kind == "append":
            data += bytes.fromhex(value)
        elif kind == "swap":
            first, second, size = value
            data[first : first + size], data[second : second + size] = (
                data[second : second + size],
                data[first : first + size],
            )
        elif kind == "write":
            new = bytes.fromhex(value[1])
            data[value[0] : value[0] + len(new)] = new
        else:
            assert kind == "copy"
            data = bytearray((folder / value).read_bytes())
    return bytes(data)


@pytest.mark.parametrize("case", REJECTED, ids=lambda case: case["name"])
def test_what_was_tampered_with_is_refused_with_the_word_that_is_published(
    case: dict[str, Any], data_set: Path
) -> None:
    before = (data_set / case["object"]).read_bytes()
    (data_set / case["object"]).write_bytes(changed(data_set, case))
    assert (data_set / case["object"]).read_bytes() != before
    with pytest.raises(TrainerError) as caught:
        read_by_the_product(data_set)
    assert caught.value.reason == case["reason"]
    with pytest.raises(Exception):  # noqa: B017, PT011 - the second reader has no errors of its own
        read_independently(data_set)
