"""The synthesised stacks of two tenants on Google Cloud, beside two on AWS, proved apart before they are applied.

A tenant's keys are reached only after mistakes of three kinds at once; `bulkhead deploy` refuses it then.
"""

import itertools
import json

import pytest

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
def prove(fleet, infos):
    """Proves the stacks with some mistakes in them; what was proved, in words."""
    held = {info.name: (info.directory / "cdk.tf.json").read_text() for info in infos}

    def with_mistakes(mistakes):
        documents = {name: json.loads(text) for name, text in held.items()}
        for mistake in mistakes:
            mistake({name: document["resource"] for name, document in documents.items()})
        for info in infos:
            (info.directory / "cdk.tf.json").write_text(json.dumps(documents[info.name]))
        return proving.require_proof(fleet, infos, local=True)

    yield with_mistakes
    for info in infos:
        (info.directory / "cdk.tf.json").write_text(held[info.name])


def test_every_pair_of_a_mixed_fleet_is_proved_apart(prove):
    pairs, paths = 4 * 3, 7
    assert prove([]).startswith(f"{pairs * paths} proved")


@pytest.mark.parametrize(
    "mistakes",
    [chosen for count in (1, 2) for chosen in itertools.combinations(MISTAKES, count)],
    ids=lambda mistakes: " and ".join(mistake.__name__ for mistake in mistakes),
)
def test_fewer_than_three_mistakes_open_nothing(mistakes, prove):
    assert "84 proved" in prove(mistakes)


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
