"""What was acknowledged is there after the process was killed."""

from __future__ import annotations

import json

import pytest

from localcloud.accounts import MANAGEMENT_EMAIL
from localcloud.assembly import build
from localcloud.errors import LocalCloudError
from localcloud.places import Places
from tenancy.accounts import local_account_id
from tests.localcloud.conftest import reset_moto
from tests.localcloud.test_gateway import refused


def test_accounts_have_the_ids_that_stacks_expect(rig, tenants):
    assert rig.id("management") == local_account_id(MANAGEMENT_EMAIL)
    assert tenants["acme"] == local_account_id("cloud+acme@bulkhead.example")
    assert rig.id("acme") == tenants["acme"]


def test_objects_with_all_their_versions_survive(rig, tenants):
    s3 = rig.client("s3", "acme")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="kept", Key="k", Body=b"one")["VersionId"]
    s3.put_object(Bucket="kept", Key="k", Body=b"two" * 100_000)
    rig.restart()
    s3 = rig.client("s3", "acme")
    assert s3.get_object(Bucket="kept", Key="k")["Body"].read() == b"two" * 100_000
    assert s3.get_object(Bucket="kept", Key="k", VersionId=first)["Body"].read() == b"one"
    assert len(s3.list_object_versions(Bucket="kept")["Versions"]) == 2
    s3.put_object(Bucket="kept", Key="k", Body=b"three")
    rig.restart()
    assert len(rig.client("s3", "acme").list_object_versions(Bucket="kept")["Versions"]) == 3


def test_an_overwritten_body_is_written_again(rig):
    s3 = rig.client("s3")
    s3.create_bucket(Bucket="plain")
    for body in (b"one", b"two", b"one"):
        s3.put_object(Bucket="plain", Key="k", Body=body)
    rig.restart()
    assert rig.client("s3").get_object(Bucket="plain", Key="k")["Body"].read() == b"one"


def test_an_upload_in_parts_goes_on(rig):
    s3 = rig.client("s3")
    s3.create_bucket(Bucket="parts")
    upload = s3.create_multipart_upload(Bucket="parts", Key="k")["UploadId"]
    where = {"Bucket": "parts", "Key": "k", "UploadId": upload}
    etag = s3.upload_part(**where, PartNumber=1, Body=b"part")["ETag"]
    rig.restart()
    rig.client("s3").complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert rig.client("s3").get_object(Bucket="parts", Key="k")["Body"].read() == b"part"


def test_what_a_key_encrypted_can_be_decrypted(rig):
    key = rig.client("kms").create_key()["KeyMetadata"]["KeyId"]
    blob = rig.client("kms").encrypt(KeyId=key, Plaintext=b"secret")["CiphertextBlob"]
    signer = rig.client("kms").create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
    public = rig.client("kms").get_public_key(KeyId=signer)["PublicKey"]
    rig.restart()
    assert rig.client("kms").decrypt(CiphertextBlob=blob)["Plaintext"] == b"secret"
    assert rig.client("kms").get_public_key(KeyId=signer)["PublicKey"] == public


def test_sessions_and_policies_survive(rig, tenants):
    session = rig.assume("management", f"arn:aws:iam::{tenants['acme']}:role/OrganizationAccountAccessRole")
    rig.client("iam", "acme").create_user(UserName="nobody")
    key = rig.client("iam", "acme").create_access_key(UserName="nobody")["AccessKey"]
    nobody = (key["AccessKeyId"], key["SecretAccessKey"])
    rig.restart()
    assert rig.client("sts", credentials=session).get_caller_identity()["Account"] == tenants["acme"]
    assert refused(rig.client("s3", credentials=nobody).list_buckets)[0] == "AccessDenied"
    assert rig.client("organizations").describe_organization()["Organization"]["MasterAccountId"] == rig.id(
        "management"
    )


def test_many_services_survive(rig):
    rig.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")
    rig.client("logs").create_log_group(logGroupName="/a")
    rig.client("ssm").put_parameter(Name="/p", Value="v", Type="String")
    rig.client("ecr").create_repository(repositoryName="repo")
    rig.client("sns").create_topic(Name="t")
    rig.client("sqs").create_queue(QueueName="q")
    rig.client("events").create_event_bus(Name="b")
    rig.client("secretsmanager").create_secret(Name="s", SecretString="x")
    rig.client("dynamodb").create_table(
        TableName="d",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    rig.restart()
    assert "10.0.0.0/16" in {vpc["CidrBlock"] for vpc in rig.client("ec2").describe_vpcs()["Vpcs"]}
    assert rig.client("logs").describe_log_groups()["logGroups"][0]["logGroupName"] == "/a"
    assert rig.client("ssm").get_parameter(Name="/p")["Parameter"]["Value"] == "v"
    assert rig.client("ecr").describe_repositories()["repositories"]
    assert rig.client("sns").list_topics()["Topics"]
    assert rig.client("sqs").list_queues()["QueueUrls"]
    assert len(rig.client("events").list_event_buses()["EventBuses"]) == 2
    assert rig.client("secretsmanager").get_secret_value(SecretId="s")["SecretString"] == "x"
    assert rig.client("dynamodb").list_tables()["TableNames"] == ["d"]


def test_bodies_that_nothing_has_any_more_are_removed(rig):
    s3 = rig.client("s3")
    s3.create_bucket(Bucket="box")
    s3.put_object(Bucket="box", Key="k", Body=b"gone")
    s3.put_object(Bucket="box", Key="l", Body=b"kept")
    s3.delete_object(Bucket="box", Key="k")
    rig.cloud.save_all()
    assert len(list((rig.root / "state" / "blobs").iterdir())) == 1
    rig.restart()
    assert rig.client("s3").get_object(Bucket="box", Key="l")["Body"].read() == b"kept"


def test_a_damaged_snapshot_stops_the_start_with_a_way_out(rig):
    rig.client("s3").create_bucket(Bucket="box")
    path = rig.root / "state" / f"account-{rig.id('management')}-s3.pickle"
    data = path.read_bytes()
    path.write_bytes(data[:-20])
    reset_moto()
    with pytest.raises(LocalCloudError, match=r"cannot be read.*remove"):
        build(Places(rig.root), MANAGEMENT_EMAIL)
    stamp, _, rest = data.partition(b"\n")
    path.write_bytes(json.dumps({**json.loads(stamp), "moto": "0.1"}).encode() + b"\n" + rest)
    with pytest.raises(LocalCloudError, match="another version"):
        build(Places(rig.root), MANAGEMENT_EMAIL)


def test_only_the_owner_may_read_the_state(rig):
    rig.client("s3").create_bucket(Bucket="box")
    assert rig.root.stat().st_mode & 0o077 == 0
    assert (rig.root / "state").stat().st_mode & 0o077 == 0


def test_a_new_account_is_there_after_a_kill_with_its_role(rig, tenants):
    rig.restart()
    rig.assume("management", f"arn:aws:iam::{tenants['globex']}:role/OrganizationAccountAccessRole")
    assert rig.client("sts", "globex").get_caller_identity()["Account"] == tenants["globex"]
