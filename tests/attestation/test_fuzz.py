"""Any bytes at all: a verdict or a clear error; and no single changed byte of genuine evidence is accepted."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attestation.certificates import load_certificates
from attestation.errors import AttestationError
from attestation.policy import AppraisalPolicy, load_policy
from attestation.release.policy import load_release_policy
from attestation.verify import KINDS, Inputs, judge
from tests.attestation.makers import (
    NOW,
    Authority,
    TokenIssuer,
    Tpm,
    as_bytes,
    boot_log,
    nvidia_report,
    pem,
    snp_report,
    tdx_quote,
)

INTEL, VENDOR = Authority(ec.SECP256R1()), Authority()
SNP, SNP_LEAF = snp_report(VENDOR)
GPU, GPU_LEAF = nvidia_report(VENDOR)
ISSUER = TokenIssuer()
MACHINE = Tpm()
QUOTE = MACHINE.evidence(boot_log())
GOOD = {
    "tdx": Inputs(tdx_quote(INTEL), roots=(pem(INTEL.root),), at=NOW),
    "snp": Inputs(SNP, certificates=(pem(SNP_LEAF, VENDOR.middle, VENDOR.root),), roots=(pem(VENDOR.root),), at=NOW),
    "nvidia": Inputs(GPU, certificates=(pem(GPU_LEAF, VENDOR.middle, VENDOR.root),), roots=(pem(VENDOR.root),), at=NOW),
    "gcp-token": Inputs(ISSUER.token(), certificates=(ISSUER.jwks(),), at=NOW),
}
ANY = settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def outcome(kind, inputs):
    try:
        return judge(kind, inputs, AppraisalPolicy()).accepted
    except AttestationError:
        return False


@pytest.mark.parametrize("kind", GOOD)
def test_the_evidence_to_be_changed_is_good(kind):
    assert outcome(kind, GOOD[kind])


@pytest.mark.parametrize("kind", GOOD)
@ANY
@given(data=st.data())
def test_no_changed_byte_is_accepted(kind, data):
    good = GOOD[kind]
    at = data.draw(st.integers(0, len(good.evidence) - 1))
    mask = data.draw(st.integers(1, 255))
    changed = bytearray(good.evidence)
    changed[at] ^= mask
    if changed.rstrip(b"\n\0") == good.evidence.rstrip(b"\n\0"):
        return  # a line end after a chain of certificates became the NUL that Intel puts there
    assert not outcome(kind, Inputs(bytes(changed), certificates=good.certificates, roots=good.roots, at=NOW))


def _differs_in_line_ends_of_pem(changed, good):
    """A line end more in the chain at a quote's end pushes one out of it: the same certificates, and trailing text."""
    start = good.find(b"-----BEGIN")
    if start < 0 or changed[:start] != good[:start]:
        return False
    return changed[start:].translate(None, b"\r\n\0") == good[start:].translate(None, b"\r\n\0")


@pytest.mark.parametrize("kind", GOOD)
@ANY
@given(data=st.data())
def test_no_shortened_or_lengthened_evidence_is_accepted(kind, data):
    good = GOOD[kind].evidence
    cut = data.draw(st.integers(0, len(good) - 1))
    more = good[:cut] + data.draw(st.binary(min_size=1, max_size=40)) + good[cut:]
    base = GOOD[kind]
    for changed in (good[:cut], more):
        if changed.strip(b"\0 \n\t\r") == good.strip(b"\0 \n\t\r") or changed.startswith(good):
            continue
        if _differs_in_line_ends_of_pem(changed, good):
            continue
        assert not outcome(kind, Inputs(changed, certificates=base.certificates, roots=base.roots, at=NOW))


@pytest.mark.parametrize("kind", KINDS)
@ANY
@given(evidence=st.binary(max_size=600), other=st.binary(max_size=200))
def test_any_bytes_are_rejected_or_malformed(kind, evidence, other):
    assert not outcome(kind, Inputs(evidence, collateral=other, certificates=(other,), event_log=other, at=NOW))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
NAMES = [
    *QUOTE,
    "tpm_quote",
    "hcl_report",
    "report",
    "vcek",
    "token",
    "nonce",
    "certificate",
    "evidence",
    "AK",
    "Quote",
]


@pytest.mark.parametrize("kind", KINDS)
@ANY
@given(document=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=6))
def test_any_json_is_rejected_or_malformed(kind, document):
    assert not outcome(kind, Inputs(json.dumps(document).encode(), at=NOW))


@ANY
@given(data=st.data())
def test_a_quote_with_any_field_replaced_is_not_accepted_as_another(data):
    name = data.draw(st.sampled_from(["quote", "signature", "ak_public", "pcrs", "event_log"]))
    document = {**QUOTE, name: data.draw(JSON)}
    if document["event_log"] is not QUOTE["event_log"] and not document["event_log"]:
        return
    assert not outcome("tpm", Inputs(as_bytes(document), at=NOW))


@ANY
@given(st.binary(max_size=400))
def test_certificates_and_policies_of_any_bytes(data):
    for load in (
        lambda: load_certificates(data, "x"),
        lambda: load_policy(data, "x"),
        lambda: load_release_policy(data, "x"),
    ):
        try:
            load()
        except AttestationError:
            continue
