"""Which stacks are written, in which order, for whom, and what stops them."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stacks.app import synthesise
from stacks.errors import StackError
from stacks.profiles import TARGET_VERSIONS
from stacks.settings import from_environment
from tenancy.errors import SpecError
from tenancy.lifecycle import State
from tests.stacks.synthesis import ACCOUNTS, AUDIT, ENDPOINT, MANAGEMENT, read, stacks_of, with_tenant

GOLDEN = Path(__file__).parent / "golden"


def test_stacks_come_in_order_of_deployment(fleet, tmp_path):
    infos = synthesise(fleet, "local", None, tmp_path, ENDPOINT)
    after = {info.name: info.depends_on for info in infos}
    assert after == {
        "organisation": (),
        "audit": ("organisation",),
        "acme-vault": ("organisation",),
        "acme-perimeter": ("acme-vault",),
        "acme-compute": ("acme-perimeter",),
        "globex-vault": ("organisation",),
        "globex-perimeter": ("globex-vault",),
        "globex-compute": ("globex-perimeter",),
    }
    seen = set()
    for info in infos:
        assert set(info.depends_on) <= seen
        seen.add(info.name)
        assert (info.directory / "cdk.tf.json").is_file()
        assert info.name == (info.layer if info.tenant is None else f"{info.tenant}-{info.layer}")


def test_golden_shape(stacks, profile):
    """How many resources of each type every stack has. Paste what the failure prints, once you have read it."""
    shape = {
        name: {kind: len(stack.all(kind)) for kind in sorted(stack.kinds)} for name, stack in sorted(stacks.items())
    }
    path = GOLDEN / f"{profile}.json"
    assert shape == json.loads(path.read_text()), f"{path}:\n{json.dumps(shape, indent=2)}"


def test_synthesis_is_repeatable(fleet, tmp_path):
    texts = []
    for run in ("first", "second"):
        synthesise(fleet, "local", None, tmp_path / run, ENDPOINT, state_dir=tmp_path / "state")
        files = sorted((tmp_path / run).rglob("cdk.tf.json"))
        texts.append([(path.parent.name, path.read_text()) for path in files])
    assert len(texts[0]) == 8
    assert texts[0] == texts[1]


def test_only_the_tenants_asked_for_are_written_but_the_organisation_keeps_all(fleet, tmp_path):
    stacks = stacks_of(fleet, "local", tmp_path, ["acme"])
    assert set(stacks) == {"organisation", "audit", "acme-vault", "acme-perimeter", "acme-compute"}
    accounts = {account["name"] for account in stacks["organisation"].all("aws_organizations_account")}
    assert accounts == {"bh-acme", "bh-globex", "bh-audit"}


def test_what_an_earlier_run_left_is_forgotten(fleet, tmp_path):
    assert "globex-vault" in stacks_of(fleet, "local", tmp_path)
    assert "globex-vault" not in stacks_of(fleet, "local", tmp_path, ["acme"])


def test_an_unknown_tenant_is_refused_and_nothing_is_written(fleet, tmp_path):
    with pytest.raises(SpecError, match=r"initech.*There are: acme, globex"):
        synthesise(fleet, "local", ["acme", "initech"], tmp_path / "out", ENDPOINT)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"profile": "moon", "endpoint": ENDPOINT}, "profile moon: unknown. Choose one of local, cloud"),
        ({"profile": "local"}, "BULKHEAD_LOCAL_ENDPOINT: missing"),
        ({"profile": "local", "endpoint": ENDPOINT, "layers": ["roof"]}, "layer roof: unknown"),
        ({"profile": "local", "endpoint": ENDPOINT, "layers": ["compute"]}, "refers to perimeter, vault"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(fleet, tmp_path, arguments, words):
    profile = arguments.pop("profile")
    with pytest.raises(StackError, match=words):
        synthesise(fleet, profile, None, tmp_path, **arguments)


def test_a_fleet_on_aws_loads_nothing_of_another_cloud(tmp_path):
    """The bindings of Google's provider take seconds to load, and are not installed where nobody needs them."""
    program = (
        "import sys\n"
        "sys.modules['cdktn_provider_google'] = None\n"
        "from stacks.__main__ import main\n"
        "raise SystemExit(main())\n"
    )
    environment = {**os.environ, "BULKHEAD_LOCAL_ENDPOINT": ENDPOINT, "BULKHEAD_SYNTH_OUT": str(tmp_path)}
    environment["BULKHEAD_TENANTS"] = "acme,globex"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(read(tmp_path)) == 8


def test_what_the_guard_objects_to_is_named(fleet, tmp_path, monkeypatch):
    from modules.aws.site import Site

    monkeypatch.setattr(Site, "tags", lambda *_arguments, **_more: {"tenant": "acme"})
    with pytest.raises(StackError, match=r"acme-vault/keys/disk\] aws_kms_key: no tag layer, platform"):
        stacks_of(fleet, "local", tmp_path, ["acme"])


