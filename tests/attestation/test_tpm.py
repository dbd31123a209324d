"""TPM quotes: every way in which one can be wrong."""

import base64

import pytest

from attestation.appraise import appraise
from attestation.certificates import Roots
from attestation.errors import AttestationError
from attestation.kinds import tpm
from attestation.policy import AppraisalPolicy
from attestation.verify import Inputs, judge
from tests.attestation.makers import NOW, Authority, Tpm, as_bytes, boot_log, event, pem, tpm2b


def failing(claims):
    return {check.name for check in claims.checks if check.ok is False}


@pytest.mark.parametrize("ecc", [True, False])
def test_a_quote_with_its_log_is_genuine(ecc):
    claims = tpm.verify(as_bytes(Tpm(ecc=ecc).evidence(boot_log())), nonce=b"nonce", now=NOW)
    assert claims.genuine
    assert not claims.anchored
    assert claims.values["secure_boot"] is True
    assert set(claims.values["pcrs"]) == {"sha256"}


def test_an_ak_certificate_anchors_the_quote():
    authority, machine = Authority(), Tpm()
    leaf = authority.leaf("ak", machine.key.public_key())
    document = machine.evidence(boot_log(), ak_certificate=pem(leaf, authority.middle).decode())
    claims = tpm.verify(as_bytes(document), now=NOW, roots=authority.roots)
    assert claims.genuine
    assert claims.anchored
    other = tpm.verify(as_bytes(document), now=NOW, roots=Roots(certificates=(Authority().root,)))
    assert "ak_certificate_chain" in failing(other)


def test_a_certificate_of_another_key_does_not_anchor():
    authority = Authority()
    leaf = authority.leaf("ak", Tpm().key.public_key())
    document = Tpm().evidence(boot_log(), ak_certificate=pem(leaf).decode())
    assert "ak_trust" in failing(tpm.verify(as_bytes(document), now=NOW, roots=authority.roots))


def test_an_enrolled_key_anchors_and_another_is_refused():
    machine = Tpm()
    evidence = as_bytes(machine.evidence(boot_log()))
    assert tpm.verify(evidence, trusted_keys=(machine.key.public_key(),)).anchored
    assert "ak_trust" in failing(tpm.verify(evidence, trusted_keys=(Tpm().key.public_key(),)))


def test_a_key_that_signs_anything_is_no_attestation_key():
    document = Tpm(attributes=0x40072).evidence(boot_log())  # not restricted
    assert failing(tpm.verify(as_bytes(document))) == {"ak_attributes"}


def test_a_stale_nonce_is_refused():
    claims = tpm.verify(as_bytes(Tpm().evidence(boot_log(), nonce=b"old")), nonce=b"new")
    assert failing(claims) == {"nonce"}


def test_a_changed_pcr_value_is_refused():
    document = Tpm().evidence(boot_log())
    document["pcrs"]["sha256"]["4"] = "00" * 32
    assert {"pcr_digest", "event_log"} <= failing(tpm.verify(as_bytes(document)))


def test_a_missing_pcr_value_is_refused():
    document = Tpm().evidence(boot_log())
    del document["pcrs"]["sha256"]["4"]
    assert "pcr_digest" in failing(tpm.verify(as_bytes(document)))


def test_values_outside_the_quote_never_reach_the_claims():
    document = Tpm().evidence(boot_log())
    document["pcrs"]["sha384"] = {"4": "11" * 48}
    claims = tpm.verify(as_bytes(document))
    assert "sha384" not in claims.values["pcrs"]


def test_a_log_of_another_boot_is_refused():
    document = Tpm().evidence(boot_log())
    document["event_log"] = base64.b64encode(boot_log(image=b"other")).decode()
    assert failing(tpm.verify(as_bytes(document))) == {"event_log"}


def test_another_signature_is_refused():
    document = Tpm().evidence(boot_log())
    document["signature"] = Tpm().evidence(boot_log())["signature"]
    assert failing(tpm.verify(as_bytes(document))) == {"quote_signature"}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"kind": 0x8014}, "type"),
        ({"magic": 0xFF544346}, "magic"),
    ],
)
def test_what_is_no_quote_is_malformed(change, match):
    machine = Tpm()
    message = machine.quote({0: bytes(32)}, **change)
    document = machine.evidence(pcrs={0: bytes(32)})
    document |= {
        "quote": base64.b64encode(message).decode(),
        "signature": base64.b64encode(machine.sign(message)).decode(),
    }
    with pytest.raises(AttestationError, match=match):
        tpm.verify(as_bytes(document))


