"""Which source of documents is chosen, and what it says when it has none."""

from __future__ import annotations

import pytest

from trainer.attest.http import ask
from trainer.attest.source import chosen
from trainer.errors import Reason, TrainerError


def test_nothing_said_attests_nothing() -> None:
    assert chosen({}) is None
    assert chosen({"BULKHEAD_ATTESTATION": "none"}) is None


@pytest.mark.parametrize("setting", ["", "yes", "hosted", "hosted:", "tpm"])
def test_an_unknown_setting_is_refused(setting: str) -> None:
    with pytest.raises(TrainerError, match="BULKHEAD_ATTESTATION") as refused:
        chosen({"BULKHEAD_ATTESTATION": setting})
    assert refused.value.reason is Reason.ATTESTATION


def test_a_machine_without_metadata_says_so(unused_port: int) -> None:
    environment = {
        "BULKHEAD_ATTESTATION": f"hosted:http://127.0.0.1:{unused_port}",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://127.0.0.1:{unused_port}/",
    }
    with pytest.raises(TrainerError, match="no answer"):
        chosen(environment)


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://host/x", "/path"])
def test_only_http_is_asked(address: str) -> None:
    with pytest.raises(TrainerError, match="not an http address"):
        ask("GET", address)


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
