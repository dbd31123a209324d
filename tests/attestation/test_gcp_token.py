"""Google Cloud tokens signed by a key of our own."""

import base64
import json
from datetime import timedelta

import jwt
import pytest

from attestation.appraise import appraise
from attestation.errors import AttestationError
from attestation.kinds import gcp_token
from attestation.policy import AppraisalPolicy, ReferenceSet
from tests.attestation.makers import NOW, TokenIssuer

ISSUER = TokenIssuer()
STRICT = AppraisalPolicy(
    audience=("https://sts.googleapis.com",),
    hwmodel=("GCP_INTEL_TDX", "INTEL_TDX"),
    require_stable_image=True,
    gpu_cc_mode="ON",
    require_empty_overrides=True,
    service_accounts=("trainer@acme.iam.gserviceaccount.com",),
    project_numbers=("123456",),
    zones=("us-central1-a",),
    require_secure_boot=True,
    reference_sets=(ReferenceSet(name="trainer", version=1, image_digests=("sha256:" + "ab" * 32,)),),
)


def failing(result):
    return {check.name for check in result.checks if check.ok is False}


def verify(token, now=NOW, **more):
    return gcp_token.verify(token, keys=ISSUER.jwks(), now=now, **more)


def test_a_good_token():
    claims = verify(ISSUER.token(), nonce=b"nonce-of-8-bytes")
    assert claims.genuine
    assert claims.anchored
    assert appraise(claims, STRICT, now=NOW).accepted
    wrapped = json.dumps({"token": ISSUER.token().decode()}).encode()
    assert verify(wrapped).genuine


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"dbgstat": "enabled"}, "debug"),
        ({"dbgstat": "enable"}, "debug"),
        ({"dbgstat": None}, "debug"),
        ({"aud": "https://other"}, "audience"),
        ({"hwmodel": "GCP_AMD_SEV"}, "hwmodel"),
        ({"secboot": False}, "secure_boot"),
        ({"google_service_accounts": ["other"]}, "service_accounts"),
        ({"submods": {}}, "gpu_cc_mode"),
    ],
)
def test_what_the_policy_refuses(change, check):
    claims = verify(ISSUER.token(**change))
    assert claims.genuine
    assert check in failing(appraise(claims, STRICT, now=NOW))


@pytest.mark.parametrize("mode", ["OFF", "DEVTOOLS", None, "on"])
def test_only_confidential_mode_on_is_accepted(mode):
    submods = {"nvidia_gpu": {"cc_mode": mode}}
    claims = verify(ISSUER.token(submods=submods))
    assert failing(appraise(claims, AppraisalPolicy(gpu_cc_mode="ON"), now=NOW)) == {"gpu_cc_mode"}
    assert appraise(claims, AppraisalPolicy(), now=NOW).accepted is (mode is None)
    waived = AppraisalPolicy(gpu_cc_mode_waiver="no confidential GPU in this zone")
    assert appraise(claims, waived, now=NOW).accepted is (mode in {None, "OFF"})


def test_hardware_that_is_not_in_the_table_is_refused():
    for model, accepted in (("INTEL_TDX", True), ("GCP_SHIELDED_VM", True), ("GCP_INTEL_TDXX", False), (5, False)):
        claims = verify(ISSUER.token(hwmodel=model))
        assert appraise(claims, AppraisalPolicy(), now=NOW).accepted is accepted


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ({"iss": "https://evil"}, "issuer"),
        ({"exp": int(NOW.timestamp()) - 3600}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": True}, "exp"),
        ({"iat": int(NOW.timestamp()) + 3600}, "iat"),
        ({"nbf": int(NOW.timestamp()) + 3600}, "nbf"),
    ],
)
def test_what_is_not_genuine(change, check):
    assert failing(verify(ISSUER.token(**change))) == {check}


def test_time_and_nonce():
    assert failing(verify(ISSUER.token(), now=NOW + timedelta(hours=2))) == {"exp"}
    assert failing(verify(ISSUER.token(), nonce=b"other")) == {"nonce"}
    assert verify(ISSUER.token(eat_nonce=["x" * 8, b"ab".hex()]), nonce=b"ab").genuine


def test_keys():
    assert failing(gcp_token.verify(ISSUER.token(), now=NOW)) == {"signature"}
    other = TokenIssuer()
    assert failing(gcp_token.verify(ISSUER.token(), keys=other.jwks(), now=NOW)) == {"signature"}
    stranger = TokenIssuer(kid="unknown")
    assert failing(gcp_token.verify(stranger.token(), keys=ISSUER.jwks(), now=NOW)) == {"signature"}


def unsigned(algorithm, signature):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    payload = jwt.decode(ISSUER.token(), options={"verify_signature": False})
    return f"{part({'alg': algorithm, 'kid': ISSUER.kid})}.{part(payload)}.{signature}".encode()


def test_none_and_symmetric_algorithms_are_refused():
    assert {"algorithm", "signature"} <= failing(verify(unsigned("none", "")))
    assert {"algorithm", "signature"} <= failing(verify(unsigned("HS256", "AAAA")))


@pytest.mark.parametrize("broken", [b"", b"a.b", b"a.b.c", b"{}", b"\xff.\xff.\xff", b"e30.e30.e", b"W10.e30.AAAA"])
def test_what_is_no_token_is_malformed(broken):
    with pytest.raises(AttestationError):
        verify(broken)


def test_no_changed_character_is_accepted():
    token = ISSUER.token()
    for at in range(0, len(token), 7):
        changed = bytearray(token)
        changed[at] ^= 1
        try:
            claims = verify(bytes(changed))
        except AttestationError:
            continue
        assert not claims.genuine
