"""Pairs of tenants in different clouds: AWS accounts at Google's pools, Google identities at roles of AWS."""

import pytest

from compliance.estate.model import PATHS
from tests.leaks import clean
from tests.leaks.google_clean import GoogleState
from tests.leaks.test_google_leaks import proofs_of

AWS, OTHER_AWS, GOOGLE, OTHER_GOOGLE = "acme", "globex", "initech", "hooli"


def mixed(**more):
    return GoogleState(locks=False, aws=clean.State(shared=False, locks=False), **more)


def federate(state, tenant, account, condition=""):
    """Adds a provider for an AWS account to a tenant's pool, and lets the pool use its data key."""
    name = state.provider(tenant).replace("confidential-space", "aws")
    data = {"aws": {"accountId": account}, "attributeCondition": condition}
    state.add(
        name,
        "iam.googleapis.com/WorkloadIdentityPoolProvider",
        data,
        *state.assets[state.provider(tenant)]["ancestors"],
    )
    pool = name.removeprefix("//iam.googleapis.com/").partition("/providers/")[0]
    state.grant(state.key(tenant), "roles/cloudkms.cryptoKeyDecrypter", f"principalSet://iam.googleapis.com/{pool}/*")


def test_a_pool_that_trusts_another_tenants_aws_account_lets_it_in_and_nobody_else():
    state = mixed()
    federate(state, GOOGLE, clean.ACCOUNTS[AWS])
    proofs = proofs_of(state)
    assert proofs.verdict(AWS, GOOGLE, "key") == "violated"
    assert {proofs.verdict(t, GOOGLE, "key") for t in (OTHER_AWS, OTHER_GOOGLE)} == {"proved"}
    steps = next(f for f in proofs.found(AWS, GOOGLE, "key") if f.witness).witness["steps"]
    assert steps[0]["request"] == {
        "issuer": f"AWS account {clean.ACCOUNTS[AWS]}",
        "claims": {"account": clean.ACCOUNTS[AWS], "arn": f"arn:aws:sts::{clean.ACCOUNTS[AWS]}:assumed-role/…"},
    }
    assert steps[1]["action"] == "cloudkms.cryptoKeyVersions.useToDecrypt"


def test_a_condition_on_the_role_narrows_but_does_not_close_it():
    state = mixed()
    role = f"arn:aws:sts::{clean.ACCOUNTS[AWS]}:assumed-role/only-this/"
    federate(state, GOOGLE, clean.ACCOUNTS[AWS], f'assertion.arn.startsWith("{role}")')
    assert proofs_of(state).verdict(AWS, GOOGLE, "key") == "violated"
    state = mixed()
    federate(state, GOOGLE, clean.ACCOUNTS[AWS], 'assertion.account == "999999999999"')
    assert proofs_of(state).verdict(AWS, GOOGLE, "key") == "proved"


def test_an_aws_account_that_is_nobodys_known_is_not_proved():
    state = mixed()
    federate(state, GOOGLE, "444444444444")
    assert proofs_of(state).verdict(AWS, GOOGLE, "key") == "undecided"


def trust(state, principal, action="sts:AssumeRoleWithWebIdentity", **conditions):
    statement = {"Effect": "Allow", "Action": action, "Principal": {"Federated": principal}}
    if conditions:
        statement["Condition"] = conditions
    state.aws.role(AWS)["AssumeRolePolicyDocument"]["Statement"].append(statement)


def test_a_role_that_trusts_any_google_account_lets_every_tenant_in():
    state = mixed()
    trust(state, "accounts.google.com")
    proofs = proofs_of(state)
    assert {proofs.verdict(t, AWS, "role") for t in (GOOGLE, OTHER_GOOGLE, OTHER_AWS)} == {"violated"}
    step = next(f for f in proofs.found(GOOGLE, AWS, "role") if f.witness).witness["steps"][0]
    assert step["action"] == "sts:AssumeRoleWithWebIdentity"


@pytest.mark.parametrize("tenant", [GOOGLE, OTHER_GOOGLE])
def test_a_role_that_trusts_one_service_account_lets_its_tenant_in(tenant):
    state = mixed()
    subject = state.data(state.account_name(tenant))["uniqueId"]
    trust(state, "accounts.google.com", StringEquals={"accounts.google.com:sub": subject})
    proofs = proofs_of(state)
    other = OTHER_GOOGLE if tenant == GOOGLE else GOOGLE
    assert proofs.verdict(tenant, AWS, "role") == "violated"
    assert proofs.verdict(other, AWS, "role") == "proved"
    assert proofs.verdict(OTHER_AWS, AWS, "role") == "proved"


def test_a_role_that_trusts_a_subject_of_nobody_known_is_not_proved():
    state = mixed()
    trust(state, "accounts.google.com", StringEquals={"accounts.google.com:sub": "123456789"})
    assert proofs_of(state).verdict(GOOGLE, AWS, "role") == "undecided"


def test_a_role_that_trusts_attested_machines_of_any_project_lets_every_tenant_in():
    state = mixed()
    host = "confidentialcomputing.googleapis.com"
    provider = f"arn:aws:iam::{clean.ACCOUNTS[AWS]}:oidc-provider/{host}"
    trust(state, provider, StringEquals={f"{host}:aud": "https://sts.amazonaws.com"})
    assert proofs_of(state).verdict(GOOGLE, AWS, "role") == "violated"
    state = mixed()
    own = "https://www.googleapis.com/compute/v1/projects/somewhere-else/*"
    trust(state, provider, StringLike={f"{host}:sub": own})
    assert proofs_of(state).verdict(GOOGLE, AWS, "role") == "undecided"
    state = mixed()
    victims = f"https://www.googleapis.com/compute/v1/projects/{state.project(OTHER_GOOGLE)}/*"
    trust(state, provider, StringLike={f"{host}:sub": victims})
    proofs = proofs_of(state)
    assert proofs.verdict(OTHER_GOOGLE, AWS, "role") == "violated"
    assert proofs.verdict(GOOGLE, AWS, "role") == "proved"


def test_what_the_role_may_do_is_reached_as_well():
    state = mixed()
    trust(state, "accounts.google.com")
    proofs = proofs_of(state)
    assert proofs.verdict(GOOGLE, AWS, "data") == "violated"
    assert {proofs.verdict(AWS, GOOGLE, path) for path in PATHS} == {"proved"}
