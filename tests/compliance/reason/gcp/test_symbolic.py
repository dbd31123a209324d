"""Symbolic questions: proofs, witnesses, and the property that joins them to the concrete evaluator."""

# ruff: noqa: E501 -- a case of a table reads best on one line

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.reason.gcp import Principal, authorise, open_request, parse_question, possible
from compliance.reason.gcp.symbolic import request_as_json
from tests.compliance.reason.gcp.support import (
    ADA,
    ANONYMOUS,
    BUCKET,
    FOREIGN,
    NODE,
    OBJECT,
    POOL,
    TRAINER,
    ask,
    at,
    bind,
    bridge,
    deny,
    perimeter,
)

ANY_OBJECT = "//storage.googleapis.com/projects/_/buckets/data/objects/*"
OURS = frozenset({"10", "acme"})
STRANGER = Principal("stranger", projects_besides=OURS, besides=frozenset({"user:owner@acme.example"}))


def symbolic(principal=STRANGER, permission="storage.objects.get", on=ANY_OBJECT, not_from=(), tags=(), **documents):
    request, rest = parse_question(ask(permission=permission, on=on, **documents))
    target = replace(request.target, tags=tags, tag_ids=tags)
    return possible(open_request(permission, target, principal, not_from=not_from), rest)


def only(*members, **more):
    return [at("projects/10", bind(*members, **more))]


def test_impossible_where_nobody_else_is_named():
    assert symbolic(allowPolicies=only(TRAINER, NODE, "user:owner@acme.example")).verdict == "impossible"


@pytest.mark.parametrize(
    "member",
    ["allUsers", "allAuthenticatedUsers", FOREIGN, "user:eve@example.org", "domain:example.org", "principalSet://iam.googleapis.com/projects/20/locations/global/workloadIdentityPools/p/attribute.a/b"],
)  # fmt: skip
def test_possible_with_a_witness_that_is_allowed(member):
    question = {"allowPolicies": only(TRAINER, member)}
    result = symbolic(**question)
    assert result.verdict == "possible"
    again = parse_question({"request": request_as_json(result.witness)} | question)
    assert authorise(*again).decision == "allowed"


def test_group_of_unknown_membership_is_undecided_and_of_known_is_settled():
    question = {"allowPolicies": only("group:g@example.com")}
    assert symbolic(**question).verdict == "undecided"
    assert symbolic(**question, groups={"g@example.com": [TRAINER]}).verdict == "impossible"
    assert symbolic(**question, groups={"g@example.com": [TRAINER, FOREIGN]}).witness.principal.id == FOREIGN[15:]


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ('resource.name.startsWith("projects/_/buckets/data/objects/public/")', "possible"),
        ('resource.name == "projects/_/buckets/data/objects/public.csv"', "possible"),
        ('resource.name.startsWith("projects/_/buckets/other/")', "impossible"),
        ('resource.type == "storage.googleapis.com/Bucket"', "impossible"),
        ('request.time < timestamp("2020-01-01T00:00:00Z")', "possible"),
        ('request.time > timestamp("2030-01-01T00:00:00Z") && request.time < timestamp("2029-01-01T00:00:00Z")', "undecided"),
        ('request.time.getHours("Europe/Berlin") == 3 && request.time.getDayOfWeek() == 0', "possible"),
        ('api.getAttribute("storage.googleapis.com/objectListPrefix", "").startsWith("a/")', "possible"),
        ("destination.port == 22", "possible"),
        ('resource.matchTag("1/env", "prod")', "impossible"),
        ("false && destination.port == 22", "impossible"),
    ],
)  # fmt: skip
def test_conditions(condition, verdict):
    assert symbolic(allowPolicies=only("allUsers", when=condition)).verdict == verdict


def test_tags_that_were_not_read_may_be_anything():
    question = {"allowPolicies": only("allUsers", when='resource.matchTag("1/env", "prod")')}
    assert symbolic(tags=None, **question).verdict == "possible"
    assert symbolic(tags=(), **question).verdict == "impossible"


