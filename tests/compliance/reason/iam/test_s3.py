"""S3: bucket and object ARNs, ACLs and ownership, Block Public Access, access points."""

import pytest

from compliance.errors import ComplianceError
from compliance.reason.iam import Documents, Labelled, Principal, compile_policy, open_request, possible
from tests.compliance.reason.iam.support import (
    ALL,
    FOREIGN_ROOT,
    FOREIGN_USER,
    OBJECT,
    ROOT,
    USER,
    A,
    B,
    allowed,
    doc,
    levels,
    st,
)

BUCKET = "arn:aws:s3:::bucket"
ANONYMOUS = {"type": "anonymous"}
PUBLIC = doc(st("Allow", "s3:GetObject", f"{BUCKET}/*", Principal="*"))
EVERYONE = "http://acs.amazonaws.com/groups/global/AllUsers"
LOGGED_IN = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
CANONICAL = "c" * 64
POINT = f"arn:aws:s3:us-east-1:{A}:accesspoint/shared"


def acl(*grants):
    return {"Grants": [{"Grantee": grantee, "Permission": permission} for grantee, permission in grants]}


def test_a_bucket_statement_does_not_cover_objects_nor_the_reverse():
    policies = {"identityPolicies": [doc(st("Allow", "s3:*", BUCKET))]}
    assert allowed(USER, "s3:ListBucket", BUCKET, **policies)
    assert not allowed(USER, "s3:GetObject", OBJECT, **policies)
    policies = {"identityPolicies": [doc(st("Allow", "s3:*", f"{BUCKET}/*"))]}
    assert not allowed(USER, "s3:ListBucket", BUCKET, **policies)
    assert allowed(USER, "s3:GetObject", OBJECT, **policies)


def test_a_bucket_name_is_no_prefix():
    assert not allowed(USER, on="arn:aws:s3:::bucket2/x", identityPolicies=[doc(st("Allow", "s3:*", f"{BUCKET}/*"))])


def test_public_bucket_policy_lets_anonymous_in():
    assert allowed(ANONYMOUS, resourcePolicy=PUBLIC)


@pytest.mark.parametrize("whose", ["publicAccessBlock", "accountPublicAccessBlock"])
def test_restrict_public_buckets_keeps_outsiders_from_a_public_bucket(whose):
    blocked = {"resourcePolicy": PUBLIC, "s3": {whose: {"RestrictPublicBuckets": True}}}
    assert not allowed(ANONYMOUS, **blocked)
    assert not allowed(FOREIGN_USER, identityPolicies=[ALL], **blocked)
    assert allowed(USER, identityPolicies=[ALL], **blocked)
    assert allowed({"service": "x.amazonaws.com"}, **blocked)


def test_restrict_public_buckets_does_not_touch_a_policy_that_is_not_public():
    policy = doc(st("Allow", "s3:GetObject", f"{BUCKET}/*", Principal={"AWS": B}))
    block = {"publicAccessBlock": {"RestrictPublicBuckets": True}}
    assert allowed(FOREIGN_USER, identityPolicies=[ALL], resourcePolicy=policy, s3=block)


FIXED = [
    ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, False),
    ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, False),
    ({"StringLike": {"aws:SourceVpce": "vpce-*"}}, True),
    ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
    ({"IpAddress": {"aws:SourceIp": "0.0.0.0/1"}}, True),
    ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, True),
    ({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}, True),
    ({"StringEquals": {"aws:UserAgent": "curl"}}, True),
    ({"StringEquals": {"aws:SourceVpce": "${aws:PrincipalTag/vpce}"}}, True),
    ({"StringLike": {"aws:userid": "AROAEXAMPLEID:*"}}, False),
]


@pytest.mark.parametrize(("condition", "public"), FIXED)
def test_what_s3_calls_public(condition, public):
    about = {"effect": "Allow", "action": "s3:GetObject", "resource": f"{BUCKET}/*"}
    anyone = doc(st(**about, Principal={"AWS": B}), st(**about, Principal="*", Condition=condition))
    block = {"publicAccessBlock": {"RestrictPublicBuckets": True}}
    assert allowed(FOREIGN_USER, identityPolicies=[ALL], resourcePolicy=anyone, s3=block) is not public


