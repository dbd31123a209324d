"""What runs inside the node, without a node."""

import dataclasses
import json
import os
import socket
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestation.tcg.eventlog import parse
from images.guest import agent, eventlog, evidence, gpu
from images.guest.assignment import Assignment, AssignmentError, read_assignment

HEADER = (
    b"Spec ID Event03\0" + struct.pack("<IBBBBI", 0, 0, 2, 0, 2, 2) + struct.pack("<HHHH", 0x0B, 32, 0x0C, 48) + b"\0"
)
FIRMWARE = struct.pack("<II", 0, 3) + bytes(20) + struct.pack("<I", len(HEADER)) + HEADER


def phase(word, register=11):
    return eventlog.record(register, word, {"sha256": "ab" * 32, "sha384": "cd" * 48})


def test_user_space_s_extends_follow_the_firmware_s_in_one_log():
    text = "".join(f"\x1e{json.dumps(phase(word))}\n" for word in ("enter-initrd", "leave-initrd"))
    log = parse(eventlog.whole(FIRMWARE, eventlog.records(text), [11]))
    assert [(e.index, e.data, e.digests["sha384"].hex()) for e in log.events if e.extends] == [
        (11, b"enter-initrd", "cd" * 48),
        (11, b"leave-initrd", "cd" * 48),
    ]


def test_extends_of_registers_that_are_not_quoted_stay_out():
    assert eventlog.whole(FIRMWARE, [phase("machine-id", 15)], range(15)) == FIRMWARE


@pytest.mark.parametrize(
    "entry",
    [
        {"pcr": 11, "digests": [{"hashAlg": "sha256", "digest": "ab" * 32}]},
        {"digests": phase("x")["digests"], "pcr": "11"},
    ],
)
def test_a_record_that_cannot_be_accounted_for_is_an_error(entry):
    with pytest.raises(ValueError, match="lacks"):
        eventlog.event(entry, [0x0B, 0x0C])


def test_a_log_without_its_header_is_an_error():
    with pytest.raises(ValueError, match="crypto agile"):
        eventlog.whole(b"\0" * 40, [phase("x")], [11])


@given(st.lists(st.binary(min_size=1, max_size=20).filter(lambda piece: b"\n" not in piece), min_size=1))
def test_a_question_is_read_whole_however_it_arrives(pieces):
    read_end, write_end = os.pipe()
    try:
        for piece in (*pieces, b"\n"):
            os.write(write_end, piece)
        assert agent.read_line(read_end) == b"".join(pieces) + b"\n"
    finally:
        os.close(read_end)
        os.close(write_end)


def test_a_silent_host_is_an_error(monkeypatch):
    monkeypatch.setattr(agent, "PORT_PATIENCE", 0.2)
    read_end, write_end = os.pipe()
    os.close(write_end)
    with pytest.raises(TimeoutError):
        agent.read_line(read_end)
    os.close(read_end)


GOOD = {"--query-gpu=driver_version": "570.86.15\n580.1.2\n", "-f": "CC status: ON\n", "-d": "DevTools Mode: OFF\n"}


@pytest.fixture
def answers(monkeypatch):
    given = dict(GOOD)
    monkeypatch.setattr(gpu, "ask", lambda arguments: next(given[a] for a in arguments if a in given))
    return given


def test_confidential_gpus_may_be_used(answers):
    gpu.demand(confidential=True)


@pytest.mark.parametrize(
    ("question", "answer", "says"),
    [
        ("-f", "CC status: OFF\n", "confidential mode"),
        ("-f", "CC status: DEVTOOLS\n", "confidential mode"),
        ("-f", "", "confidential mode"),
        ("-f", "not CC status: ON\n", "confidential mode"),
        ("-d", "DevTools Mode: ON\n", "developer tools"),
        ("--query-gpu=driver_version", "570.86.14\n", "older"),
        ("--query-gpu=driver_version", "580.1.2\n550.163.01\n", "older"),
        ("--query-gpu=driver_version", "", "no driver version"),
        ("--query-gpu=driver_version", "N/A\n", "no driver version"),
    ],
)
def test_any_other_answer_stops_the_node(answers, question, answer, says):
    answers[question] = answer
    with pytest.raises(gpu.GpuError, match=says):
        gpu.demand(confidential=True)


def test_a_plain_image_asks_for_the_driver_only(answers):
    answers["-f"] = "CC status: OFF\n"
    gpu.demand(confidential=False)
    answers["--query-gpu=driver_version"] = "550.1\n"
    with pytest.raises(gpu.GpuError):
        gpu.demand(confidential=False)


