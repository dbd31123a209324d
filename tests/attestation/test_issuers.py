"""The vendors' issuers that travel with the program: they lead to pinned roots, and stand in where none was given."""

from datetime import UTC, datetime

import pytest

from attestation.certificates import build_path, fingerprint, issued
from attestation.kinds import issuers, snp
from attestation.roots import AMD, AMD_ARK, GCP_EK_AK
from tests.attestation.makers import NOW, Authority, snp_report

AT = datetime(2025, 6, 25, tzinfo=UTC)


def test_every_issuer_leads_to_a_pinned_root():
    for pool, roots in ((issuers.amd(), AMD), (issuers.google(), GCP_EK_AK)):
        for issuer in pool:
            path = build_path(issuer, pool, roots, AT)
            assert path.anchored, issuer.subject
    assert {fingerprint(c) for c in issuers.google()} >= GCP_EK_AK.fingerprints
    assert {fingerprint(c) for c in issuers.amd()} >= set(AMD_ARK)


@pytest.mark.parametrize("product", ["Milan", "Genoa", "Turin"])
def test_each_product_has_its_three(product):
    subjects = [c.subject.rfc4514_string() for c in issuers.amd()]
    assert [s for s in subjects if product in s.split(",")[0]] == [
        next(s for s in subjects if s.startswith(f"CN={name}"))
        for name in (f"SEV-{product}", f"ARK-{product}", f"SEV-VLEK-{product}")
    ]


def test_the_issuers_do_not_help_a_chip_of_another_vendor():
    vendor = Authority()
    raw, leaf = snp_report(vendor)
    claims = snp.verify(raw, certificates=[leaf], now=NOW)
    assert not claims.anchored
    assert not claims.genuine
    assert not any(issued(issuer, leaf) for issuer in issuers.amd())


def test_issuers_that_were_given_must_do_by_themselves():
    vendor = Authority()
    raw, leaf = snp_report(vendor)
    assert snp.verify(raw, certificates=[leaf, vendor.middle], roots=vendor.roots, now=NOW).anchored
    assert not snp.verify(raw, certificates=[leaf], roots=vendor.roots, now=NOW).anchored
    assert not snp.verify(raw, certificates=[leaf, vendor.root], now=NOW).anchored


def test_the_certificate_that_signed_is_found_among_several():
    vendor = Authority()
    raw, leaf = snp_report(vendor)
    _, other = snp_report(vendor)
    for certificates in ([leaf, other, vendor.middle], [other, leaf, vendor.middle]):
        assert snp.verify(raw, certificates=certificates, roots=vendor.roots, now=NOW).genuine
    assert not snp.verify(raw, certificates=[other, vendor.middle], roots=vendor.roots, now=NOW).genuine
