"""The synthesised stacks of a mixed fleet: clean as they are, and each spoilt document is found in them.

Nothing here is applied: it is what is known at synthesis.
"""

import copy
import json
import re
import shutil
from pathlib import Path

import pytest

from compliance.estate.from_terraform import estate_of_plans
from compliance.estate.model import PATHS
from compliance.facts.from_tenancy import scope_of
from compliance.prove.engine import prove
from tenancy.fleet import load

ROOT = Path(__file__).parents[3]
A, B = "initech", "hooli"
TRAINER = f"serviceAccount:{A}-trainer@bh-{A}.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fleet") / "tenants"
    shutil.copytree(ROOT / "tenants", folder)
    text = next(
        p
        for p in (
            ROOT / "tests/fixtures/initech.yaml",
            ROOT / "tenants/google/initech.yaml",
            ROOT / "tenants/initech.yaml",
        )
        if p.exists()
    ).read_text()
    text = "\n".join(line for line in text.splitlines() if not line.startswith("# yaml-language-server"))
    (folder / "initech.yaml").write_text(text)
    (folder / "hooli.yaml").write_text(
        text.replace("initech", B).replace("Initech", "Hooli").replace("10.40.", "10.41.")
    )
    return load(folder)


@pytest.fixture(scope="module")
def stacks(fleet, tmp_path_factory):
    from stacks.app import synthesise

    out = tmp_path_factory.mktemp("cdk")
    synthesise(fleet, "local", None, out, "http://127.0.0.1:1")
    return {path.parent.name: json.loads(path.read_text()) for path in out.glob("stacks/*/cdk.tf.json")}


def proofs_of(stacks, fleet):
    return prove(estate_of_plans(stacks, scope_of(fleet, local=True)))


def resource(stacks, stack, kind, part=""):
    return next(body for name, body in stacks[stack]["resource"][kind].items() if part in name)


def test_synthesised_mixed_fleet_is_proved_and_says_that_nothing_was_applied(stacks, fleet):
    proofs = proofs_of(stacks, fleet)
    assert {A, B, "acme", "globex"} <= set(proofs.tenants)
    assert proofs.count()["proved"] == len(proofs.tenants) * (len(proofs.tenants) - 1) * len(PATHS)
    assert not proofs.outside
    assert proofs.worst == "proved"
    assert any("not applied" in words for words in proofs.coverage["unknown"])
    assert not any("no reader" in words and "google_" in words for words in proofs.coverage["unknown"])
    assert proofs.coverage["considered"]["gcp key"] >= 10


def let_in(stacks, kind, part, role):
    body = resource(stacks, f"{B}-vault", kind, part)
    policy = json.loads(body["policy_data"])
    policy["bindings"].append({"role": role, "members": [TRAINER]})
    body["policy_data"] = json.dumps(policy)


def unlock(stacks):
    """Takes away the boundary of the attacker, and the victim's perimeter and deny policies."""
    stacks[f"{A}-vault"]["resource"].pop("google_iam_projects_policy_binding")
    stacks[f"{A}-perimeter"]["resource"].pop("google_access_context_manager_service_perimeter")
    stacks[f"{B}-perimeter"]["resource"].pop("google_access_context_manager_service_perimeter")
    stacks[f"{B}-vault"]["resource"].pop("google_iam_deny_policy")


SPOILT = [
    ("data", lambda s: let_in(s, "google_storage_bucket_iam_policy", "storage_data", "roles/storage.objectViewer")),
    ("key", lambda s: let_in(s, "google_kms_crypto_key_iam_policy", "keys_data", "roles/cloudkms.cryptoKeyDecrypter")),
    (
        "role",
        lambda s: let_in(s, "google_service_account_iam_policy", "trainer", "roles/iam.serviceAccountTokenCreator"),
    ),
]


@pytest.mark.parametrize(("path", "spoil"), SPOILT, ids=[case[0] for case in SPOILT])
def test_a_grant_to_another_tenant_is_held_by_the_locks_and_found_without_them(stacks, fleet, path, spoil):
    spoilt = copy.deepcopy(stacks)
    spoil(spoilt)
    assert proofs_of(spoilt, fleet).verdict(A, B, path) == "proved"
    unlock(spoilt)
    proofs = proofs_of(spoilt, fleet)
    assert proofs.verdict(A, B, path) == "violated"
    assert proofs.verdict(B, A, path) == "proved"


