"""Every planted leak on Google Cloud is found with a witness; the clean state and its fixes raise no alarm."""

from dataclasses import replace

import pytest

from compliance.estate.from_facts import estate_of_facts
from compliance.estate.model import PATHS
from compliance.facts.fact import Fact, Status
from compliance.prove.engine import prove
from compliance.reason.gcp import authorise, parse_question
from tests.leaks import clean
from tests.leaks.google_clean import GoogleState, bind
from tests.leaks.google_planted import LEAKS, READER, A, B

BY_NAME = {leak.name: leak for leak in LEAKS}


def proofs_of(state):
    return prove(estate_of_facts(state.facts(), state.scope()))


def verdicts(proofs):
    pairs = [(a, b) for a in proofs.tenants for b in proofs.tenants if a != b]
    return {(a, b, path): proofs.verdict(a, b, path) for a, b in pairs for path in PATHS}


def test_there_are_enough():
    assert len(LEAKS) >= 40
    assert {leak.path for leak in LEAKS} == set(PATHS)


@pytest.mark.parametrize("locks", [False, True], ids=["locks off", "locks on"])
def test_clean_state_raises_no_alarm(locks):
    proofs = proofs_of(GoogleState(locks=locks))
    assert set(verdicts(proofs).values()) == {"proved"}
    assert not proofs.outside
    assert all(proof.verdict == "proved" for proof in proofs.obligations)
    assert {lock.path for lock in proofs.locks} == {"identity", "resource", "network"}
    assert {lock.verdict for lock in proofs.locks} == ({"proved"} if locks else {"violated"})


@pytest.mark.parametrize("lock", ["identity", "resource", "network"])
def test_a_missing_lock_is_reported_while_the_others_hold(lock):
    state = GoogleState(locks=True)
    if lock == "identity":
        state.bindings = [b for b in state.bindings if state.numbers(B)[0] not in b["name"]]
    elif lock == "resource":
        state.denials = {node: held for node, held in state.denials.items() if node != state.node(B)}
    else:
        state.perimeters.pop(f"bh_{B}")
    proofs = proofs_of(state)
    broken = [found for found in proofs.locks if found.verdict != "proved"]
    assert {(found.path, found.to) for found in broken} == {(lock, B)}
    assert all(found.witness for found in broken)
    assert set(verdicts(proofs).values()) == {"proved"}
    assert proofs.worst == "violated"


@pytest.mark.parametrize("locks", [False, True], ids=["locks off", "locks on"])
def test_clean_mixed_fleet_raises_no_alarm(locks):
    proofs = proofs_of(GoogleState(locks=locks, aws=clean.State(shared=False, locks=locks)))
    assert set(proofs.tenants) == {"acme", "globex", "initech", "hooli"}
    assert set(verdicts(proofs).values()) == {"proved"}
    assert not proofs.outside


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.name)
def test_leak_is_found_with_its_witness_and_in_its_direction_only(leak):
    state = GoogleState(locks=leak.locked)
    leak.plant(state)
    proofs = proofs_of(state)
    assert proofs.verdict(A, B, leak.path) == "violated"
    found = [finding for finding in proofs.found(A, B, leak.path) if finding.verdict == "violated"]
    assert any(leak.resource in finding.resource for finding in found)
    assert all(finding.witness and finding.reasons for finding in found)
    if not leak.both:
        assert {proofs.verdict(B, A, path) for path in PATHS} == {"proved"}


INDIRECT = {
    # The last step of these is the victim's own identity, which is allowed; or nothing is asked at all.
    "chain of impersonations",
    "federation without condition",
    "federation condition forgets the project and the service account",
    "subscription to the other tenant's topic",
}
PATHS_ASKED = ("data", "key", "snapshot", "image")
ASKED = [leak for leak in LEAKS if leak.path in PATHS_ASKED and not leak.locked and leak.name not in INDIRECT]


