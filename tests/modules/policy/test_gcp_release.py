"""The release condition on Google Cloud, as it is synthesised, on real claims and on forged ones."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import celpy
import pytest

from compliance.reason.gcp.cel.evaluate import holds
from compliance.reason.iam.truth import TRUE
from modules.policy.gcp_release import attested_members, digests, gcp_scope, provider, release_policy
from tenancy.errors import SpecError
from tenancy.fleet import Fleet
from tests.modules.policy.forged_claims import FORGERIES, Forgery, attributes, container, genuine, gpu, table
from tests.stacks.google import mixed_fleet, with_gpu

REAL: dict[str, Any] = json.loads(Path("tests/fixtures/confidential-space-claims.json").read_text())
ON_GPU, ON_CPU = with_gpu(mixed_fleet()), mixed_fleet()


def condition(fleet: Fleet, **changes: Any) -> str:
    tenant, cloud = fleet.tenant("initech"), fleet.platform.clouds["gcp"].model_copy(update=changes)
    text: str = provider(release_policy(gcp_scope(fleet, tenant, local=False), tenant, cloud))["attribute_condition"]
    return text


def machine(fleet: Fleet) -> dict[str, Any]:
    tenant = fleet.tenant("initech")
    scope = gcp_scope(fleet, tenant, local=False)
    (digest,) = digests(fleet.platform.clouds["gcp"].images[tenant.compute.image], tenant.id)
    account, project = scope.account("trainer"), scope.names.project
    return genuine(REAL, digest=digest, project=project, number=scope.project_number, zone=scope.zone, account=account)


def accepted(text: str, claims: dict[str, Any]) -> bool:
    """What two evaluators that share no code say; they have to agree."""
    environment = celpy.Environment()
    program = environment.program(environment.compile(text))
    try:
        one = bool(program.evaluate({"assertion": celpy.json_to_cel(claims)}))
    except celpy.CELEvalError:
        one = False
    other = holds(text, {"assertion": claims}) == TRUE
    assert one is other, "the two evaluators disagree"
    return one


def test_a_genuine_machine_is_let_in() -> None:
    assert accepted(condition(ON_GPU), machine(ON_GPU))


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.what)
def test_a_forged_claim_is_refused(forgery: Forgery) -> None:
    claims = copy.deepcopy(machine(ON_GPU))
    forgery.change(claims)
    assert claims != machine(ON_GPU)
    assert not accepted(condition(ON_GPU), claims)


def test_the_documentation_shows_these_very_forgeries() -> None:
    page = Path("docs/clouds.md").read_text(encoding="utf-8")
    assert table() in page, f"docs/clouds.md has another table. Paste this:\n{table()}"


def test_the_claims_of_a_real_machine_fail_for_the_one_thing_that_is_wrong_with_it() -> None:
    """Its owner passed arguments to the container; all else, and what tokens write for nothing (null), is accepted."""
    number, account = REAL["submods"]["gce"]["project_number"], REAL["google_service_accounts"][0]
    tenant, cloud = ON_CPU.tenant("initech"), ON_CPU.platform.clouds["gcp"]
    shape = cloud.shapes["cvm-small"].model_copy(update={"confidential": "SEV"})
    cloud = cloud.model_copy(update={"shapes": {"cvm-small": shape}})
    policy = release_policy(gcp_scope(ON_CPU, tenant, local=False), tenant, cloud)
    image = policy.images[0]
    reference = image.reference.model_copy(update={"image_digests": (REAL["submods"]["container"]["image_digest"],)})
    target = policy.gcp.model_copy(update={"service_accounts": (account,), "workload_projects": (number,)})  # type: ignore[union-attr]
    policy = policy.model_copy(update={"images": (image.model_copy(update={"reference": reference}),), "gcp": target})
    text = provider(policy)["attribute_condition"]
    assert not accepted(text, REAL)
    without = copy.deepcopy(REAL)
    container(without)["cmd_override"] = None
    assert accepted(text, without)
    assert not accepted(condition(ON_CPU), without)


@pytest.mark.parametrize("nothing", [None, [], {}], ids=str)
@pytest.mark.parametrize("name", ["cmd_override", "env_override"])
def test_nothing_is_overridden_however_a_token_writes_it(name: str, nothing: Any) -> None:
    claims = machine(ON_GPU)
    container(claims)[name] = nothing
    assert accepted(condition(ON_GPU), claims)
    container(claims).pop(name)
    assert accepted(condition(ON_GPU), claims)


def test_both_spellings_of_tdx_are_accepted_and_no_third() -> None:
    claims = machine(ON_GPU)
    for spelling, expected in (("GCP_INTEL_TDX", True), ("INTEL_TDX", True), ("TDX", False)):
        assert accepted(condition(ON_GPU), claims | {"hwmodel": spelling}) is expected


def test_a_machine_without_a_gpu_needs_none_but_tolerates_no_devtools() -> None:
    claims = machine(ON_CPU)
    claims["submods"].pop("nvidia_gpu")
    assert accepted(condition(ON_CPU), claims)
    for mode, expected in (("ON", True), ("OFF", True), ("DEVTOOLS", False)):
        claims["submods"]["nvidia_gpu"] = {"cc_mode": mode}
        assert accepted(condition(ON_CPU), claims) is expected


def test_an_image_that_google_calls_unstable_needs_words() -> None:
    claims = machine(ON_GPU)
    attributes(claims).remove("STABLE")
    assert not accepted(condition(ON_GPU), claims)
    words = "The image for confidential GPUs carries USABLE only, as of this autumn"
    assert accepted(condition(ON_GPU, stable_image_waiver=words), claims)


def test_an_old_image_is_accepted_beside_the_new_one_only_while_it_is_listed() -> None:
    cloud = ON_GPU.platform.clouds["gcp"]
    old = "sha256:" + "01" * 32
    claims = machine(ON_GPU)
    container(claims)["image_digest"] = old
    assert not accepted(condition(ON_GPU), claims)
    image = cloud.images["trainer-gpu"].model_copy(update={"also_accepted": (old,)})
    assert accepted(condition(ON_GPU, images={**cloud.images, "trainer-gpu": image}), claims)


def test_an_image_on_trial_opens_the_keys_of_its_canaries_alone() -> None:
    cloud = ON_GPU.platform.clouds["gcp"]
    trial = "sha256:" + "02" * 32
    claims, genuine = machine(ON_GPU), machine(ON_GPU)
    container(claims)["image_digest"] = trial
    for canaries, opens in ((("initech",), True), (("umbra",), False)):
        image = cloud.images["trainer-gpu"].model_copy(
            update={"trial": f"us-docker.pkg.dev/bh-images/trainer/gpu@{trial}", "canaries": canaries}
        )
        asked = condition(ON_GPU, images={**cloud.images, "trainer-gpu": image})
        assert accepted(asked, claims) is opens
        assert accepted(asked, genuine), "a trial can be broken off"


def test_a_gpu_that_need_not_be_confidential_is_waived_in_words() -> None:
    cloud = ON_GPU.platform.clouds["gcp"]
    shape = cloud.shapes["gpu-1xh100-confidential"].model_copy(update={"confidential_gpu": False})
    claims = machine(ON_GPU)
    gpu(claims)["cc_mode"] = "OFF"
    words = "The pilot trains on published data only, on any GPU"
    shapes = {**cloud.shapes, "gpu-1xh100-confidential": shape}
    assert accepted(condition(ON_GPU, shapes=shapes, confidential_gpu=words), claims)
    gpu(claims)["cc_mode"] = "DEVTOOLS"
    assert not accepted(condition(ON_GPU, shapes=shapes, confidential_gpu=words), claims)


def test_keys_name_tenant_pool_and_digest() -> None:
    tenant, cloud = ON_GPU.tenant("initech"), ON_GPU.platform.clouds["gcp"]
    scope = gcp_scope(ON_GPU, tenant, local=False)
    (member,) = attested_members(release_policy(scope, tenant, cloud))
    (digest,) = digests(cloud.images["trainer-gpu"], "initech")
    pool = f"projects/{scope.key_project_number}/locations/global/workloadIdentityPools/initech-nodes"
    assert member == f"principalSet://iam.googleapis.com/{pool}/attribute.release/initech/data/{digest}"


def test_nothing_is_compiled_before_the_projects_numbers_are_known() -> None:
    tenants = tuple(t.model_copy(update={"project_number": None}) for t in ON_GPU.tenants)
    with pytest.raises(SpecError, match="project_number"):
        condition(replace(ON_GPU, tenants=tenants))
