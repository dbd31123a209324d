"""A worker that fails while the agent still answers it: its reason is heard, and held to the same rules."""

from __future__ import annotations

import socket
import time
from types import SimpleNamespace
from typing import Any

import pytest

from trainer.agent.serve import Service
from trainer.errors import Reason, TrainerError
from trainer.protocol.channel import Channel
from trainer.protocol.messages import CodeBegins, CommitExport, Failed, Progress

ASKED = CommitExport(step=1, length=1, metrics={})
FAILED = Failed(reason=Reason.BAD_JOB, message="the bundle has no class Recipe")
BY_CODE = Failed(reason=Reason.WORKER, message="patient 7 is ill")


def ended(*said: Any, rest: bytes = b"") -> TrainerError:
    """How the agent ends with a worker that says all this and goes before its question is answered."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        worker = Channel(theirs)
        for message in said:
            worker.send(message.model_dump(mode="json"))
        theirs.sendall(rest)
        theirs.close()
        nothing: Any = None
        exporter: Any = SimpleNamespace(commit=lambda *_given: ("s3://model", "digest"))
        service = Service((), nothing, None, exporter, lambda *_given: None, -1, time.monotonic() + 60)
        with pytest.raises(TrainerError) as caught:
            service.serve(Channel(ours, 5.0))
    return caught.value


def test_why_it_failed_is_heard_behind_what_it_asked() -> None:
    error = ended(ASKED, Progress(step=1, values={}), ASKED, FAILED)
    assert (error.reason, str(error)) == (Reason.BAD_JOB, "the bundle has no class Recipe")


def test_words_of_the_tenants_code_stay_inside() -> None:
    error = ended(ASKED, CodeBegins(), BY_CODE)
    assert error.reason == Reason.WORKER
    assert "patient" not in str(error)
    assert "patient" not in str(ended(CodeBegins(), ASKED, BY_CODE))


@pytest.mark.parametrize("rest", [b"", b"\xff\xff\xff\xff", b"\x00\x00\x00\x02{}"])
def test_without_a_reason_it_is_gone(rest: bytes) -> None:
    error = ended(ASKED, rest=rest)
    assert error.reason == Reason.PROTOCOL
    assert "is gone" in str(error)