@pytest.mark.parametrize(
    ("line", "demanded"), [("ro quiet", True), ("ro bulkhead.gpu=plain", False), ("bulkhead.gpu=plainer", True)]
)
def test_only_the_measured_word_waives_confidential_mode(line, demanded):
    assert gpu.confidential_demanded(line) is demanded


def test_a_missing_tool_is_an_error(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(gpu.GpuError, match="nvidia-smi"):
        gpu.ask(["-L"])


def test_the_register_that_changes_by_itself_is_not_quoted():
    assert set(evidence.QUOTED) == set(range(15)) - {10}


WORK = Assignment(bytes(32), '{"tenant": "acme"}', "http://10.0.2.100:443", "i-0123456789abcdef0", "us-east-1")


@pytest.mark.parametrize("given_", [WORK, Assignment(bytes(16)), Assignment(bytes(16), "measured only")])
def test_an_assignment_arrives_as_it_was_sent(given_):
    assert read_assignment(given_.line()) == given_


def test_the_trainer_s_agent_is_told_where_the_cloud_is_and_given_no_credential():
    settings = WORK.environment()
    assert WORK.address() == ("10.0.2.100", 443)
    assert settings["AWS_EC2_METADATA_SERVICE_ENDPOINT"].startswith("http://10.0.2.100:443/_bulkhead/machines/i-0123")
    assert settings["BULKHEAD_ATTESTATION"] == "hosted:http://10.0.2.100:443"
    assert not any("KEY" in name or "TOKEN" in name for name in settings)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"nonce": "zz"}, "nonce"),
        ({"nonce": "00"}, "nonce: 1 bytes"),
        ({"nonce": "00" * 65}, "nonce: 65 bytes"),
        ({"job": ""}, "job"),
        ({"job": 7}, "text"),
        ({"machine": "i-../../x"}, "machine"),
        ({"machine": ""}, "machine"),
        ({"region": "us-east-1\nX: y"}, "region"),
        ({"endpoint": "file:///etc"}, "endpoint"),
        ({"endpoint": "http://a/b"}, "endpoint"),
        ({"endpoint": "http://user@host"}, "endpoint"),
        ({"endpoint": "http://host:99999"}, "endpoint"),
        ({"environment": "LD_PRELOAD=x"}, "some of"),
    ],
)
def test_an_assignment_that_is_not_one_is_refused(change, says):
    with pytest.raises(AssignmentError, match=says):
        read_assignment(json.dumps(json.loads(WORK.line()) | change).encode())


@given(st.one_of(st.binary(), st.text().map(str.encode), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_anything_else_is_an_assignment_error(line):
    with pytest.raises(AssignmentError):
        read_assignment(line)


def test_a_cloud_that_cannot_be_reached_is_an_error():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(TimeoutError, match="cannot be reached"):
            agent.reach("127.0.0.1", closed.getsockname()[1], patience=0.0)
        closed.listen(1)
        agent.reach("127.0.0.1", closed.getsockname()[1], patience=0.0)


class Script:
    """Stands for the trainer's agent: what it is started with goes into a file, what it says is given."""

    def __init__(self, folder, monkeypatch, text):
        self.seen = folder / "seen.json"
        program = folder / "python"
        program.write_text(
            f"#!{sys.executable}\nimport json, os, sys\n"
            f"open({str(self.seen)!r}, 'w').write(json.dumps([sys.argv[1:], dict(os.environ)]))\n{text}\n"
        )
        program.chmod(0o755)
        monkeypatch.setattr(agent.sys, "executable", str(program))
        monkeypatch.setattr(agent, "JOB", folder / "job.json")


@pytest.mark.parametrize(("status", "good"), [(0, True), (1, False)])
def test_the_trainer_s_events_go_to_the_host(tmp_path, monkeypatch, status, good):
    script = Script(tmp_path, monkeypatch, f"print(json.dumps({{'event': 'progress', 'step': 3}})); sys.exit({status})")
    read_end, write_end = os.pipe()
    with socket.socket() as cloud, socket.socket(socket.AF_UNIX) as listener:
        cloud.bind(("127.0.0.1", 0))
        cloud.listen(1)
        address = f"http://127.0.0.1:{cloud.getsockname()[1]}"
        assert agent.work(dataclasses.replace(WORK, endpoint=address), listener, write_end) is good
    os.close(write_end)
    with os.fdopen(read_end) as told:
        (message,) = map(json.loads, told)
    assert (message["from"], message["event"], message["step"]) == ("trainer", "progress", 3)
    arguments, environment = json.loads(script.seen.read_text())
    assert arguments[-3:] == ["trainer.agent", "--job", str(agent.JOB)]
    assert agent.JOB.read_text() == WORK.job
    assert environment["AWS_ENDPOINT_URL"] == address
    assert environment["BULKHEAD_WORKER"].startswith("fd:")
