"""`bulkhead authorize`: shapes and exit codes."""

import json
import subprocess
import sys

import pytest

from tests.compliance.reason.iam.support import ALL, ask, doc, st


def run(questions, *flags, tmp_path=None):
    source = "-"
    if tmp_path is not None:
        source = str(tmp_path / "question.json")
        (tmp_path / "question.json").write_text(json.dumps(questions))
    text = questions if isinstance(questions, str) else json.dumps(questions)
    return subprocess.run(
        [sys.executable, "-m", "operations", "authorize", "--request", source, *flags],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


ALLOWED, DENIED = ask(identityPolicies=[ALL]), ask()
MALFORMED = ask(identityPolicies=[doc(st("allow"))])


def test_allowed_is_exit_0_with_the_statement_that_decided(tmp_path):
    done = run(ALLOWED, "--json", tmp_path=tmp_path)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["decision"]) == (0, "allowed")
    assert answer["decidedBy"]["policy"] == "identityPolicies[0]"
    assert answer["explain"][0]["statement"] == "Statement[0]"


def test_denied_is_exit_1_and_names_what_failed_to_allow():
    done = run(DENIED, "--json")
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["decision"]) == (1, "denied")
    assert answer["decidedBy"]["policy"] == "identityPolicies"


def test_explicit_deny_names_its_sid():
    done = run(ask(identityPolicies=[ALL, doc(st("Deny", Sid="Stop"))]), "--json")
    assert json.loads(done.stdout)["decidedBy"] == {
        "policy": "identityPolicies[1]",
        "statement": "Stop",
        "effect": "denies",
        "text": "Stop of identityPolicies[1] denies it",
    }


def test_malformed_is_exit_2_with_the_place():
    done = run(MALFORMED, "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["place"] == "identityPolicies[0].Statement[0].Effect"


@pytest.mark.parametrize(
    ("questions", "code"),
    [([ALLOWED, ALLOWED], 0), ([ALLOWED, DENIED], 1), ([ALLOWED, MALFORMED, DENIED], 2), ([], 0)],
)
def test_a_list_is_answered_as_a_list(questions, code):
    done = run(questions, "--json")
    answers = json.loads(done.stdout)
    assert done.returncode == code
    assert [a.get("decision", "error") for a in answers] == [
        {id(ALLOWED): "allowed", id(DENIED): "denied", id(MALFORMED): "error"}[id(q)] for q in questions
    ]


@pytest.mark.parametrize(
    "text",
    ["{", '{"request": 1, "request": 2}', "[" * 100_000, "", "null", '"x"', "1" * 5000, '{"cloud": "azure"}'],
    ids=["cut", "name-twice", "too-deep", "empty", "null", "string", "too-many-digits", "unknown-cloud"],
)
def test_what_is_no_question_is_exit_2_and_still_json(text):
    done = run(text, "--json")
    assert done.returncode == 2
    assert "error" in json.loads(done.stdout)


def test_in_a_list_policies_are_named_within_their_own_question():
    answers = json.loads(run([DENIED, ALLOWED], "--json").stdout)
    assert [one["decidedBy"]["policy"] for one in answers] == ["identityPolicies", "identityPolicies[0]"]
    errors = json.loads(run([ALLOWED, MALFORMED], "--json").stdout)
    assert errors[1]["error"]["place"] == "$[1].identityPolicies[0].Statement[0].Effect"


def test_a_missing_file_is_exit_2():
    done = subprocess.run(
        [sys.executable, "-m", "operations", "authorize", "--request", "/nowhere/at/all.json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "/nowhere/at/all.json" in done.stderr


def test_a_name_that_steers_the_terminal_is_shown_and_not_obeyed():
    hostile = "x\x1b[2J\u202e\ud800"
    spoken = run(ask(identityPolicies=[doc(st(Sid=hostile))]))
    assert spoken.returncode == 0
    assert not {"\x1b", "\u202e"} & set(spoken.stdout)
    wrong = run(ask(identityPolicies=[doc(st() | {hostile: 1})]))
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr
    assert "\x1b" not in wrong.stderr


def test_people_get_sentences():
    done = run(ALLOWED)
    assert done.stdout.startswith("allowed: Statement[0] of identityPolicies[0] allows it")
