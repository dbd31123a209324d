"""The image, built and booted under Secure Boot with a software TPM: every register is what was predicted for it.

Attacks on it, and what it does with a job, are in test_demo.py.
"""

import hashlib
import json
import secrets
from pathlib import Path

import pytest

from images import boot, build, firmware, reference
from images.guest.assignment import Assignment
from images.measure.predict import predict
from images.measure.register import BANKS
from images.verify import verify_boot
from images.workspace import Workspace

pytestmark = [pytest.mark.image, pytest.mark.timeout(2400)]


RECORDED = Path(__file__).parent / "data" / "boot.json"
"""The evidence of another machine."""
JOB = '{"tenant": "acme", "recipe": "tabular"}'


@pytest.fixture(scope="module")
def workspace():
    return Workspace()


@pytest.fixture(scope="module")
def artefact(workspace):
    """The image of this checkout, built where the one that is there was made of other sources."""
    return build.current(workspace, "cpu") or build.build(workspace, "cpu", say=print, accept_newer=True)


@pytest.fixture(scope="module")
def values(workspace, artefact):
    return reference.publish(workspace, artefact)[0]


@pytest.fixture(scope="module")
def booted(workspace, artefact):
    machine = boot.Machine(workspace.root / "machines" / "test", artefact.path("disk"), firmware.enrolled(workspace))
    return boot.boot(machine, assignment=Assignment(secrets.token_bytes(32), JOB))


def judge(result, values, **changes):
    given = {"nonce": bytes.fromhex(result.nonce), "attestation_key": result.ak_public} | changes
    return verify_boot(result.evidence, values, **given)


def test_the_prediction_equals_the_live_registers_in_both_banks(workspace, artefact, booted):
    live = booted.evidence["tpm_quote"]["pcrs"]
    registers = predict(artefact.path("uki").read_bytes(), firmware.enrolled(workspace))
    assert {(r.index, bank): r.value(bank) for r in registers for bank in BANKS} == {
        (r.index, bank): live[bank][str(r.index)] for r in registers for bank in BANKS
    }


def test_the_boot_is_accepted_and_the_machine_goes_off_by_itself(booted, values):
    outcome = judge(booted, values)
    assert (outcome.accepted, outcome.reasons, outcome.differences) == (True, (), ())
    assert booted.good
    assert (booted.exit_status, booted.timed_out) == (0, False)


def test_the_job_was_measured_before_the_evidence_was_given(booted):
    digest = hashlib.sha384(JOB.encode()).digest()
    expected = hashlib.sha384(bytes(48) + digest).hexdigest()
    assert booted.evidence["tpm_quote"]["pcrs"]["sha384"]["14"] == expected


def test_the_same_evidence_for_another_nonce_or_key_is_refused(booted, values):
    assert not judge(booted, values, nonce=b"\1" * 32).accepted
    another = json.loads(RECORDED.read_text())["attestation_key"]
    assert not judge(booted, values, attestation_key=bytes.fromhex(another)).accepted
