"""Signatures made by botocore are accepted; the same requests with one thing changed are not."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.errors import ApiError
from localcloud.message import Message
from localcloud.sigv4 import parse, verify

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CREDENTIALS = Credentials("AKIDEXAMPLE", SECRET)
HOST = "http://127.0.0.1:4566"


def signed(signer, method="GET", url="/", body=b"", headers=None) -> Message:
    request = AWSRequest(method, HOST + url, data=body, headers={"Host": "127.0.0.1:4566", **(headers or {})})
    signer.add_auth(request)
    prepared = request.prepare()
    path, _, query = prepared.url.removeprefix(HOST).partition("?")
    names = tuple((name.lower(), value) for name, value in prepared.headers.items())
    return Message(method, path, query, names, body)


def check(message: Message, now: datetime | None = None, secret: str = SECRET) -> None:
    signature = parse(message)
    assert signature is not None
    verify(message, signature, secret, now or datetime.now(UTC))


def code_of(message: Message, now: datetime | None = None, secret: str = SECRET) -> str:
    with pytest.raises(ApiError) as refused:
        check(message, now, secret)
    return refused.value.code


def post(body=b"Action=GetCallerIdentity&Version=2011-06-15"):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return signed(SigV4Auth(CREDENTIALS, "sts", "us-east-1"), "POST", "/", body, form)


def test_a_header_signature_is_accepted():
    check(post())


def test_a_wrong_secret_is_refused():
    assert code_of(post(), secret="other") == "SignatureDoesNotMatch"


def test_a_changed_body_is_refused():
    assert code_of(replace(post(), body=b"Action=Other")) == "SignatureDoesNotMatch"


def test_a_changed_path_is_refused():
    assert code_of(replace(post(), raw_path="/other")) == "SignatureDoesNotMatch"


def test_a_changed_query_is_refused():
    assert code_of(replace(post(), raw_query="Action=Other")) == "SignatureDoesNotMatch"


def test_an_old_signature_is_refused():
    assert code_of(post(), datetime.now(UTC) + timedelta(minutes=16)) == "SignatureDoesNotMatch"


def test_an_old_s3_signature_has_s3s_code():
    message = signed(S3SigV4Auth(CREDENTIALS, "s3", "us-east-1"), "GET", "/bucket/key")
    assert code_of(message, datetime.now(UTC) + timedelta(minutes=16)) == "RequestTimeTooSkewed"


def test_a_header_that_steers_the_operation_must_be_signed():
    message = post().with_headers(add={"x-amz-target": "TrentService.Decrypt"})
    assert code_of(message) == "AccessDenied"


@given(st.text(min_size=1, max_size=20).filter(lambda text: "\x00" not in text and text not in {".", ".."}))
@settings(max_examples=100, deadline=None)
def test_any_object_key_as_s3_clients_encode_it(key):
    from urllib.parse import quote

    message = signed(S3SigV4Auth(CREDENTIALS, "s3", "us-east-1"), "GET", "/bucket/" + quote(key.encode(), safe="/~"))
    check(message)


def test_a_presigned_url_is_accepted_until_it_expires():
    message = signed(S3SigV4QueryAuth(CREDENTIALS, "s3", "us-east-1", expires=60), "GET", "/bucket/a%20b?versionId=x")
    check(message)
    assert code_of(message, datetime.now(UTC) + timedelta(seconds=61)) == "AccessDenied"


def test_a_presigned_url_for_another_key_is_refused():
    message = signed(S3SigV4QueryAuth(CREDENTIALS, "s3", "us-east-1", expires=60), "GET", "/bucket/mine")
    assert code_of(replace(message, raw_path="/bucket/yours")) == "SignatureDoesNotMatch"


def test_a_presigned_url_for_another_method_is_refused():
    message = signed(S3SigV4QueryAuth(CREDENTIALS, "s3", "us-east-1", expires=60), "GET", "/bucket/mine")
    assert code_of(replace(message, method="DELETE")) == "SignatureDoesNotMatch"


def test_a_presigned_url_whose_lifetime_was_stretched_is_refused():
    message = signed(S3SigV4QueryAuth(CREDENTIALS, "s3", "us-east-1", expires=60), "GET", "/bucket/mine")
    stretched = replace(message, raw_query=message.raw_query.replace("X-Amz-Expires=60", "X-Amz-Expires=600"))
    assert code_of(stretched) == "SignatureDoesNotMatch"


def test_a_presigned_call_of_another_service_signs_the_empty_body():
    message = signed(SigV4QueryAuth(CREDENTIALS, "sts", "us-east-1", expires=60), "GET", "/?Action=GetCallerIdentity")
    check(message)
    assert code_of(replace(message, body=b"x")) == "SignatureDoesNotMatch"


def test_an_unsigned_payload_is_for_s3_only():
    headers = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    assert (
        code_of(signed(SigV4Auth(CREDENTIALS, "kms", "us-east-1"), "POST", "/", b"{}", headers))
        == "SignatureDoesNotMatch"
    )


@pytest.mark.parametrize(
    "header",
    [
        "AWS4-HMAC-SHA256 nonsense",
        "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=" + "0" * 64,
        "Basic x",
    ],
)
def test_a_header_that_cannot_be_read_is_refused(header):
    with pytest.raises(ApiError) as refused:
        parse(Message("GET", "/", "", (("authorization", header), ("x-amz-date", "20250101T000000Z")), b""))
    assert refused.value.code == "IncompleteSignature"


def test_an_unsigned_request_has_no_signature():
    assert parse(Message("GET", "/bucket/key", "", (("host", "x"),), b"")) is None


def test_signature_version_2_is_refused():
    with pytest.raises(ApiError, match="AWS4-HMAC-SHA256"):
        parse(Message("GET", "/b/k", "AWSAccessKeyId=a&Signature=b&Expires=1", (), b""))


@given(st.text(max_size=80), st.text(alphabet="0123456789TZ", max_size=20))
@settings(deadline=None)
def test_no_header_breaks_the_parser(header, date):
    message = Message("GET", "/", "", (("authorization", header), ("x-amz-date", date)), b"")
    with contextlib.suppress(ApiError):
        assert parse(message) is None or header
