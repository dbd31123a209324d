"""The socket between agent and worker: what is no message never gets through."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.errors import Reason, TrainerError
from trainer.protocol.channel import Channel
from trainer.protocol.messages import Progress, parse_worker_message

values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=64), st.sampled_from([b"\x00\x00\x00\x02{}", b"\x00\x00\x00\x02[]", b"\x00\x00\x00\x03{}"])
    )
)
def test_arbitrary_bytes_are_no_frame(data: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        ours.settimeout(5)
        if not data:
            assert Channel(ours).receive() is None
            return
        if _whole(data):
            received = Channel(ours).receive()
            assert received is not None
            assert received[0] == json.loads(data[4 : 4 + struct.unpack(">I", data[:4])[0]])
            return
        with pytest.raises(TrainerError) as caught:
            Channel(ours).receive()
        assert caught.value.reason == Reason.PROTOCOL


def _whole(data: bytes) -> bool:
    """Whether the bytes begin with one whole frame around a JSON object."""
    if len(data) < 4 or len(data) < 4 + struct.unpack(">I", data[:4])[0]:
        return False
    try:
        return isinstance(json.loads(data[4 : 4 + struct.unpack(">I", data[:4])[0]]), dict)
    except ValueError:
        return False


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=5), values, max_size=4), st.integers(0, 4))
def test_frames_and_descriptors_arrive(message: dict[str, object], count: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Path(os.devnull).open() as sink:
        Channel(theirs).send(message, (sink.fileno(),) * count)
        received = Channel(ours).receive()
        assert received is not None
        assert received[0] == message
        assert len(received[1]) == count
        for descriptor in received[1]:
            os.close(descriptor)


def test_too_many_descriptors_are_refused_and_closed() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, Path(os.devnull).open() as sink:
        before = len(list(Path("/proc/self/fd").iterdir()))
        Channel(theirs).send({}, (sink.fileno(),) * 9)
        with pytest.raises(TrainerError) as caught:
            Channel(ours).receive()
        assert caught.value.reason == Reason.PROTOCOL
        assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_silence_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.05)
        with pytest.raises(TrainerError) as caught:
            Channel(ours).receive()
        assert caught.value.reason == Reason.WORKER


@pytest.mark.parametrize(
    ("silent", "deadline", "words"), [(0.3, 3600.0, "within the time"), (3600.0, 0.3, "longer than its limit")]
)
def test_a_frame_that_trickles_does_not_hold_the_agent(silent: float, deadline: float, words: str) -> None:
    ours, theirs = socket.socketpair()
    stop = threading.Event()

    def trickle() -> None:
        theirs.sendall(struct.pack(">I", 1 << 20))
        while not stop.wait(0.02):
            theirs.sendall(b" ")

    with ours, theirs:
        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            with pytest.raises(TrainerError, match=words) as caught:
                Channel(ours, silent, time.monotonic() + deadline).receive()
        finally:
            stop.set()
            thread.join()
    assert caught.value.reason == Reason.WORKER


def test_a_slow_frame_arrives_and_the_time_begins_anew_with_each() -> None:
    ours, theirs = socket.socketpair()

    def slowly() -> None:
        for _ in range(3):
            for byte in struct.pack(">I", 2) + b"{}":
                time.sleep(0.01)
                theirs.sendall(bytes([byte]))

    with ours, theirs:
        thread = threading.Thread(target=slowly)
        thread.start()
        channel = Channel(ours, 300, time.monotonic() + 300)
        assert [channel.receive() for _ in range(3)] == [({}, [])] * 3
        thread.join()


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["type", "step", "values", "data", "shard", "body", "x"]),
        values | st.sampled_from(["progress", "commit", "open-shard"]),
    )
)
def test_only_messages_of_the_protocol_parse(document: dict[str, object]) -> None:
    reason, kind = None, None
    try:
        kind = parse_worker_message(document).type
    except TrainerError as error:
        reason = error.reason
    assert (kind == document.get("type")) if reason is None else (reason == Reason.PROTOCOL)


def test_a_message_of_the_protocol_parses() -> None:
    document = {"type": "progress", "step": 3, "values": {"loss": 0.5}}
    assert parse_worker_message(document) == Progress(step=3, values={"loss": 0.5})
