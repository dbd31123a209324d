"""Checkpoints: round trips, and the table of everything that must be refused (docs/formats/checkpoint.md)."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.trainer.faults import FaultyBackends
from tests.trainer.independent_reader import open_envelope, read_container, unwrap
from trainer.backends import Backends
from trainer.checkpoint.state import load_state, save_state
from trainer.checkpoint.vault import Retention, RunVault
from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json
from trainer.formats.signing import CHECKPOINT_TYPE, DATA_SET_TYPE, sign_document
from trainer.ledger.publication import run_stream

State = dict[str, Any]


def vault(backends: Backends, root: Path, run: str = "r1", retention: Retention | None = None) -> RunVault:
    url, key = f"file://{root}/checkpoints", "alias/bh/acme/checkpoint"
    return RunVault(backends, "acme", run, url, key, root, retention or Retention(keep=10))


def state(seed: int) -> State:
    generator = torch.Generator().manual_seed(seed)
    return {
        "model": {
            "weight": torch.randn(300, 400, generator=generator),
            "half": torch.randn(7, generator=generator).to(torch.bfloat16),
            "scalar": torch.tensor(float(seed)),
            "empty": torch.empty(0, 3),
            "mask": torch.tensor([True, False]),
        },
        "at": {"step": seed, "betas": [0.9, 0.999], "nothing": None, "name": "x", "flag": True},
    }


def blank() -> State:
    zeros = {name: torch.zeros_like(value) for name, value in state(0)["model"].items()}
    return {"model": zeros, "at": {"step": -1, "betas": [], "nothing": 1, "name": "", "flag": False}}


def loaded(backends: Backends, root: Path, run: str = "r1") -> State:
    source = vault(backends, root, run).latest()
    assert source is not None
    target = blank()
    load_state(target, source)
    return target


def same(left: State, right: State) -> bool:
    tensors = all(torch.equal(left["model"][name], right["model"][name]) for name in right["model"])
    return tensors and left["at"] == right["at"]


def folder(root: Path, step: int, run: str = "r1") -> Path:
    return root / "checkpoints" / run / f"step-{step:010d}"


def test_round_trip_gives_the_newest_state_bit_for_bit(local: Backends, tmp_path: Path) -> None:
    assert vault(local, tmp_path).latest() is None
    for step in (5, 10):
        save_state(state(step), step, vault(local, tmp_path))
    assert same(loaded(local, tmp_path), state(10))


def test_no_byte_of_the_state_is_stored_in_clear(local: Backends, tmp_path: Path) -> None:
    marker = b"BULKHEAD-MARKER-0123456789abcdef"
    content = torch.frombuffer(bytearray(marker * 4000), dtype=torch.uint8)
    save_state({"model": {"secret": content}}, 1, vault(local, tmp_path))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert not [path for path in files if marker in path.read_bytes()]


def test_nothing_in_a_checkpoint_is_pickled(local: Backends, tmp_path: Path) -> None:
    class Plain:
        pass

    with pytest.raises(TrainerError, match="neither tensor nor JSON"):
        save_state({"thing": Plain()}, 1, vault(local, tmp_path))
    assert vault(local, tmp_path).latest() is None


def test_torchs_own_planners_are_refused(local: Backends, tmp_path: Path) -> None:
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.api import CheckpointException

    from trainer.checkpoint.reader import EncryptedReader
    from trainer.checkpoint.writer import EncryptedWriter

    with pytest.raises(CheckpointException, match="JsonSavePlanner"):
        dcp.save(state(1), storage_writer=EncryptedWriter(vault(local, tmp_path), 1), no_dist=True)
    save_state(state(2), 2, vault(local, tmp_path))
    source = vault(local, tmp_path).latest()
    assert source is not None
    with pytest.raises(CheckpointException, match="JsonLoadPlanner"):
        dcp.load(blank(), storage_reader=EncryptedReader(source), no_dist=True)


# --- the rejection table ------------------------------------------------------------------------------------------


def flip(root: Path) -> None:
    path = folder(root, 10) / "rank-00000.bh"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(root: Path) -> None:
    path = folder(root, 10) / "rank-00000.bh"
    path.write_bytes(path.read_bytes()[:-1])


def reorder(root: Path) -> None:
    path = folder(root, 10) / "rank-00000.bh"
    data = path.read_bytes()
    chunk = 65552
    path.write_bytes(
        data[:128] + data[128 + chunk : 128 + 2 * chunk] + data[128 : 128 + chunk] + data[128 + 2 * chunk :]
    )


def splice(root: Path) -> None:
    shutil.copy(folder(root, 5) / "rank-00000.bh", folder(root, 10) / "rank-00000.bh")


def roll_back(root: Path) -> None:
    shutil.rmtree(folder(root, 10))


def roll_back_in_place(root: Path) -> None:
    for name in ("manifest.json", "rank-00000.bh"):
        shutil.copy(folder(root, 5) / name, folder(root, 10) / name)


def downgrade(root: Path) -> None:
    import safetensors.torch

    safetensors.torch.save_file({"weight": torch.zeros(300, 400)}, folder(root, 10) / "rank-00000.bh")


def drop_manifest_signature(root: Path) -> None:
    path = folder(root, 10) / "manifest.json"
    document = json.loads(path.read_bytes())
    path.write_bytes(canonical_json(document | {"signatures": []}))


def plain_manifest(root: Path) -> None:
    path = folder(root, 10) / "manifest.json"
    path.write_bytes(base64.b64decode(json.loads(path.read_bytes())["payload"]))


def foreign_signature(root: Path) -> None:
    path = folder(root, 10) / "manifest.json"
    document = json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))
    path.write_bytes(sign_document(document, CHECKPOINT_TYPE, Ed25519PrivateKey.generate()))


def poison(root: Path) -> None:
    """Metadata changed after signing: a tensor that claims another place."""
    path = folder(root, 10) / "manifest.json"
    envelope = json.loads(path.read_bytes())
    payload = json.loads(base64.b64decode(envelope["payload"]))
    payload["body"]["tensors"]["model.weight"]["chunks"][0]["begin"] = 0
    path.write_bytes(canonical_json(envelope | {"payload": base64.b64encode(canonical_json(payload)).decode()}))


def pickle_bomb(root: Path) -> None:
    """torch's own metadata file, as an attacker would leave it: it must not even be looked at."""
    (folder(root, 10) / ".metadata").write_bytes(b"cos\nsystem\n(S'touch /tmp/bulkhead-pwned'\ntR.")
    (folder(root, 10) / "manifest.json").unlink()