def test_acls_have_no_effect_under_bucket_owner_enforced():
    open_acl = acl(({"Type": "Group", "URI": EVERYONE}, "READ"))
    assert not allowed(ANONYMOUS, s3={"objectAcl": open_acl})
    assert not allowed(ANONYMOUS, s3={"objectAcl": open_acl, "objectOwnership": "BucketOwnerEnforced"})
    assert allowed(ANONYMOUS, s3={"objectAcl": open_acl, "objectOwnership": "ObjectWriter"})


def test_ignore_public_acls():
    setting = {"objectAcl": acl(({"Type": "Group", "URI": EVERYONE}, "READ")), "objectOwnership": "ObjectWriter"}
    assert not allowed(ANONYMOUS, s3=setting | {"publicAccessBlock": {"IgnorePublicAcls": True}})
    assert allowed(ANONYMOUS, s3=setting | {"publicAccessBlock": {"BlockPublicAcls": True}})


def test_acl_permissions_map_to_operations():
    setting = {"objectAcl": acl(({"Type": "Group", "URI": EVERYONE}, "READ")), "objectOwnership": "ObjectWriter"}
    assert allowed(ANONYMOUS, s3=setting)
    assert not allowed(ANONYMOUS, "s3:GetObjectAcl", s3=setting)
    assert not allowed(ANONYMOUS, "s3:ListBucket", BUCKET, s3=setting)


def test_acl_for_authenticated_users_excludes_anonymous():
    setting = {"objectAcl": acl(({"Type": "Group", "URI": LOGGED_IN}, "READ")), "objectOwnership": "ObjectWriter"}
    assert not allowed(ANONYMOUS, s3=setting)
    assert allowed(FOREIGN_USER, identityPolicies=[ALL], s3=setting)
    assert not allowed(FOREIGN_USER, s3=setting)


def test_acl_for_a_canonical_user_delegates_to_its_account():
    setting = {"bucketAcl": acl(({"ID": CANONICAL}, "FULL_CONTROL")), "objectOwnership": "BucketOwnerPreferred"}
    bob = {"arn": FOREIGN_USER, "account": B, "canonicalId": CANONICAL}
    assert allowed(bob, "s3:ListBucket", BUCKET, identityPolicies=[ALL], s3=setting)
    assert not allowed(bob, "s3:ListBucket", BUCKET, s3=setting)
    assert not allowed(FOREIGN_USER, "s3:ListBucket", BUCKET, identityPolicies=[ALL], s3=setting)


def test_explicit_deny_beats_an_acl():
    setting = {"objectAcl": acl(({"Type": "Group", "URI": EVERYONE}, "READ")), "objectOwnership": "ObjectWriter"}
    assert not allowed(ANONYMOUS, s3=setting, resourcePolicy=doc(st("Deny", "s3:*", "*", Principal="*")))


def test_a_bucket_policy_grants_nothing_on_objects_that_others_own():
    setting = {"objectOwner": B, "objectOwnership": "ObjectWriter"}
    assert not allowed(ANONYMOUS, resourcePolicy=PUBLIC, s3=setting)
    assert allowed(ANONYMOUS, resourcePolicy=PUBLIC, s3=setting | {"objectOwnership": "BucketOwnerEnforced"})


LOCKED = doc(st("Deny", "s3:*", [BUCKET, f"{BUCKET}/*"], Principal="*"))
LOCK_ACTIONS = ("s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy")


@pytest.mark.parametrize("action", LOCK_ACTIONS)
def test_the_owners_root_user_cannot_lock_itself_out_of_the_bucket_policy(action):
    assert allowed(ROOT, action, BUCKET, resourcePolicy=LOCKED)
    assert not allowed(USER, action, BUCKET, resourcePolicy=LOCKED, identityPolicies=[ALL])
    assert not allowed(FOREIGN_ROOT, action, BUCKET, resourcePolicy=LOCKED, identityPolicies=[ALL])


@pytest.mark.parametrize("action", LOCK_ACTIONS)
def test_organisation_and_endpoint_policies_still_keep_the_root_user_out(action):
    deny = doc(st("Deny", "s3:*"))
    assert not allowed(ROOT, action, BUCKET, resourcePolicy=LOCKED, serviceControlPolicies=levels([ALL, deny]))
    rcp = levels([doc(st("Deny", "s3:*", Principal="*"))])
    assert not allowed(ROOT, action, BUCKET, resourcePolicy=LOCKED, resourceControlPolicies=rcp)
    narrow = doc(st("Allow", "s3:GetObject", Principal="*"))
    assert not allowed(ROOT, action, BUCKET, resourcePolicy=LOCKED, endpointPolicy=narrow)


