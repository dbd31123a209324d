"""A pack of a fleet with one finding, made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from compliance.evidence.dsse import local_signer
from compliance.evidence.pack import Extras, write_pack
from compliance.facts.bundle import open_bundle
from compliance.rules.judge import judge
from tests.compliance.bundles import write
from tests.compliance.rules.breaks import data
from tests.compliance.world import world


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A folder with `signer.pem`, `bundle`, and the packs `first`, `second` (its follower) and `acme` (a tenant's)."""
    folder = tmp_path_factory.mktemp("evidence")
    broken = world()
    data.BREAKS["storage.versioned"](broken)
    data.BREAKS["keys.grants-by-services-only"](broken)
    write(broken, folder / "bundle")
    bundle = open_bundle(folder / "bundle")
    judgement = judge(bundle)
    signer = local_signer(folder / "signer.pem")
    extras = Extras(
        ledgers={"acme.json": b'{"head": "a"}', "globex.json": b'{"head": "g"}'}, references={"trainer.json": b"{}"}
    )
    write_pack(folder / "first", bundle, judgement, signer, extras)
    from compliance.facts.canonical import sha256

    before = sha256((folder / "first" / "pack.json").read_bytes())
    write_pack(folder / "second", bundle, judgement, signer, Extras(previous=before, sequence=2))
    tenants = Extras(ledgers=extras.ledgers, redaction_key=b"k" * 32)
    write_pack(folder / "acme", bundle, judgement, signer, tenants, tenant="acme")
    return folder


@pytest.fixture
def pack(made: Path, tmp_path: Path) -> Path:
    """A copy of the first pack, to tamper with."""
    shutil.copytree(made / "first", tmp_path / "pack")
    return tmp_path / "pack"