@pytest.mark.parametrize("leak", ASKED, ids=lambda leak: leak.name)
def test_the_witness_is_allowed_by_the_planted_policies_and_denied_by_the_clean_ones(leak):
    leaking, untouched = GoogleState(locks=False), GoogleState(locks=False)
    leak.plant(leaking)
    finding = next(f for f in proofs_of(leaking).found(A, B, leak.path) if f.verdict == "violated")
    request = finding.witness["steps"][0]["request"]

    def decision(state):
        name = finding.resource
        if "/managedFolders/" not in name:
            name = name.replace("projects/_/buckets/", "")
        ring = name.partition("/cryptoKeys/")[0]
        nodes = [f"//cloudresourcemanager.googleapis.com/{node}" for node in request["resource"]["ancestors"]]
        levels = [n for n in dict.fromkeys((*nodes, ring, name)) if n in state.policies]
        question = {"request": request, "allowPolicies": [{"level": n, "policy": state.policies[n]} for n in levels]}
        roles = [asset["resource"]["data"] for n, asset in state.assets.items() if "/roles/" in n]
        members = {
            g: [f"serviceAccount:{m['preferredMemberKey']['id']}" for m in held] for g, held in state.groups.items()
        }
        # what a leak adds is not there in the clean state
        data = state.assets[name]["resource"]["data"] if name in state.assets else {}
        acl = {
            "uniformBucketLevelAccess": data.get("iamConfiguration", {}).get(
                "uniformBucketLevelAccess", {"enabled": True}
            ),
            "bucket": data.get("acl", []),
            "object": [*data.get("defaultObjectAcl", []), *state.object_lists.get(name.rsplit("/", 1)[1], [])],
        }
        return authorise(*parse_question(question | {"roles": roles, "groups": members, "acl": acl})).decision

    assert (decision(leaking), decision(untouched)) == ("allowed", "denied")


ALONE = [
    leak for leak in LEAKS if leak.path in ("data", "key", "snapshot", "image") and not leak.locked and not leak.both
]
PAST_LOCKS = {
    # The locks hold requests; these either need none, or ask as somebody whom the locks let through, or as nobody.
    "subscription to the other tenant's topic",
}


@pytest.mark.parametrize("leak", [leak for leak in ALONE if leak.name not in PAST_LOCKS], ids=lambda leak: leak.name)
def test_the_locks_fix_it(leak):
    """With boundary, deny policies and perimeter in place the same mistake lets no tenant in."""
    state = GoogleState(locks=True)
    leak.plant(state)
    assert proofs_of(state).verdict(A, B, leak.path) == "proved"


LOCKED = [leak for leak in LEAKS if leak.locked]
REPAIRS = {
    "boundary": lambda state, fresh: setattr(state, "bindings", fresh.bindings),
    "deny policy": lambda state, fresh: setattr(state, "denials", fresh.denials),
    "perimeters": lambda state, fresh: setattr(state, "perimeters", fresh.perimeters),
}


@pytest.mark.parametrize("repair", REPAIRS)
@pytest.mark.parametrize("leak", LOCKED, ids=lambda leak: leak.name)
def test_any_one_lock_that_is_put_back_closes_it(leak, repair):
    state = GoogleState(locks=True)
    leak.plant(state)
    REPAIRS[repair](state, GoogleState(locks=True))
    assert proofs_of(state).verdict(A, B, leak.path) == "proved"


def test_a_witness_of_several_steps_is_a_path():
    state = GoogleState(locks=False)
    BY_NAME["chain of impersonations"].plant(state)
    finding = next(f for f in proofs_of(state).found(A, B, "data") if f.verdict == "violated")
    steps = finding.witness["steps"]
    assert [taken["action"] for taken in steps[:2]] == ["iam.serviceAccounts.getAccessToken"] * 2
    assert [taken["as"] for taken in steps] == [
        state.member(A), state.member(B, "auditor"), state.member(B, "data-owner"),
    ]  # fmt: skip


def test_federation_names_the_token_that_gets_in():
    state = GoogleState(locks=False)
    BY_NAME["federation condition forgets the project and the service account"].plant(state)
    finding = next(f for f in proofs_of(state).found(A, B, "key") if f.verdict == "violated")
    claims = finding.witness["steps"][0]["request"]["claims"]
    assert claims["submods"]["gce"]["project_number"] == state.numbers(A)[0]
    assert claims["submods"]["container"]["image_digest"] == "sha256:1"


