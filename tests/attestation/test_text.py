"""Evidence in text: hex and base64 lead to the same claims, and a changed character is never overlooked."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from attestation.errors import AttestationError
from attestation.nitro_issuer import issue, make_root
from attestation.policy import AppraisalPolicy
from attestation.text import plain
from attestation.verify import Inputs, judge
from tests.attestation.makers import NOW, Authority, nvidia_report, pem, snp_report, tdx_quote

VENDOR = Authority()
INTEL = Authority(ec.SECP256R1())
LOCAL = make_root("local", NOW)
REPORT, VCEK = snp_report(VENDOR)
GPU, GPU_LEAF = nvidia_report(VENDOR)
RAW = {
    "nitro": issue(LOCAL, module_id="i-1", pcrs={4: bytes(48)}, now=NOW),
    "tdx": tdx_quote(INTEL),
    "snp": REPORT,
    "nvidia": GPU,
}
CHAINS = {"snp": pem(VCEK, VENDOR.middle, VENDOR.root), "nvidia": pem(GPU_LEAF, VENDOR.middle, VENDOR.root)}
ROOTS = {
    "nitro": pem(LOCAL.certificate),
    "tdx": pem(INTEL.root),
    "snp": pem(VENDOR.root),
    "nvidia": pem(VENDOR.root),
}


def verdict(kind, evidence):
    chain = (CHAINS[kind],) if kind in CHAINS else ()
    return judge(kind, Inputs(evidence, certificates=chain, roots=(ROOTS[kind],), at=NOW), AppraisalPolicy())


def lines(text):
    return b"\n".join(text[i : i + 76] for i in range(0, len(text), 76)) + b"\n"


FORMS = {
    "hex": lambda raw: raw.hex().encode(),
    "hex with 0x": lambda raw: b"0x" + raw.hex().encode() + b"\n",
    "upper-case hex": lambda raw: raw.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64 in lines": lambda raw: lines(base64.b64encode(raw)),
    "base64url": base64.urlsafe_b64encode,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", RAW)
def test_text_leads_to_the_claims_of_the_bytes(kind, form):
    bare, text = verdict(kind, RAW[kind]), verdict(kind, FORMS[form](RAW[kind]))
    assert bare.accepted
    assert text.accepted
    without = {"layout"}
    assert {k: v for k, v in text.claims.values.items() if k not in without} == {
        k: v for k, v in bare.claims.values.items() if k not in without
    }


@pytest.mark.parametrize("kind", RAW)
def test_a_changed_character_is_found(kind):
    text = base64.b64encode(RAW[kind])
    middle = len(text) // 3
    changed = text[:middle] + (b"B" if text[middle : middle + 1] != b"B" else b"C") + text[middle + 1 :]
    try:
        accepted = verdict(kind, changed).accepted
    except AttestationError:
        accepted = False
    assert not accepted


def test_base64_that_no_encoder_writes_is_malformed():
    text = base64.b64encode(b"x" * 64)  # one surplus octet: the last character carries two bits of it, four are stray
    assert text.endswith(b"A==")
    with pytest.raises(AttestationError, match="canonical"):
        plain(text[:-3] + b"B==", "evidence")


def test_hex_of_both_cases_is_malformed():
    text = bytes(range(64)).hex()
    assert plain(text.encode(), "evidence") == plain(text.upper().encode(), "evidence") == bytes(range(64))
    with pytest.raises(AttestationError, match="both cases"):
        plain(text.replace("a", "A", 1).encode(), "evidence")


def test_binary_evidence_is_left_alone():
    assert plain(REPORT, "evidence") is REPORT
    assert plain(b"abcd", "evidence") == b"abcd"


@pytest.mark.parametrize("name", ["attestation_document", "AttestationDocument", "document"])
def test_a_nitro_document_in_json(name):
    document = json.dumps({name: base64.b64encode(RAW["nitro"]).decode()}).encode()
    assert verdict("nitro", document).accepted


@pytest.mark.parametrize("document", [b"{}", b'{"attestation_document": 7}', b'{"document": ', b'{"document": "_?"}'])
def test_json_without_a_nitro_document_is_malformed(document):
    with pytest.raises(AttestationError, match="nitro evidence"):
        verdict("nitro", document)


@pytest.mark.parametrize("kind", RAW)
def test_no_changed_root_file_is_trusted(kind):
    """A root from a file must be signed by itself, so every byte of it counts."""
    chain = (CHAINS[kind],) if kind in CHAINS else ()
    tried = 0
    for at in range(0, len(ROOTS[kind]), 3):
        changed = ROOTS[kind][:at] + bytes([ROOTS[kind][at] ^ 1]) + ROOTS[kind][at + 1 :]
        try:
            accepted = judge(
                kind, Inputs(RAW[kind], certificates=chain, roots=(changed,), at=NOW), AppraisalPolicy()
            ).accepted
        except AttestationError:
            accepted = False
        assert not accepted, f"offset {at}"
        tried += 1
    assert tried > 100