def test_a_creation_certificate_is_no_quote():
    machine = Tpm()
    message = machine.quote({0: bytes(32)})[:4] + b"\x80\x1a" + tpm2b(bytes(34)) + tpm2b(b"") + bytes(25)
    message += tpm2b(bytes(34)) + tpm2b(bytes(32))
    document = machine.evidence(pcrs={0: bytes(32)})
    document |= {
        "quote": base64.b64encode(message).decode(),
        "signature": base64.b64encode(machine.sign(message)).decode(),
    }
    assert "quote_type" in failing(tpm.verify(as_bytes(document)))


def test_a_log_alone_is_replayed_and_never_accepted():
    verdict = judge("tpm", Inputs(boot_log(), at=NOW), AppraisalPolicy())
    assert not verdict.accepted
    assert not verdict.claims.genuine
    assert verdict.claims.values["pcrs"]["sha384"]["4"]
    assert verdict.claims.values["pcrs_from"] == "event log replay"


def test_a_quote_without_anything_selected_is_refused():
    document = Tpm().evidence(pcrs={})
    assert "pcr_digest" in failing(tpm.verify(as_bytes(document)))


def test_startup_locality_changes_pcr_0():
    for locality in (0, 3, 4):
        assert tpm.verify(as_bytes(Tpm().evidence(boot_log(locality=locality)))).genuine
    document = Tpm().evidence(boot_log(locality=3))
    document["event_log"] = base64.b64encode(boot_log(locality=0)).decode()
    assert "event_log" in failing(tpm.verify(as_bytes(document)))


def test_a_second_separator_is_refused_even_when_the_quote_agrees():
    banks = ("sha256", "sha384")
    claims = tpm.verify(as_bytes(Tpm().evidence(boot_log(banks, extra=event(4, 4, bytes(4), banks)))))
    assert failing(claims) == {"separators"}


def test_data_that_does_not_hash_to_its_digest_is_refused():
    banks = ("sha256", "sha384")
    lie = event(5, 0x80000007, b"Exit Boot Services Invocation", banks, measured=b"something else")
    assert failing(tpm.verify(as_bytes(Tpm().evidence(boot_log(banks, extra=lie))))) == {"event_data_digests"}


def test_policy_reasons_are_in_words():
    policy = AppraisalPolicy(require_anchored=True, require_nonce=True, require_secure_boot=True, pcr_banks=("sha384",))
    claims = tpm.verify(as_bytes(Tpm().evidence(boot_log(secure_boot=False))))
    verdict = appraise(claims, policy, now=NOW)
    assert not verdict.accepted
    assert {reason.split(":")[0] for reason in verdict.reasons} == {
        "anchored",
        "nonce_required",
        "secure_boot",
        "pcr_banks",
    }


@pytest.mark.parametrize("ecc", [True, False])
def test_evidence_without_its_key_is_verified_with_the_one_given(ecc):

    machine, other, authority = Tpm(ecc=ecc), Tpm(ecc=ecc), Authority()
    document = machine.evidence(boot_log())
    del document["ak_public"]
    evidence = as_bytes(document)
    leaf = authority.leaf("AK", machine.key.public_key())
    chain, roots = pem(leaf, authority.middle), (pem(authority.root),)

    def verdict(*files):
        return judge("tpm", Inputs(evidence, certificates=files, roots=roots, at=NOW), AppraisalPolicy())

    assert verdict(chain).accepted
    assert verdict(chain).claims.anchored
    assert verdict(machine.public).claims.anchored
    assert verdict(tpm2b(other.public), tpm2b(machine.public)).accepted
    assert not verdict(other.public).accepted
    assert not verdict(pem(authority.leaf("AK", other.key.public_key()), authority.middle)).accepted
    with pytest.raises(AttestationError, match="--certificates"):
        verdict()