def test_the_root_user_is_denied_everything_else_by_its_bucket_policy():
    for action in ("s3:ListBucket", "s3:DeleteBucket", "s3:PutBucketAcl"):
        assert not allowed(ROOT, action, BUCKET, resourcePolicy=LOCKED)


def test_anyone_of_the_account_may_be_its_root_user():
    request = open_request("s3:PutBucketPolicy", BUCKET, A, Principal("any-of-account", account=A))
    everything = Labelled("administrator", compile_policy(ALL, "identity", "administrator"))
    locked = Documents((everything,), resource=Labelled("bucket", compile_policy(LOCKED, "bucket", "bucket")))
    found = possible(request, locked)
    assert found.witness is not None
    assert found.witness.principal.kind == "root"
    stranger = open_request("s3:PutBucketPolicy", BUCKET, A, Principal("any-of-account", account=B))
    assert possible(stranger, locked).verdict == "impossible"


def test_network_origin_of_an_access_point():
    vpc_only = doc(st("Deny", Principal="*", Condition={"StringNotEquals": {"s3:AccessPointNetworkOrigin": "VPC"}}))
    caller = {"identityPolicies": [ALL], "resourcePolicy": vpc_only}
    assert allowed(USER, context={"aws:SourceVpc": "vpc-1"}, s3=through(None, vpc="vpc-1"), **caller)
    assert not allowed(USER, s3=through(None), **caller)


def through(policy, **more):
    return {"accessPoint": {"arn": POINT, "policy": policy} | more}


def test_access_point_needs_the_bucket_policy_too():
    at_point = doc(st("Allow", "s3:GetObject", f"{POINT}/object/*", Principal={"AWS": B}))
    delegated = doc(
        st(
            "Allow",
            "*",
            [BUCKET, f"{BUCKET}/*"],
            Principal="*",
            Condition={"StringEquals": {"s3:DataAccessPointAccount": A}},
        )
    )
    caller = {"identityPolicies": [ALL], "s3": through(at_point)}
    assert allowed(FOREIGN_USER, resourcePolicy=delegated, **caller)
    assert not allowed(FOREIGN_USER, **caller)
    assert not allowed(FOREIGN_USER, resourcePolicy=delegated, identityPolicies=[ALL], s3=through(None))
    assert not allowed(FOREIGN_USER, resourcePolicy=delegated, identityPolicies=[ALL])


def test_access_point_of_one_vpc():
    caller = {"identityPolicies": [ALL], "s3": through(None, vpc="vpc-1")}
    assert allowed(USER, context={"aws:SourceVpc": "vpc-1"}, **caller)
    assert not allowed(USER, context={"aws:SourceVpc": "vpc-2"}, **caller)
    assert not allowed(USER, **caller)


def test_access_point_policy_denies():
    deny = doc(st("Deny", "s3:*", f"{POINT}/object/*", Principal="*"))
    assert not allowed(USER, identityPolicies=[ALL], s3=through(deny))


def test_identity_policy_speaks_of_the_access_point():
    policy = [doc(st("Allow", "s3:GetObject", f"{POINT}/object/*"))]
    assert allowed(USER, identityPolicies=policy, s3=through(None))
    assert not allowed(USER, identityPolicies=policy)


@pytest.mark.parametrize(
    "setting",
    [
        {"ownership": "x"},
        {"objectOwnership": "Mine"},
        {"publicAccessBlock": {"RestrictPublicBuckets": "yes"}},
        {"objectAcl": {}},
    ],
)
def test_a_malformed_setting_is_refused_with_its_place(setting):
    with pytest.raises(ComplianceError, match=r"\$\.s3"):
        allowed(s3=setting)


def test_owner_account_condition_stops_upload_to_foreign_buckets():
    mine = [
        doc(st("Allow", "s3:*", "*", Condition={"StringEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}}))
    ]
    foreign = doc(st("Allow", "s3:*", "*", Principal="*"))
    assert allowed(USER, "s3:PutObject", identityPolicies=mine)
    assert not allowed(USER, "s3:PutObject", owner=B, identityPolicies=mine, resourcePolicy=foreign)
