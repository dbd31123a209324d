"""A scan of a moto server: what is asked, what is recorded, and what failures become."""

from __future__ import annotations

import json

import pytest

from compliance.collect.access import AccessError, Entry, Keys
from compliance.collect.families import FAMILIES
from compliance.collect.families.iam import IAM
from compliance.collect.families.kms import KMS
from compliance.collect.families.organizations import ORGANIZATIONS
from compliance.collect.families.s3 import S3
from compliance.collect.scan import Account, Plan, scan
from compliance.facts.bundle import open_bundle
from compliance.facts.fact import Status
from tests.compliance.conftest import ACCOUNT, REGION, Fault

DENIED = Fault(403, b'{"__type":"AccessDeniedException","message":"no"}', "application/x-amz-json-1.1")


def facts(folder, api):
    return [fact for fact in open_bundle(folder).facts() if fact.api == api]


def statuses(folder, api):
    return {fact.status for fact in facts(folder, api)}


def test_records_the_raw_answers_with_their_provenance(cloud, bundle_folder):
    key = cloud.client("kms").create_key()["KeyMetadata"]["KeyId"]
    scan(cloud.plan(families=(KMS,)), bundle_folder)
    (policy,) = facts(bundle_folder, "kms:GetKeyPolicy")
    assert policy.params == {"KeyId": key, "PolicyName": "default"}
    assert json.loads(policy.response["Policy"])["Statement"]
    assert (policy.account, policy.region, policy.status) == (ACCOUNT, REGION, Status.OK)
    assert policy.caller.startswith("arn:aws:")
    assert policy.started <= policy.ended
    manifest = open_bundle(bundle_folder).manifest
    assert manifest["local_test_double"] is True
    assert manifest["endpoint"] == cloud.endpoint


def test_every_page_is_read_and_is_a_fact_of_its_own(cloud, bundle_folder):
    iam = cloud.client("iam")
    wanted = {f"role-{number}" for number in range(120)}
    for name in wanted:
        iam.create_role(RoleName=name, AssumeRolePolicyDocument='{"Version":"2012-10-17","Statement":[]}')
    scan(cloud.plan(families=(IAM,)), bundle_folder)
    pages = facts(bundle_folder, "iam:ListRoles")
    assert len(pages) > 1
    assert any("Marker" in page.params for page in pages)
    assert {role["RoleName"] for page in pages for role in page.response["Roles"]} == wanted


def test_missing_configuration_is_absent_not_a_failure(cloud, bundle_folder):
    cloud.client("s3").create_bucket(Bucket="plain")
    scan(cloud.plan(families=(S3,)), bundle_folder)
    assert statuses(bundle_folder, "s3:GetBucketPolicy") == {Status.ABSENT}
    assert statuses(bundle_folder, "s3:GetBucketVersioning") == {Status.OK}


def to_the_endpoint_itself(request, **_):
    """S3 Control's account in the host's name, which no resolver here knows."""
    request.url = request.url.replace(f"//{ACCOUNT}.", "//")


