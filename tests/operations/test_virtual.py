"""Virtual nodes and what must be refused, judged on a recorded real boot; tests/images/test_demo.py boots."""

from __future__ import annotations

import dataclasses
import http.server
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from images.boot import Boot
from operations.errors import CommandError
from operations.virtual import demo, refusals
from operations.virtual.builds import Build, write_fleet
from operations.virtual.node import Node, Run, post
from operations.virtual.refusals import Range, Refusal
from tenancy.fleet import load
from tests.images.test_verify import SAVED, VALUES

ROOT = Path(__file__).parents[2]

KMS = "key alias/bh/acme/data of tenant acme: KMS refused decrypt (AccessDeniedException) for {}: explicit deny"
DENIED = {"from": "trainer", "event": "failed", "reason": "key-unavailable", "message": KMS}
EVIDENCE = {"event": "evidence", "evidence": SAVED["evidence"]}
RESULT = {"from": "trainer", "event": "result", "step": 200, "run": "r", "metrics": {"loss": 0.5}}
END = {"event": "end", "good": True}


def booted(*messages: object, console: str = "") -> Run:
    return Run(
        Boot(
            nonce=SAVED["nonce"],
            messages=messages,
            times={},
            seconds=90.0,
            exit_status=0,
            console=console,
            ak_public=bytes.fromhex(SAVED["attestation_key"]),
        )
    )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Range:
    # The recorded boot's reference values expire with the record; what is judged here is not their age.
    frozen = VALUES.model_copy(update={"expires": datetime(2126, 1, 1, tzinfo=UTC)})
    node = Node("acme", "i-0123456789abcdef0", tmp_path, "127.0.0.1:1", "us-east-1")
    return Range(None, None, None, frozen, node, {"run": "r"}, "arn", tmp_path, lambda _message, _at: None)


def with_other(place: Range, index: int) -> Range:
    """The same place, where the reference values are of an image that differs in one register."""
    register = place.values.registers[index]
    extends = tuple(e.model_copy(update={"sha256": "ab" * 32, "sha384": "cd" * 48}) for e in register.extends)
    changed = register.model_copy(update={"sha256": "ee" * 32, "sha384": "ff" * 48, "extends": extends})
    values = place.values.model_copy(update={"registers": place.values.registers | {index: changed}})
    return dataclasses.replace(place, values=values)


def judged(place: Range, found: Run, register: int | None) -> Refusal:
    return refusals._judged(place, "x", "tried", found, register=register)


def test_a_changed_machine_is_refused_when_its_register_tells_and_the_key_service_denies(place: Range) -> None:
    found = judged(with_other(place, 4), booted(EVIDENCE, DENIED, {"event": "end", "good": False}), 4)
    assert found.refused
    assert found.words[0] == KMS
    assert found.words[1].startswith("PCR 4 differs")


def test_a_genuine_machine_is_refused_when_the_key_service_denies(place: Range) -> None:
    assert judged(place, booted(EVIDENCE, DENIED), None).refused


@pytest.mark.parametrize(
    "messages",
    [
        (EVIDENCE,),
        (EVIDENCE, DENIED | {"reason": "ledger"}),
        (EVIDENCE, DENIED | {"message": "KMS could not be asked"}),
        (EVIDENCE, DENIED | {"from": "host"}),
        (DENIED,),
        (EVIDENCE, DENIED, RESULT, END),
    ],
)
@pytest.mark.parametrize("register", [4, None])
def test_anything_else_does_not_count_as_refused(place: Range, messages: tuple[object, ...], register: int) -> None:
    where = with_other(place, 4) if register else place
    assert not judged(where, booted(*messages), register).refused


def test_a_refusal_that_no_register_explains_does_not_count(place: Range) -> None:
    assert not judged(place, booted(EVIDENCE, DENIED), 4).refused
    assert not judged(with_other(place, 4), booted(EVIDENCE, DENIED), 12).refused
    assert not judged(with_other(place, 4), booted(EVIDENCE, DENIED), None).refused


def test_a_result_needs_a_machine_that_went_off_well() -> None:
    assert booted(RESULT, END).result == RESULT
    assert booted(RESULT).result is None
    assert booted(END).result is None
    assert booted(RESULT | {"from": "elsewhere"}, END).result is None
    with pytest.raises(CommandError, match="did not train: verity: corrupted"):
        demo._trained("acme", booted(console="boot\nverity: corrupted\n"))


@pytest.mark.parametrize(
    ("attempt", "console", "refused"),
    [
        ("unsigned_kernel", "BdsDxe: failed to load Boot0001: Access Denied", True),
        ("unsigned_kernel", "Kernel panic - not syncing", False),
        ("root_byte", "device-mapper: verity: 254:1: data block 0 is corrupted", True),
        ("root_byte", "BdsDxe: No bootable option or device was found.", False),
    ],
)
@pytest.mark.parametrize("messages", [(), (EVIDENCE,)])
def test_a_machine_that_must_not_come_up_has_to_fail_for_that_reason(
    place: Range,
    monkeypatch: pytest.MonkeyPatch,
    attempt: str,
    console: str,
    refused: bool,
    messages: tuple[object, ...],
) -> None:
    monkeypatch.setattr(refusals, "_with_copy", lambda *_: booted(*messages, console=console))
    assert getattr(refusals, attempt)(place).refused is (refused and not messages)


