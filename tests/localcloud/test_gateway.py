"""Who may do what: each refusal beside the request that is allowed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from localcloud.message import Door, Listener, Message


def refused(call, *args, **kwargs) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(*args, **kwargs)
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


def document(*statements) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action, resource="*", **more):
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def test_the_administrator_is_who_it_says(rig):
    identity = rig.client("sts").get_caller_identity()
    assert identity["Arn"].endswith(":user/administrator")
    assert identity["Account"] == rig.id("management")


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("sts", lambda c: c.get_caller_identity(), "SignatureDoesNotMatch"),
        ("kms", lambda c: c.list_keys(), "InvalidSignatureException"),
        ("ec2", lambda c: c.describe_vpcs(), "AuthFailure"),
        ("s3", lambda c: c.list_buckets(), "SignatureDoesNotMatch"),
    ],
)
def test_a_wrong_secret_is_refused_in_each_protocols_shape(rig, service, call, code):
    access, _ = rig.key()
    assert refused(call, rig.client(service, credentials=(access, "wrong")))[0] == code


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("sts", lambda c: c.get_caller_identity(), "InvalidClientTokenId"),
        ("kms", lambda c: c.list_keys(), "UnrecognizedClientException"),
        ("ec2", lambda c: c.describe_vpcs(), "AuthFailure"),
        ("s3", lambda c: c.list_buckets(), "InvalidAccessKeyId"),
    ],
)
def test_an_unknown_key_is_refused_in_each_protocols_shape(rig, service, call, code):
    assert refused(call, rig.client(service, credentials=("AKIAIOSFODNN7EXAMPLE", "x")))[0] == code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (Message("POST", "/", "", (("x-amz-target", "TrentService.ListKeys"),), b"{}"), "MissingAuthenticationToken"),
        (
            Message("POST", "/", "", (("content-type", "application/x-www-form-urlencoded"),), b"Action=ListUsers"),
            "MissingAuthenticationToken",
        ),
        (Message("GET", "/bucket/key", "", (), b""), "AccessDenied"),
        (Message("GET", "/moto-api/data.json", "", (), b""), "AccessDenied"),
        (Message("POST", "/moto-api/reset", "", (), b""), ""),
    ],
)
def test_an_unsigned_request_is_refused(rig, message, code):
    answer = rig.send(message)
    assert answer.status >= 400
    assert code in answer.body.decode()
    assert rig.client("sts").get_caller_identity()


def test_the_account_header_of_the_backend_is_not_the_callers_to_set(rig, tenants):
    for account in ("acme", "globex"):
        rig.client("iam", account).create_user(UserName=f"of-{account}")
    client = rig.client("iam", "acme")
    client.meta.events.register(
        "before-sign.*.*", lambda request, **_: request.headers.add_header("x-moto-account-id", tenants["globex"])
    )
    arns = [user["Arn"] for user in client.list_users()["Users"]]
    assert arns == [f"arn:aws:iam::{tenants['acme']}:user/of-acme"]


def test_a_user_without_policies_may_do_nothing(rig):
    iam = rig.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    nobody = (key["AccessKeyId"], key["SecretAccessKey"])
    code, message = refused(rig.client("s3", credentials=nobody).create_bucket, Bucket="a-bucket")
    assert code == "AccessDenied"
    assert "no identity-based policy allows the s3:CreateBucket action" in message
    iam.put_user_policy(UserName="nobody", PolicyName="p", PolicyDocument=document(allow("s3:CreateBucket")))
    rig.client("s3", credentials=nobody).create_bucket(Bucket="a-bucket")


def test_an_inactive_key_is_refused(rig):
    iam = rig.client("iam")
    iam.create_user(UserName="u")
    key = iam.create_access_key(UserName="u")["AccessKey"]
    credentials = (key["AccessKeyId"], key["SecretAccessKey"])
    rig.client("sts", credentials=credentials).get_caller_identity()
    iam.update_access_key(UserName="u", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert refused(rig.client("sts", credentials=credentials).get_caller_identity)[0] == "InvalidClientTokenId"


def test_the_management_account_may_assume_the_access_role_of_a_new_account(rig, tenants):
    role = f"arn:aws:iam::{tenants['acme']}:role/OrganizationAccountAccessRole"
    session = rig.assume("management", role)
    identity = rig.client("sts", credentials=session).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{tenants['acme']}:assumed-role/OrganizationAccountAccessRole/session"
    rig.client("s3", credentials=session).create_bucket(Bucket="made-by-session")


def test_a_tenant_may_not_assume_another_tenants_role(rig, tenants):
    role = f"arn:aws:iam::{tenants['globex']}:role/OrganizationAccountAccessRole"
    assert refused(rig.client("sts", "acme").assume_role, RoleArn=role, RoleSessionName="session")[0] == "AccessDenied"


def test_a_role_that_does_not_exist_cannot_be_assumed(rig, tenants):
    role = f"arn:aws:iam::{tenants['acme']}:role/none"
    assert refused(rig.client("sts", "acme").assume_role, RoleArn=role, RoleSessionName="session")[0] == "AccessDenied"


def test_a_session_without_its_token_is_refused(rig, tenants):
    session = rig.assume("management", f"arn:aws:iam::{tenants['acme']}:role/OrganizationAccountAccessRole")
    assert refused(rig.client("sts", credentials=session[:2]).get_caller_identity)[0] == "InvalidClientTokenId"
    changed = (*session[:2], session[2][:-2] + "xx")
    assert refused(rig.client("sts", credentials=changed).get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_session_policy_limits_the_session(rig, tenants):
    role = f"arn:aws:iam::{tenants['acme']}:role/OrganizationAccountAccessRole"
    session = rig.assume("management", role, Policy=document(allow("s3:ListAllMyBuckets")))
    rig.client("s3", credentials=session).list_buckets()
    code, message = refused(rig.client("s3", credentials=session).create_bucket, Bucket="no-bucket")
    assert (code, "no session policy allows" in message) == ("AccessDenied", True)


def test_a_boundary_limits_a_role_and_a_user(rig):
    iam = rig.client("iam")
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=document(allow("sts:*")))["Policy"]["Arn"]
    everything = document(allow("*"))
    iam.create_user(UserName="u", PermissionsBoundary=boundary)
    iam.put_user_policy(UserName="u", PolicyName="p", PolicyDocument=everything)
    key = iam.create_access_key(UserName="u")["AccessKey"]
    credentials = (key["AccessKeyId"], key["SecretAccessKey"])
    code, message = refused(rig.client("s3", credentials=credentials).list_buckets)
    assert (code, "no permissions boundary allows" in message) == ("AccessDenied", True)
    iam.delete_user_permissions_boundary(UserName="u")
    rig.client("s3", credentials=credentials).list_buckets()
    iam.put_user_permissions_boundary(UserName="u", PermissionsBoundary=boundary)
    assert refused(rig.client("s3", credentials=credentials).list_buckets)[0] == "AccessDenied"


def share(rig, owner: str, reader_account: str, bucket="shared") -> None:
    s3 = rig.client("s3", owner)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"secret")
    policy = document(
        allow("s3:GetObject", f"arn:aws:s3:::{bucket}/*", Principal={"AWS": f"arn:aws:iam::{reader_account}:root"})
    )
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)


def test_another_accounts_bucket_needs_its_policy(rig, tenants):
    rig.client("s3", "globex").create_bucket(Bucket="private")
    rig.client("s3", "globex").put_object(Bucket="private", Key="k", Body=b"x")
    assert refused(rig.client("s3", "acme").get_object, Bucket="private", Key="k")[0] == "AccessDenied"
    share(rig, "globex", tenants["acme"])
    assert rig.client("s3", "acme").get_object(Bucket="shared", Key="k")["Body"].read() == b"secret"
    assert refused(rig.client("s3", "acme").put_object, Bucket="shared", Key="k", Body=b"y")[0] == "AccessDenied"


def attach(rig, name: str, kind: str, text: str, target: str) -> str:
    organizations = rig.client("organizations")
    policy = organizations.create_policy(Name=name, Description="d", Type=kind, Content=text)["Policy"]
    organizations.attach_policy(PolicyId=policy["PolicySummary"]["Id"], TargetId=target)
    return policy["PolicySummary"]["Id"]


def test_an_scp_stops_the_members_but_not_the_management_account(rig, tenants):
    share(rig, "globex", tenants["acme"])
    lock = deny("s3:*", Condition={"StringNotEquals": {"aws:ResourceAccount": "${aws:PrincipalAccount}"}})
    policy = attach(rig, "identity", "SERVICE_CONTROL_POLICY", document(lock), tenants["unit"])
    code, message = refused(rig.client("s3", "acme").get_object, Bucket="shared", Key="k")
    assert code == "AccessDenied"
    assert message.endswith("with an explicit deny in a service control policy")
    rig.client("s3", "acme").create_bucket(Bucket="own")
    rig.client("organizations").detach_policy(PolicyId=policy, TargetId=tenants["unit"])
    assert rig.client("s3", "acme").get_object(Bucket="shared", Key="k")["Body"].read() == b"secret"
    share(rig, "globex", tenants["management"] if "management" in tenants else rig.id("management"), "shared-two")
    rig.client("organizations").attach_policy(PolicyId=policy, TargetId=tenants["root"])
    assert rig.client("s3").get_object(Bucket="shared-two", Key="k")["Body"].read() == b"secret"


def test_an_rcp_protects_the_resource(rig, tenants):
    share(rig, "globex", tenants["acme"])
    lock = {
        **deny("s3:*"),
        "Principal": "*",
        "Condition": {"StringNotEquals": {"aws:PrincipalAccount": "${aws:ResourceAccount}"}},
    }
    attach(rig, "resource", "RESOURCE_CONTROL_POLICY", document(lock), tenants["unit"])
    code, message = refused(rig.client("s3", "acme").get_object, Bucket="shared", Key="k")
    assert (code, message.endswith("with an explicit deny in a resource control policy")) == ("AccessDenied", True)
    assert rig.client("s3", "globex").get_object(Bucket="shared", Key="k")["Body"].read() == b"secret"


def make_network(rig, account: str, policy: str, *services: str) -> tuple[str, Listener]:
    ec2 = rig.client("ec2", account)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "tenant", "Value": account}])
    for service in services:
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.us-east-1.{service}", PolicyDocument=policy)
    return vpc, Listener(Door.NETWORK, vpc)


def test_an_endpoint_policy_stops_foreign_credentials_too(rig, tenants):
    own = {"StringEquals": {"aws:PrincipalAccount": tenants["acme"]}}
    policy = document({**allow("*"), "Principal": "*", "Condition": own})
    _, inside = make_network(rig, "acme", policy, "s3")
    rig.client("s3", "acme", listener=inside).list_buckets()
    code, message = refused(rig.client("s3", "globex", listener=inside).list_buckets)
    assert (code, "no VPC endpoint policy allows" in message) == ("AccessDenied", True)


def test_a_network_without_an_endpoint_has_no_route(rig, tenants):
    _, inside = make_network(rig, "acme", document({**allow("*"), "Principal": "*"}), "s3")
    assert refused(rig.client("kms", "acme", listener=inside).list_keys)[0] == "NoRoute"


def test_the_vpc_of_a_request_is_the_listeners(rig, tenants):
    vpc, inside = make_network(rig, "acme", document({**allow("*"), "Principal": "*"}), "s3")
    s3 = rig.client("s3", "acme")
    s3.create_bucket(Bucket="inside-only")
    s3.put_object(Bucket="inside-only", Key="k", Body=b"x")
    s3.put_bucket_policy(
        Bucket="inside-only",
        Policy=document(
            {
                **deny("s3:GetObject", "arn:aws:s3:::inside-only/*"),
                "Principal": "*",
                "Condition": {"StringNotEquals": {"aws:SourceVpc": vpc}},
            }
        ),
    )
    assert refused(s3.get_object, Bucket="inside-only", Key="k")[0] == "AccessDenied"
    rig.client("s3", "acme", listener=inside).get_object(Bucket="inside-only", Key="k")


def test_plain_http_is_not_secure_transport(rig):
    s3 = rig.client("s3")
    s3.create_bucket(Bucket="tls")
    s3.put_object(Bucket="tls", Key="k", Body=b"x")
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    s3.put_bucket_policy(
        Bucket="tls",
        Policy=document(
            {**deny("s3:*", ["arn:aws:s3:::tls", "arn:aws:s3:::tls/*"]), "Principal": "*", "Condition": condition}
        ),
    )
    s3.get_object(Bucket="tls", Key="k")
    plain = rig.client("s3", listener=Listener(Door.INSECURE))
    assert refused(plain.get_object, Bucket="tls", Key="k")[0] == "AccessDenied"


def test_a_session_tag_is_a_principal_tag(rig, tenants):
    iam = rig.client("iam", "acme")
    trust = document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{tenants['acme']}:root"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    )
    iam.create_role(RoleName="tagged", AssumeRolePolicyDocument=trust)
    condition = {"StringEquals": {"aws:PrincipalTag/team": "red"}}
    iam.put_role_policy(
        RoleName="tagged",
        PolicyName="p",
        PolicyDocument=document({**allow("s3:ListAllMyBuckets"), "Condition": condition}),
    )
    role = f"arn:aws:iam::{tenants['acme']}:role/tagged"
    red = rig.assume("acme", role, Tags=[{"Key": "team", "Value": "red"}])
    rig.client("s3", credentials=red).list_buckets()
    blue = rig.assume("acme", role, Tags=[{"Key": "team", "Value": "blue"}])
    assert refused(rig.client("s3", credentials=blue).list_buckets)[0] == "AccessDenied"
    assert refused(rig.client("s3", credentials=rig.assume("acme", role)).list_buckets)[0] == "AccessDenied"


def test_a_web_identity_is_not_taken_on_trust(rig, tenants):
    trust = document(
        {
            "Effect": "Allow",
            "Principal": {"Federated": "accounts.google.com"},
            "Action": "sts:AssumeRoleWithWebIdentity",
        }
    )
    rig.client("iam", "acme").create_role(RoleName="web", AssumeRolePolicyDocument=trust)
    body = (
        f"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::{tenants['acme']}:role/web"
        "&RoleSessionName=x&WebIdentityToken=e30.e30.e30"
    ).encode()
    answer = rig.send(Message("POST", "/", "", (("content-type", "application/x-www-form-urlencoded"),), body))
    assert answer.status == 403
    assert refused(
        rig.client("sts", "acme").assume_role_with_web_identity,
        RoleArn=f"arn:aws:iam::{tenants['acme']}:role/web",
        RoleSessionName="session",
        WebIdentityToken="e30.e30.e30",
    )


def test_an_operation_named_twice_is_refused(rig):
    from tests.localcloud.test_sigv4 import Credentials, SigV4Auth, signed

    access, secret = rig.key()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    credentials = Credentials(access, secret)
    body = b"Action=GetUser&Version=2010-05-08"
    message = signed(SigV4Auth(credentials, "iam", "us-east-1"), "POST", "/?Action=ListUsers", body, form)
    assert rig.send(message).status == 400
    once = signed(SigV4Auth(credentials, "iam", "us-east-1"), "POST", "/", b"Action=ListUsers&Version=2010-05-08", form)
    assert rig.send(once).status == 200
    assert rig.send(replace(once, raw_path="/moto-api/reset")).status == 403


def test_every_decision_is_logged_with_what_decided(rig, tenants):
    rig.client("s3", "globex").create_bucket(Bucket="private")
    refused(rig.client("s3", "acme").list_objects_v2, Bucket="private")
    lines = [json.loads(line) for line in (rig.root / "decisions.jsonl").read_text().splitlines()]
    last = lines[-1]
    assert last["action"] == "s3:ListBucket"
    assert last["decision"] == "denied"
    assert last["resource"] == "arn:aws:s3:::private"
    role = f"arn:aws:sts::{tenants['acme']}:assumed-role/OrganizationAccountAccessRole/local-administrator"
    assert last["caller"] == role
    assert last["decidedBy"].startswith("resourcePolicy")
    assert any(line["decision"] == "allowed" for line in lines)


def test_what_the_backend_lacks_is_said_and_not_retried(rig):
    code, message = refused(rig.client("ec2").describe_instance_topology)
    assert (code, "test double" in message) == ("NotImplemented", True)
