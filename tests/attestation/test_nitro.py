"""Nitro documents signed by a root of our own, in both shapes."""

from datetime import timedelta

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attestation.appraise import appraise
from attestation.certificates import Roots
from attestation.errors import AttestationError
from attestation.kinds import nitro
from attestation.nitro_issuer import issue, make_root
from attestation.policy import AppraisalPolicy, ReferenceSet
from tests.attestation.makers import NOW

PCRS = {4: b"\x44" * 48, 7: b"\x77" * 48, 12: bytes(48)}
ROOT = make_root("local cloud", NOW)
ROOTS = Roots(certificates=(ROOT.certificate,))
DOCUMENT = issue(ROOT, module_id="i-0-tpm1", pcrs=PCRS, now=NOW, nonce=b"fresh", public_key=b"key")


def failing(result):
    return {check.name for check in result.checks if check.ok is False}


def test_a_document_of_our_root():
    claims = nitro.verify(DOCUMENT, roots=ROOTS, nonce=b"fresh", now=NOW)
    assert claims.genuine
    assert claims.anchored
    assert claims.values["shape"] == "nitrotpm"
    assert claims.values["pcrs"]["4"] == "44" * 48
    assert claims.values["public_key"] == b"key".hex()


@pytest.mark.parametrize(
    "wrap",
    [
        lambda d: d,
        lambda d: b"\xd2" + d,
        lambda d: b"\0\2" + ((len(d) << 2) | 1).to_bytes(2, "little") + d,
    ],
)
def test_tag_and_prefix(wrap):
    assert nitro.verify(wrap(DOCUMENT), roots=ROOTS).genuine


def test_the_published_root_is_the_default():
    assert "certificate_chain" in failing(nitro.verify(DOCUMENT))


def test_stale_nonce_and_age():
    assert failing(nitro.verify(DOCUMENT, roots=ROOTS, nonce=b"stale")) == {"nonce"}
    claims = nitro.verify(DOCUMENT, roots=ROOTS)
    policy = AppraisalPolicy(maximum_age_seconds=60)
    assert appraise(claims, policy, now=NOW + timedelta(seconds=59)).accepted
    assert failing(appraise(claims, policy, now=NOW + timedelta(seconds=61))) == {"age"}
    early = nitro.verify(DOCUMENT, roots=ROOTS, now=NOW - timedelta(hours=1))
    assert failing(early) == {"timestamp_not_in_future", "now_certificate_validity"}


def test_a_lapsed_chain_is_refused_only_at_a_given_time():
    assert nitro.verify(DOCUMENT, roots=ROOTS).genuine
    assert nitro.verify(DOCUMENT, roots=ROOTS, now=NOW + timedelta(hours=2)).genuine
    assert failing(nitro.verify(DOCUMENT, roots=ROOTS, now=NOW + timedelta(hours=4))) == {"now_certificate_validity"}


def test_debug_enclave_is_rejected():
    raw = issue(ROOT, module_id="i-0-enc1", pcrs={0: bytes(48), 1: bytes(48), 2: bytes(48)}, now=NOW, enclave=True)
    claims = nitro.verify(raw, roots=ROOTS)
    assert claims.genuine
    assert failing(appraise(claims, AppraisalPolicy(), now=NOW)) == {"debug"}


def test_reference_values_versions_and_expiry():
    claims = nitro.verify(DOCUMENT, roots=ROOTS)
    good = ReferenceSet(name="image", version=2, pcrs={"sha384": {4: ("44" * 48,), 12: ("00" * 48,)}})
    bad = ReferenceSet(name="other", version=3, pcrs={"sha384": {4: ("45" * 48,)}})
    assert appraise(claims, AppraisalPolicy(reference_sets=(bad, good)), now=NOW).accepted
    refused = appraise(claims, AppraisalPolicy(reference_sets=(bad,)), now=NOW)
    assert failing(refused) == {"reference_values"}
    assert "sha384:4" in str(refused.reasons)
    old = appraise(claims, AppraisalPolicy(reference_sets=(bad, good), minimum_version=3), now=NOW)
    assert "older than the minimum version" in old.reasons[0]
    lapsed = good.model_copy(update={"expires": NOW})
    assert "expired" in appraise(claims, AppraisalPolicy(reference_sets=(lapsed,)), now=NOW).reasons[0]
    empty = ReferenceSet(name="empty", version=1)
    assert not appraise(claims, AppraisalPolicy(reference_sets=(empty,)), now=NOW).accepted


def remade(**changes):
    """The document with its payload changed and everything else, the signature too, as it was."""
    protected, unprotected, payload, signature = cbor2.loads(DOCUMENT)
    fields = {**cbor2.loads(payload), **changes}
    return cbor2.dumps(
        [protected, unprotected, cbor2.dumps({k: v for k, v in fields.items() if v != "absent"}), signature]
    )


@pytest.mark.parametrize("change", [{"module_id": "i-1"}, {"nonce": b"other"}, {"nitrotpm_pcrs": {4: bytes(48)}}])
def test_a_changed_field_breaks_the_signature(change):
    assert "signature" in failing(nitro.verify(remade(**change), roots=ROOTS))


@pytest.mark.parametrize(
    "change",
    [
        {"module_id": 5},
        {"certificate": "absent"},
        {"cabundle": []},
        {"nitrotpm_pcrs": "absent"},
        {"pcrs": {0: bytes(48)}},
        {"nitrotpm_pcrs": {}},
        {"nitrotpm_pcrs": {40: bytes(48)}},
        {"nitrotpm_pcrs": {1: b"short"}},
        {"timestamp": -1},
        {"nonce": "text"},
        {"certificate": b"\x30\x03\x02\x01\x00"},
    ],
)
def test_a_document_of_another_shape_is_malformed(change):
    with pytest.raises(AttestationError):
        nitro.verify(remade(**change), roots=ROOTS)


def test_an_unprotected_header_or_another_algorithm_is_refused():
    protected, _, payload, signature = cbor2.loads(DOCUMENT)
    assert "unprotected_header" in failing(
        nitro.verify(cbor2.dumps([protected, {1: 2}, payload, signature]), roots=ROOTS)
    )
    other = nitro.verify(cbor2.dumps([b"\xa1\x01\x26", {}, payload, signature]), roots=ROOTS)
    assert {"cose_algorithm", "signature"} <= failing(other)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(DOCUMENT) - 1), st.integers(1, 255))
def test_no_changed_byte_is_accepted(at, mask):
    changed = bytearray(DOCUMENT)
    changed[at] ^= mask
    try:
        claims = nitro.verify(bytes(changed), roots=ROOTS)
    except AttestationError:
        return
    assert not appraise(claims, AppraisalPolicy(), now=NOW).accepted


@given(st.binary(max_size=400))
def test_any_bytes_are_malformed_or_rejected(data):
    with pytest.raises(AttestationError):
        nitro.verify(data, roots=ROOTS)
