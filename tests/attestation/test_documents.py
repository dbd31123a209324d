"""YAML and JSON in which a name stands twice are refused wherever they decide something."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attestation.documents import load_json, load_yaml
from attestation.errors import AttestationError
from attestation.kinds import gcp_token, nitro, nvidia, snp, tdx, tpm
from attestation.kinds.gcp_token_keys import load_keys
from attestation.kinds.tdx_collateral_file import load as load_collateral
from attestation.policy import load_policy
from attestation.reference import verify
from attestation.release.policy import load_release_policy
from attestation.release.sets import load_set
from operations.checkov import read_exemptions
from operations.errors import CommandError
from operations.training import read_job
from tests.attestation.makers import TokenIssuer, Tpm, as_bytes
from tests.attestation.release_fixtures import image, policy

ZEROS, ONES = "00" * 32, "11" * 32
PLACED = r"^FILE:3: not YAML: 'require_nonce' stands twice in one block, first on line 2: keep one of the two$"


def test_the_message_names_file_line_key_and_way_out():
    with pytest.raises(AttestationError, match=PLACED):
        load_policy("name: a\nrequire_nonce: true\nrequire_nonce: false\n", "FILE")
    with pytest.raises(AttestationError, match="'name' stands twice in one object: keep one of the two"):
        load_json('{"name": 1, "name": 1}', "FILE")


@pytest.mark.parametrize(
    "text",
    [
        "reference_sets: [{name: a, version: 1, version: 2}]",
        '{"minimum_version": 3, "minimum_version": 0}',
        "minimum_version: 3\n'minimum_version': 0",
        f"reference_sets: [{{name: a, version: 1, pcrs: {{sha256: {{4: ['{ZEROS}'], 4: ['{ONES}']}}}}}}]",
        f"reference_sets: [{{name: a, version: 1, pcrs: {{sha256: {{4: ['{ZEROS}'], '4': ['{ONES}']}}}}}}]",
        f"reference_sets: [{{name: a, version: 1, pcrs: {{sha256: {{4: ['{ZEROS}'], '04': ['{ONES}']}}}}}}]",
    ],
)
def test_an_appraisal_policy_says_everything_once(text):
    with pytest.raises(AttestationError, match="stands twice"):
        load_policy(text, "FILE")


def test_release_policies_and_sets_say_everything_once():
    text = policy([image(1)]).model_dump_json()
    assert load_release_policy(text, "FILE").version == 1
    with pytest.raises(AttestationError, match=r"FILE:1: .*'version' stands twice"):
        load_release_policy('{"version": 9, ' + text[1:], "FILE")
    assert load_set("name: a\nversion: 1\n", "FILE").version == 1
    with pytest.raises(AttestationError, match=r"FILE:3: .*'version' stands twice"):
        load_set("name: a\nversion: 1\nversion: 2\n", "FILE")


def test_jobs_and_exceptions_say_everything_once(tmp_path):
    file = tmp_path / "file.yaml"
    file.write_text("tenant: acme\ntenant: other\n")
    with pytest.raises(CommandError, match=r"file\.yaml:2: .*'tenant' stands twice"):
        read_job(file)
    file.write_text("- check: CKV_AWS_1\n  resource: a\n  resource: '*'\n  reason: because it is like this here\n")
    with pytest.raises(CommandError, match=r"file\.yaml:3: .*'resource' stands twice"):
        read_exemptions(file)
    file.write_bytes(b"- \xff\n")
    with pytest.raises(CommandError, match=r"file\.yaml"):
        read_exemptions(file)


def twice(document, name):
    """The JSON text of `document` with `name` in it once more."""
    return (json.dumps({name: "00"})[:-1] + ", " + json.dumps(document)[1:]).encode()


@pytest.mark.parametrize(
    ("read", "document", "name"),
    [
        (tpm.verify, Tpm().evidence(), "signature"),
        (nitro.verify, {"attestation_document": "00"}, "attestation_document"),
        (tdx.verify, {"quote": "00"}, "quote"),
        (snp.verify, {"report": "00"}, "report"),
        (nvidia.verify, {"evidence": "00"}, "evidence"),
        (gcp_token.verify, {"token": "a.b.c"}, "token"),
        (load_keys, json.loads(TokenIssuer().jwks()), "keys"),
        (load_collateral, {"tcb_info": "{}"}, "tcb_info"),
        (lambda data: verify(data, ()), {"payloadType": "x"}, "payloadType"),
    ],
)
def test_evidence_and_keys_say_everything_once(read, document, name):
    with pytest.raises(AttestationError, match=f"'{name}' stands twice"):
        read(twice(document, name))


def test_a_token_says_everything_once():
    def segment(text):
        return base64.urlsafe_b64encode(text).rstrip(b"=")

    header, payload, signature = TokenIssuer().token().split(b".")
    for part in (segment(b'{"alg":"RS256","alg":"none"}') + b"." + payload, header + b"." + segment(b'{"a":1,"a":1}')):
        with pytest.raises(AttestationError, match="stands twice"):
            gcp_token.verify(part + b"." + signature)


@pytest.mark.parametrize(
    "text", ["[NaN]", "[Infinity]", "[-Infinity]", "[1", "", "[" * 100000, '{"a": ' + "1" * 5000 + "}"]
)
def test_what_is_not_json(text):
    with pytest.raises(AttestationError, match="not JSON"):
        load_json(text, "FILE")


def test_merged_keys_may_be_written_over():
    assert load_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n", "FILE")["b"] == {"x": 3, "y": 2}


NAMES = st.text("abcxyz_-09 ")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NAMES, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner)
)


@given(VALUES)
def test_what_says_everything_once_is_read_as_it_is(value):
    text = json.dumps(value)
    assert load_json(text, "FILE") == value
    assert load_yaml(text, "FILE") == value


def test_nothing_else_than_plain_values_comes_out():
    for text in ("!!python/object/apply:os.getcwd []", "!x y", "{[1]: 2}", "? {a: 1}\n: 2\n"):
        with pytest.raises(AttestationError):
            load_yaml(text, "FILE")
    assert as_bytes(load_yaml("0: 0x10", "FILE", texts=True)) == b'{"0": "0x10"}'


def test_a_block_that_overrides_what_it_merges_says_nothing_twice():
    text = "common: &c {k: 1}\nnested:\n  b: &b {<<: *c, k: 2}\na: {<<: *b, z: 1}\n"
    assert load_yaml(text, "F") == {"common": {"k": 1}, "nested": {"b": {"k": 2}}, "a": {"k": 2, "z": 1}}