def test_the_guard_cannot_be_switched_off(tmp_path):
    """The variable lets cdktn write the stacks; a process of its own, because Node reads it when it starts."""
    program = (
        "from modules.aws.site import Site\n"
        "Site.tags = lambda *arguments, **more: {'tenant': 'acme'}\n"
        "from stacks.__main__ import main\n"
        "raise SystemExit(main())\n"
    )
    environment = {
        **os.environ,
        "BULKHEAD_LOCAL_ENDPOINT": ENDPOINT,
        "BULKHEAD_SYNTH_OUT": str(tmp_path),
        "CDKTF_CONTINUE_SYNTH_ON_ERROR_ANNOTATIONS": "true",
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "must not be deployed" in done.stderr
    assert "[acme-vault/keys/disk] aws_kms_key: no tag layer, platform" in done.stderr


def test_the_cloud_profile_needs_a_place_for_state(fleet, tmp_path):
    stateless = replace(fleet, platform=fleet.platform.model_copy(update={"state": None}))
    with pytest.raises(StackError, match=r"platform\.yaml: state: missing"):
        stacks_of(stateless, "cloud", tmp_path)


def test_state_lies_beside_a_lock_file_in_the_cloud_and_in_a_file_locally(fleet, tmp_path, cloud_stacks):
    backend = cloud_stacks["acme-vault"].body["terraform"]["backend"]
    assert backend == {
        "s3": {
            "bucket": "bh-state",
            "key": "bh/acme-vault.tfstate",
            "region": "eu-central-1",
            "encrypt": True,
            "use_lockfile": True,
        }
    }
    stacks = stacks_of(fleet, "local", tmp_path, ["acme"], state_dir=tmp_path / "state")
    assert stacks["acme-vault"].body["terraform"]["backend"] == {
        "local": {"path": str(tmp_path / "state" / "acme-vault.tfstate")}
    }


def test_each_stack_is_held_to_its_account(cloud_stacks):
    expected = {"organisation": [MANAGEMENT], "audit": [AUDIT, MANAGEMENT]}
    for name, stack in cloud_stacks.items():
        providers = stack.body["provider"]["aws"]
        accounts = expected.get(name) or [ACCOUNTS[name.split("-")[0]]]
        assert [provider["allowed_account_ids"] for provider in providers] == [[account] for account in accounts]
        for provider, account in zip(providers, accounts, strict=True):
            roles = [role["role_arn"] for role in provider.get("assume_role", [])]
            own = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
            assert roles == ([] if account == MANAGEMENT else [own])


def test_the_provider_is_pinned_in_the_cloud_and_relaxed_locally(local_stacks, cloud_stacks):
    for stack in local_stacks.values():
        assert stack.body["terraform"]["required_providers"]["aws"]["version"] == ">= 5.100.0"
    for stack in cloud_stacks.values():
        assert stack.body["terraform"]["required_providers"]["aws"]["version"].startswith("6.")


def test_no_resource_names_a_region_of_its_own(stacks):
    """Provider 5.100.0 has no such argument; version 6 has."""
    for stack in stacks.values():
        for named in stack.body["resource"].values():
            assert all("region" not in resource for resource in named.values())


def test_the_organisation_can_be_deployed_before_any_account_is_known(fleet, tmp_path):
    platform = fleet.platform.model_copy(update={"audit": fleet.platform.audit.model_copy(update={"account_id": None})})
    unknown = replace(
        fleet,
        platform=platform,
        tenants=tuple(tenant.model_copy(update={"account_id": None}) for tenant in fleet.tenants),
    )
    stack = stacks_of(unknown, "cloud", tmp_path, layers=["organisation"])["organisation"]
    (lock,) = [policy for policy in stack.all("aws_organizations_policy") if policy["type"].startswith("RESOURCE")]
    assert "${aws_organizations_account.organisation_account-audit" in lock["content"]
    with pytest.raises(SpecError, match=r"audit\.account_id"):
        stacks_of(unknown, "cloud", tmp_path / "all")


def test_a_quarantined_tenant_moves_to_the_quarantine_unit(fleet, tmp_path):
    lifecycle = fleet.tenant("acme").lifecycle.model_copy(update={"state": State.QUARANTINED, "reason": "test"})
    before = stacks_of(fleet, "local", tmp_path / "before", [])["organisation"]
    after = stacks_of(with_tenant(fleet, "acme", lifecycle=lifecycle), "local", tmp_path / "after", [])["organisation"]

    def unit(stack, name):
        (account,) = [held for held in stack.all("aws_organizations_account") if held["name"] == name]
        return account["parent_id"]

    assert "tenants-unit" in unit(before, "bh-acme")
    assert "quarantine-unit" in unit(after, "bh-acme")
    assert unit(before, "bh-globex") == unit(after, "bh-globex")


def test_settings_come_from_the_environment():
    settings = from_environment(
        {
            "BULKHEAD_TENANTS": " acme, globex ,",
            "BULKHEAD_PROFILE": "cloud",
            "BULKHEAD_FLEET": "elsewhere",
            "CDKTF_OUTDIR": "there",
            "BULKHEAD_LAYERS": "organisation",
        }
    )
    assert settings.tenants == ("acme", "globex")
    assert (settings.profile, settings.fleet, settings.out_dir) == ("cloud", Path("elsewhere"), Path("there"))
    assert (settings.endpoint, settings.layers) == (None, ("organisation",))
    bare = from_environment({})
    assert (bare.profile, bare.tenants, bare.fleet) == ("local", None, Path("tenants"))
    assert bare.state_dir is None
    assert from_environment({"BULKHEAD_STATE_DIR": "s"}).state_dir == Path("s")
    assert from_environment({"BULKHEAD_SYNTH_OUT": "a", "CDKTF_OUTDIR": "b"}).out_dir == Path("a")
    with pytest.raises(StackError, match="BULKHEAD_PROFILE = moon"):
        from_environment({"BULKHEAD_PROFILE": "moon"})


def test_the_manifest_names_the_app_and_the_same_versions():
    manifest = json.loads(Path("cdktf.json").read_text())
    assert manifest["app"] == "python -m stacks"
    assert manifest["targetVersions"] == TARGET_VERSIONS


def test_reading_back_finds_every_stack(fleet, tmp_path):
    infos = synthesise(fleet, "local", ["globex"], tmp_path, ENDPOINT)
    assert set(read(tmp_path)) == {info.name for info in infos}
