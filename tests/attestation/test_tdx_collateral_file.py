"""Intel's collateral in the files in which it is found: one and the same set of fields comes out."""

import base64
import json
from datetime import timedelta
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import given, settings
from hypothesis import strategies as st

from attestation.errors import AttestationError
from attestation.kinds.tdx_collateral_file import load
from tests.attestation.makers import DER, NOW, PEM, Authority, pem

AUTHORITY = Authority()
CRL = (
    x509.CertificateRevocationListBuilder()
    .issuer_name(AUTHORITY.root.subject)
    .last_update(NOW)
    .next_update(NOW + timedelta(days=30))
    .sign(AUTHORITY.root_key, hashes.SHA384())
)
CHAIN = pem(AUTHORITY.middle, AUTHORITY.root).decode()
TCB = '{"id":"TDX","version":3,"fmspc":"50806f000000","tcbLevels":[]}'
IDENTITY = '{"id":"TD_QE","version":2,"mrsigner":"DC9E"}'
FIELDS = {
    "pck_crl_issuer_chain": CHAIN,
    "root_ca_crl": CRL.public_bytes(DER),
    "pck_crl": CRL.public_bytes(DER),
    "tcb_info_issuer_chain": CHAIN,
    "tcb_info": TCB,
    "tcb_info_signature": b"\x01" * 64,
    "qe_identity_issuer_chain": CHAIN,
    "qe_identity": IDENTITY,
    "qe_identity_signature": b"\x02" * 64,
}
PLAIN = {name: value.hex() if isinstance(value, bytes) else value for name, value in FIELDS.items()}


def camel(name):
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def answers(tcb, identity):
    """The documents as the PCS answers them, signatures inside."""
    rest = {name: value for name, value in PLAIN.items() if not name.endswith("signature")}
    return {**rest, "tcb_info": tcb, "qe_identity": identity}


TCB_ANSWER = f'{{"tcbInfo":{TCB},"signature":"{"01" * 64}"}}'
IDENTITY_ANSWER = f'{{"enclaveIdentity":{IDENTITY},"signature":"{"02" * 64}"}}'
CRLS = ("root_ca_crl", "pck_crl")
SHAPES = {
    "hex": PLAIN,
    "base64": {n: base64.b64encode(v).decode() if isinstance(v, bytes) else v for n, v in FIELDS.items()},
    "numbers": {n: list(v) if isinstance(v, bytes) else v for n, v in FIELDS.items()},
    "camel case": {camel(name): value for name, value in PLAIN.items()},
    "inside": {"quote": "00", "collateral": PLAIN},
    "parsed documents": PLAIN | {"tcb_info": json.loads(TCB), "qe_identity": json.loads(IDENTITY)},
    "answers as text": answers(TCB_ANSWER, IDENTITY_ANSWER),
    "answers with spaces": answers(TCB_ANSWER.replace(":{", " : {", 1), IDENTITY_ANSWER.replace(":{", " : {", 1)),
    "answers parsed": answers(json.loads(TCB_ANSWER), json.loads(IDENTITY_ANSWER)),
    "percent-encoded chains": PLAIN | {n: quote(CHAIN) for n in PLAIN if n.endswith("chain")},
    "PEM lists": PLAIN | dict.fromkeys(CRLS, CRL.public_bytes(PEM).decode()),
    "hex text of hex text": PLAIN | dict.fromkeys(CRLS, CRL.public_bytes(DER).hex().encode().hex()),
    "more fields": PLAIN | {"version": 3, "tee_type": 129, "pck_certificate_chain": CHAIN},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_fields(shape):
    assert load(json.dumps(SHAPES[shape]).encode()) == FIELDS


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [None, 7, "?", {}, [300], True])
def test_a_field_that_cannot_be_read_is_named(name, value):
    document = PLAIN | {name: value}
    if name.endswith("chain") and value == "?":
        assert load(json.dumps(document).encode())[name] == "?"  # the chain's reader judges it
        return
    if value == {} and name in {"tcb_info", "qe_identity"}:
        assert load(json.dumps(document).encode())[name] == "{}"  # the signature judges it
        return
    with pytest.raises(AttestationError, match=name):
        load(json.dumps(document).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"7", b"{", b"{}", b"[" * 5000, b'{"collateral": 7}'])
def test_what_is_no_collateral_is_malformed(data):
    with pytest.raises(AttestationError, match="TDX collateral"):
        load(data)


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3))


@settings(max_examples=300, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(sorted(PLAIN)), JSON, min_size=1))
def test_any_values_are_read_or_refused_in_words(changes):
    try:
        fields = load(json.dumps(PLAIN | changes).encode())
    except AttestationError as error:
        assert "TDX collateral" in str(error)  # noqa: PT017 - both ways out are right
        return
    assert set(fields) == set(FIELDS)
