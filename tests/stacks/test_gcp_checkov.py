"""checkov reads the stacks on Google Cloud: every objection has a reason, and a new one would be seen."""

import json

import pytest

from operations import checkov
from tests.stacks.google import mixed_fleet, with_gpu
from tests.stacks.synthesis import stacks_of

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("checkov")
    stacks_of(with_gpu(mixed_fleet()), "cloud", out, ["initech"])
    return out / "stacks"


def test_every_objection_has_a_reason(folder):
    scan = checkov.run(folder, checkov.read_exemptions())
    assert [str(failure) for failure in scan.failed] == []
    assert scan.passed > 80
    stale = [line for line in scan.stale if "GCP" in line.check]
    assert stale == [], "a line about Google Cloud excuses nothing"


def test_a_new_objection_is_seen(folder, tmp_path):
    spoiled = tmp_path / "initech-vault"
    spoiled.mkdir()
    body = json.loads((folder / "initech-vault" / "cdk.tf.json").read_text())
    bucket = next(iter(body["resource"]["google_storage_bucket"].values()))
    bucket["uniform_bucket_level_access"] = False
    bucket["public_access_prevention"] = "inherited"
    (spoiled / "cdk.tf.json").write_text(json.dumps(body))
    found = {failure.check for failure in checkov.run(tmp_path, checkov.read_exemptions()).failed}
    assert {"CKV_GCP_29", "CKV_GCP_114"} <= found
