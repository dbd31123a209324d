from pathlib import Path

import torch

from trainer.backends import Backends
from trainer.checkpoint.state import load_state, save_state
from trainer.checkpoint.vault import RunVault


def vault(b, tmp_path, run="r1"):
    return RunVault(b, "acme", run, f"file://{tmp_path}/ck", "alias/bh/acme/checkpoint", tmp_path)


def test_round_trip(local: Backends, tmp_path: Path) -> None:
    v = vault(local, tmp_path)
    assert v.latest() is None
    state = {
        "model": {
            "w": torch.randn(300, 400),
            "b": torch.randn(7, dtype=torch.bfloat16),
            "e": torch.empty(0),
            "s": torch.tensor(3.5),
        },
        "extra": {"step": 5, "betas": [0.9, 0.999], "none": None},
    }
    save_state(state, 5, v)
    target = {
        "model": {k: torch.zeros_like(t) for k, t in state["model"].items()},
        "extra": {"step": 0, "betas": [], "none": None},
    }
    v2 = vault(local, tmp_path)
    src = v2.latest()
    load_state(target, src)
    for k, t in state["model"].items():
        assert torch.equal(t, target["model"][k])
    assert target["extra"] == state["extra"]
    assert v2.rekey() == 1
    load_state(target, vault(local, tmp_path).latest())
