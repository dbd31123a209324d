"""A bucket that delegates to its account's access points is reached through these, and through nothing else."""

import json

import pytest

from compliance.estate.from_facts import estate_of_facts
from compliance.facts.fact import Status
from compliance.prove.engine import prove
from tests.leaks.clean import ACCOUNTS, REGION, State, allow, policy
from tests.leaks.planted import A, B

LIST, LIST_OF_SEVERAL = "s3control:ListAccessPoints", "s3control:ListMultiRegionAccessPoints"
POLICY_OF_SEVERAL = "s3control:GetMultiRegionAccessPointPolicy"


def delegating(conditions=None, *, shared=False):
    """Globex's data bucket lets in whoever comes through an access point of its account; every listing is read."""
    state = State(shared=shared, locks=False)
    own = conditions or {"StringEquals": {"s3:DataAccessPointAccount": state.account(B)}}
    both = [f"arn:aws:s3:::{state.bucket(B)}", f"arn:aws:s3:::{state.bucket(B)}/*"]
    state.bucket_policy(B).append(allow("s3:*", both, Principal="*", Condition=own))
    for tenant in (A, B):
        state.answer(LIST, tenant)["AccessPointList"] = []
        state.answer(LIST_OF_SEVERAL, tenant)["AccessPoints"] = []
    return state


def add_point(state, *statements, tenant=B, described=True, **more):
    arn = f"arn:aws:s3:{REGION}:{state.account(tenant)}:accesspoint/share"
    item = {"Name": "share", "Bucket": state.bucket(B), "AccessPointArn": arn} | more
    state.extend(LIST, tenant, "AccessPointList", item)
    if described:
        state.answer("s3control:GetAccessPoint", tenant, "share", Name="share").update(item)
    if statements:
        text = json.dumps(policy(*statements))
        state.answer("s3control:GetAccessPointPolicy", tenant, "share", Name="share")["Policy"] = text
    return f"{arn}/object/*"


def add_point_of_several_regions(state, *statements, tenant=B, when="Established"):
    arn = f"arn:aws:s3::{state.account(tenant)}:accesspoint/m1.mrap"
    item = {"Name": "wide", "Alias": "m1.mrap", "Regions": [{"Bucket": state.bucket(B), "Region": REGION}]}
    state.extend(LIST_OF_SEVERAL, tenant, "AccessPoints", item)
    answer = state.answer(POLICY_OF_SEVERAL, tenant, "wide", Name="wide")
    answer["Policy"] = {when: {"Policy": json.dumps(policy(*statements))}} if statements else {}
    return f"{arn}/object/*"


def verdict(state):
    return prove(estate_of_facts(state.facts(), state.scope())).verdict(A, B, "data")


def points(account, region=REGION):
    return f"arn:aws:s3:{region}:{account}:accesspoint/*"


DELEGATIONS = {
    "account": lambda own: {"StringEquals": {"s3:DataAccessPointAccount": own}},
    "account of the bucket": lambda _own: {"StringEquals": {"s3:DataAccessPointAccount": "${aws:ResourceAccount}"}},
    "ARN": lambda own: {"ArnLike": {"s3:DataAccessPointArn": points(own, "*")}},
    "ARN as text": lambda own: {"StringLike": {"s3:DataAccessPointArn": points(own)}},
    "account and network": lambda own: {
        "StringEquals": {"s3:DataAccessPointAccount": own, "s3:AccessPointNetworkOrigin": "VPC"}
    },
}


@pytest.mark.parametrize("delegation", DELEGATIONS.values(), ids=DELEGATIONS)
def test_no_access_point_no_alarm(delegation):
    assert verdict(delegating(delegation(ACCOUNTS[B]))) == "proved"


def test_an_access_point_for_its_own_account_raises_no_alarm():
    state = delegating()
    own = {"AWS": f"arn:aws:iam::{state.account(B)}:root"}
    add_point(state, allow("s3:GetObject", points(state.account(B)) + "/object/*", Principal=own))
    add_point_of_several_regions(state, allow("s3:GetObject", "*", Principal=own))
    assert verdict(state) == "proved"


@pytest.mark.parametrize("who", ["*", {"AWS": ACCOUNTS[A]}], ids=["everyone", "the other account"])
def test_an_open_access_point_is_found(who):
    state = delegating()
    add_point(state, allow("s3:GetObject", points(state.account(B)) + "/object/*", Principal=who))
    assert verdict(state) == "violated"


@pytest.mark.parametrize("when", ["Established", "Proposed"])
def test_an_open_access_point_of_several_regions_is_found(when):
    state = delegating()
    add_point_of_several_regions(state, allow("s3:GetObject", "*", Principal="*"), when=when)
    assert verdict(state) == "violated"


