"""`bulkhead authorize --cloud gcp`: shapes, exit codes and malformed questions."""

# ruff: noqa: E501 -- a case of a table reads best on one line

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from compliance.errors import ComplianceError
from compliance.reason.gcp import authorise, parse_question
from compliance.reason.gcp.cel.parse import Node, parse
from operations.cli import build
from operations.errors import CommandError, Exit
from tests.compliance.reason.gcp.support import ADA, ask, at, bind, deny, perimeter

ALLOWED, DENIED = ask(allowPolicies=[at("projects/10", bind(ADA))]), ask()
OPEN = ask(allowPolicies=[at("projects/10", bind("group:g@example.com"))])
MALFORMED = ask(allowPolicies=[at("projects/10", bind("userr:x@example.com"))])


def run(document, *flags):
    text = document if isinstance(document, str) else json.dumps(document)
    return CliRunner().invoke(build(), ["authorize", "--request", "-", "--json", *flags], input=text)


@pytest.mark.parametrize(
    ("document", "code"),
    [(ALLOWED, 0), (DENIED, 1), (OPEN, 3), (MALFORMED, 2), ([ALLOWED, DENIED], 1), ([ALLOWED, OPEN, DENIED], 3), ([OPEN, MALFORMED], 2)],
)  # fmt: skip
def test_exit_codes(document, code):
    assert run(document, "--cloud", "gcp").exit_code == code


def test_answer_names_the_binding_that_decided():
    answer = json.loads(run(ALLOWED, "--cloud", "gcp").stdout)
    assert answer["decision"] == "allowed"
    assert answer["decidedBy"] == {
        "policy": "allowPolicies[0].policy",
        "statement": "bindings[0]",
        "effect": "allows",
        "text": "bindings[0] of allowPolicies[0].policy (roles/storage.objectViewer on projects/10) allows it",
    }


def test_question_may_say_its_cloud_itself_and_clouds_may_be_mixed():
    aws = {
        "cloud": "aws",
        "request": {
            "action": "s3:GetObject",
            "resource": {"arn": "arn:aws:s3:::b/k", "account": "111111111111"},
            "principal": {"type": "anonymous"},
        },
    }
    done = run([{"cloud": "gcp"} | ALLOWED, aws])
    assert [one["decision"] for one in json.loads(done.stdout)] == ["allowed", "denied"]


def test_policy_may_stand_in_place_of_its_level():
    bare = ask(allowPolicies=[{"bindings": [bind(ADA)]}])
    assert authorise(*parse_question(bare)).decision == "allowed"
    rules = deny("principalSet://goog/public:all")["policies"][0]
    assert authorise(*parse_question(bare | {"denyPolicies": [rules]})).decision == "denied"
    off = {"constraint": "constraints/gcp.restrictServiceUsage", "listPolicy": {"allValues": "DENY"}}
    assert authorise(*parse_question(bare | {"organizationPolicies": [off]})).decision == "denied"


def test_unknown_cloud_is_bad_input():
    error = run(ALLOWED, "--cloud", "azure").exception
    assert isinstance(error, CommandError)
    assert error.code == Exit.BAD_INPUT


def spoil(**changes):
    return ask(allowPolicies=[at("projects/10", bind(ADA))]) | changes


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ([], "$"),
        ({}, "$.request"),
        (ask(permission="storage"), "$.request.permission"),
        (ask(on="bucket"), "$.request.resource.name"),
        (ask("group:a@example.com"), "$.request.principal.member"),
        (ask({"type": "robot"}), "$.request.principal"),
        (ask(context={"request.time": "yesterday"}), "$.request.context['request.time']"),
        (spoil(allowPolicies=[{"level": "x"}]), "$.allowPolicies[0]"),
        (spoil(allowPolicies=[at("x", {"role": "reader", "members": []})]), "$.allowPolicies[0].policy.bindings[0].role"),
        (spoil(allowPolicies=[at("x", bind("nobody"))]), "$.allowPolicies[0].policy.bindings[0].members[0]"),
        (spoil(allowPolicies=[at("x", bind(ADA, when="1 +"))]), "$.allowPolicies[0].policy.bindings[0].condition.expression"),
        (spoil(denyPolicies=[deny("allUsers", permissions=["storage.objects.get"])]), "$.denyPolicies[0].policies[0].rules[0].denyRule.deniedPermissions[0]"),
        (spoil(denyPolicy=[]), "$.denyPolicy"),
        (spoil(note={"bindings": []}, servicePerimeters=[{"perimeterType": "ROUND"}]), "$.servicePerimeters[0].perimeterType"),
        (spoil(servicePerimeters=[perimeter("a", accessLevels="corp")]), "$.servicePerimeters[0].status.accessLevels"),
        (spoil(acl={"object": [{"entity": "someone", "role": "READER"}]}), "$.acl.object[0].entity"),
        (spoil(acl={"object": [{"entity": "allUsers", "role": "WRITER"}]}), "$.acl.object[0].role"),
        (spoil(roles=[{"name": "x"}]), "$.roles[0]"),
    ],
)  # fmt: skip
def test_malformed_questions_name_the_place(question, place):
    with pytest.raises(ComplianceError) as raised:
        parse_question(question)
    assert raised.value.place == place


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["level", "policy", "policies", "bindings", "role", "members", "rules", "denyRule", "status", "resources", "name"]), inner, max_size=3), max_leaves=12)  # fmt: skip


@given(st.sampled_from(["allowPolicies", "denyPolicies", "servicePerimeters", "organizationPolicies", "acl", "roles", "principalAccessBoundaries", "accessLevels", "groups"]), JSON)  # fmt: skip
def test_any_document_is_judged_or_refused_with_its_place(element, document):
    try:
        said = authorise(*parse_question(ask() | {element: document})).decision
    except ComplianceError as error:
        said = error.place
    assert said in ("allowed", "denied", "indeterminate") or said.startswith("$")


@given(st.text(alphabet="abr.=!&|()[]{}'\"<>0123,:?+-* in\\", max_size=40))
def test_any_text_is_parsed_or_refused(text):
    try:
        found = parse(text, "condition")
    except ComplianceError as error:
        found = error.place
    assert found == "condition" or isinstance(found, Node)