def test_access_points_of_several_regions_are_asked_for_where_aws_keeps_them(cloud, bundle_folder):
    cloud.client("s3").create_bucket(Bucket="plain")
    control = cloud.client("s3control")
    control.meta.events.register("before-sign.s3-control", to_the_endpoint_itself)
    details = {"Name": "wide", "Regions": [{"Bucket": "plain"}]}
    control.create_multi_region_access_point(AccountId=ACCOUNT, ClientToken="t", Details=details)
    text = json.dumps({"Version": "2012-10-17", "Statement": []})
    put = {"Name": "wide", "Policy": text}
    control.put_multi_region_access_point_policy(AccountId=ACCOUNT, ClientToken="u", Details=put)
    scan(cloud.plan(families=(S3,)), bundle_folder)
    (listing,) = facts(bundle_folder, "s3control:ListMultiRegionAccessPoints")
    (policy,) = facts(bundle_folder, "s3control:GetMultiRegionAccessPointPolicy")
    assert (listing.region, policy.region) == ("us-west-2", "us-west-2")
    assert listing.response["AccessPoints"][0]["Regions"][0]["Bucket"] == "plain"
    assert policy.response["Policy"]["Established"]["Policy"] == text
    assert {fact.region for fact in facts(bundle_folder, "s3:ListBuckets")} == {REGION}


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (DENIED, Status.DENIED),
        (Fault(400, b'{"__type":"ThrottlingException","message":"slow"}'), Status.THROTTLED),
        (Fault(501, b'{"__type":"NotImplemented","message":"?"}'), Status.UNIMPLEMENTED),
        (Fault(400, b'{"__type":"UnknownOperationException","message":"?"}'), Status.UNIMPLEMENTED),
        (Fault(500, b'{"__type":"InternalFailure","message":"?"}'), Status.FAILED),
        (Fault(200, b"<html>not json</html>"), Status.MALFORMED),
        (Fault(200, b"{}"), Status.MALFORMED),
        (Fault(200, b'{"Grants":[],"Truncated":true}'), Status.MALFORMED),
    ],
)
def test_failures_become_facts_with_a_status(cloud, bundle_folder, fault, status):
    cloud.client("kms").create_key()
    cloud.faults["ListGrants"] = fault
    scan(cloud.plan(families=(KMS,)), bundle_folder)
    found = facts(bundle_folder, "kms:ListGrants")
    assert found
    assert status in {fact.status for fact in found}
    assert all(fact.error for fact in found if fact.status is status)
    assert statuses(bundle_folder, "kms:GetKeyPolicy") == {Status.OK}


def test_throttling_that_passes_is_retried(cloud, bundle_folder):
    cloud.client("kms").create_key()
    cloud.faults["ListGrants"] = Fault(400, b'{"__type":"ThrottlingException","message":"slow"}', times=2)
    scan(cloud.plan(families=(KMS,)), bundle_folder)
    assert statuses(bundle_folder, "kms:ListGrants") == {Status.OK}
    assert cloud.calls.count("ListGrants") == 3


def test_denied_is_not_retried(cloud, bundle_folder):
    cloud.faults["ListKeys"] = DENIED
    scan(cloud.plan(families=(KMS,)), bundle_folder)
    assert cloud.calls.count("ListKeys") == 1


def test_s3_failures_too(cloud, bundle_folder):
    cloud.client("s3").create_bucket(Bucket="plain")
    body = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
    cloud.faults["GET ?policy"] = Fault(403, body, "application/xml")
    cloud.faults["GET ?acl"] = Fault(200, b"<AccessControlPolicy/>", "application/xml")
    scan(cloud.plan(families=(S3,)), bundle_folder)
    assert statuses(bundle_folder, "s3:GetBucketPolicy") == {Status.DENIED}
    assert statuses(bundle_folder, "s3:GetBucketAcl") == {Status.MALFORMED}


def test_organisation_tree(cloud, bundle_folder):
    org = cloud.client("organizations")
    org.create_organization(FeatureSet="ALL")
    root = org.list_roots()["Roots"][0]["Id"]
    unit = org.create_organizational_unit(ParentId=root, Name="tenants")["OrganizationalUnit"]["Id"]
    org.create_organizational_unit(ParentId=unit, Name="inner")
    scan(cloud.plan(families=(ORGANIZATIONS,)), bundle_folder)
    parents = {fact.params["ParentId"] for fact in facts(bundle_folder, "organizations:ListAccountsForParent")}
    assert {root, unit} < parents
    assert len(parents) == 3


def test_credential_report_is_waited_for(cloud, bundle_folder):
    cloud.client("iam").create_user(UserName="ada")
    scan(cloud.plan(families=(IAM,)), bundle_folder)
    (report,) = facts(bundle_folder, "iam:GetCredentialReport")
    assert "ada" in report.response["Content"]


