"""Keys are in memory only: while a job runs, no file, no descriptor, no command line and no environment has one."""

from __future__ import annotations

import base64
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.support import cancer_job, seal_cancer
from trainer import agent
from trainer.backends import Backends
from trainer.job import TrainingSettings
from trainer.keys.service import Context, DataKey, KeyService


class Recording:
    """A key service that remembers every key that it gave out."""

    def __init__(self, inner: KeyService, seen: set[bytes]) -> None:
        self._inner, self._seen = inner, seen
        self.wrap, self.rewrap = inner.wrap, inner.rewrap

    def generate(self, key: str, context: Context) -> DataKey:
        made = self._inner.generate(key, context)
        self._seen.add(made.plaintext)
        return made

    def unwrap(self, key: str, wrapped: bytes, context: Context) -> bytes:
        plaintext = self._inner.unwrap(key, wrapped, context)
        self._seen.add(plaintext)
        return plaintext


def places(root: Path, processes: tuple[int, ...]) -> Iterator[tuple[str, bytes]]:
    """Whatever outlives a process or is shown to others: files below `root`, open files that have no name, /proc."""
    for path in root.rglob("*"):
        if path.is_file():
            yield str(path), path.read_bytes()
    for process in processes:
        # Without root the kernel shows nothing of a confined worker to anybody, this test included; of one that has
        # ended there is nothing to show.
        with suppress(PermissionError, ProcessLookupError, FileNotFoundError):
            for name in ("environ", "cmdline"):
                yield f"{name} of {process}", Path(f"/proc/{process}/{name}").read_bytes()
            for link in Path(f"/proc/{process}/fd").iterdir():
                with suppress(FileNotFoundError):
                    if stat.S_ISREG(link.stat().st_mode):
                        yield f"{link} ({link.readlink()})", link.read_bytes()


def found(keys: set[bytes], root: Path, processes: tuple[int, ...] = ()) -> list[str]:
    written = {form for key in keys for form in (key, key.hex().encode(), base64.b64encode(key))}
    return [name for name, content in places(root, processes) if any(form in content for form in written)]


def test_no_key_is_written_down(local: Backends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import trainer.agent.data as data
    import trainer.checkpoint.vault as vault

    keys: set[bytes] = set()

    def remembered(call: Any) -> Any:
        def wrapper(*arguments: Any) -> Any:
            result = call(*arguments)
            keys.update(value for value in (result, *arguments) if isinstance(value, bytes) and len(value) == 32)
            return result

        return wrapper

    monkeypatch.setattr(data, "unwrap_key", remembered(data.unwrap_key))
    monkeypatch.setattr(vault, "unwrap_key", remembered(vault.unwrap_key))
    monkeypatch.setattr(vault, "wrap_key", remembered(vault.wrap_key))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    backends = replace(local, keys=Recording(local.keys, keys))
    url = f"file://{tmp_path}/data"
    seal_cancer(backends, url)
    training = TrainingSettings(steps=12, checkpoint_every=4, eval_every=6, log_every=1)
    job = cancer_job(12, url, training=training, checkpoints=f"file://{tmp_path}/c", models=f"file://{tmp_path}/m")
    looked: list[int] = []
    worker: list[int] = []

    def event(name: str, values: dict[str, Any]) -> None:
        if name == "worker":
            worker.append(values["pid"])
        if name == "progress":
            assert found(keys, tmp_path, (os.getpid(), worker[-1])) == []
            looked.append(len(keys))

    agent.run(job, backends, event)
    agent.run(job.model_copy(update={"training": training.model_copy(update={"steps": 20})}), backends, event)
    # Data-set keys of two classes, the run's, the model's, and those of eleven columns' shards and the checkpoints.
    assert looked[-1] > 40
    assert found(keys, tmp_path) == []

    leak = tmp_path / "leak"
    for form in (next(iter(keys)), base64.b64encode(next(iter(keys)))):
        leak.write_bytes(b"x" * 100 + form)
        assert found(keys, tmp_path) == [str(leak)], "the search itself finds a key"