def other_run(root: Path) -> None:
    """A genuine checkpoint of the same tenant's other run."""
    for name in ("manifest.json", "rank-00000.bh"):
        shutil.copy(folder(root, 10, "r2") / name, folder(root, 10) / name)


def other_runs_keys(root: Path) -> None:
    shutil.copy(root / "checkpoints" / "r2" / "run.json", root / "checkpoints" / "r1" / "run.json")


def relabelled_keys(root: Path) -> None:
    """The other run's keys under this run's name: KMS refuses, because the context differs."""
    document = json.loads((root / "checkpoints" / "r2" / "run.json").read_bytes())
    (root / "checkpoints" / "r1" / "run.json").write_bytes(canonical_json(document | {"run": "r1"}))


def no_keys(root: Path) -> None:
    """Without run.json a new run key is made, which has signed nothing."""
    (root / "checkpoints" / "r1" / "run.json").unlink()


def broken_ledger(root: Path) -> None:
    path = root / "ledger" / f"{run_stream('r1')}.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:2], *lines[3:]]) + "\n")


REJECTED: list[tuple[Callable[[Path], None], Reason]] = [
    (flip, Reason.TAMPERED),
    (truncate, Reason.TRUNCATED),
    (reorder, Reason.TAMPERED),
    (splice, Reason.FOREIGN),
    (roll_back, Reason.STALE),
    (roll_back_in_place, Reason.FOREIGN),
    (downgrade, Reason.BAD_FORMAT),
    (drop_manifest_signature, Reason.BAD_SIGNATURE),
    (plain_manifest, Reason.BAD_SIGNATURE),
    (foreign_signature, Reason.BAD_SIGNATURE),
    (poison, Reason.BAD_SIGNATURE),
    (pickle_bomb, Reason.STALE),
    (other_run, Reason.BAD_SIGNATURE),
    (other_runs_keys, Reason.FOREIGN),
    (relabelled_keys, Reason.WRONG_KEY),
    (no_keys, Reason.BAD_SIGNATURE),
    (broken_ledger, Reason.LEDGER),
]


@pytest.mark.parametrize(("attack", "reason"), REJECTED, ids=[attack.__name__ for attack, _ in REJECTED])
def test_rejected(attack: Callable[[Path], None], reason: Reason, local: Backends, tmp_path: Path) -> None:
    for run in ("r1", "r2"):
        for step in (5, 10):
            save_state(state(step), step, vault(local, tmp_path, run))
    assert same(loaded(local, tmp_path), state(10))
    attack(tmp_path)
    with pytest.raises(TrainerError) as caught:
        loaded(local, tmp_path)
    assert caught.value.reason == reason
    assert not Path("/tmp/bulkhead-pwned").exists()
    assert same(loaded(local, tmp_path, "r2"), state(10)), "the other run must not suffer"


def test_another_tenants_service_opens_nothing(local: Backends, tmp_path: Path) -> None:
    """The same files and the same names, but the key service of somebody else."""
    save_state(state(5), 5, vault(local, tmp_path))
    from trainer.keys.local import LocalKeyService

    stranger = replace(local, keys=LocalKeyService({"alias/bh/acme/checkpoint": [bytes(32)]}))
    with pytest.raises(TrainerError, match="alias/bh/acme/checkpoint of tenant acme") as caught:
        vault(stranger, tmp_path)
    assert caught.value.reason == Reason.WRONG_KEY


