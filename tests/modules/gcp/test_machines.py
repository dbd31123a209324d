"""What the tenant's file says of its machines reaches the template; blocks and the guard keep to the provider."""

import importlib

import pytest
from cdktn import App, Aspects, TerraformStack
from cdktn_provider_google.kms_crypto_key import KmsCryptoKey
from cdktn_provider_google.project_iam_member import ProjectIamMember
from cdktn_provider_google.provider import GoogleProvider
from cdktn_provider_google.storage_bucket import StorageBucket

from modules.gcp.compute import scheduling
from modules.gcp.errors import ConstructError
from modules.gcp.guard import ENCRYPTED_BY, Guard
from modules.gcp.images import registry
from modules.gcp.made import made
from tests.stacks.google import mixed_fleet, with_gpu
from tests.stacks.synthesis import stacks_of

LABELS = {"tenant": "initech", "platform": "bh", "layer": "vault"}
ENCRYPTION = {"default_kms_key_name": "projects/p/locations/l/keyRings/r/cryptoKeys/k"}


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        ({"provisioning": "standard", "max_run_hours": None}, {"provisioning_model": "STANDARD"}),
        (
            {"provisioning": "spot", "max_run_hours": None},
            {"provisioning_model": "SPOT", "preemptible": True, "instance_termination_action": "DELETE"},
        ),
        (
            {"provisioning": "flex-start", "max_run_hours": 24},
            {
                "provisioning_model": "FLEX_START",
                "instance_termination_action": "DELETE",
                "max_run_duration": {"seconds": 86400},
            },
        ),
    ],
)
def test_machines_are_bought_as_the_tenant_says_and_never_moved(compute, expected):
    fleet = with_gpu(mixed_fleet(), **compute)
    settings = scheduling(fleet.tenant("initech"))
    assert settings == {"on_host_maintenance": "TERMINATE", "automatic_restart": False, **expected}


def test_a_gpu_machine_is_confidential_on_both_sides(cloud_google, local_google):
    template = cloud_google["initech-compute"].one("google_compute_instance_template")
    assert template["machine_type"] == "a3-highgpu-1g"
    assert template["metadata"]["tee-install-gpu-driver"] == "true"
    condition = cloud_google["initech-vault"].one("google_iam_workload_identity_pool_provider")["attribute_condition"]
    assert 'assertion.submods.nvidia_gpu.cc_mode == "ON"' in condition
    quota = cloud_google["initech-compute"].one("google_cloud_quotas_quota_preference")
    assert quota["quota_config"]["preferred_value"] == "2"
    without = local_google["initech-compute"].one("google_compute_instance_template")
    assert "tee-install-gpu-driver" not in without["metadata"]
    assert local_google["initech-compute"].one("google_cloud_quotas_quota_preference")["quota_config"] == {
        "preferred_value": "0"
    }


def test_a_perimeter_in_dry_run_enforces_nothing_and_reports_everything(tmp_path):
    fleet = mixed_fleet()
    tenants = tuple(t.model_copy(update={"perimeter": "dry-run"}) if t.cloud == "gcp" else t for t in fleet.tenants)
    dry = type(fleet)(fleet.platform, tenants)
    stack = stacks_of(dry, "local", tmp_path, ["initech"])["initech-perimeter"]
    perimeter = stack.one("google_access_context_manager_service_perimeter")
    assert "status" not in perimeter
    assert "storage.googleapis.com" in perimeter["spec"]["restricted_services"]
    assert perimeter["use_explicit_dry_run_spec"] is True


def test_the_image_lies_in_the_registry_that_its_reference_names():
    class Held:
        tenant = mixed_fleet().tenant("initech")
        image = mixed_fleet().platform.clouds["gcp"].images["trainer-cpu"]

    assert registry(Held).project == "bh-images"
    assert (registry(Held).location, registry(Held).repository) == ("us", "trainer")
    Held.image = Held.image.model_copy(update={"container": None})
    with pytest.raises(ConstructError, match="no container"):
        registry(Held)
    Held.image = Held.image.model_copy(update={"container": "docker.io/library/python:3"})
    with pytest.raises(ConstructError, match="not an image of Artifact Registry"):
        registry(Held)


def stack_in(tmp_path):
    app = App(outdir=str(tmp_path))
    stack = TerraformStack(app, "tried")
    GoogleProvider(stack, "google", project="p")
    Aspects.of(stack).add(Guard())
    return app, stack


def bucket(stack, **more):
    made(StorageBucket, stack, "bucket", name="b", location="US-CENTRAL1", **more)


def test_a_labelled_and_encrypted_bucket_passes(tmp_path):
    app, stack = stack_in(tmp_path)
    bucket(stack, labels=LABELS, encryption=ENCRYPTION)
    app.synth()
    assert (tmp_path / "stacks/tried/cdk.tf.json").exists()


@pytest.mark.parametrize("missing", sorted(LABELS))
def test_a_missing_label_stops_synthesis(missing, tmp_path):
    app, stack = stack_in(tmp_path)
    bucket(stack, labels={key: value for key, value in LABELS.items() if key != missing}, encryption=ENCRYPTION)
    with pytest.raises(RuntimeError, match=f"google_storage_bucket: no label {missing}"):
        app.synth()


def test_an_unencrypted_bucket_stops_synthesis(tmp_path):
    app, stack = stack_in(tmp_path)
    bucket(stack, labels=LABELS)
    with pytest.raises(RuntimeError, match=r"not encrypted under a key of ours\. Set encryption"):
        app.synth()


@pytest.mark.parametrize("role", ["roles/owner", "roles/editor", "roles/viewer"])
def test_a_basic_role_stops_synthesis(role, tmp_path):
    app, stack = stack_in(tmp_path)
    made(ProjectIamMember, stack, "grant", project="p", role=role, member="user:a@b.example")
    with pytest.raises(RuntimeError, match=f"{role} is a basic role"):
        app.synth()


def test_the_attributes_that_the_guard_reads_exist():
    for kind, attribute in ENCRYPTED_BY.items():
        module = importlib.import_module(f"cdktn_provider_google.{kind.removeprefix('google_')}")
        name = "".join(part.capitalize() for part in kind.removeprefix("google_").split("_"))
        assert hasattr(getattr(module, name), attribute), kind


@pytest.mark.parametrize(
    "template", [{"protection": "HSM"}, {"algorithm": "X", "protection_level": 3}, {"protection_level": "HSM"}]
)
def test_a_block_that_the_provider_does_not_know_is_refused(template, tmp_path):
    """A field that does not exist, a value of another type, and a required field left out."""
    _, stack = stack_in(tmp_path)
    with pytest.raises(TypeError):
        made(KmsCryptoKey, stack, "key", name="k", key_ring="r", version_template=template)