UNREAD = ["RESOURCE", "IAM_POLICY"]


@pytest.mark.parametrize("content", UNREAD)
def test_what_could_not_be_read_is_never_proved(content):
    state = GoogleState()
    state.failed.append(("cloudasset:ListAssets", state.listing(content)))
    proofs = proofs_of(state)
    assert {proofs.verdict(A, B, path) for path in PATHS} == {"indeterminate"}
    assert any(content in gap["what"] for gap in proofs.coverage["unread"])


def test_restrictions_that_could_not_be_read_restrict_nothing():
    state = GoogleState(locks=True)
    state.grant(state.bucket(B), READER, state.member(A))
    assert proofs_of(state).verdict(A, B, "data") == "proved"
    for content in ("ORG_POLICY", "ACCESS_POLICY"):
        state.failed.append(("cloudasset:ListAssets", state.listing(content)))
    state.bindings, state.denials = [], {}
    assert proofs_of(state).verdict(A, B, "data") == "violated"


def test_a_project_without_assets_is_indeterminate():
    state = GoogleState()
    gone = state.node(B)
    state.assets = {name: asset for name, asset in state.assets.items() if gone not in asset["ancestors"]}
    proofs = proofs_of(state)
    assert {proofs.verdict(A, B, path) for path in PATHS} == {"indeterminate"}
    assert {proofs.verdict(B, A, path) for path in PATHS} == {"proved"}


def test_a_listing_of_some_types_does_not_stand_for_the_project():
    """As when the organisation's own listing names a project whose own listing was never made."""
    state = GoogleState()
    facts = [
        replace(fact, params={**fact.params, "assetTypes": ["cloudresourcemanager.googleapis.com/Project"]})
        if fact.params.get("contentType") == "RESOURCE"
        else fact
        for fact in state.facts()
    ]
    proofs = prove(estate_of_facts(facts, state.scope()))
    assert {proofs.verdict(A, B, path) for path in PATHS} == {"indeterminate"}


def test_listings_by_project_are_joined():
    state = GoogleState()
    facts = []
    for fact in state.facts():
        pages = fact.response.get("assets") if fact.api == "cloudasset:ListAssets" else None
        if pages is None or fact.params["contentType"] not in ("RESOURCE", "IAM_POLICY"):
            facts.append(fact)
            continue
        by_node: dict[str, list] = {}
        for asset in pages:
            by_node.setdefault(asset["ancestors"][0], []).append(asset)
        facts += [
            replace(fact, params={**fact.params, "parent": n}, response={"assets": a}) for n, a in by_node.items()
        ]
    proofs = prove(estate_of_facts(facts, state.scope()))
    assert set(verdicts(proofs).values()) == {"proved"}


