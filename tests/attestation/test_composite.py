"""CPU, GPU and job bound together: each binding broken in turn."""

import pytest

from attestation.certificates import Roots
from attestation.composite import bind, event_digest, expected_register, gpu_nonce, job_events
from attestation.errors import AttestationError
from attestation.kinds import nitro, nvidia
from attestation.nitro_issuer import issue, make_root
from tests.attestation.makers import NOW, Authority, nvidia_report

NONCE = b"challenge"
JOB = "ab" * 32
ROOT = make_root("test", NOW)
VENDOR = Authority()
EVENTS = job_events(JOB, b"verdict")


def machine(events=EVENTS, nonce=NONCE, asked=NONCE):
    pcrs = {4: b"\1" * 48, 14: expected_register("sha384", events)}
    document = issue(ROOT, module_id="i-1", pcrs=pcrs, now=NOW, nonce=nonce)
    return nitro.verify(document, roots=Roots(certificates=(ROOT.certificate,)), nonce=asked, now=NOW)


def gpu(nonce=None):
    raw, leaf = nvidia_report(VENDOR, nonce=nonce or gpu_nonce(NONCE))
    return nvidia.verify(raw, certificates=[leaf, VENDOR.middle, VENDOR.root], roots=VENDOR.roots, now=NOW)


def broken(composite):
    return {check.name for check in composite.checks if check.ok is not True}


def test_bound():
    assert bind(machine(), gpu(), EVENTS, NONCE).bound
    only_job = job_events(JOB, None)
    assert bind(machine(only_job), None, only_job, NONCE).bound


@pytest.mark.parametrize(
    ("composite", "expected"),
    [
        (lambda: bind(machine(), gpu(b"\x42" * 32), EVENTS, NONCE), {"gpu_nonce"}),
        (lambda: bind(machine(job_events("cd" * 32, b"verdict")), gpu(), EVENTS, NONCE), {"job_register"}),
        (lambda: bind(machine(job_events(JOB, b"other")), gpu(), EVENTS, NONCE), {"job_register"}),
        (lambda: bind(machine(EVENTS[::-1]), gpu(), EVENTS, NONCE), {"job_register"}),
        (lambda: bind(machine(asked=None), gpu(), EVENTS, NONCE), {"machine_nonce"}),
        (lambda: bind(machine(nonce=b"old"), gpu(), EVENTS, NONCE), {"machine_nonce"}),
        (lambda: bind(machine(asked=b"other", nonce=b"other"), gpu(), EVENTS, NONCE), {"machine_nonce"}),
        (lambda: bind(machine(EVENTS[1:]), gpu(), EVENTS[1:], NONCE), {"gpu_verdict_measured"}),
    ],
)
def test_each_binding(composite, expected):
    found = composite()
    assert broken(found) == expected
    assert not found.bound


def test_a_part_that_is_not_genuine_is_not_bound():
    raw, leaf = nvidia_report(VENDOR, nonce=gpu_nonce(NONCE))
    unrooted = nvidia.verify(raw, certificates=[leaf, VENDOR.middle, VENDOR.root], now=NOW)
    assert not bind(machine(), unrooted, EVENTS, NONCE).bound


def test_events_are_told_apart_and_hashes_checked():
    assert event_digest("sha384", EVENTS[0]) != event_digest("sha384", EVENTS[1])
    with pytest.raises(AttestationError):
        job_events("AB" * 32, None)
