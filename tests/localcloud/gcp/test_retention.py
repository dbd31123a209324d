"""A locked bucket keeps an object even from one who may delete objects there."""

from __future__ import annotations

import pytest

from localcloud.gcp import control
from localcloud.gcp.places import GcpPlaces
from tests.localcloud.gcp import world
from tests.localcloud.gcp.conftest import Running
from trainer.errors import TrainerError
from trainer.store.gcs import GcsStore, storage_client

pytestmark = pytest.mark.e2e


def test_retention_holds_against_a_deleter(tmp_path):
    document = world.stack("initech")
    trainer = world.names("initech")["trainer"]
    for purpose in ("ledger", "model"):
        document["resource"]["google_storage_bucket_iam_policy"][purpose]["policy_data"] = world.policy(
            ("roles/storage.objectUser", [f"serviceAccount:{trainer}"])
        )
    places = GcpPlaces(tmp_path / "local")
    running = Running(
        control.load(places, world.write(tmp_path, initech=document), world.ORGANISATION, world.DEPLOYER), places
    )
    try:
        client = storage_client(running.account(trainer), running.endpoints("initech").storage)
        kept, free = GcsStore("gs://bh-initech-ledger", client), GcsStore("gs://bh-initech-model", client)
        for found in (kept, free):
            found.put("x", b"1")
        free.delete("x")
        for attempt in (lambda: kept.delete("x"), lambda: kept.put("x", b"2")):
            with pytest.raises(TrainerError, match="retention policy"):
                attempt()
        assert kept.get("x") == b"1"
    finally:
        control.down(places)