def test_role_that_cannot_be_assumed_falls_back_and_leaves_a_fact(cloud, bundle_folder):
    keys = Keys("testing", "testing")
    cloud.faults["AssumeRole"] = Fault(
        403,
        b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
        "text/xml",
    )
    account = Account(Entry(ACCOUNT, ("bh-acme-auditor",), keys), (REGION,))
    scan(Plan((account,), {}, cloud.endpoint, keys, families=(KMS,)), bundle_folder)
    (refused,) = facts(bundle_folder, "sts:AssumeRole")
    assert refused.status is Status.DENIED
    assert refused.params["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/bh-acme-auditor"
    assert statuses(bundle_folder, "kms:ListKeys") == {Status.OK}


def test_assumed_role_reads_another_account_and_its_secrets_are_not_recorded(cloud, bundle_folder):
    keys = Keys("testing", "testing")
    account = Account(Entry("210987654321", ("bh-acme-auditor",)), (REGION,))
    scan(Plan((account,), {}, cloud.endpoint, keys, families=(KMS,)), bundle_folder)
    (assumed,) = facts(bundle_folder, "sts:AssumeRole")
    assert assumed.response["Credentials"] == "(not recorded)"
    (listing,) = facts(bundle_folder, "kms:ListKeys")
    assert listing.caller.startswith("arn:aws:sts::210987654321:assumed-role/bh-acme-auditor/")


def test_account_without_a_way_in_has_no_facts_but_the_refusal(cloud, bundle_folder):
    keys = Keys("testing", "testing")
    scan(Plan((Account(Entry("999999999999"), (REGION,)),), {}, cloud.endpoint, keys, families=(KMS,)), bundle_folder)
    bundle = open_bundle(bundle_folder)
    assert list(bundle.facts()) == []
    assert bundle.manifest["accounts"][0]["caller"] is None


def test_no_credentials_at_all(cloud, bundle_folder):
    with pytest.raises(AccessError, match="AWS_ACCESS_KEY_ID"):
        scan(Plan((Account(Entry(ACCOUNT), (REGION,)),), {}, cloud.endpoint), bundle_folder)


def test_endpoint_that_does_not_answer(bundle_folder):
    keys = Keys("testing", "testing")
    with pytest.raises(AccessError, match="does not answer"):
        scan(Plan((Account(Entry(ACCOUNT), (REGION,)),), {}, "http://127.0.0.1:9", keys), bundle_folder)


def test_interrupted_scan_resumes_and_asks_only_what_is_missing(cloud, bundle_folder):
    cloud.client("kms").create_key()
    scan(cloud.plan(families=(KMS,)), bundle_folder)
    whole = {fact.key for fact in open_bundle(bundle_folder).facts()}
    path = bundle_folder / "facts.jsonl"
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(lines[:3]) + b"\n" + lines[3][:40])
    (bundle_folder / "manifest.json").unlink()
    cloud.calls.clear()
    scan(cloud.plan(families=(KMS,)), bundle_folder, resume=True)
    assert {fact.key for fact in open_bundle(bundle_folder).facts()} == whole
    assert len([call for call in cloud.calls if call != "GetCallerIdentity"]) == len(whole) - 3


def test_every_family_reads_something(cloud, bundle_folder):
    scan(cloud.plan(), bundle_folder)
    apis = {fact.api for fact in open_bundle(bundle_folder).facts()}
    services = {api.partition(":")[0] for api in apis}
    assert len(FAMILIES) == 13
    assert {"organizations", "iam", "s3", "s3control", "kms", "ec2", "autoscaling", "cloudtrail", "logs"} <= services
    assert {"cloudwatch", "events", "sns", "sqs", "ecr", "lambda", "secretsmanager", "ram", "budgets"} <= services
    assert {"guardduty", "accessanalyzer", "service-quotas", "ssm", "config", "sts"} <= services
