"""Signed reference values: what is accepted, and every way to be refused."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from attestation.errors import AttestationError
from attestation.reference import (
    PAYLOAD_TYPE,
    Provenance,
    ReferenceExtend,
    ReferenceRegister,
    ReferenceValues,
    sign,
    verify,
)

KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
TRUSTED = (KEY.public_key(),)
MADE = datetime(2026, 3, 1, tzinfo=UTC)
NOW = MADE + timedelta(days=1)


def values(version=3):
    register = ReferenceRegister(
        sha256="11" * 32, sha384="22" * 48, extends=(ReferenceExtend(what="x", sha256="33" * 32, sha384="44" * 48),)
    )
    return ReferenceValues(
        image="bulkhead-cpu",
        version=version,
        created=MADE,
        expires=MADE + timedelta(days=30),
        secure_boot=True,
        registers={11: register},
        artefact={"root_hash": "ab"},
        provenance=Provenance(source="r", source_date_epoch=1, builder={}, lock_sha256="55" * 32),
        packages=(),
    )


def test_a_signed_set_reads_back():
    assert verify(sign(values(), KEY), TRUSTED, now=NOW) == values()


def test_a_set_in_force_becomes_what_a_policy_accepts():
    accepted = values().reference_set()
    assert (accepted.name, accepted.version, accepted.pcrs["sha384"][11]) == ("bulkhead-cpu", 3, ("22" * 48,))
    assert accepted.expires == values().expires


@pytest.mark.parametrize(
    ("trusted", "now", "minimum", "says"),
    [
        ((OTHER.public_key(),), NOW, 0, "trusted"),
        ((), NOW, 0, "trusted: none"),
        (TRUSTED, MADE + timedelta(days=30), 0, "expired"),
        (TRUSTED, MADE - timedelta(seconds=1), 0, "is to come"),
        (TRUSTED, NOW, 4, "lowest accepted is 4"),
    ],
)
def test_it_is_refused(trusted, now, minimum, says):
    with pytest.raises(AttestationError, match=says):
        verify(sign(values(), KEY), trusted, now=now, minimum_version=minimum)


def test_a_debug_image_is_refused_unless_asked_for():
    envelope = sign(values().model_copy(update={"debug": True}), KEY)
    with pytest.raises(AttestationError, match="debug image"):
        verify(envelope, TRUSTED, now=NOW)
    assert verify(envelope, TRUSTED, now=NOW, allow_debug=True).debug


def test_a_changed_payload_is_refused():
    envelope = json.loads(sign(values(), KEY))
    payload = base64.b64decode(envelope["payload"]).replace(b'"version":3', b'"version":9')
    envelope["payload"] = base64.b64encode(payload).decode()
    with pytest.raises(AttestationError, match="trusted"):
        verify(json.dumps(envelope).encode(), TRUSTED, now=NOW)


def test_a_signature_over_the_bare_payload_is_refused():
    from cryptography.hazmat.primitives import hashes

    envelope = json.loads(sign(values(), KEY))
    bare = KEY.sign(base64.b64decode(envelope["payload"]), ec.ECDSA(hashes.SHA256()))
    envelope["signatures"][0]["sig"] = base64.b64encode(bare).decode()
    with pytest.raises(AttestationError, match="trusted"):
        verify(json.dumps(envelope).encode(), TRUSTED, now=NOW)


def test_one_good_signature_among_strangers_suffices():
    envelope = json.loads(sign(values(), KEY))
    envelope["signatures"] = json.loads(sign(values(), OTHER))["signatures"] + envelope["signatures"]
    assert verify(json.dumps(envelope).encode(), TRUSTED, now=NOW).version == 3


@given(st.binary(max_size=300))
def test_no_bytes_bring_it_down(data):
    with pytest.raises(AttestationError):
        verify(data, TRUSTED, now=NOW)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, json_values)
def test_no_envelope_brings_it_down(payload, signatures):
    envelope = {"payloadType": PAYLOAD_TYPE, "payload": payload, "signatures": signatures}
    with pytest.raises(AttestationError):
        verify(json.dumps(envelope).encode(), TRUSTED, now=NOW)
