"""Policy documents reach Terraform unharmed, or not at all when AWS would refuse them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.aws import identity, organisation
from modules.aws.errors import ConstructError
from modules.aws.site import policy_text
from modules.policy.quotas import LIMIT
from tests.stacks.synthesis import stacks_of


def as_terraform_reads(text):
    """Terraform turns `$${` into `${` (Terraform language, "Strings and Templates")."""
    return text.replace("$${", "${")


@given(st.text(alphabet='ab${}:\\"é'), st.sampled_from(sorted(LIMIT)))
def test_every_document_survives_terraform(value, kind):
    document = {"Version": "2012-10-17", "Statement": [{"Sid": value}]}
    text = policy_text(kind, "name", document)
    assert "${" not in text.replace("$${", "")
    if "$${" not in value:
        assert json.loads(as_terraform_reads(text)) == document


def test_policy_variables_are_escaped_and_references_are_not():
    text = policy_text("scp", "name", {"a": "${aws:PrincipalAccount}", "b": "${TfToken[TOKEN.1]}"})
    assert json.loads(text) == {"a": "$${aws:PrincipalAccount}", "b": "${TfToken[TOKEN.1]}"}


@pytest.mark.parametrize(("kind", "limit"), sorted(LIMIT.items()))
def test_a_document_over_its_quota_is_refused_with_name_and_size(kind, limit):
    room = limit - len('{"Sid":""}')
    assert len(policy_text(kind, "fits", {"Sid": "x" * room})) == limit
    with pytest.raises(ConstructError, match=rf"^too-big: .*{limit + 1}.*{limit}"):
        policy_text(kind, "too-big", {"Sid": "x" * (room + 1)})


def test_synthesis_fails_for_a_document_over_its_quota(fleet, tmp_path, monkeypatch):
    monkeypatch.setattr(identity, "permission_boundary", lambda _scope: {"Sid": "x" * 7000})
    with pytest.raises(ConstructError, match=r"bh-acme-boundary.*6144"):
        stacks_of(fleet, "local", tmp_path, ["acme"])


def test_more_policies_than_a_unit_takes_are_refused(fleet, tmp_path, monkeypatch):
    many = {f"lock-{number}": {"Statement": []} for number in range(4)}
    monkeypatch.setattr(organisation.documents, "service_control_policies", lambda *_parts: many)
    with pytest.raises(ConstructError, match=r"5 service control policies.*lock-0.*takes 5"):
        stacks_of(fleet, "local", tmp_path, [])


def test_no_document_of_one_tenant_names_another(local_stacks):
    """Account ids, names and addresses of the other tenant appear nowhere in a tenant's stacks."""
    own = {"acme": "914344505034", "globex": "100358504929"}
    for name, stack in local_stacks.items():
        tenant = name.split("-")[0]
        if tenant not in own:
            continue
        (other,) = set(own) - {tenant}
        text = json.dumps(stack.body["resource"])
        assert own[tenant] in json.dumps(stack.body["provider"])
        assert other not in text
        assert own[other] not in text