def test_a_release_condition_that_forgets_the_project_is_found(stacks, fleet):
    spoilt = copy.deepcopy(stacks)
    provider = resource(spoilt, f"{B}-vault", "google_iam_workload_identity_pool_provider")
    condition, named = re.subn(
        r"assertion\.submods\.gce\.project_number in \[[^]]*\]", "true", provider["attribute_condition"]
    )
    condition, accounts = re.subn(r'"[^"]*" in assertion\.google_service_accounts', "true", condition)
    assert (named, accounts) == (1, 1)
    provider["attribute_condition"] = condition
    unlock(spoilt)
    proofs = proofs_of(spoilt, fleet)
    assert proofs.verdict(A, B, "key") == "violated"
    finding = next(f for f in proofs.found(A, B, "key") if f.verdict == "violated")
    assert finding.witness["steps"][0]["request"]["claims"]["submods"]["gce"]["project_id"] == f"bh-{A}"


def test_a_release_condition_that_cannot_be_read_is_not_proved(stacks, fleet):
    spoilt = copy.deepcopy(stacks)
    provider = resource(spoilt, f"{B}-vault", "google_iam_workload_identity_pool_provider")
    provider["attribute_condition"] += " &&"
    assert proofs_of(spoilt, fleet).verdict(A, B, "key") == "undecided"


def test_a_sink_to_another_tenants_bucket_is_found_whatever_the_locks_say(stacks, fleet):
    spoilt = copy.deepcopy(stacks)
    sink = {"project": f"bh-{B}", "name": "copy", "destination": f"storage.googleapis.com/bh-{A}-data"}
    spoilt[f"{B}-vault"]["resource"]["google_logging_project_sink"]["copy"] = sink
    assert proofs_of(spoilt, fleet).verdict(A, B, "log") == "violated"


def test_a_tenant_whose_stacks_are_missing_is_indeterminate(stacks, fleet):
    fewer = {name: document for name, document in stacks.items() if not name.startswith(f"{B}-")}
    proofs = proofs_of(fewer, fleet)
    assert {proofs.verdict(A, B, path) for path in PATHS} == {"indeterminate"}
    assert {proofs.verdict(B, A, path) for path in PATHS} == {"proved"}


def test_a_policy_that_terraform_will_know_only_later_is_indeterminate(stacks, fleet):
    spoilt = copy.deepcopy(stacks)
    body = resource(spoilt, f"{B}-vault", "google_storage_bucket_iam_policy", "storage_data")
    body["policy_data"] = "${data.google_iam_policy.somewhere.policy_data}"
    assert proofs_of(spoilt, fleet).verdict(A, B, "data") == "indeterminate"


def test_a_terraform_plan_is_read_as_the_synthesised_stack_is(stacks, fleet):
    """The same resources in the form of `terraform show -json`, where single blocks are lists of one."""

    def listed(value, name=""):
        if isinstance(value, dict) and name not in ("labels", "attribute_mapping", ""):
            return [{key: listed(item, key) for key, item in value.items()}]
        if isinstance(value, dict):
            return {key: listed(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [listed(item) for item in value]
        return value

    def plan(document):
        resources, expressions = [], []
        for kind, named in document["resource"].items():
            for name, body in named.items():
                values = {k: listed(v, k) for k, v in body.items() if k not in ("//", "depends_on", "lifecycle")}
                resources.append(
                    {"address": f"{kind}.{name}", "type": kind, "name": name, "mode": "managed", "values": values}
                )
                expressions.append({"address": f"{kind}.{name}", "expressions": {}})
        whole = {"planned_values": {"root_module": {"resources": resources}}, "output": document.get("output", {})}
        return whole | {"configuration": {"root_module": {"resources": expressions}}}

    google = ("gcp-", A, B)
    planned = {n: plan(d) if n.startswith(google) else d for n, d in copy.deepcopy(stacks).items()}
    assert proofs_of(planned, fleet).count() == proofs_of(stacks, fleet).count()
    let = copy.deepcopy(stacks)
    let_in(let, "google_storage_bucket_iam_policy", "storage_data", "roles/storage.objectViewer")
    unlock(let)
    planned = {n: plan(d) if n.startswith(google) else d for n, d in let.items()}
    assert proofs_of(planned, fleet).verdict(A, B, "data") == "violated"
