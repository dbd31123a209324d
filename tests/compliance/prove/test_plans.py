"""Plans and synthesised stacks are read alike; a plan that breaks a proof is refused unless it is waived."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from compliance.errors import ComplianceError
from compliance.estate.from_terraform import estate_of_plans
from compliance.estate.model import PATHS
from compliance.facts.scope import WaiverScope
from compliance.prove.engine import prove
from operations.errors import CommandError
from operations.proving import prove_plans, refusals, require_proof
from stacks.plan import StackInfo
from tenancy.fleet import load
from tests.leaks.clean import ACCOUNTS, MANAGEMENT, State, allow, deny, policy

DEPLOYER = "arn:aws:iam::*:role/OrganizationAccountAccessRole"
A, B = "acme", "globex"
FLEET = load(Path("tenants"))


def scope():
    return State(shared=False).scope()


def provider(account):
    return {"aws": [{"allowed_account_ids": [account], "region": "us-east-1"}]}


def organisation():
    foreign = {"StringNotEquals": {"aws:ResourceAccount": "$${aws:PrincipalAccount}"}}
    outsider = {"StringNotEqualsIfExists": {"aws:PrincipalAccount": "$${aws:ResourceAccount}"}}
    documents = {
        "scp": ("SERVICE_CONTROL_POLICY", policy(deny("*", Condition=foreign))),
        "rcp": ("RESOURCE_CONTROL_POLICY", policy(deny(["s3:*", "kms:*"], Principal="*", Condition=outsider))),
    }
    unit = "${aws_organizations_organizational_unit.tenants.id}"
    return {
        "provider": provider(MANAGEMENT),
        "resource": {
            "aws_organizations_organization": {"it": {}},
            "aws_organizations_organizational_unit": {
                "tenants": {"name": "tenants", "parent_id": "${aws_organizations_organization.it.roots[0].id}"}
            },
            "aws_organizations_account": {
                t: {"name": t, "parent_id": unit, "tags": {"tenant": t}, "role_name": "OrganizationAccountAccessRole"}
                for t in ACCOUNTS
            },
            "aws_organizations_policy": {
                name: {"name": name, "type": kind, "content": json.dumps(content)}
                for name, (kind, content) in documents.items()
            },
            "aws_organizations_policy_attachment": {
                name: {"policy_id": f"${{aws_organizations_policy.{name}.id}}", "target_id": unit} for name in documents
            },
        },
    }


def vault(tenant):
    account = ACCOUNTS[tenant]
    role = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}
    key = allow("kms:*", Principal={"AWS": f"arn:aws:iam::{account}:root"})
    tls = {"Bool": {"aws:SecureTransport": "false"}}
    bucket = f"bh-{tenant}-data"
    return {
        "provider": provider(account),
        "resource": {
            "aws_iam_role": {
                "trainer": {"name": f"bh-{tenant}-trainer", "assume_role_policy": json.dumps(policy(role))}
            },
            "aws_iam_role_policy": {
                "work": {"role": "${aws_iam_role.trainer.id}", "policy": json.dumps(policy(allow("s3:*")))}
            },
            "aws_kms_key": {"data": {"policy": json.dumps(policy(key)), "tags": {"tenant": tenant}}},
            "aws_kms_alias": {
                "data": {"name": f"alias/bh/{tenant}/data", "target_key_id": "${aws_kms_key.data.key_id}"}
            },
            "aws_s3_bucket": {"data": {"bucket": bucket}},
            "aws_s3_bucket_ownership_controls": {
                "data": {"bucket": "${aws_s3_bucket.data.id}", "rule": [{"object_ownership": "BucketOwnerEnforced"}]}
            },
            "aws_s3_bucket_policy": {
                "data": {
                    "bucket": "${aws_s3_bucket.data.id}",
                    "policy": json.dumps(
                        policy(deny("s3:*", f"arn:aws:s3:::{bucket}/*", Principal="*", Condition=tls))
                    ),
                }
            },
            "aws_vpc": {"it": {"cidr_block": "10.0.0.0/16"}},
        },
    }


def stacks():
    return {"organisation": organisation(), **{f"{t}-vault": vault(t) for t in ACCOUNTS}}


def as_plan(document):
    """What Terraform would plan for a synthesised stack: known values, and references in the configuration."""
    planned, configured = [], []
    for kind, named in document["resource"].items():
        for name, body in named.items():
            known = {k: v for k, v in body.items() if not (isinstance(v, str) and v.startswith("${"))}
            known = json.loads(json.dumps(known).replace("$${", "${"))
            references = {
                k: {"references": [v[2:-1], ".".join(v[2:-1].split(".")[:2])]}
                for k, v in body.items()
                if isinstance(v, str) and v.startswith("${")
            }
            head = {"address": f"{kind}.{name}", "mode": "managed", "type": kind, "name": name}
            planned.append(head | {"values": known})
            configured.append(head | {"expressions": references})
    given = document["provider"]["aws"][0]
    expressions = {key: {"constant_value": value} for key, value in given.items()}
    return {
        "planned_values": {"root_module": {"resources": planned}},
        "configuration": {
            "provider_config": {"aws": {"expressions": expressions}},
            "root_module": {"resources": configured},
        },
    }


def judged(documents):
    return prove(estate_of_plans(documents, scope()))


FORMS = pytest.mark.parametrize("form", [lambda d: d, as_plan], ids=["synthesised", "planned"])


def in_form(documents, form):
    return {name: form(document) for name, document in documents.items()}


@FORMS
def test_clean_stacks_are_proved_and_the_locks_hold(form):
    proofs = judged(in_form(stacks(), form))
    assert {proofs.verdict(a, b, path) for a, b in ((A, B), (B, A)) for path in PATHS} == {"proved"}
    assert {lock.path for lock in proofs.locks} == {"identity", "resource"}
    assert {lock.verdict for lock in proofs.locks} == {"proved"}
    assert proofs.coverage["considered"]["bucket"] == 2
    assert proofs.source == "plan"


@FORMS
def test_a_grant_in_the_plan_is_found(form):
    documents = stacks()
    documents["organisation"]["resource"]["aws_organizations_policy_attachment"] = {}
    documents["globex-vault"]["resource"]["aws_kms_grant"] = {
        "leak": {
            "key_id": "${aws_kms_key.data.key_id}",
            "grantee_principal": f"arn:aws:iam::{ACCOUNTS[A]}:role/bh-acme-trainer",
            "operations": ["Decrypt"],
        }
    }
    proofs = judged(in_form(documents, form))
    assert proofs.verdict(A, B, "key") == "violated"
    assert proofs.verdict(B, A, "key") == "proved"


@FORMS
@pytest.mark.parametrize(("lock", "name"), [("identity", "scp"), ("resource", "rcp")])
def test_a_lock_that_goes_missing_refuses_the_plan(form, lock, name):
    documents = stacks()
    del documents["organisation"]["resource"]["aws_organizations_policy_attachment"][name]
    proofs = judged(in_form(documents, form))
    refused = refusals(proofs, scope(), date(2026, 1, 1), (A, B))
    assert refused
    assert all(f"{lock} lock" in reason and "witness: arn:aws:sts::" in reason for reason in refused)


def waiver(**change):
    given = {"rule": "isolation.lock.identity", "resource": None, "owner": "o", "reason": "r", "expires": "2026-06-30"}
    return WaiverScope(**(given | {"compensating_control": "c"} | change))


@pytest.mark.parametrize(
    ("change", "today", "lets_through"),
    [
        ({}, date(2026, 6, 30), True),
        ({}, date(2026, 7, 1), False),
        ({"rule": "isolation.lock.resource"}, date(2026, 1, 1), False),
        ({"resource": "999999999999"}, date(2026, 1, 1), False),
    ],
    ids=["valid", "expired", "of another rule", "of another resource"],
)
def test_a_waiver_lets_it_through_while_it_is_valid(change, today, lets_through):
    documents = stacks()
    del documents["organisation"]["resource"]["aws_organizations_policy_attachment"]["scp"]
    waiving = replace(scope(), tenants=tuple(replace(t, waivers=(waiver(**change),)) for t in scope().tenants))
    refused = refusals(judged(documents), waiving, today, (A, B))
    assert (not refused) is lets_through


@FORMS
def test_peering_in_the_plan_is_not_proved_apart(form):
    documents = stacks()
    documents["acme-vault"]["resource"]["aws_vpc_peering_connection"] = {
        "leak": {"vpc_id": "${aws_vpc.it.id}", "peer_vpc_id": "globex-vault:aws_vpc.it"}
    }
    assert judged(in_form(documents, form)).verdict(A, B, "network") != "proved"


def test_a_policy_known_only_after_apply_is_indeterminate():
    documents = stacks()
    documents["globex-vault"]["resource"]["aws_s3_bucket_policy"]["data"]["policy"] = "${data.external.x.result}"
    proofs = judged(documents)
    assert proofs.verdict(A, B, "data") == "indeterminate"
    assert "after the stack is applied" in " ".join(proofs.found(A, B, "data")[0].reasons)


def test_a_tenant_without_stacks_is_indeterminate():
    documents = stacks()
    del documents["globex-vault"]
    proofs = judged(documents)
    assert proofs.verdict(A, B, "data") == "indeterminate"
    assert proofs.verdict(B, A, "data") == "proved"


def test_types_that_no_reader_knows_are_in_the_coverage():
    documents = stacks()
    documents["acme-vault"]["resource"]["aws_efs_file_system_policy"] = {"x": {"policy": "{}"}}
    assert any("aws_efs_file_system_policy" in text for text in judged(documents).coverage["unknown"])


def test_a_document_of_another_kind_is_refused():
    with pytest.raises(ComplianceError, match="neither a Terraform plan"):
        judged({"acme-vault": {"hello": 1}})


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(CommandError, match=r"no <stack>\.json"):
        prove_plans(tmp_path, scope())


def test_a_folder_of_stacks_is_read(tmp_path):
    for name, document in stacks().items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "cdk.tf.json").write_text(json.dumps(document))
    assert prove_plans(tmp_path, scope()).worst == "proved"


def written(tmp_path, documents):
    found = []
    for name, document in documents.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "cdk.tf.json").write_text(json.dumps(document))
        tenant = name.partition("-")[0] if "-" in name else None
        found.append(StackInfo(name, tmp_path / name, (), tenant, "vault" if tenant else "organisation"))
    return found


def test_deploy_goes_ahead_with_stacks_that_are_proved(tmp_path, monkeypatch):
    monkeypatch.setattr("compliance.facts.from_tenancy.scope_of", lambda fleet, local: scope())
    assert "14 proved" in require_proof(FLEET, written(tmp_path, stacks()), local=True)


def test_deploy_refuses_stacks_that_open_a_bucket_and_names_the_witness(tmp_path, monkeypatch):
    monkeypatch.setattr("compliance.facts.from_tenancy.scope_of", lambda fleet, local: scope())
    documents = stacks()
    documents["organisation"]["resource"]["aws_organizations_policy_attachment"] = {}
    opened = policy(allow("s3:GetObject", "arn:aws:s3:::bh-globex-data/*", Principal="*"))
    documents["globex-vault"]["resource"]["aws_s3_bucket_policy"]["data"]["policy"] = json.dumps(opened)
    with pytest.raises(CommandError, match="acme to globex, data: violated") as caught:
        require_proof(FLEET, written(tmp_path, documents), local=True)
    assert "asks s3:GetObject on arn:aws:s3:::bh-globex-data/" in str(caught.value)
    assert caught.value.code == 1