def test_an_access_point_for_one_vpc_of_its_own_is_closed_and_for_the_others_open():
    for vpc, expected in (("vpc-globex", "proved"), ("vpc-acme", "violated")):
        state = delegating()
        opened = allow("s3:GetObject", points(state.account(B)) + "/object/*", Principal="*")
        add_point(state, opened, VpcConfiguration={"VpcId": vpc})
        assert verdict(state) == expected


def test_a_bucket_for_vpc_access_points_only_is_closed_to_one_on_the_internet():
    account = ACCOUNTS[B]
    conditions = {"StringEquals": {"s3:DataAccessPointAccount": account, "s3:AccessPointNetworkOrigin": "VPC"}}
    state = delegating(conditions)
    add_point(state, allow("s3:GetObject", points(account) + "/object/*", Principal="*"))
    assert verdict(state) == "proved"


OPEN = {
    "access points of the other account": {"StringEquals": {"s3:DataAccessPointAccount": ACCOUNTS[A]}},
    "access points of any account": {"StringLike": {"s3:DataAccessPointArn": "arn:aws:s3:*:*:accesspoint/*"}},
    "access points of a name": {"StringLike": {"s3:DataAccessPointArn": "*:accesspoint/share"}},
    "no access point but one": {"StringNotEquals": {"s3:DataAccessPointAccount": ACCOUNTS[A]}},
    "IfExists": {"StringEqualsIfExists": {"s3:DataAccessPointAccount": ACCOUNTS[B]}},
    "network origin": {"StringEquals": {"s3:AccessPointNetworkOrigin": "VPC"}},
}


@pytest.mark.parametrize("conditions", OPEN.values(), ids=OPEN)
def test_a_delegation_to_more_than_its_own_account_is_found(conditions):
    assert verdict(delegating(conditions)) == "violated"


def test_an_access_point_that_another_tenant_made_does_not_count_as_its_own():
    state = delegating()
    add_point(state, allow("s3:GetObject", "*", Principal="*"), tenant=A)
    assert verdict(state) == "proved"
    state = delegating(OPEN["access points of the other account"])
    add_point(state, allow("s3:GetObject", points(state.account(A)) + "/object/*", Principal="*"), tenant=A)
    assert verdict(state) == "violated"


@pytest.mark.parametrize("api", [LIST, LIST_OF_SEVERAL])
def test_without_a_listing_nothing_is_proved(api):
    state = delegating()
    state.fail(api, B)
    assert verdict(state) == "violated"
    never_asked = delegating()
    del never_asked.answers[api, never_asked.account(B), ""]
    assert verdict(never_asked) == "violated"


def test_an_access_point_that_was_listed_and_not_described_keeps_the_alarm():
    state = delegating()
    add_point(state, described=False)
    assert verdict(state) == "violated"


def test_a_policy_that_was_not_read_is_never_proved():
    state = delegating()
    add_point(state)
    state.fail("s3control:GetAccessPointPolicy", B, "share")
    assert verdict(state) in ("violated", "indeterminate")


def test_a_bucket_in_a_region_that_was_not_read_keeps_the_alarm():
    for region, expected in ((REGION, "proved"), ("eu-west-1", "violated")):
        state = delegating()
        for item in state.answers["s3:ListBuckets", state.account(B), ""]["Buckets"]:
            item["BucketRegion"] = region
        assert verdict(state) == expected


def test_in_one_account_the_other_tenant_might_make_an_access_point():
    state = delegating(shared=True)
    state.role(A)["RolePolicyList"][0]["PolicyDocument"]["Statement"].append(allow("s3:*"))
    assert verdict(state) == "violated"


def test_the_status_of_a_failed_listing_is_not_ok():
    state = delegating()
    state.fail(LIST, B)
    assert {fact.status for fact in state.facts() if fact.api == LIST} == {Status.OK, Status.DENIED}


@pytest.mark.parametrize("several", [False, True])
def test_an_access_point_whose_policy_was_never_asked_for_leaves_the_door_open(several):
    state = delegating()
    (add_point_of_several_regions if several else add_point)(state)
    if several:
        del state.answers[POLICY_OF_SEVERAL, state.account(B), "wide"]
    assert verdict(state) == "violated"


def test_a_bucket_whose_region_is_not_told_may_have_access_points_elsewhere():
    state = delegating()
    assert verdict(state) == "proved"
    for bucket in state.answer("s3:ListBuckets", B)["Buckets"]:
        del bucket["BucketRegion"]
    assert verdict(state) == "violated"
