"""Attempts on the keys that follow measurements: without a document, with another's, replayed, of something else."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

from operations.attacks.model import Attacker, Attempt, Stage
from operations.attacks.nodes import Boot


def _decrypt(who: Attacker, recipient: Callable[[Stage], dict[str, Any]] | None = None) -> Callable[[Stage], Any]:
    """Opens a data-set key of the victim, with a document or without one."""

    def call(s: Stage) -> Any:
        more = {"Recipient": recipient(s)} if recipient else {}
        return s.client(who, "kms").decrypt(
            CiphertextBlob=s.prey.wrapped_key,
            KeyId=s.victim.keys["data"],
            EncryptionContext={"tenant": s.victim.names.tenant},
            **more,
        )

    return call


def _victims(boot: Boot) -> Callable[[Stage], dict[str, Any]]:
    return lambda s: s.victim_node.recipient(boot)


def _replay(stage: Stage) -> None:
    """Asks the host for a second document with a challenge that served already; everything else is genuine."""
    from trainer.attest.hosted import extra_data  # noqa: PLC0415 - only this attempt needs it

    node = stage.victim_node

    def post(what: str, body: dict[str, Any]) -> dict[str, Any]:
        address = f"{node.address}/_bulkhead/attestation/{what}"
        request = urllib.request.Request(  # noqa: S310 - loopback: the local cloud
            address, json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as reply:  # noqa: S310
            answer: dict[str, Any] = json.load(reply)
        return answer

    nonce = post("challenge", {"machine": node.machine})["nonce"]
    with node.on("accepted") as source:
        evidence = source.quote(extra_data(bytes.fromhex(nonce), None, None))
    body = {"machine": node.machine, "nonce": nonce, "evidence": evidence}
    post("document", body)
    post("document", body)


ATTESTATION = (
    Attempt(
        "attest-01",
        "key",
        "platform",
        "unwrap a data-set key without attesting",
        _decrypt("platform"),
    ),
    Attempt(
        "attest-02",
        "key",
        "platform",
        "unwrap a data-set key with a document of the victim's node",
        _decrypt("platform", _victims("accepted")),
    ),
    Attempt(
        "attest-03",
        "key",
        "insider",
        "unwrap a data-set key with the node's credentials and no document",
        _decrypt("insider"),
    ),
    Attempt(
        "attest-04",
        "key",
        "trainer",
        "unwrap a data-set key with a genuine document of its own node",
        _decrypt("trainer", lambda s: s.attacker_node.recipient("accepted")),
    ),
    Attempt(
        "attest-05",
        "key",
        "trainer",
        "unwrap a data-set key with a document of the victim's node",
        _decrypt("trainer", _victims("accepted")),
    ),
    Attempt("attest-06", "key", "insider", "have the host sign for a challenge that served already", _replay),
    Attempt(
        "attest-07",
        "key",
        "tampered",
        "unwrap a data-set key after booting with another command line",
        _decrypt("tampered", _victims("other command line")),
    ),
    Attempt(
        "attest-08",
        "key",
        "tampered",
        "unwrap a data-set key after booting an older build",
        _decrypt("tampered", _victims("older build")),
    ),
    Attempt(
        "attest-09",
        "key",
        "tampered",
        "unwrap a data-set key with one byte of the trainer changed",
        _decrypt("tampered", _victims("changed trainer")),
    ),
)
