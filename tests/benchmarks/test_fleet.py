"""The made-up fleets of the scan benchmark: whole, judged without a finding, and as large as they say."""

from benchmarks.scan.fleet import write
from compliance.facts.bundle import open_bundle
from compliance.rules.judge import judge


def test_a_fleet_is_judged_without_a_finding(tmp_path):
    facts, resources = write(3, tmp_path / "bundle")
    bundle = open_bundle(tmp_path / "bundle")
    assert bundle.manifest["facts"]["count"] == facts
    assert resources == 3 * 95
    judgement = judge(bundle)
    tenants = {result.tenant for result in judgement.results}
    assert len(tenants - {"platform"}) == 3
    assert judgement.summary["fail"] == 0
    assert judgement.summary["pass"] > 300
