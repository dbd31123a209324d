"""Who may sign a Google token: keys by id, certificates, and the chain of a PKI token."""

import base64
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from attestation.errors import AttestationError
from attestation.kinds.gcp_token_keys import load_keys
from attestation.policy import AppraisalPolicy
from attestation.verify import Inputs, judge
from tests.attestation.makers import DER, NOW, Authority, TokenIssuer, pem


def chain_header(*certificates):
    return {"x5c": [base64.b64encode(c.public_bytes(DER)).decode() for c in certificates]}


@pytest.fixture(scope="module")
def pki():
    issuer, authority = TokenIssuer(), Authority()
    leaf = authority.leaf("signer", issuer.key.public_key())
    return issuer, authority, leaf


def verdict(token, *, certificates=(), roots=(), at=NOW):
    return judge("gcp-token", Inputs(token, certificates=certificates, roots=roots, at=at), AppraisalPolicy())


@pytest.mark.parametrize("option", ["certificates", "roots"])
@pytest.mark.parametrize("form", ["pem", "der"])
def test_a_chain_is_trusted_when_it_ends_in_the_root_given(pki, option, form):
    issuer, authority, leaf = pki
    token = issuer.token(header=chain_header(leaf, authority.middle, authority.root))
    root = pem(authority.root) if form == "pem" else authority.root.public_bytes(DER)
    found = verdict(token, **{option: (root,)})
    assert found.accepted, found.reasons
    assert found.claims.anchored


@pytest.mark.parametrize("option", ["certificates", "roots"])
def test_a_chain_to_another_root_is_rejected(pki, option):
    issuer, authority, leaf = pki
    token = issuer.token(header=chain_header(leaf, authority.middle, authority.root))
    found = verdict(token, **{option: (pem(Authority().root),)})
    assert not found.accepted
    assert any("certificate_chain" in reason for reason in found.reasons)


def test_a_chain_with_nothing_to_trust_is_rejected(pki):
    issuer, authority, leaf = pki
    assert not verdict(issuer.token(header=chain_header(leaf, authority.middle, authority.root))).accepted


def test_a_chain_of_another_signer_is_rejected(pki):
    _, authority, leaf = pki
    token = TokenIssuer().token(header=chain_header(leaf, authority.middle, authority.root))
    found = verdict(token, certificates=(pem(authority.root),))
    assert any(reason.startswith("signature") for reason in found.reasons)


def test_a_chain_that_lapsed_is_rejected(pki):
    issuer, authority, _ = pki
    old = authority.leaf("signer", issuer.key.public_key(), start=NOW - timedelta(days=9), days=2)
    found = verdict(issuer.token(header=chain_header(old, authority.middle)), certificates=(pem(authority.root),))
    assert any("certificate_validity" in reason for reason in found.reasons)


@pytest.mark.parametrize("chain", [[], ["?"], [7], ["AAAA"], ["AAAA"] * 9])
def test_a_chain_that_cannot_be_read_is_malformed(pki, chain):
    issuer, authority, _ = pki
    with pytest.raises(AttestationError, match="x5c"):
        verdict(issuer.token(header={"x5c": chain}), certificates=(pem(authority.root),))


def test_keys_given_are_used_before_a_chain_that_comes_with_the_token(pki):
    issuer, authority, leaf = pki
    token = TokenIssuer().token(header=chain_header(leaf, authority.middle) | {"kid": "key-1"})
    assert not verdict(token, certificates=(issuer.jwks(),)).accepted


def test_certificates_by_key_id():
    issuer = TokenIssuer()
    key = issuer.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    other = (
        TokenIssuer()
        .key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    assert verdict(issuer.token(), certificates=(json.dumps({"key-1": key.decode()}).encode(),)).accepted
    assert not verdict(issuer.token(), certificates=(json.dumps({"key-2": key.decode()}).encode(),)).accepted
    assert not verdict(issuer.token(), certificates=(json.dumps({"key-1": other.decode()}).encode(),)).accepted


@pytest.mark.parametrize(
    ("name", "value"), [("use", "enc"), ("alg", "RS512"), ("alg", None), ("key_ops", ["sign"]), ("kty", "EC")]
)
def test_a_key_for_something_else_is_not_used(name, value):
    issuer = TokenIssuer()
    entry = json.loads(issuer.jwks())["keys"][0]
    assert verdict(issuer.token(), certificates=(json.dumps({"keys": [entry]}).encode(),)).accepted
    changed = json.dumps({"keys": [entry | {name: value}]}).encode()
    assert not verdict(issuer.token(), certificates=(changed,)).accepted


def test_a_short_key_is_malformed():
    with pytest.raises(AttestationError, match="2048"):
        load_keys(
            rsa.generate_private_key(65537, 1024)
            .public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        )


@pytest.mark.parametrize("data", [b"{", b'"x"', b'{"keys": 7}', b"", b'{"a": "-----BEGIN x"}'])
def test_unreadable_keys_are_malformed(data):
    with pytest.raises(AttestationError, match="token keys"):
        load_keys(data)


def test_two_keys_of_one_id_are_refused():
    first, second = (json.loads(TokenIssuer().jwks())["keys"][0] for _ in range(2))
    with pytest.raises(AttestationError, match="two keys with the id 'key-1'"):
        load_keys(json.dumps({"keys": [first, second]}).encode())
    assert set(load_keys(json.dumps({"keys": [first, {**second, "kid": "key-2"}]}).encode())) == {"key-1", "key-2"}
