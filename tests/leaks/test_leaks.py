"""Every planted leak is found with a witness; its fix, and the clean state, raise no alarm."""

import pytest

from compliance.estate.from_facts import estate_of_facts
from compliance.estate.model import PATHS
from compliance.prove.engine import prove
from compliance.reason.iam import authorise, parse_question
from tests.leaks.clean import State, allow
from tests.leaks.planted import LEAKS, A, B

CASES = [
    pytest.param(leak, shared, id=f"{leak.name} ({'one account' if shared else 'two accounts'})")
    for leak in LEAKS
    for shared in (False, True)
    if leak.shared in (None, shared)
]


def proofs_of(state):
    return prove(estate_of_facts(state.facts(), state.scope()))


def verdicts(proofs):
    return {(a, b, path): proofs.verdict(a, b, path) for a, b in ((A, B), (B, A)) for path in PATHS}


def test_there_are_enough():
    assert len(LEAKS) >= 20
    assert {leak.path for leak in LEAKS} == set(PATHS)


@pytest.mark.parametrize("shared", [False, True], ids=["two accounts", "one account"])
@pytest.mark.parametrize("locks", [False, True], ids=["locks off", "locks on"])
def test_clean_state_raises_no_alarm(shared, locks):
    proofs = proofs_of(State(shared=shared, locks=locks))
    assert set(verdicts(proofs).values()) == {"proved"}
    assert not proofs.outside


@pytest.mark.parametrize(("leak", "shared"), CASES)
def test_leak_is_found_with_its_witness_and_in_its_direction_only(leak, shared):
    state = State(shared=shared, locks=False)
    leak.plant(state)
    proofs = proofs_of(state)
    assert proofs.verdict(A, B, leak.path) == "violated"
    found = [finding for finding in proofs.found(A, B, leak.path) if finding.verdict == "violated"]
    assert any(leak.resource in finding.resource for finding in found)
    assert all(finding.witness and finding.reasons for finding in found)
    back = {proofs.verdict(B, A, path) for path in PATHS if path != "network"}
    assert back == ({"proved"} if "audit bucket" not in leak.name or shared else {"proved", "violated"})


ASKED = [leak for leak in LEAKS if leak.shared is not True and leak.asks]


@pytest.mark.parametrize("leak", ASKED, ids=lambda leak: leak.name)
def test_the_witness_is_allowed_by_the_planted_policy_and_denied_by_the_clean_one(leak):
    leaking, clean = State(shared=False, locks=False), State(shared=False, locks=False)
    leak.plant(leaking)
    finding = proofs_of(leaking).found(A, B, leak.path)[0]
    request = finding.witness["steps"][-1]["request"]
    policies = {"s3": ("s3:GetBucketPolicy", leaking.bucket(B)), "kms": ("kms:GetKeyPolicy", leaking.key(B))}
    api, subject = policies[request["action"].split(":")[0]]

    def decision(state):
        question = {
            "request": request,
            "identityPolicies": [{"Version": "2012-10-17", "Statement": [allow("*")]}],
            "resourcePolicy": state.answers[api, state.account(B), subject]["Policy"],
            "grants": state.answers["kms:ListGrants", state.account(B), state.key(B)]["Grants"],
        }
        return authorise(*parse_question(question)).decision

    assert (decision(leaking), decision(clean)) == ("allowed", "denied")


@pytest.mark.parametrize("leak", ASKED, ids=lambda leak: leak.name)
def test_the_locks_fix_it(leak):
    """With the three locks in place the same mistake lets nobody in."""
    state = State(shared=False, locks=True)
    leak.plant(state)
    assert proofs_of(state).verdict(A, B, leak.path) == "proved"


def test_a_witness_of_several_steps_is_a_path():
    state = State(shared=False, locks=False)
    next(leak for leak in LEAKS if leak.name.startswith("chain of roles")).plant(state)
    finding = proofs_of(state).found(A, B, "role")[0]
    assert [taken["action"] for taken in finding.witness["steps"]][:2] == ["sts:AssumeRole", "sts:AssumeRole"]
    assert finding.witness["steps"][0]["resource"].endswith("role/hub")


UNREAD = [
    ("s3:GetBucketPolicy", "bh-globex-data", "data"),
    ("kms:ListGrants", "globex-data-key", "key"),
    ("ec2:DescribeRouteTables", "", "network"),
    ("ec2:DescribeSnapshotAttribute", "snap-globex", "snapshot"),
    ("ec2:DescribeImageAttribute", "ami-globex", "image"),
    ("logs:DescribeLogGroups", "", "log"),
    ("iam:GetAccountAuthorizationDetails", "", "role"),
]


@pytest.mark.parametrize(("api", "subject", "path"), UNREAD, ids=[case[0] for case in UNREAD])
def test_what_could_not_be_read_is_never_proved(api, subject, path):
    state = State(shared=False)
    state.fail(api, B, subject)
    proofs = proofs_of(state)
    assert proofs.verdict(A, B, path) == "indeterminate"
    assert proofs.verdict(B, A, path) == "proved"
    assert proofs.coverage["unread"]


def test_an_account_without_any_fact_is_indeterminate_on_every_path():
    state = State(shared=False)
    gone = state.account(B)
    state.answers = {key: value for key, value in state.answers.items() if key[1] != gone}
    proofs = proofs_of(state)
    assert {proofs.verdict(A, B, path) for path in PATHS} == {"indeterminate"}


def test_a_malformed_policy_is_indeterminate():
    state = State(shared=False)
    state.bucket_policy(B).append({"Effect": "Permit"})
    proofs = proofs_of(state)
    assert proofs.verdict(A, B, "data") == "indeterminate"
    assert "Effect" in " ".join(proofs.found(A, B, "data")[0].reasons)


@pytest.mark.parametrize("lock", ["identity", "resource", "network"])
def test_a_missing_lock_is_reported_while_the_others_hold(lock):
    state = State(shared=False)
    assert all(found.verdict == "proved" for found in proofs_of(state).locks)
    if lock == "network":
        for endpoint in state.answers["ec2:DescribeVpcEndpoints", state.account(A), ""]["VpcEndpoints"]:
            endpoint.pop("PolicyDocument")
    else:
        policy = {"identity": "p-identity-lock", "resource": "p-resource-lock"}[lock]
        state.answers = {key: value for key, value in state.answers.items() if key[2] != policy}
    proofs = proofs_of(state)
    broken = [found for found in proofs.locks if found.verdict == "violated"]
    assert {found.path for found in broken} == {lock}
    assert all(found.witness["steps"][0]["action"] in found.subject for found in broken)
    assert set(verdicts(proofs).values()) == {"proved"}
    assert proofs.worst == "violated"


def test_a_cycle_of_roles_ends():
    """Acme takes a role of globex that trusts it; that role and another trust each other."""
    state = State(shared=False, locks=False)
    for role, trusted in (("trainer", state.arn(A)), ("auditor", state.arn(B)), ("trainer", state.arn(B, "auditor"))):
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": trusted}}
        state.role(B, role)["AssumeRolePolicyDocument"]["Statement"].append(trust)
    findings = proofs_of(state).found(A, B, "role")
    reached = {finding.resource.rsplit("/", 1)[-1] for finding in findings if finding.verdict == "violated"}
    assert {"bh-globex-trainer", "bh-globex-auditor"} <= reached
