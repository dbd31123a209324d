"""What is open to an account of nobody known is said beside the pairs of tenants."""

import pytest

from compliance.estate.from_facts import estate_of_facts
from compliance.estate.model import PATHS
from compliance.prove.engine import prove
from tests.leaks.clean import ACCOUNTS, AUDIT, MANAGEMENT, State, allow
from tests.leaks.planted import A, B

UNKNOWN = "444444444444"


def proofs_of(state):
    return prove(estate_of_facts(state.facts(), state.scope()))


def bucket(state, **statement):
    state.bucket_policy(B).append(allow("s3:*", f"arn:aws:s3:::{state.bucket(B)}/*", **statement))


def key(state, who):
    state.key_policy(B).append(allow("kms:Decrypt", Principal=who))


def grant(state, who):
    one = {"GrantId": "g", "GranteePrincipal": who["AWS"], "Operations": ["Decrypt"]}
    state.answers["kms:ListGrants", state.account(B), state.key(B)]["Grants"].append(one)


def role(state, who):
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": who}
    state.role(B)["AssumeRolePolicyDocument"]["Statement"].append(trust)


PLANTS = {
    "bucket": ("data", lambda state, who: bucket(state, Principal=who)),
    "bucket, by a condition": (
        "data",
        lambda state, who: bucket(
            state, Principal="*", Condition={"StringEquals": {"aws:PrincipalAccount": who["AWS"].split(":")[4]}}
        ),
    ),
    "key": ("key", key),
    "grant": ("key", grant),
    "role": ("role", role),
}


@pytest.mark.parametrize(("path", "plant"), PLANTS.values(), ids=PLANTS)
def test_an_account_of_nobody_known_is_named_with_a_witness(path, plant):
    state = State(shared=False, locks=False)
    plant(state, {"AWS": f"arn:aws:iam::{UNKNOWN}:role/x"})
    proofs = proofs_of(state)
    (leak,) = proofs.outside
    assert (leak.attacker, leak.to, leak.path, leak.verdict) == (f"account {UNKNOWN}", B, path, "violated")
    assert leak.witness["steps"][0]["request"]["principal"]["account"] == UNKNOWN
    assert {proofs.verdict(a, b, one) for a, b in ((A, B), (B, A)) for one in PATHS} == {"proved"}
    assert proofs.worst == "violated"


@pytest.mark.parametrize("account", [ACCOUNTS[B], AUDIT, MANAGEMENT])
@pytest.mark.parametrize(("path", "plant"), PLANTS.values(), ids=PLANTS)
def test_ones_own_account_and_the_platforms_are_known(path, plant, account):
    state = State(shared=False, locks=False)
    plant(state, {"AWS": f"arn:aws:iam::{account}:role/x"})
    proofs = proofs_of(state)
    assert not proofs.outside
    assert proofs.verdict(A, B, path) == "proved"


@pytest.mark.parametrize("name", ["bucket", "key", "grant"])
def test_the_resource_lock_closes_it(name):
    state = State(shared=False, locks=True)
    PLANTS[name][1](state, {"AWS": f"arn:aws:iam::{UNKNOWN}:role/x"})
    proofs = proofs_of(state)
    assert not proofs.outside
    assert proofs.worst == "proved"


def test_another_tenants_account_is_a_pair_and_not_outside():
    state = State(shared=False, locks=False)
    bucket(state, Principal={"AWS": ACCOUNTS[A]})
    proofs = proofs_of(state)
    assert not proofs.outside
    assert proofs.verdict(A, B, "data") == "violated"