def test_a_deny_counts_only_if_it_certainly_holds():
    question = {"allowPolicies": only("allUsers")}
    assert symbolic(**question, denyPolicies=[deny("principalSet://goog/public:all")]).verdict == "impossible"
    named = [deny("principal://goog/subject/eve@example.org")]
    assert symbolic(**question, denyPolicies=named).verdict == "possible"
    excepting = [
        deny("principalSet://goog/public:all", exceptionPrincipals=["principal://goog/subject/eve@example.org"])
    ]
    assert symbolic(**question, denyPolicies=excepting).verdict != "impossible"
    sometimes = [
        deny("principalSet://goog/public:all", denialCondition={"expression": 'resource.matchTag("1/a", "b")'})
    ]
    assert symbolic(**question, denyPolicies=sometimes).verdict == "possible"


def test_perimeter_is_a_proof_only_for_callers_outside_its_networks():
    question = {"allowPolicies": only("allUsers"), "servicePerimeters": [perimeter("acme", "projects/10")]}
    assert symbolic(not_from=["projects/10"], **question).verdict == "impossible"
    inside = symbolic(**question)
    assert (inside.verdict, inside.witness.source.project) == ("possible", "projects/10")


def test_bridge_gives_the_witness_a_network_to_come_from():
    perimeters = [
        perimeter("acme", "projects/10"),
        perimeter("globex", "projects/20"),
        bridge("projects/10", "projects/20"),
    ]
    result = symbolic(not_from=["projects/10"], allowPolicies=only(FOREIGN), servicePerimeters=perimeters)
    assert (result.verdict, result.witness.source.project) == ("possible", "projects/20")


def test_bound_reached_is_undecided_with_why():
    request, documents = parse_question(
        ask(on=ANY_OBJECT, allowPolicies=only("allUsers", when="destination.port == 22"))
    )
    found = possible(open_request("storage.objects.get", request.target, STRANGER), documents, bound=1)
    assert found.verdict == "undecided"
    assert "1 evaluations" in found.why


# ---- the property: what is allowed concretely is never called impossible

