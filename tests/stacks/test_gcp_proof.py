"""The synthesised stacks of two tenants on Google Cloud, beside two on AWS, proved apart before they are applied.

A tenant's keys are reached only after mistakes of three kinds at once; `bulkhead deploy` refuses it then.
"""

import itertools
import json

import pytest

from compliance.facts.from_tenancy import scope_of
from operations import proving
from operations.errors import CommandError, Exit
from stacks.app import synthesise
from tests.stacks.google import two_on_google
from tests.stacks.synthesis import ENDPOINT

ANYONE = {"bindings": [{"role": "roles/cloudkms.cryptoKeyDecrypter", "members": ["allAuthenticatedUsers"]}]}


def open_the_key(stacks):
    policies = stacks["initech-vault"]["google_kms_crypto_key_iam_policy"]
    (policy,) = [held for name, held in policies.items() if "data-policy" in name]
    policy["policy_data"] = json.dumps(ANYONE)


def forget_the_denials(stacks):
    del stacks["initech-vault"]["google_iam_deny_policy"]


def leave_the_perimeter_in_dry_run(stacks):
    (perimeter,) = stacks["initech-perimeter"]["google_access_context_manager_service_perimeter"].values()
    del perimeter["status"]


MISTAKES = [open_the_key, forget_the_denials, leave_the_perimeter_in_dry_run]


@pytest.fixture(scope="module")
def fleet():
    return two_on_google()


@pytest.fixture(scope="module")
def infos(fleet, tmp_path_factory):
    return synthesise(fleet, "local", None, tmp_path_factory.mktemp("proof"), ENDPOINT)


@pytest.fixture
def judge(infos):
    """Judges the stacks with some mistakes in them."""
    held = {info.name: (info.directory / "cdk.tf.json").read_text() for info in infos}

    def with_mistakes(mistakes, how):
        documents = {name: json.loads(text) for name, text in held.items()}
        for mistake in mistakes:
            mistake({name: document["resource"] for name, document in documents.items()})
        for info in infos:
            (info.directory / "cdk.tf.json").write_text(json.dumps(documents[info.name]))
        return how()

    yield with_mistakes
    for info in infos:
        (info.directory / "cdk.tf.json").write_text(held[info.name])


@pytest.fixture
def prove(fleet, infos, judge):
    """Asks as `bulkhead deploy` does; what was proved, in words."""
    return lambda mistakes: judge(mistakes, lambda: proving.require_proof(fleet, infos, local=True))


@pytest.fixture
def proved(fleet, infos, judge):
    """How many pairs and paths are proved."""
    folder, known = infos[0].directory.parent, scope_of(fleet, local=True)
    return lambda mistakes: judge(mistakes, lambda: proving.prove_plans(folder, known).count()["proved"])


def test_every_pair_of_a_mixed_fleet_is_proved_apart(prove):
    pairs, paths = 4 * 3, 7
    assert prove([]).startswith(f"{pairs * paths} proved")


@pytest.mark.parametrize(
    "mistakes",
    [chosen for count in (1, 2) for chosen in itertools.combinations(MISTAKES, count)],
    ids=lambda mistakes: " and ".join(mistake.__name__ for mistake in mistakes),
)
def test_fewer_than_three_mistakes_open_nothing(mistakes, proved):
    assert proved(mistakes) == 84


@pytest.mark.parametrize(
    ("mistake", "lock"), [(forget_the_denials, "resource lock"), (leave_the_perimeter_in_dry_run, "network lock")]
)
def test_a_lock_left_open_is_refused_although_the_others_hold(mistake, lock, prove):
    with pytest.raises(CommandError, match=f"initech, {lock}"):
        prove([mistake])


def test_three_mistakes_open_the_key_and_are_refused(prove):
    with pytest.raises(CommandError, match="not deployed") as caught:
        prove(MISTAKES)
    assert caught.value.code is Exit.FINDINGS
    assert "globex to initech, key: violated" in str(caught.value)
    assert "cryptoKeys/data" in str(caught.value)


def test_tenants_on_google_cloud_are_proved_without_any_account_on_aws(fleet, tmp_path):
    tenants = tuple(tenant.model_copy(update={"account_id": None}) for tenant in fleet.tenants)
    organisation = fleet.platform.organisation.model_copy(update={"management_account_id": None})
    alone = type(fleet)(fleet.platform.model_copy(update={"organisation": organisation}), tenants)
    infos = synthesise(alone, "cloud", ["initech", "umbra"], tmp_path)
    assert {info.cloud for info in infos} == {"gcp"}
    assert proving.require_proof(alone, infos, local=False).startswith("14 proved")