@pytest.mark.parametrize("api", ["ListBucketAccessControls", "ListDefaultObjectAccessControls"])
def test_access_control_lists_may_come_from_reads_of_their_own(api):
    state = GoogleState(locks=False)
    state.data(state.bucket(B))["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] = False
    state.object_lists[f"bh-{B}-data"] = []
    entry = {"entity": f"user-{state.account(A)}", "role": "READER"}
    own = Fact(f"storage:{api}", {"bucket": f"bh-{B}-data"}, "1", "global", "", "", "", Status.OK, {"items": [entry]})
    proofs = prove(estate_of_facts([*state.facts(), own], state.scope()))
    assert proofs.verdict(A, B, "data") == "violated"


def test_object_lists_that_were_not_read_are_indeterminate():
    state = GoogleState(locks=False)
    state.data(state.bucket(B))["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] = False
    assert proofs_of(state).verdict(A, B, "data") == "indeterminate"
    state.object_lists[f"bh-{B}-data"] = []
    assert proofs_of(state).verdict(A, B, "data") == "proved"


def test_a_malformed_policy_is_indeterminate():
    state = GoogleState()
    state.policies[state.bucket(B)]["bindings"].append(bind("reader", "x"))
    proofs = proofs_of(state)
    assert proofs.verdict(A, B, "data") == "indeterminate"
    assert "role" in " ".join(proofs.found(A, B, "data")[0].reasons)


@pytest.mark.parametrize(
    "member",
    ["group:unknown@elsewhere.example", "principalSet://iam.googleapis.com/locations/global/workforcePools/w/group/g"],
)
def test_members_whose_tenant_is_not_known_are_not_proved(member):
    state = GoogleState(locks=False)
    state.grant(state.bucket(B), READER, member)
    assert proofs_of(state).verdict(A, B, "data") != "proved"


def test_a_role_that_is_not_known_is_not_proved():
    state = GoogleState(locks=False)
    state.grant(state.bucket(B), "roles/storage.somethingNew", state.member(A))
    assert proofs_of(state).verdict(A, B, "data") == "undecided"


def test_an_outsider_is_said_apart():
    state = GoogleState(locks=False)
    state.grant(state.bucket(B), READER, "user:eve@elsewhere.example")
    proofs = proofs_of(state)
    assert {leak.attacker for leak in proofs.outside} == {"user:eve@elsewhere.example"}
    assert proofs.verdict(A, B, "data") == "undecided"
    assert proofs.worst == "violated"


def test_public_access_is_said_of_anyone_too():
    state = GoogleState(locks=False)
    BY_NAME["bucket is open to allUsers"].plant(state)
    assert "anyone" in {leak.attacker for leak in proofs_of(state).outside}


def test_a_cycle_of_impersonations_ends():
    state = GoogleState(locks=False)
    state.grant(
        state.account_name(B), "roles/iam.serviceAccountTokenCreator", state.member(A), state.member(B, "auditor")
    )
    state.grant(state.account_name(B, "auditor"), "roles/iam.serviceAccountTokenCreator", state.member(B))
    found = [f.resource for f in proofs_of(state).found(A, B, "role") if f.verdict == "violated"]
    assert any("hooli-auditor@" in name for name in found)


EXPIRED = "request.time < timestamp('2026-11-01T00:00:00Z')"


@pytest.mark.parametrize(
    ("when", "read", "verdict"),
    [
        (EXPIRED, "2026-11-23T10:00:00Z", "proved"),
        (EXPIRED, "2026-10-23T10:00:00Z", "violated"),
        (EXPIRED, "t0", "violated"),
        ("timestamp('2026-11-01T00:00:00Z') >= request.time", "2026-11-23T10:00:00Z", "proved"),
        ("request.time > timestamp('2026-11-01T00:00:00Z')", "2026-11-23T10:00:00Z", "violated"),
        ("!(request.time >= timestamp('2026-11-01T00:00:00Z'))", "2026-11-23T10:00:00Z", "proved"),
        ("request.time == timestamp('2026-11-01T00:00:00Z')", "2026-11-23T10:00:00Z", "proved"),
        ("request.time < timestamp('2027-11-01T00:00:00Z')", "2026-11-23T10:00:00Z", "violated"),
    ],
)
def test_a_grant_that_had_expired_when_it_was_read_lets_nobody_in(when, read, verdict):
    state = GoogleState(locks=False)
    state.grant(state.bucket(B), READER, state.member(A), when=when)
    facts = [replace(fact, started=read) for fact in state.facts()]
    assert prove(estate_of_facts(facts, state.scope())).verdict(A, B, "data") == verdict


def test_the_witness_of_a_grant_for_a_time_is_of_that_time():
    state = GoogleState(locks=False)
    state.grant(state.bucket(B), READER, state.member(A), when="request.time < timestamp('2027-11-01T00:00:00Z')")
    facts = [replace(fact, started="2026-11-23T10:00:00Z") for fact in state.facts()]
    found = prove(estate_of_facts(facts, state.scope())).found(A, B, "data")
    times = [f.witness["steps"][0]["request"]["context"]["request.time"] for f in found if f.verdict == "violated"]
    assert times
    assert all("2026-11-23T10:00:00" <= time < "2027-11-01T00:00:00" for time in times)
