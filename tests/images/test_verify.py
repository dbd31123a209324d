"""A recorded real boot judged by the values that were predicted for it, and what a tamperer would show."""

import base64
import copy
import json
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from attestation import reference
from attestation.tcg.eventlog import parse
from images.errors import ImageError
from images.measure.register import BANKS
from images.verify import differences, verify_boot

DATA = Path(__file__).parent / "data"
SAVED = json.loads((DATA / "boot.json").read_text())
TRUSTED = (load_pem_public_key((DATA / "reference-key.pub").read_bytes()),)
NOW = datetime(2026, 11, 24, tzinfo=UTC)
VALUES = reference.verify((DATA / "reference.json").read_bytes(), TRUSTED, now=NOW)
NONCE, KEY = bytes.fromhex(SAVED["nonce"]), bytes.fromhex(SAVED["attestation_key"])


@pytest.fixture
def evidence():
    return copy.deepcopy(SAVED["evidence"])


def judge(evidence, values=VALUES, **changes):
    return verify_boot(evidence, values, **({"nonce": NONCE, "attestation_key": KEY, "now": NOW} | changes))


def test_the_recorded_boot_is_accepted_with_nothing_left_open(evidence):
    outcome = judge(evidence)
    assert (outcome.accepted, outcome.reasons, outcome.differences, outcome.not_evaluated) == (True, (), (), ())


@pytest.mark.parametrize("bank", BANKS)
@pytest.mark.parametrize("index", [4, 7, 9, 11, 12])
def test_the_prediction_was_exact(evidence, bank, index):
    assert getattr(VALUES.registers[index], bank) == evidence["tpm_quote"]["pcrs"][bank][str(index)]


def test_every_predicted_extend_is_in_the_log(evidence):
    log = parse(base64.b64decode(evidence["event_log"]))
    for index, register in VALUES.registers.items():
        logged = [event.digests["sha384"].hex() for event in log.events if event.extends and event.index == index]
        assert logged == [extend.sha384 for extend in register.extends]


@pytest.mark.parametrize("index", [4, 7, 9, 11, 12])
@pytest.mark.parametrize("bank", BANKS)
def test_a_register_value_other_than_quoted_is_refused(evidence, index, bank):
    value = evidence["tpm_quote"]["pcrs"][bank][str(index)]
    evidence["tpm_quote"]["pcrs"][bank][str(index)] = ("0" if value[0] != "0" else "1") + value[1:]
    assert not judge(evidence).accepted


@pytest.mark.parametrize("field", ["message", "signature"])
def test_a_flipped_bit_in_the_quote_is_refused(evidence, field):
    raw = bytearray(base64.b64decode(evidence["tpm_quote"][field]))
    raw[-1] ^= 1
    evidence["tpm_quote"][field] = base64.b64encode(raw).decode()
    assert not judge(evidence).accepted


def test_a_replayed_nonce_is_refused(evidence):
    outcome = judge(evidence, nonce=b"\7" * 32)
    assert not outcome.accepted
    assert any("nonce" in reason for reason in outcome.reasons)


def test_a_machine_that_was_never_registered_is_refused(evidence):
    assert evidence["ak_public"] == base64.b64encode(KEY).decode()
    from cryptography.hazmat.primitives.asymmetric import ec

    numbers = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    other = KEY[:-68] + struct.pack(">H", 32) + x + struct.pack(">H", 32) + y
    outcome = judge(evidence, attestation_key=other)
    assert not outcome.accepted
    assert any("anchored" in reason for reason in outcome.reasons)


def test_an_older_reference_set_is_refused(evidence):
    assert judge(evidence, minimum_version=VALUES.version).accepted
    assert not judge(evidence, minimum_version=VALUES.version + 1).accepted


def test_an_expired_reference_set_is_refused(evidence):
    assert not judge(evidence, now=VALUES.expires + timedelta(seconds=1)).accepted


def with_extend(index, position, what):
    """The reference values of an image that differs in one extend."""
    register = VALUES.registers[index]
    extends = list(register.extends)
    extends[position] = extends[position].model_copy(update={"sha256": "ab" * 32, "sha384": "cd" * 48})
    assert extends[position].what == what
    changed = register.model_copy(update={"sha256": "ee" * 32, "sha384": "ff" * 48, "extends": tuple(extends)})
    return VALUES.model_copy(update={"registers": VALUES.registers | {index: changed}})


@pytest.mark.parametrize(
    ("index", "position", "what"),
    [
        (11, 5, "section .cmdline"),
        (11, 7, "section .initrd"),
        (11, 15, "boot phase ready"),
        (4, 2, "unified kernel image (Authenticode)"),
        (7, 3, "Secure Boot variable db"),
        (9, 0, "kernel command line"),
    ],
)
def test_another_image_is_refused_and_the_first_difference_named(evidence, index, position, what):
    outcome = judge(evidence, with_extend(index, position, what))
    assert not outcome.accepted
    (sentence,) = outcome.differences
    assert sentence.startswith(f"PCR {index} differs: {what}: expected {'ab' * 32}, got ")


def test_something_added_beside_the_image_is_named(evidence):
    raw = base64.b64decode(evidence["event_log"])
    text = "Credentials initrd\0".encode("utf-16-le")
    event = (
        struct.pack("<III", 12, 0x0D, 2) + struct.pack("<H", 0x0B) + b"\1" * 32 + struct.pack("<H", 0x0C) + b"\2" * 48
    )
    log = parse(raw + event + struct.pack("<I", len(text)) + text)
    live = copy.deepcopy(evidence["tpm_quote"]["pcrs"])
    live["sha256"]["12"] = "ab" * 32
    (sentence,) = differences(VALUES, live, log)
    assert sentence.startswith("PCR 12 differs: something from outside the image was added: Credentials initrd")


def test_a_difference_that_no_event_explains_is_said_to_be_one(evidence):
    live = copy.deepcopy(evidence["tpm_quote"]["pcrs"])
    live["sha384"]["12"] = "ab" * 48
    (sentence,) = differences(VALUES, live, parse(base64.b64decode(evidence["event_log"])))
    assert "no logged event explains it" in sentence


@pytest.mark.parametrize("damage", [{}, {"event_log": "!"}, {"ak_public": "AAAA"}])
def test_malformed_evidence_is_an_error(evidence, damage):
    with pytest.raises(ImageError, match="malformed"):
        judge(evidence | damage if damage else {})


def test_a_log_without_a_quote_is_refused(evidence):
    del evidence["tpm_quote"]
    assert not judge(evidence).accepted
