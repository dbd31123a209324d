"""The stacks of a tenant on Google Cloud: which are written, in which order, and what stops them."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from compliance.facts.from_tenancy import scope_of
from compliance.planned.judge import judge_plans
from compliance.results import Verdict
from stacks.app import synthesise
from stacks.errors import StackError
from stacks.gcp_base import NO_CREDENTIALS
from tenancy.errors import SpecError
from tenancy.lifecycle import State
from tests.stacks.google import NUMBERS, mixed_fleet, two_on_google, with_gpu
from tests.stacks.synthesis import ENDPOINT, stacks_of, with_tenant

GOLDEN = Path(__file__).parent / "golden"
LAYERS = ["initech-vault", "initech-perimeter", "initech-compute"]


@pytest.fixture(scope="module")
def mixed():
    return mixed_fleet()


@pytest.fixture(scope="module", params=["local", "cloud"])
def profile(request):
    return request.param


@pytest.fixture(scope="module")
def google(mixed, profile, tmp_path_factory):
    """The stacks of the tenant on Google Cloud, without those of AWS."""
    return stacks_of(mixed, profile, tmp_path_factory.mktemp(profile), ["initech"])


def test_a_mixed_fleet_has_the_stacks_of_both_clouds_in_order(mixed, tmp_path):
    infos = synthesise(mixed, "local", None, tmp_path, ENDPOINT)
    after = {info.name: info.depends_on for info in infos}
    assert {name: after[name] for name in ["gcp-organisation", "gcp-audit", *LAYERS]} == {
        "gcp-organisation": (),
        "gcp-audit": ("gcp-organisation",),
        "initech-vault": ("gcp-organisation", "gcp-audit"),
        "initech-perimeter": ("initech-vault",),
        "initech-compute": ("initech-perimeter",),
    }
    assert len(after) == 13
    seen = set()
    for info in infos:
        assert set(info.depends_on) <= seen
        seen.add(info.name)
        assert info.cloud == ("gcp" if info.tenant == "initech" or info.layer.startswith("gcp-") else "aws")


def test_the_organisation_on_aws_has_no_account_for_a_tenant_elsewhere(mixed, tmp_path):
    stacks = stacks_of(mixed, "local", tmp_path, [], layers=["organisation", "gcp-organisation"])
    accounts = {account["name"] for account in stacks["organisation"].all("aws_organizations_account")}
    assert accounts == {"bh-acme", "bh-globex", "bh-audit"}
    projects = {project["project_id"] for project in stacks["gcp-organisation"].all("google_project")}
    assert projects == {"bh-initech", "bh-initech-keys", "bh-audit"}


def test_golden_shape(google, profile):
    """How many resources of each type every stack has. Paste what the failure prints, once you have read it."""
    shape = {
        name: {kind: len(stack.all(kind)) for kind in sorted(stack.kinds)} for name, stack in sorted(google.items())
    }
    path = GOLDEN / f"gcp-{profile}.json"
    assert shape == json.loads(path.read_text()), f"{path}:\n{json.dumps(shape, indent=2)}"


SETTINGS = (
    "google_access_context_manager_service_perimeter",
    "google_compute_instance_template",
    "google_compute_network",
    "google_compute_route",
    "google_compute_subnetwork",
    "google_iam_deny_policy",
    "google_iam_principal_access_boundary_policy",
    "google_iam_workload_identity_pool_provider",
    "google_kms_crypto_key",
    "google_kms_crypto_key_iam_policy",
    "google_org_policy_policy",
    "google_storage_bucket",
)
"""Types whose every argument is in the golden file: what a reviewer of a change has to see."""


def settings(stacks: dict) -> dict:
    """Arguments by stack and address; references and what documents hold are written out as they are."""
    return {
        name: {
            f"{kind}.{label}": {k: v for k, v in body.items() if k not in ("//", "depends_on")}
            for kind in SETTINGS
            for label, body in sorted(stack.body["resource"].get(kind, {}).items())
        }
        for name, stack in sorted(stacks.items())
        if name in LAYERS
    }


def golden(path: Path, found: dict) -> None:
    """Compares with a golden file; what differs is printed by stack and address, as it is and as it should be."""
    held = json.loads(path.read_text())
    changed = {
        f"{name} {address}": {"golden": held.get(name, {}).get(address), "now": found.get(name, {}).get(address)}
        for name in {*held, *found}
        for address in {*held.get(name, {}), *found.get(name, {})}
        if held.get(name, {}).get(address) != found.get(name, {}).get(address)
    }
    assert changed == {}, f"{path}: change these, once you have read them:\n{json.dumps(changed, indent=1)}"


def test_golden_settings(google, profile):
    golden(GOLDEN / f"gcp-{profile}-settings.json", settings(google))


def test_golden_settings_of_a_confidential_gpu(mixed, tmp_path):
    """The machine that is bought for a limited time, its GPU in confidential mode, and the condition for its keys."""
    found = settings(stacks_of(with_gpu(mixed), "cloud", tmp_path, ["initech"]))
    wanted = ("google_compute_instance_template", "google_iam_workload_identity_pool_provider")
    golden(
        GOLDEN / "gcp-gpu-settings.json",
        {name: {a: v for a, v in held.items() if a.startswith(wanted)} for name, held in found.items()},
    )


def test_only_the_stacks_of_the_clouds_concerned_are_written(mixed, google, tmp_path):
    assert set(google) == {"gcp-organisation", "gcp-audit", *LAYERS}
    assert not any(name.startswith("gcp") for name in stacks_of(mixed, "local", tmp_path, ["acme"]))


def test_synthesis_is_repeatable(mixed, tmp_path):
    texts = []
    for run in ("first", "second"):
        synthesise(mixed, "cloud", ["initech"], tmp_path / run)
        texts.append([path.read_text() for path in sorted((tmp_path / run).rglob("cdk.tf.json"))])
    assert len(texts[0]) == 5
    assert texts[0] == texts[1]


def test_every_stack_acts_as_the_deployer_in_the_cloud_and_as_nobody_locally(google, profile):
    for stack in google.values():
        (provider,) = stack.body["provider"]["google"]
        if profile == "cloud":
            assert provider["impersonate_service_account"] == "deployer@bh-deploy.iam.gserviceaccount.com"
            assert "access_token" not in provider
        else:
            assert provider["access_token"] == NO_CREDENTIALS
            assert "impersonate_service_account" not in provider
        assert stack.body["terraform"]["required_providers"]["google"]["source"] == "hashicorp/google"


def test_numbers_of_projects_are_those_of_the_profile(mixed, google, profile):
    (perimeter,) = google["initech-perimeter"].all("google_access_context_manager_service_perimeter")
    initech = mixed.tenant("initech")
    expected = [mixed.project_number(initech, local=profile == "local")]
    expected.append(mixed.key_project_number(initech, local=profile == "local"))
    assert perimeter["status"]["resources"] == [f"projects/{number}" for number in expected]
    assert (expected == list(NUMBERS.values())) == (profile == "cloud")


def test_the_organisation_can_be_deployed_before_any_number_is_known(mixed, tmp_path):
    unknown = replace(
        with_tenant(mixed, "initech", project_number=None, key_project_number=None),
        platform=mixed.platform.model_copy(
            update={
                "clouds": {
                    **mixed.platform.clouds,
                    "gcp": mixed.platform.clouds["gcp"].model_copy(
                        update={"organisation": mixed.google.model_copy(update={"audit_project_number": None})}
                    ),
                }
            }
        ),
    )
    assert set(stacks_of(unknown, "cloud", tmp_path, ["initech"], layers=["gcp-organisation"])) == {"gcp-organisation"}
    with pytest.raises(SpecError, match="audit_project_number"):
        stacks_of(unknown, "cloud", tmp_path / "all", ["initech"])


def test_the_organisation_prints_the_numbers_that_the_files_need(google):
    printed = google["gcp-organisation"].body["output"]["project_numbers"]["value"]
    assert {tenant: set(fields) for tenant, fields in printed.items()} == {
        "platform": {"audit_project_number"},
        "initech": {"project_number", "key_project_number"},
    }
    assert "project-initech-keys" in printed["initech"]["key_project_number"]
    assert "project-initech_" in printed["initech"]["project_number"]


def test_a_layer_that_refers_to_another_needs_it(mixed, tmp_path):
    with pytest.raises(StackError, match="layer gcp-audit: refers to gcp-organisation"):
        stacks_of(mixed, "cloud", tmp_path, ["initech"], layers=["gcp-audit"])


def test_canaries_run_the_image_on_trial_and_nobody_else_does(tmp_path):
    """The rules read the same platform file and agree: what a canary runs is accepted, and for canaries only."""
    fleet = two_on_google()
    cloud = fleet.platform.clouds["gcp"]
    trial = "us-docker.pkg.dev/bh-images/trainer/cpu@sha256:" + "7e" * 32
    image = cloud.images["trainer-cpu"].model_copy(update={"trial": trial, "canaries": ("umbra",)})
    cloud = cloud.model_copy(update={"images": {**cloud.images, "trainer-cpu": image}})
    platform = fleet.platform.model_copy(update={"clouds": {**fleet.platform.clouds, "gcp": cloud}})
    fleet = replace(fleet, platform=platform)
    stacks = stacks_of(fleet, "cloud", tmp_path, ["initech", "umbra"])
    runs = {
        tenant: stacks[f"{tenant}-compute"].one("google_compute_instance_template")["metadata"]["tee-image-reference"]
        for tenant in ("initech", "umbra")
    }
    assert runs == {"initech": image.container, "umbra": trial}
    documents = {name: stack.body for name, stack in stacks.items()}
    found = judge_plans(documents, scope_of(fleet, local=False), datetime(2026, 3, 1, tzinfo=UTC))
    assert [(r.rule, r.tenant, r.reason) for r, _ in found.of(Verdict.FAIL, Verdict.INDETERMINATE)] == []
    documents["initech-compute"] = json.loads(json.dumps(documents["initech-compute"]).replace(image.container, trial))
    found = judge_plans(documents, scope_of(fleet, local=False), datetime(2026, 3, 1, tzinfo=UTC))
    assert {(r.rule, r.tenant) for r, _ in found.of(Verdict.FAIL)} == {("node.gcp-image", "initech")}


def test_a_quarantined_tenants_projects_move_to_the_quarantine_folder(mixed, tmp_path):
    lifecycle = mixed.tenant("initech").lifecycle.model_copy(update={"state": State.QUARANTINED, "reason": "test"})
    moved = with_tenant(mixed, "initech", lifecycle=lifecycle)
    for fleet, folder in ((mixed, "tenants-folder"), (moved, "quarantine-folder")):
        stack = stacks_of(fleet, "local", tmp_path / folder, ["initech"], layers=["gcp-organisation"])[
            "gcp-organisation"
        ]
        projects = {project["project_id"]: project for project in stack.all("google_project")}
        assert folder in projects["bh-initech"]["folder_id"]
        assert folder in projects["bh-initech-keys"]["folder_id"]
        assert projects["bh-audit"]["org_id"] == "600000000001"


def test_a_condition_that_iam_would_refuse_stops_synthesis(mixed, tmp_path):
    google = mixed.platform.clouds["gcp"]
    many = tuple(f"sha256:{number:064x}" for number in range(60))
    image = google.images["trainer-cpu"].model_copy(update={"also_accepted": many})
    cloud = google.model_copy(update={"images": {**google.images, "trainer-cpu": image}})
    platform = mixed.platform.model_copy(update={"clouds": {**mixed.platform.clouds, "gcp": cloud}})
    with pytest.raises(
        SpecError, match=r"clouds\.gcp\.images\.trainer-cpu\.also_accepted = 61 digests.*Take out digests"
    ):
        stacks_of(replace(mixed, platform=platform), "local", tmp_path, ["initech"])


def test_what_the_guard_objects_to_is_named(mixed, tmp_path, monkeypatch):
    from modules.gcp.site import GcpSite

    monkeypatch.setattr(GcpSite, "labels", lambda *_arguments, **_more: {"tenant": "initech"})
    with pytest.raises(StackError, match=r"initech-vault/keys/disk\] google_kms_crypto_key: no label layer, platform"):
        stacks_of(mixed, "local", tmp_path, ["initech"])
