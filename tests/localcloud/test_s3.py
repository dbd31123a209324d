"""S3: each operation needs its own action on its own resource, and the key that encrypts the object."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from localcloud.chunked import unwrap
from localcloud.errors import ApiError
from localcloud.message import Message
from localcloud.resources import s3
from localcloud.s3_operation import parse, path_style
from localcloud.sigv4 import STREAMING_SIGNED, STREAMING_UNSIGNED_TRAILER, AuthType, Signature, signing_key
from tests.localcloud.test_gateway import allow, deny, document, refused


def user(rig, *statements, name="u"):
    iam = rig.client("iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document(*statements))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


@pytest.fixture
def bucket(rig):
    client = rig.client("s3")
    client.create_bucket(Bucket="bucket")
    client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    for key in ("a", "b"):
        client.put_object(Bucket="bucket", Key=key, Body=key.encode())
    return client


CALLS = [
    ("ListBucket", "bucket", lambda c, v: c.list_objects_v2(Bucket="bucket")),
    ("ListBucket", "bucket", lambda c, v: c.head_bucket(Bucket="bucket")),
    ("ListBucketVersions", "bucket", lambda c, v: c.list_object_versions(Bucket="bucket")),
    ("GetBucketPolicy", "bucket", lambda c, v: c.get_bucket_policy(Bucket="bucket")),
    ("PutBucketPolicy", "bucket", lambda c, v: c.put_bucket_policy(Bucket="bucket", Policy=POLICY)),
    ("DeleteBucketPolicy", "bucket", lambda c, v: c.delete_bucket_policy(Bucket="bucket")),
    ("GetBucketVersioning", "bucket", lambda c, v: c.get_bucket_versioning(Bucket="bucket")),
    ("GetEncryptionConfiguration", "bucket", lambda c, v: c.get_bucket_encryption(Bucket="bucket")),
    ("GetBucketAcl", "bucket", lambda c, v: c.get_bucket_acl(Bucket="bucket")),
    ("GetBucketLocation", "bucket", lambda c, v: c.get_bucket_location(Bucket="bucket")),
    ("ListBucketMultipartUploads", "bucket", lambda c, v: c.list_multipart_uploads(Bucket="bucket")),
    ("PutLifecycleConfiguration", "bucket", lambda c, v: c.delete_bucket_lifecycle(Bucket="bucket")),
    ("PutBucketTagging", "bucket", lambda c, v: c.delete_bucket_tagging(Bucket="bucket")),
    ("GetObject", "bucket/a", lambda c, v: c.get_object(Bucket="bucket", Key="a")),
    ("GetObject", "bucket/a", lambda c, v: c.head_object(Bucket="bucket", Key="a")),
    ("GetObjectVersion", "bucket/a", lambda c, v: c.get_object(Bucket="bucket", Key="a", VersionId=v)),
    ("GetObjectTagging", "bucket/a", lambda c, v: c.get_object_tagging(Bucket="bucket", Key="a")),
    ("GetObjectVersionTagging", "bucket/a", lambda c, v: c.get_object_tagging(Bucket="bucket", Key="a", VersionId=v)),
    ("GetObjectAcl", "bucket/a", lambda c, v: c.get_object_acl(Bucket="bucket", Key="a")),
    ("PutObject", "bucket/new", lambda c, v: c.put_object(Bucket="bucket", Key="new", Body=b"x")),
    ("PutObject", "bucket/new", lambda c, v: c.create_multipart_upload(Bucket="bucket", Key="new")),
    ("DeleteObject", "bucket/a", lambda c, v: c.delete_object(Bucket="bucket", Key="a")),
    ("DeleteObjectVersion", "bucket/a", lambda c, v: c.delete_object(Bucket="bucket", Key="a", VersionId=v)),
    ("ListAllMyBuckets", None, lambda c, v: c.list_buckets()),
]
POLICY = document({**deny("s3:GetObject", "arn:aws:s3:::bucket/never"), "Principal": "*"})


@pytest.mark.parametrize(("action", "resource", "call"), CALLS)
def test_each_operation_needs_its_action_and_that_is_enough(rig, bucket, action, resource, call):
    version = bucket.head_object(Bucket="bucket", Key="a")["VersionId"]
    arn = f"arn:aws:s3:::{resource}" if resource else "*"
    without = user(rig, allow("s3:*"), deny(f"s3:{action}", arn), name="without")
    with pytest.raises(ClientError) as error:
        call(rig.client("s3", credentials=without), version)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    only = user(rig, allow(f"s3:{action}", arn), name="only")
    assert status_of(lambda: call(rig.client("s3", credentials=only), version)) in {200, 204, 404}


def status_of(call) -> int:
    """The status; what is not configured is not found, and what counts is that it was not refused."""
    try:
        return call()["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as error:
        return error.response["ResponseMetadata"]["HTTPStatusCode"]


def test_copying_needs_reading_the_source(rig, bucket):
    writer = user(rig, allow("s3:PutObject", "arn:aws:s3:::bucket/*"))
    client = rig.client("s3", credentials=writer)
    source = {"Bucket": "bucket", "Key": "a"}
    code, message = refused(client.copy_object, Bucket="bucket", Key="copy", CopySource=source)
    assert (code, "s3:GetObject on resource: arn:aws:s3:::bucket/a" in message) == ("AccessDenied", True)
    both = user(rig, allow(["s3:PutObject", "s3:GetObject"], "arn:aws:s3:::bucket/*"), name="both")
    rig.client("s3", credentials=both).copy_object(Bucket="bucket", Key="copy", CopySource=source)
    assert bucket.get_object(Bucket="bucket", Key="copy")["Body"].read() == b"a"


def test_deleting_several_needs_each(rig, bucket):
    one = rig.client("s3", credentials=user(rig, allow("s3:DeleteObject", "arn:aws:s3:::bucket/a")))
    assert (
        refused(one.delete_objects, Bucket="bucket", Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})[0]
        == "AccessDenied"
    )
    assert bucket.list_objects_v2(Bucket="bucket")["KeyCount"] == 2
    one.delete_objects(Bucket="bucket", Delete={"Objects": [{"Key": "a"}]})
    assert bucket.list_objects_v2(Bucket="bucket")["KeyCount"] == 1


def test_a_presigned_url_acts_as_its_signer_and_for_its_key_only(rig, bucket):
    url = bucket.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a"}, ExpiresIn=60)
    path, _, query = url.removeprefix("http://127.0.0.1:4566").partition("?")
    host = (("host", "127.0.0.1:4566"),)
    assert rig.send(Message("GET", path, query, host, b"")).body == b"a"
    assert rig.send(Message("GET", "/bucket/b", query, host, b"")).status == 403
    assert rig.send(Message("DELETE", path, query, host, b"")).status == 403


def test_a_policy_can_refuse_presigned_urls(rig, bucket):
    condition = {"StringNotEquals": {"s3:authType": "REST-HEADER"}}
    statement = {**deny("s3:GetObject", "arn:aws:s3:::bucket/*"), "Principal": "*", "Condition": condition}
    bucket.put_bucket_policy(Bucket="bucket", Policy=document(statement))
    assert bucket.get_object(Bucket="bucket", Key="a")["Body"].read() == b"a"
    url = bucket.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "a"}, ExpiresIn=60)
    path, _, query = url.removeprefix("http://127.0.0.1:4566").partition("?")
    assert rig.send(Message("GET", path, query, (("host", "127.0.0.1:4566"),), b"")).status == 403


def test_everyone_may_read_only_what_a_policy_opens(rig, bucket):
    request = Message("GET", "/bucket/a", "", (("host", "127.0.0.1:4566"),), b"")
    assert rig.send(request).status == 403
    opened = {**allow("s3:GetObject", "arn:aws:s3:::bucket/a"), "Principal": "*"}
    bucket.put_bucket_policy(Bucket="bucket", Policy=document(opened))
    assert rig.send(request).body == b"a"
    assert rig.send(Message("GET", "/bucket/b", "", (("host", "127.0.0.1:4566"),), b"")).status == 403
    blocks = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
    bucket.put_public_access_block(Bucket="bucket", PublicAccessBlockConfiguration=blocks)
    assert rig.send(request).status == 403


def test_a_virtual_host_names_the_bucket(rig, bucket):
    message = path_style(Message("GET", "/a/b", "", (("host", "my-bucket.s3.us-east-1.amazonaws.com"),), b""))
    assert (parse(message).bucket, parse(message).key) == ("my-bucket", "a/b")
    plain = path_style(Message("GET", "/bucket/a", "", (("host", "127.0.0.1:4566"),), b""))
    assert (parse(plain).bucket, parse(plain).key) == ("bucket", "a")


def test_two_sub_resources_are_refused():
    with pytest.raises(ApiError, match="several sub-resources"):
        parse(Message("GET", "/b/k", "acl&tagging", (), b""))


@given(st.binary(max_size=300))
def test_no_list_of_keys_breaks_the_parser(body):
    message = Message("POST", "/b", "delete", (), body)
    with contextlib.suppress(ApiError):
        assert s3.accesses(parse(message), message, _nobody())


def _nobody():
    from localcloud.identity import Caller, Kind

    return Caller("1" * 12, "arn:aws:iam::111111111111:user/u", Kind.USER, "u")


SIGNATURE = Signature(
    "AK",
    "20260101",
    "us-east-1",
    "s3",
    datetime(2026, 1, 1, tzinfo=UTC),
    ("host",),
    "0" * 64,
    AuthType.HEADER,
    None,
    "",
)


def chunked(pieces: list[bytes], key: bytes, *, breaks: str = "") -> tuple[Message, Signature]:
    import hmac
    from dataclasses import replace

    signature = replace(SIGNATURE, payload=STREAMING_SIGNED)
    previous, body = signature.signature, b""
    empty = hashlib.sha256(b"").hexdigest()
    for index, piece in enumerate([*pieces, b""]):
        text = "\n".join(
            [
                "AWS4-HMAC-SHA256-PAYLOAD",
                signature.stamp,
                signature.scope,
                previous,
                empty,
                hashlib.sha256(piece).hexdigest(),
            ]
        )
        previous = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        sent = piece[:-1] + b"!" if breaks == "data" and index == 0 else piece
        body += f"{len(piece):x};chunk-signature={previous}\r\n".encode() + sent + b"\r\n"
    length = str(sum(map(len, pieces)))
    names = (("x-amz-decoded-content-length", length), ("content-encoding", "aws-chunked"))
    return Message("PUT", "/b/k", "", names, body), signature


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5))
def test_signed_chunks_are_joined_and_changed_ones_refused(pieces):
    key = signing_key("secret", SIGNATURE)
    plain = unwrap(*chunked(pieces, key), key)
    assert plain.body == b"".join(pieces)
    assert "content-encoding" not in plain.header_map
    if not pieces[0].endswith(b"!"):
        with pytest.raises(ApiError):
            unwrap(*chunked(pieces, key, breaks="data"), key)


def test_unsigned_chunks_with_a_trailing_checksum():
    from dataclasses import replace

    checksum = base64.b64encode(zlib.crc32(b"hello").to_bytes(4, "big")).decode()
    body = b"5\r\nhello\r\n0\r\n" + f"x-amz-checksum-crc32:{checksum}\r\n\r\n".encode()
    names = (("x-amz-trailer", "x-amz-checksum-crc32"), ("x-amz-decoded-content-length", "5"))
    signature = replace(SIGNATURE, payload=STREAMING_UNSIGNED_TRAILER)
    plain = unwrap(Message("PUT", "/b/k", "", names, body), signature, b"")
    assert (plain.body, plain.header("x-amz-checksum-crc32")) == (b"hello", checksum)
    with pytest.raises(ApiError, match="does not announce"):
        unwrap(Message("PUT", "/b/k", "", (), body), signature, b"")
    with pytest.raises(ApiError, match=r"malformed or end|followed by CRLF"):
        unwrap(Message("PUT", "/b/k", "", names, body[:8]), signature, b"")


@pytest.fixture
def encrypted(rig):
    key = rig.client("kms").create_key()["KeyMetadata"]["Arn"]
    client = rig.client("s3")
    client.create_bucket(Bucket="encrypted")
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
        "BucketKeyEnabled": False,
    }
    client.put_bucket_encryption(Bucket="encrypted", ServerSideEncryptionConfiguration={"Rules": [rule]})
    client.put_object(Bucket="encrypted", Key="k", Body=b"secret")
    return key


def test_an_object_records_the_key_it_is_under(rig, encrypted):
    assert rig.client("s3").head_object(Bucket="encrypted", Key="k")["SSEKMSKeyId"] == encrypted


def test_reading_an_encrypted_object_needs_its_key(rig, encrypted):
    reader = user(rig, allow("s3:*"), name="reader")
    code, message = refused(rig.client("s3", credentials=reader).get_object, Bucket="encrypted", Key="k")
    assert (code, f"kms:Decrypt on resource: {encrypted}" in message) == ("AccessDenied", True)
    both = user(rig, allow(["s3:GetObject", "kms:Decrypt"]), name="both")
    assert rig.client("s3", credentials=both).get_object(Bucket="encrypted", Key="k")["Body"].read() == b"secret"


def test_writing_to_an_encrypted_bucket_needs_its_key(rig, encrypted):
    writer = user(rig, allow("s3:*"), allow("kms:Decrypt"), name="writer")
    code, message = refused(rig.client("s3", credentials=writer).put_object, Bucket="encrypted", Key="n", Body=b"x")
    assert (code, "kms:GenerateDataKey" in message) == ("AccessDenied", True)
    both = user(rig, allow(["s3:PutObject", "kms:GenerateDataKey"]), name="both")
    rig.client("s3", credentials=both).put_object(Bucket="encrypted", Key="n", Body=b"x")


def test_the_key_sees_that_s3_asks_and_for_what(rig, encrypted):
    condition = {
        "StringEquals": {
            "kms:ViaService": "s3.us-east-1.amazonaws.com",
            "kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::encrypted/k",
        },
        "Bool": {"aws:ViaAWSService": "true"},
    }
    reader = user(rig, allow("s3:*"), allow("kms:Decrypt", Condition=condition))
    assert rig.client("s3", credentials=reader).get_object(Bucket="encrypted", Key="k")["Body"].read() == b"secret"
    blob = rig.client("kms").encrypt(KeyId=encrypted, Plaintext=b"x")["CiphertextBlob"]
    assert refused(rig.client("kms", credentials=reader).decrypt, CiphertextBlob=blob)[0] == "AccessDeniedException"
    rig.client("s3").put_object(Bucket="encrypted", Key="other", Body=b"x")
    assert (
        refused(rig.client("s3", credentials=reader).get_object, Bucket="encrypted", Key="other")[0] == "AccessDenied"
    )


def test_a_multipart_upload_needs_the_key_throughout(rig, encrypted):
    writer = user(rig, allow("s3:*"), allow(["kms:GenerateDataKey", "kms:Decrypt"]), name="writer")
    client = rig.client("s3", credentials=writer)
    upload = client.create_multipart_upload(Bucket="encrypted", Key="big")["UploadId"]
    where = {"Bucket": "encrypted", "Key": "big", "UploadId": upload}
    part = client.upload_part(**where, PartNumber=1, Body=b"x" * 100)
    no_key = rig.client("s3", credentials=user(rig, allow("s3:*"), name="nokey"))
    assert refused(no_key.upload_part, **where, PartNumber=2, Body=b"y")[0] == "AccessDenied"
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    assert refused(no_key.complete_multipart_upload, **where, MultipartUpload=parts)[0] == "AccessDenied"
    client.complete_multipart_upload(**where, MultipartUpload=parts)
    assert client.get_object(Bucket="encrypted", Key="big")["Body"].read() == b"x" * 100


def test_a_policy_can_demand_the_right_key(rig, encrypted):
    name = "s3:x-amz-server-side-encryption-aws-kms-key-id"
    condition = {"StringNotEquals": {name: encrypted}, "Null": {name: "false"}}
    statement = {**deny("s3:PutObject", "arn:aws:s3:::encrypted/*"), "Principal": "*", "Condition": condition}
    client = rig.client("s3")
    client.put_bucket_policy(Bucket="encrypted", Policy=document(statement))
    other = rig.client("kms").create_key()["KeyMetadata"]["Arn"]
    wrong = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": other}
    assert refused(client.put_object, Bucket="encrypted", Key="n", Body=b"x", **wrong)[0] == "AccessDenied"
    client.put_object(Bucket="encrypted", Key="n", Body=b"x")


def test_a_retention_limit_can_be_demanded(rig):
    client = rig.client("s3")
    client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    condition = {"NumericLessThan": {"s3:object-lock-remaining-retention-days": "10"}}
    statement = {**deny("s3:PutObjectRetention", "arn:aws:s3:::locked/*"), "Principal": "*", "Condition": condition}
    client.put_bucket_policy(Bucket="locked", Policy=document(statement))
    client.put_object(Bucket="locked", Key="k", Body=b"x")

    def retain(days: int) -> dict:
        until = datetime.now(UTC) + timedelta(days=days)
        return {"Bucket": "locked", "Key": "k", "Retention": {"Mode": "COMPLIANCE", "RetainUntilDate": until}}

    assert refused(client.put_object_retention, **retain(5))[0] == "AccessDenied"
    client.put_object_retention(**retain(20))
    version = client.head_object(Bucket="locked", Key="k")["VersionId"]
    assert refused(client.delete_object, Bucket="locked", Key="k", VersionId=version)[0] == "AccessDenied"
    assert json.loads(client.get_bucket_policy(Bucket="locked")["Policy"])["Statement"]


def test_a_bucket_name_of_another_account_is_taken(rig, tenants):
    rig.client("s3", "globex").create_bucket(Bucket="taken")
    assert refused(rig.client("s3", "acme").create_bucket, Bucket="taken")[0] == "BucketAlreadyExists"
    assert refused(rig.client("s3", "acme").list_objects_v2, Bucket="taken")[0] == "AccessDenied"


def test_an_unexpected_owner_is_refused(rig, bucket):
    assert refused(bucket.list_objects_v2, Bucket="bucket", ExpectedBucketOwner="1" * 12)[0] == "AccessDenied"
    bucket.list_objects_v2(Bucket="bucket", ExpectedBucketOwner=rig.id("management"))


@pytest.mark.parametrize("path", ["/arn%3Aaws%3As3%3Aus-east-1%3A1%3Aaccesspoint%2Fx/k", "/a%2Fb/c", "//b/k", "/-b/k"])
def test_what_only_looks_like_a_bucket_is_refused(path):
    with pytest.raises(ApiError):
        parse(Message("GET", path, "", (), b""))


def test_a_notification_leaves_the_queue_changed_after_a_restart(rig, bucket):
    queue = rig.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{rig.id('management')}:q"
    configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    bucket.put_bucket_notification_configuration(Bucket="bucket", NotificationConfiguration=configuration)
    bucket.put_object(Bucket="bucket", Key="told", Body=b"x")
    rig.restart()
    told = rig.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert any("told" in message["Body"] for message in told)