def test_a_document_of_another_type_is_no_checkpoint(local: Backends, tmp_path: Path) -> None:
    """Signed by the right key, but as a data-set manifest."""
    save_state(state(5), 5, vault(local, tmp_path))
    path = folder(tmp_path, 5) / "manifest.json"
    document = json.loads(base64.b64decode(json.loads(path.read_bytes())["payload"]))
    path.write_bytes(sign_document(document, DATA_SET_TYPE, vault(local, tmp_path).keys.signer(0)))
    with pytest.raises(TrainerError) as caught:
        vault(local, tmp_path).latest()
    assert caught.value.reason == Reason.BAD_SIGNATURE


# --- crashes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_operation_leaves_the_old_or_the_new_checkpoint(
    local: Backends, tmp_path: Path, *, after: bool
) -> None:
    """Stops at every single write to bucket and ledger, before or after it took effect; then goes on from there."""
    save_state(state(5), 5, vault(local, tmp_path))
    saved = {"r1": 5}
    outcomes = set()
    number = 0
    while True:
        faulty = FaultyBackends(local, fail_at=number, after=after)
        holder = vault(faulty.backends, tmp_path, retention=Retention(keep=1))
        faulty.arm()
        if not _fails(lambda: save_state(state(10 + number), 10 + number, holder)):  # noqa: B023 - called at once
            break
        faulty.disarm()
        found = loaded(local, tmp_path)
        step = found["at"]["step"]
        assert same(found, state(step))
        assert step in {saved["r1"], 10 + number}
        outcomes.add(step == 10 + number)
        saved["r1"] = step
        number += 1
    faulty.disarm()
    assert number >= 4, "there are at least a file, two ledger records and a manifest to fail at"
    assert outcomes == {False, True}
    assert same(loaded(local, tmp_path), state(10 + number))


def _fails(action: Callable[[], None]) -> bool:
    """Whether the injected failure came out; any other failure is the test's."""
    try:
        action()
    except TrainerError as error:
        if "injected" not in str(error):
            raise
        return True
    return False


# --- keeping and re-keying ----------------------------------------------------------------------------------------


def test_retention_keeps_the_newest_and_the_milestones(local: Backends, tmp_path: Path) -> None:
    holder = vault(local, tmp_path, retention=Retention(keep=2, milestone=20))
    for step in (10, 20, 30, 40, 50):
        save_state(state(step), step, holder)
    kept = sorted(
        int(path.name[5:]) for path in (tmp_path / "checkpoints" / "r1").glob("step-*") if any(path.iterdir())
    )
    assert kept == [20, 40, 50]
    retired = [r.details["step"] for r in local.log.read(run_stream("r1")) if r.kind == "checkpoint-retire"]
    assert retired == [10, 30]


def test_rekeying_changes_the_keys_and_not_the_files(local: Backends, tmp_path: Path) -> None:
    save_state(state(5), 5, vault(local, tmp_path))
    sealed = (folder(tmp_path, 5) / "rank-00000.bh").read_bytes()
    manifest = (folder(tmp_path, 5) / "manifest.json").read_bytes()
    assert vault(local, tmp_path).rekey() == 1
    assert (folder(tmp_path, 5) / "rank-00000.bh").read_bytes() == sealed
    assert (folder(tmp_path, 5) / "manifest.json").read_bytes() != manifest
    assert same(loaded(local, tmp_path), state(5))
    (folder(tmp_path, 5) / "manifest.json").write_bytes(manifest)
    with pytest.raises(TrainerError) as caught:
        loaded(local, tmp_path)
    assert caught.value.reason == Reason.STALE


def test_the_independent_reader_finds_the_tensors(local: Backends, tmp_path: Path) -> None:
    save_state(state(5), 5, vault(local, tmp_path))
    keys = vault(local, tmp_path).keys
    raw = (folder(tmp_path, 5) / "manifest.json").read_bytes()
    manifest = open_envelope(raw, "application/vnd.bulkhead.checkpoint+json", keys.public_keys()[0])
    fields = {"tenant": "acme", "run": "r1", "step": 5, "rank": 0, "file": "rank-00000.bh"}
    key = unwrap(keys.wrapping(0), manifest["files"][0]["wrapped_key"], "checkpoint", fields)
    plaintext = read_container((folder(tmp_path, 5) / "rank-00000.bh").read_bytes(), key, "checkpoint", fields)
    import safetensors.torch

    assert torch.equal(safetensors.torch.load(plaintext)["model.weight"], state(5)["model"]["weight"])
    assert manifest["body"]["values"]["at.betas"] == [0.9, 0.999]
