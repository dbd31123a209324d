"""A source that lies in Cloud Storage, read through Google's library with the owner's own credentials."""

from __future__ import annotations

import google.auth
import numpy as np
import pytest

from tests.localcloud.gcp import world
from trainer.errors import Reason, TrainerError
from trainer.sources.files import open_binary
from trainer.sources.open import SourceSpec, open_source
from trainer.store.gcs import GcsStore, storage_client

pytestmark = pytest.mark.e2e

PLACE = "gs://bh-initech-checkpoint/raw"


@pytest.fixture
def owner(running, monkeypatch):
    """Acts as somebody: what `google.auth` finds on a machine of theirs, and where Google answers."""

    def act(who: str, network: str) -> GcsStore:
        endpoint, credentials = running.endpoints(network).storage, running.account(who)
        monkeypatch.setenv("BULKHEAD_GCP_ENDPOINT", endpoint)
        monkeypatch.setattr(google.auth, "default", lambda scopes: (credentials, None))
        return GcsStore(PLACE, storage_client(credentials, endpoint))

    return act


def test_tokens_larger_than_a_buffer_arrive_whole(owner) -> None:
    store = owner(world.names("initech")["trainer"], "initech")
    tokens = np.arange(5 << 20, dtype="<u4")
    store.put("tokens.bin", tokens.tobytes())
    source = open_source(SourceSpec(kind="tokens", dtype="uint32", paths=(f"{PLACE}/tokens.bin",)))
    assert np.array_equal(np.concatenate([batch["tokens"] for batch in source.batches()]), tokens)
    with open_binary(f"{PLACE}/tokens.bin") as file:
        file.seek(-4, 2)
        assert file.read() == tokens[-1:].tobytes()
        assert file.read() == b""


def test_what_may_not_be_read_or_is_not_there_says_so(owner) -> None:
    owner(world.names("initech")["trainer"], "initech").put("table.csv", b"a\n1\n")

    def refused(path: str, words: str) -> None:
        with pytest.raises(TrainerError, match=words) as caught:
            open_source(SourceSpec(kind="csv", paths=(path,))).columns()
        assert caught.value.reason is Reason.BAD_SOURCE

    refused(f"{PLACE}/missing.csv", "no such object")
    owner(world.names("hooli")["trainer"], "hooli")
    refused(f"{PLACE}/table.csv", r"403|[Pp]ermission")
    owner(world.names("initech")["trainer"], "initech")
    assert open_source(SourceSpec(kind="csv", paths=(f"{PLACE}/table.csv",))).columns()[0].name == "a"


def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed(owner) -> None:
    store = owner(world.names("initech")["trainer"], "initech")
    store.put("moving.bin", bytes(20 << 20))
    with open_binary(f"{PLACE}/moving.bin") as file:
        assert file.read(4) == bytes(4)
        store.put("moving.bin", b"\x01" * (20 << 20))
        file.seek(16 << 20)
        with pytest.raises(OSError, match=r"404|No such"):
            file.read(4)
