"""Real evidence with one byte changed, all over each file: rejected or malformed, never accepted, never a traceback.

The bytes that nothing covers are named here and in docs/attestation.md, "What no signature covers".
"""

import dataclasses

import pytest

from attestation.errors import AttestationError
from attestation.policy import AppraisalPolicy
from attestation.verify import Inputs, judge
from tests.attestation.real import AT
from tests.attestation.vectors import vector

POLICY = AppraisalPolicy(allow_debug="one of the vectors is a debug guest")
SNP = ("snp/vcek.testcer", "snp/milan.testcer")
FILES = {
    "nitro": ("nitro", "nitro/nitro_attestation.bin", (), None, 7),
    "tdx": ("tdx", "tdx/tdx_quote", (), None, 7),
    "tdx-trailing": ("tdx", "tdx/tdx_prod_quote_SPR_E4.dat", (), None, 29),
    "snp": ("snp", "snp/attestation.bin", SNP, None, 3),
    "gpu-text": ("nvidia", "nvidia/hopperAttestationReport.txt", ("nvidia/hopperCertChain.txt",), None, 29),
    "gpu-json": ("nvidia", "nvidia/hopper_evidence.json", (), None, 41),
    "tpm": ("tpm", "tpm/windows_gcp_shielded_vm.json", (), None, 101),
}
UNCOVERED = {"tdx-trailing": range(4935, 4974)}
"""Ranges of offsets that nothing signs: text that was appended to the quote."""
OPEN_TEXT = {"gpu-json": (b'"nonce"', b'"arch"', b'"HOPPER"')}
EVENT_DATA = {"tpm"}
"""Layouts with an event log inside: types and some event data are not measured, so a change may go unseen there."""


def attempts(data, step):
    for at in range(0, len(data), step):
        for mask in (0x01, 0x80):
            yield at, data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def outcome(kind, inputs):
    try:
        return judge(kind, inputs, POLICY)
    except AttestationError:
        return None


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_changed_byte_is_accepted(name):
    kind, file, certificates, collateral, step = FILES[name]
    inputs = Inputs(
        vector(file),
        certificates=tuple(vector(c) for c in certificates),
        collateral=vector(collateral) if collateral else None,
        at=None if kind == "nitro" else AT,
    )
    good = judge(kind, inputs, POLICY)
    assert good.accepted
    tried = 0
    for at, changed in attempts(inputs.evidence, step):
        verdict = outcome(kind, dataclasses.replace(inputs, evidence=changed))
        tried += 1
        if verdict is None or not verdict.accepted or at in UNCOVERED.get(name, ()):
            continue
        if name in EVENT_DATA:
            assert verdict.claims.values["pcrs"] == good.claims.values["pcrs"], f"offset {at}"
            assert verdict.claims.values["ak_sha256"] == good.claims.values["ak_sha256"], f"offset {at}"
            continue
        around = inputs.evidence[max(0, at - 12) : at + 12]
        assert any(text in around for text in OPEN_TEXT.get(name, ())), f"offset {at}: {around!r}"
    assert tried > 100


@pytest.mark.parametrize("index", [0, 1])
def test_no_changed_certificate_is_accepted(index):
    files = [vector(name) for name in SNP]
    for _, changed in attempts(files[index], 11):
        given = list(files)
        given[index] = changed
        verdict = outcome("snp", Inputs(vector("snp/attestation.bin"), certificates=tuple(given), at=AT))
        assert verdict is None or not verdict.accepted


def test_no_changed_collateral_is_accepted():
    quote, collateral = vector("tdx/tdx_quote"), vector("tdx/tdx_quote_collateral.json")
    for at, changed in attempts(collateral, 41):
        verdict = outcome("tdx", Inputs(quote, collateral=changed, at=AT))
        assert verdict is None or not verdict.accepted, f"offset {at}"


def test_a_swapped_chain_is_rejected():
    other = vector("nvidia/hopper_evidence.json")
    import base64
    import json

    chain = base64.b64decode(json.loads(other)[0]["certificate"])
    verdict = outcome("nvidia", Inputs(vector("nvidia/hopperAttestationReport.txt"), certificates=(chain,), at=AT))
    assert verdict is not None
    assert not verdict.accepted
