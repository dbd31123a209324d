"""A tenant on Google Cloud: names, numbers, and every mistake refused with file, line, field, value and way out."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tenancy.accounts import local_project_number
from tenancy.errors import SpecError
from tenancy.fleet import load
from tenancy.names import BUCKET_PURPOSES, GcpNames, Names, audit_project, fitted

SHIPPED = Path(__file__).parents[2] / "tenants"
INITECH = Path(__file__).parents[2] / "tenants" / "google" / "initech.yaml"
ROLES = ("trainer", "data-owner", "auditor")
IDENTIFIERS = st.from_regex(r"[a-z][a-z0-9-]{0,18}[a-z0-9]", fullmatch=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "tenants"
    shutil.copytree(SHIPPED, target)
    shutil.copy(INITECH, target)
    return target


def edit(folder: Path, name: str, old: str, new: str) -> int:
    """Replaces `old`, which must be there, and returns its line, counted from 1."""
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


def problems(folder: Path) -> list[str]:
    with pytest.raises(SpecError) as caught:
        load(folder)
    return [str(problem) for problem in caught.value.problems]


def test_a_tenant_on_google_cloud_loads_beside_those_on_aws(folder: Path) -> None:
    fleet = load(folder)
    assert {tenant.id: tenant.cloud for tenant in fleet.tenants} == {"acme": "aws", "globex": "aws", "initech": "gcp"}
    initech = fleet.tenant("initech")
    assert fleet.zone(initech) == "us-central1-a"
    assert fleet.gcp_names(initech).project == "bh-initech"
    assert fleet.gcp_names(initech).key_project == "bh-initech-keys"
    assert fleet.google_audit_project == "bh-audit"


def test_names_are_those_that_the_other_parts_expect() -> None:
    names = GcpNames("bh", "initech")
    assert names.account_email("trainer") == "initech-trainer@bh-initech.iam.gserviceaccount.com"
    assert names.pool == "initech-nodes"
    assert names.perimeter == "bh_initech"
    assert names.network == "bh-initech"
    assert names.key("us-central1", "data") == (
        "projects/bh-initech-keys/locations/us-central1/keyRings/bh-initech/cryptoKeys/data"
    )
    assert [names.bucket(purpose) for purpose in BUCKET_PURPOSES] == [
        Names("bh", "initech").bucket(purpose) for purpose in BUCKET_PURPOSES
    ]
    assert names.labels("vault", purpose="data") == {
        "tenant": "initech",
        "platform": "bh",
        "layer": "vault",
        "purpose": "data",
    }


@given(IDENTIFIERS, IDENTIFIERS)
def test_every_name_fits_what_google_takes(platform: str, tenant: str) -> None:
    names = GcpNames(platform, tenant)
    assert 6 <= len(names.project) <= 25
    assert len(names.key_project) <= 30
    assert all(6 <= len(names.account(role)) <= 30 for role in ROLES)
    assert 4 <= len(names.pool) <= 32
    assert len(names.perimeter) <= 50
    assert "-" not in names.perimeter
    assert 6 <= len(audit_project(platform)) <= 30


@given(st.lists(st.text("ab-", min_size=1, max_size=40), min_size=2, max_size=12, unique=True))
def test_fitting_keeps_names_apart(texts: list[str]) -> None:
    fits = [fitted(text, 6, 25) for text in texts]
    assert len(set(fits)) == len(texts)
    assert all(len(fit) <= 25 for fit in fits)


def test_accounts_of_one_tenant_differ_even_where_they_are_shortened() -> None:
    names = GcpNames("p" * 20, "t" * 20)
    assert len({names.account(role) for role in ROLES}) == 3
    assert all(one != other for one, other in itertools.pairwise(names.account(role) for role in ROLES))


def test_numbers_are_derived_locally_and_needed_in_the_cloud(folder: Path) -> None:
    fleet = load(folder)
    initech = fleet.tenant("initech")
    assert fleet.project_number(initech, local=True) == local_project_number("bh-initech") == "426413267391"
    assert fleet.key_project_number(initech, local=True) == local_project_number("bh-initech-keys")
    assert fleet.google_audit_project_number(local=True) == local_project_number("bh-audit")
    with pytest.raises(
        SpecError, match=r"initech\.yaml: project_number: the number of project bh-initech is not known"
    ):
        fleet.project_number(initech, local=False)
    with pytest.raises(SpecError, match=r"initech\.yaml: key_project_number: .*bh-initech-keys"):
        fleet.key_project_number(initech, local=False)
    with pytest.raises(SpecError, match=r"platform\.yaml: clouds\.gcp\.organisation\.audit_project_number"):
        fleet.google_audit_project_number(local=False)
    edit(folder, "initech.yaml", "cloud: gcp", 'cloud: gcp\nproject_number: "123456789012"')
    fleet = load(folder)
    assert fleet.project_number(fleet.tenant("initech"), local=False) == "123456789012"


def test_a_fleet_without_google_cloud_says_what_is_missing(folder: Path) -> None:
    (folder / "initech.yaml").unlink()
    platform = yaml.safe_load((folder / "platform.yaml").read_text())
    del platform["clouds"]["gcp"]
    (folder / "platform.yaml").write_text(yaml.safe_dump(platform))
    with pytest.raises(SpecError, match=r"platform\.yaml: clouds\.gcp\.organisation: missing"):
        _ = load(folder).google


H100 = "shape: cvm-small"
GPU = "shape: gpu-1xh100-confidential"
DIGEST = "sha256:5e0c1de0a11ce0d1665700000000000000000000000000000000000000000001"
NEXT = f"us-docker.pkg.dev/bh-images/trainer/cpu@{DIGEST}"
DEBUG = "projects/confidential-space-images/global/images/family/confidential-space-debug"
BROKEN = {
    "a region that the platform has not": (
        "initech.yaml",
        "region: us-central1",
        "region: us-east5",
        "region",
        "no such region on gcp",
        "Known: us-central1",
    ),
    "an AWS region": (
        "initech.yaml",
        "region: us-central1",
        "region: us-east-1",
        "region",
        "no such region on gcp",
        "Known: us-central1",
    ),
    "wrong region for the machine type": (
        "platform.yaml",
        "zones: [us-central1-a, us-central1-b, us-central1-c, europe-west4-a, europe-west4-b]",
        "zones: [europe-west4-a]",
        "region",
        "no zone of the region has c3-standard-4",
        "Zones that have it: europe-west4-a",
    ),
    "a zone without the machine type": (
        "initech.yaml",
        "region: us-central1",
        "region: us-central1\nzone: us-central1-f",
        "zone",
        "does not have c3-standard-4",
        "Zones that have it: us-central1-a",
    ),
    "a zone elsewhere": (
        "initech.yaml",
        "region: us-central1",
        "region: us-central1\nzone: europe-west4-a",
        "zone",
        "not a zone of us-central1",
        "leave it out",
    ),
    "a GPU without confidential mode": (
        "platform.yaml",
        "confidential_gpu: true",
        "confidential_gpu: false",
        "confidential_gpu",
        "a GPU without confidential mode, and the platform requires it",
        "say why not in `clouds.gcp.confidential_gpu`",
    ),
    "eight confidential GPUs": (
        "platform.yaml",
        "gpus: 1",
        "gpus: 8",
        "gpus",
        "exactly one GPU",
        "a3-highgpu-1g",
    ),
    "a machine without memory encryption": (
        "platform.yaml",
        "        confidential: TDX\n        zones: [us-central1-a, us-central1-b",
        "        zones: [us-central1-a, us-central1-b",
        "confidential",
        "without memory encryption",
        "TDX, SEV or SEV_SNP",
    ),
    "unknown memory encryption": (
        "platform.yaml",
        "confidential: TDX",
        "confidential: SGX",
        "confidential",
        "Input should be 'TDX'",
        "schema",
    ),
    "a machine type that is nowhere": (
        "platform.yaml",
        "zones: [us-central1-a, europe-west4-c]",
        "zones: []",
        "zones",
        "not known where",
        "List the zones",
    ),
    "a zone outside the platform's regions": (
        "platform.yaml",
        "zones: [us-central1-a, europe-west4-c]",
        "zones: [us-central1-a, us-east5-a]",
        "zones[1]",
        "not in one of the platform's regions",
        "Regions are: us-central1",
    ),
    "perimeter quota": (
        "platform.yaml",
        "perimeter_quota: 100",
        "perimeter_quota: 0",
        "perimeter_quota",
        "greater than or equal to 1",
        "",
    ),
    "a GPU bought at once": (
        "initech.yaml",
        H100,
        GPU,
        "compute.provisioning",
        "a3-highgpu-1g is not sold that way",
        "spot, flex-start",
    ),
    "flex-start for ever": (
        "initech.yaml",
        H100,
        f"{GPU}\n  provisioning: flex-start",
        "compute",
        "needs `max_run_hours`",
        "1 and 168",
    ),
    "flex-start for a month": (
        "initech.yaml",
        H100,
        f"{GPU}\n  provisioning: flex-start\n  max_run_hours: 720",
        "compute.max_run_hours",
        "less than or equal to 168",
        "",
    ),
    "spot where it is not sold": (
        "initech.yaml",
        H100,
        f"{H100}\n  provisioning: spot",
        "compute.provisioning",
        "c3-standard-4 is not sold",
        "standard",
    ),
    "spot on AWS": (
        "acme.yaml",
        "id: acme",
        "id: acme\ncompute:\n  provisioning: spot",
        "compute.provisioning",
        "c6a.xlarge is not sold that way on aws",
        "standard",
    ),
    "a run limit on AWS": (
        "acme.yaml",
        "id: acme",
        "id: acme\ncompute:\n  max_run_hours: 4",
        "compute.max_run_hours",
        "on gcp only",
        "Remove",
    ),
    "a perimeter on AWS": (
        "acme.yaml",
        "id: acme",
        "id: acme\nperimeter: dry-run",
        "perimeter",
        "on gcp only",
        "Remove",
    ),
    "a project on AWS": (
        "acme.yaml",
        "id: acme",
        "id: acme\nproject_id: acme-project",
        "project_id",
        "on gcp only",
        "Remove",
    ),
    "an account on Google Cloud": (
        "initech.yaml",
        "cloud: gcp",
        'cloud: gcp\naccount_id: "111122223333"',
        "account_id",
        "on aws only",
        "project_number",
    ),
    "ranges that overlap across clouds": (
        "initech.yaml",
        "cidr: 10.40.0.0/20",
        "cidr: 10.20.0.0/21",
        "network.cidr",
        "of acme.yaml",
        "Choose a free range",
    ),
    "a project id that is another's": (
        "initech.yaml",
        "cloud: gcp",
        "cloud: gcp\nproject_id: bh-audit",
        "project_id",
        "also that of another",
        "of its own",
    ),
    "a project id with a word that Google refuses": (
        "initech.yaml",
        "cloud: gcp",
        "cloud: gcp\nproject_id: my-google-tenant",
        "project_id",
        "Google refuses",
        "another",
    ),
    "a project id too long for its key project": (
        "initech.yaml",
        "cloud: gcp",
        "cloud: gcp\nproject_id: a-project-id-of-28-characters",
        "project_id",
        "at most 25",
        "",
    ),
    "logs for longer than Cloud Logging keeps them": (
        "initech.yaml",
        "cloud: gcp",
        "cloud: gcp\naudit:\n  retention_days: 4000",
        "audit.retention_days",
        "3650",
        "at most",
    ),
    "an audit trail for longer than Cloud Logging keeps it": (
        "platform.yaml",
        "retention_days: 400",
        "retention_days: 4000",
        "audit.retention_days",
        "3650",
        "at most",
    ),
    "an image by tag": (
        "platform.yaml",
        f"trainer/cpu@{DIGEST}",
        "trainer/cpu:latest",
        "container",
        "should match pattern",
        "",
    ),
    "a debug image to boot": (
        "platform.yaml",
        "perimeter_quota: 100",
        f"perimeter_quota: 100\n      boot_image: {DEBUG}",
        "boot_image",
        "a debug image lets the operator log in",
        "",
    ),
    "an image that is no container": (
        "platform.yaml",
        f"container: us-docker.pkg.dev/bh-images/trainer/cpu@{DIGEST}",
        "ami: ami-0b0a11c0ffee00003",
        "clouds.gcp.images.trainer-cpu.container",
        "not an AMI",
        "sha256:",
    ),
    "canaries of nothing": (
        "platform.yaml",
        f"container: us-docker.pkg.dev/bh-images/trainer/cpu@{DIGEST}",
        f"container: us-docker.pkg.dev/bh-images/trainer/cpu@{DIGEST}\n        canaries: [initech]",
        "clouds.gcp.images.trainer-cpu.canaries",
        "says who runs `trial`",
        "Write both, or neither",
    ),
    "a trial by nobody": (
        "platform.yaml",
        f"container: us-docker.pkg.dev/bh-images/trainer/cpu@{DIGEST}",
        f"container: us-docker.pkg.dev/bh-images/trainer/cpu@{DIGEST}\n        trial: {NEXT}",
        "clouds.gcp.images.trainer-cpu.trial",
        "says who runs `trial`",
        "Write both, or neither",
    ),
    "a trial on AWS": (
        "platform.yaml",
        "ami: ami-0b0a11c0ffee00001",
        f"ami: ami-0b0a11c0ffee00001\n        canaries: [acme]\n        trial: {NEXT}",
        "clouds.aws.images.trainer-cpu",
        "an image on aws is an AMI",
        "ami",
    ),
    "a container on AWS": (
        "platform.yaml",
        "ami: ami-0b0a11c0ffee00001",
        f"container: us-docker.pkg.dev/bh-images/trainer/cpu@{DIGEST}",
        "clouds.aws.images.trainer-cpu",
        "an image on aws is an AMI",
        "ami",
    ),
    "a confidential GPU on AWS": (
        "platform.yaml",
        "gpus: 8",
        "gpus: 8\n        confidential_gpu: true",
        "clouds.aws.shapes.gpu-8xh100",
        "on gcp only",
        "",
    ),
    "confidential GPUs required of AWS": (
        "platform.yaml",
        "regions: [us-east-1, us-west-2, eu-central-1]",
        "regions: [us-east-1, us-west-2, eu-central-1]\n    confidential_gpu: required",
        "clouds.aws.confidential_gpu",
        "AWS has no confidential GPU",
        "in words",
    ),
    "a word too few": (
        "platform.yaml",
        "confidential_gpu: required",
        "confidential_gpu: no",
        "clouds.gcp.confidential_gpu",
        "",
        "",
    ),
    "no organisation": (
        "platform.yaml",
        "customer_id: C0bulkhead",
        "customer: C0bulkhead",
        "clouds.gcp.organisation.customer",
        "unknown field",
        "Did you mean `customer_id`?",
    ),
}


@pytest.mark.parametrize(("name", "old", "new", "field", "message", "way_out"), BROKEN.values(), ids=BROKEN)
def test_a_mistake_is_refused_with_its_place_and_a_way_out(
    folder: Path, name: str, old: str, new: str, field: str, message: str, way_out: str
) -> None:
    line = edit(folder, name, old, new)
    matching = [found for found in problems(folder) if message in found and f"{field}" in found]
    assert matching, problems(folder)
    assert way_out in matching[0]
    where = matching[0].split(":")
    assert where[0] in {name, "initech.yaml"}
    if where[0] == name:
        assert abs(int(where[1]) - line) <= 3


def test_a_perimeter_quota_is_counted_over_the_fleet(folder: Path) -> None:
    edit(folder, "platform.yaml", "perimeter_quota: 100", "perimeter_quota: 1")
    load(folder)
    text = INITECH.read_text().replace("id: initech", "id: umbra").replace("10.40.0.0", "10.41.0.0")
    (folder / "umbra.yaml").write_text(text)
    (found,) = problems(folder)
    assert found.startswith("platform.yaml:")
    assert "clouds.gcp.organisation.perimeter_quota = 1: 2 tenants on gcp need a service perimeter each" in found
    assert "Have the quota raised" in found


def test_a_tenant_cannot_be_called_like_the_keys_of_another(folder: Path) -> None:
    text = INITECH.read_text().replace("id: initech", "id: initech-keys").replace("10.40.0.0", "10.41.0.0")
    (folder / "initech-keys.yaml").write_text(text)
    assert any("the project id bh-initech-keys is also that of another tenant" in found for found in problems(folder))


def test_a_pool_must_not_begin_as_googles_do(folder: Path) -> None:
    (folder / "initech.yaml").rename(folder / "gcp-one.yaml")
    edit(folder, "gcp-one.yaml", "id: initech", "id: gcp-one")
    assert any("Google keeps `gcp-`" in found for found in problems(folder))


def test_gpus_without_confidential_mode_need_words(folder: Path) -> None:
    edit(folder, "platform.yaml", "confidential_gpu: true", "confidential_gpu: false")
    words = "No GPU here is confidential; the pilot trains on public data only"
    edit(folder, "platform.yaml", "confidential_gpu: required", f"confidential_gpu: {words}")
    assert not load(folder).platform.clouds["gcp"].demands_confidential_gpu


def test_spot_and_flex_start_are_accepted_where_they_are_sold(folder: Path) -> None:
    edit(folder, "initech.yaml", H100, f"{GPU}\n  provisioning: flex-start\n  max_run_hours: 24")
    compute = load(folder).tenant("initech").compute
    assert (compute.provisioning, compute.max_run_hours) == ("flex-start", 24)
