"""The trainer's store and ledger in Cloud Storage, through Google's library."""

from __future__ import annotations

import io
import os
import tempfile
import threading

import pytest

from tests.localcloud.gcp import world
from trainer.errors import Reason, TrainerError
from trainer.ledger.gcs_log import ObjectLog
from trainer.ledger.records import encode_record, next_record
from trainer.store.gcs import GcsStore, storage_client

pytestmark = pytest.mark.e2e

INITECH, HOOLI = world.names("initech"), world.names("hooli")


def store(running, url: str, who: str = INITECH["trainer"], network: str | None = "initech") -> GcsStore:
    return GcsStore(url, storage_client(running.account(who), running.endpoints(network).storage))


def test_objects_come_back_as_they_went(running):
    found = store(running, "gs://bh-initech-checkpoint/run")
    found.put("a/small", b"small")
    body = os.urandom(9 << 20)
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.flush()
        found.upload("a/large", file)
    assert found.get("a/small") == b"small"
    received = io.BytesIO()
    found.download("a/large", received)
    assert received.getvalue() == body
    assert found.names("a/") == ["a/large", "a/small"]
    assert found.names("b") == []
    assert found.exists("a/small")
    found.put("a/small", b"new")
    assert found.get("a/small") == b"new"
    found.delete("a/small")
    found.delete("a/small")
    assert not found.exists("a/small")
    with pytest.raises(TrainerError) as caught:
        found.get("a/small")
    assert caught.value.reason is Reason.STORE


def test_an_exclusive_write_never_replaces(running):
    found = store(running, "gs://bh-initech-checkpoint/exclusive")
    found.put("once", b"first", exclusive=True)
    with pytest.raises(TrainerError, match="pre-conditions"):
        found.put("once", b"second", exclusive=True)
    assert found.get("once") == b"first"


def test_a_long_list_arrives_whole(running):
    found = store(running, "gs://bh-initech-checkpoint/many")
    for number in range(30):
        found.put(f"{number:03d}", b"x")
    names = [blob.name for blob in found._client.list_blobs(found._bucket, prefix="many/", page_size=7)]
    assert names == [f"many/{number:03d}" for number in range(30)]


@pytest.mark.parametrize(
    ("who", "network"), [(HOOLI["trainer"], "hooli"), (HOOLI["trainer"], "initech"), (INITECH["trainer"], None)]
)
def test_another_tenant_and_another_network_are_refused(running, who, network):
    found = store(running, "gs://bh-initech-checkpoint/run", who, network)
    for attempt in (
        lambda: found.get("a/large"),
        lambda: found.names(""),
        lambda: found.put("planted", b"x"),
        lambda: found.exists("a/large"),
        lambda: found.delete("a/large"),
    ):
        with pytest.raises(TrainerError, match=r"403|Permission"):
            attempt()


def test_a_copy_needs_both_ends(running):
    mine = store(running, "gs://bh-hooli-checkpoint", HOOLI["trainer"], "hooli")
    foreign = mine._client.bucket("bh-initech-checkpoint")
    from google.api_core.exceptions import Forbidden

    with pytest.raises(Forbidden):
        foreign.copy_blob(foreign.blob("run/a/large"), mine._bucket, "stolen")
    assert mine.names("stolen") == []


def test_nobody_gets_in_with_a_made_up_token(running):
    from google.oauth2.credentials import Credentials

    found = GcsStore(
        "gs://bh-initech-checkpoint", storage_client(Credentials(token="made-up"), running.endpoints("initech").storage)
    )
    with pytest.raises(TrainerError, match=r"refresh|401|credentials"):
        found.get("x")


def ledger(running, who: str = INITECH["trainer"], network: str = "initech") -> ObjectLog:
    return ObjectLog(store(running, "gs://bh-initech-ledger", who, network), "initech")


def test_the_ledger_continues_its_chain_in_another_process(running):
    first = ledger(running)
    made = [first.append("run.a", "job-start", {"n": number}) for number in range(3)]
    second = ledger(running, INITECH["owner"])
    made.append(second.append("run.a", "job-end", {}))
    assert second.read("run.a") == made
    assert [record.sequence for record in made] == [0, 1, 2, 3]
    assert second.read("run.none") == []


def test_a_second_writer_is_refused_and_the_chain_has_no_fork(running):
    first, second = ledger(running), ledger(running)
    first.append("run.fork", "job-start", {})
    second.append("run.fork", "progress", {})
    with pytest.raises(TrainerError, match="pre-conditions"):
        first.append("run.fork", "progress", {})
    # It looks again, and continues behind what the other wrote.
    first.append("run.fork", "job-end", {})
    assert [record.kind for record in first.read("run.fork")] == ["job-start", "progress", "job-end"]


def test_writers_at_the_same_moment_leave_one_chain(running):
    said: list[str] = []

    def write(number: int) -> None:
        log = ledger(running)
        try:
            log.append("run.race", "progress", {"writer": number})
            said.append("written")
        except TrainerError:
            said.append("refused")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ledger(running).read("run.race")) == said.count("written") >= 1
    assert len(said) == 6


def test_an_answer_that_was_lost_is_no_refusal(running):
    log = ledger(running)
    lost = log._store

    class Lossy:
        url = lost.url

        def put(self, name, data, *, exclusive=False):
            lost.put(name, data, exclusive=exclusive)
            lost.put(name, data, exclusive=exclusive)

        get, names = lost.get, lost.names

    log._store = Lossy()
    record = log.append("run.lost", "job-start", {})
    assert ledger(running).read("run.lost") == [record]


@pytest.mark.parametrize("verb", ["delete", "put"])
def test_nobody_removes_or_replaces_a_record(running, verb):
    log = ledger(running)
    log.append(f"run.kept-{verb}", "job-start", {})
    name = f"run.kept-{verb}/000000000000.json"
    other = encode_record(next_record(None, "initech", f"run.kept-{verb}", "job-start", {"forged": True})).encode()
    for who in (INITECH["trainer"], INITECH["owner"], world.DEPLOYER):
        found = store(running, "gs://bh-initech-ledger", who)
        with pytest.raises(TrainerError, match=r"403|Permission|delete"):
            found.delete(name) if verb == "delete" else found.put(name, other)
    assert len(log.read(f"run.kept-{verb}")) == 1


def test_something_else_in_the_ledger_is_noticed(running):
    log = ledger(running)
    log.append("run.strange", "job-start", {})
    store(running, "gs://bh-initech-ledger").put("run.strange/note.txt", b"hello")
    with pytest.raises(TrainerError, match=r"note\.txt is not a record"):
        log.read("run.strange")