class Host(http.server.BaseHTTPRequestHandler):
    """Answers as the server's `answers` say, by path."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        status, document = self.server.answers[self.path]
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


@pytest.fixture
def host():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Host)
    server.answers = {refusals.CHALLENGE: (200, {"nonce": "ab" * 32}), refusals.DOCUMENT: (403, {"message": "used"})}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def on(place: Range, host) -> Range:
    node = dataclasses.replace(place.node, network=f"127.0.0.1:{host.server_port}")
    return dataclasses.replace(place, node=node)


def record(place: Range, path: str = refusals.DOCUMENT) -> None:
    body = json.dumps({"machine": place.node.machine, "nonce": "00" * 32, "evidence": {}})
    (place.recorded / "7.request").write_bytes(f"POST {path} HTTP/1.1\r\nhost: x\r\n\r\n{body}".encode())


def test_recorded_evidence_is_of_no_use_a_second_time(place: Range, host) -> None:
    record(place)
    found = refusals.replayed_evidence(on(place, host))
    assert found.refused
    assert found.words == ("used", "used")


def test_a_host_that_signs_replayed_evidence_is_found(place: Range, host) -> None:
    record(place)
    host.answers[refusals.DOCUMENT] = (200, {"document": "AA=="})
    assert not refusals.replayed_evidence(on(place, host)).refused


def test_a_record_without_the_request_proves_nothing(place: Range, host) -> None:
    record(place, "/elsewhere")
    with pytest.raises(CommandError, match="sent no request"):
        refusals.replayed_evidence(on(place, host))


def test_a_host_without_challenges_proves_nothing(place: Range, host) -> None:
    record(place)
    host.answers[refusals.CHALLENGE] = (403, {"message": "there is no such machine"})
    with pytest.raises(CommandError, match="gives no challenge"):
        refusals.replayed_evidence(on(place, host))


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff"])
def test_an_answer_that_is_not_an_object_is_an_error(host, body: bytes) -> None:
    host.answers["/x"] = (200, body)
    with pytest.raises(CommandError, match="JSON"):
        post(f"http://127.0.0.1:{host.server_port}/x", {}, {})


def test_the_table_says_nobody_where_nothing_was_refused() -> None:
    from rich.console import Console

    rows = [Refusal("a", "tried a", True, "firmware", ("no",)), Refusal("b", "tried b", False, "KMS", ("came up",))]
    console = Console(width=200)
    with console.capture() as captured:
        console.print(demo.table(rows))
    first, second = captured.get().splitlines()[1:]
    assert "firmware" in first
    assert "nobody" in second
    assert "KMS" not in second


@pytest.mark.parametrize("stage", ["active", "retired"])
def test_the_tenants_machines_are_given_keys_for_this_build_alone(tmp_path: Path, stage: str) -> None:
    build = Build(
        tmp_path / "reference" / "v.json", tmp_path / "signing.pub", stage, "why" if stage == "retired" else ""
    )
    written = load(write_fleet(ROOT / "tenants", tmp_path / "fleet" / "tenants", (build,)))
    ours = load(ROOT / "tenants")
    assert [tenant.id for tenant in written.tenants] == [tenant.id for tenant in ours.tenants]
    for tenant in written.tenants:
        if tenant.cloud == "aws":
            (release,) = written.platform.clouds["aws"].images[tenant.compute.image].releases
            assert (written.directory / release.reference).resolve() == build.reference
            assert (written.directory / release.signed_by).resolve() == build.signed_by
            assert (release.stage, release.reason) == (stage, build.reason)


@pytest.mark.parametrize(
    ("answer", "by"),
    [
        ("… with an explicit deny in a resource-based policy", "KMS key policy"),
        ("… with an explicit deny in a service control policy", "service control policy"),
        ("… because no policy allows it", "KMS"),
    ],
)
def test_the_policy_that_refused_is_named_from_the_answer(answer: str, by: str) -> None:
    assert refusals._denied_by(answer) == by


def test_the_table_keeps_the_beginning_of_long_digests_only() -> None:
    from rich.console import Console

    rows = [Refusal("a", "tried", True, "KMS", (f"PCR 4 differs: expected {'ab' * 32}",))]
    console = Console(width=200)
    with console.capture() as captured:
        console.print(demo.table(rows))
    assert "expected abababababab…" in captured.get()


def test_what_steers_a_terminal_is_not_repeated_from_a_machine_s_console(tmp_path: Path) -> None:
    from images.boot import Boot

    console = "\x1b[!p\x1b]104\x07\x1b[?7h[   10.28] device-mapper: verity: 254:2: data block 0 is corrupted\x9b2J\r\n"
    fields = {field.name: None for field in dataclasses.fields(Boot)}
    said = Boot(**(fields | {"console": console})).why()
    assert said.startswith("[   10.28] device-mapper: verity")
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in said)