MEMBERS = st.sampled_from([ADA, TRAINER, FOREIGN, NODE, "allUsers", "allAuthenticatedUsers", "domain:example.com", "group:g@example.com", f"principalSet://iam.googleapis.com/{POOL}/*", "projectEditor:acme", "principalSet://cloudresourcemanager.googleapis.com/projects/globex"])  # fmt: skip
CONDITIONS = st.sampled_from([None, "true", "false", 'resource.name.startsWith("projects/_/buckets/data/objects/train")', 'request.time < timestamp("2027-01-01T00:00:00Z")', 'resource.matchTag("1/env", "prod")', '!resource.matchTag("1/env", "prod")', "destination.port == 22", "resource.nosuch == 1", 'api.getAttribute("a", "") == "b"', '"accessPolicies/9/accessLevels/x" in request.auth.access_levels'])  # fmt: skip
ROLES = st.sampled_from(["roles/storage.objectViewer", "roles/storage.admin", "roles/viewer", "roles/owner", "roles/editor", "roles/x.y", "projects/acme/roles/own"])  # fmt: skip
BINDINGS = st.builds(lambda who, role, when: bind(*who, role=role, when=when), st.lists(MEMBERS, min_size=1, max_size=3), ROLES, CONDITIONS)  # fmt: skip
V2 = st.sampled_from(["principalSet://goog/public:all", "principal://goog/subject/ada@example.com", "principalSet://goog/group/g@example.com", f"principalSet://iam.googleapis.com/{POOL}/*"])  # fmt: skip
DENIALS = st.builds(lambda who, but, when: deny(*who, exceptionPrincipals=but, **({} if when is None else {"denialCondition": {"expression": when}})), st.lists(V2, min_size=1, max_size=2), st.lists(V2, max_size=1), CONDITIONS)  # fmt: skip
RULES = st.builds(lambda kind, source, to: {"ingressFrom": {"identityType": kind, "sources": [source]}, "ingressTo": {"resources": [to], "operations": [{"serviceName": "*"}]}}, st.sampled_from(["ANY_IDENTITY", "ANY_USER_ACCOUNT", "ANY_SERVICE_ACCOUNT"]), st.sampled_from([{"accessLevel": "*"}, {"resource": "projects/20"}, {"accessLevel": "accessPolicies/9/accessLevels/x"}]), st.sampled_from(["*", "projects/10", "projects/20"]))  # fmt: skip
PERIMETERS = st.lists(st.one_of(st.builds(lambda rules: perimeter("acme", "projects/10", ingressPolicies=rules), st.lists(RULES, max_size=2)), st.just(perimeter("globex", "projects/20")), st.just(bridge("projects/10", "projects/20"))), max_size=3)  # fmt: skip
CALLERS = st.sampled_from([ADA, FOREIGN, ANONYMOUS, {"member": NODE}, {"member": ADA, "groups": ["g@example.com"]}, {"member": FOREIGN, "ancestors": ["projects/globex", "organizations/1"]}])  # fmt: skip
SOURCES = st.sampled_from([{"ip": "203.0.113.1"}, {"project": "projects/20"}, {"ip": "203.0.113.1", "accessLevels": ["accessPolicies/9/accessLevels/x"]}])  # fmt: skip
CONTEXTS = st.sampled_from([{}, {"request.time": "2026-11-23T04:00:00Z"}, {"request.time": "2028-11-23T04:00:00Z", "destination.port": 22}, {"request.time": "2026-01-01T00:00:00Z", "api.a": "b"}])  # fmt: skip
DOCUMENTS = st.fixed_dictionaries(
    {
        "allowPolicies": st.lists(BINDINGS, max_size=3).map(lambda found: [at("projects/10", *found)]),
        "denyPolicies": st.lists(DENIALS, max_size=2),
        "servicePerimeters": PERIMETERS,
        "roles": st.sampled_from([[], [{"name": "projects/acme/roles/own", "includedPermissions": ["storage.objects.get"]}]]),
        "groups": st.sampled_from([{}, {"g@example.com": [ADA]}, {"g@example.com": [FOREIGN]}]),
        "acl": st.sampled_from([None, {"object": [{"entity": "allUsers", "role": "READER"}]}, {"object": [{"entity": "user-ada@example.com", "role": "OWNER"}]}]),
    }
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(CALLERS, CONTEXTS, SOURCES, DOCUMENTS, st.sampled_from([{}, {"1/env": "prod"}]))
def test_symbolic_never_says_impossible_where_concrete_says_allowed(caller, context, source, documents, tags):
    request, parsed = parse_question(ask(caller, context=context, source=source, tags=tags, **documents))
    if authorise(request, parsed).decision != "allowed":
        return
    for target in (request.target, replace(request.target, name=ANY_OBJECT), replace(request.target, tags=None)):
        named = possible(open_request(request.permission, target, request.principal), parsed, bound=0)
        assert named.verdict != "impossible"
        # A machine of our own pool is no stranger.
        anyone = STRANGER if request.principal.project not in OURS else replace(STRANGER, projects_besides=frozenset())
        assert possible(open_request(request.permission, target, anyone), parsed, bound=0).verdict != "impossible"


@settings(max_examples=150, deadline=None)
@given(CALLERS, DOCUMENTS)
def test_a_witness_is_allowed_by_the_concrete_evaluator(caller, documents):
    request, parsed = parse_question(ask(caller, **documents))
    for who in (request.principal, STRANGER):
        found = possible(
            open_request(request.permission, replace(request.target, name=ANY_OBJECT), who), parsed, bound=200
        )
        if found.verdict == "possible":
            assert authorise(found.witness, parsed).decision == "allowed"
            assert "*" not in found.witness.target.name
        else:
            assert found.witness is None


def test_objects_of_a_bucket_are_judged_by_name_too():
    question = ask(on=OBJECT, allowPolicies=[at(BUCKET, bind(ADA, when='resource.name.endsWith("a.csv")'))])
    assert authorise(*parse_question(question)).decision == "allowed"
