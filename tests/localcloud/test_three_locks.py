"""The platform's own documents on the local cloud: each lock alone holds, and only without all three is data lost."""

from __future__ import annotations

import itertools
import json

import pytest

from localcloud.issuing import PATH
from localcloud.message import Door, Listener, Message
from modules.policy import boundary, buckets, endpoints, organisation, roles
from modules.policy.scope import TenantScope
from tenancy.names import Names
from tests.localcloud.test_gateway import attach, refused

OPEN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
OPEN_TO_ALL = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}],
}
BUCKET = "bh-globex-data"


def scope(rig, tenants, tenant):
    return TenantScope(Names("bh", tenant), tenants[tenant], "us-east-1", "9" * 12, rig.id("management"))


def issue(rig, account, role, how, token=None):
    """The answer of the control address: status and document."""
    held = (rig.root / "token").read_text() if token is None else token
    body = json.dumps({"account": account, "role": role, "as": how}).encode()
    headers = (("content-type", "application/json"), ("x-bulkhead-token", held))
    answer = rig.send(Message("POST", PATH, "", headers, body, rig.listener, "127.0.0.1"))
    return answer.status, json.loads(answer.body)


def session(rig, account, role, how="instance"):
    status, held = issue(rig, account, role, how)
    assert status == 200, held
    return held["access_key_id"], held["secret_access_key"], held["session_token"]


def make_trainer(rig, tenants, *, limited):
    """acme's trainer with every identity permission there is; only the boundary may limit it."""
    mine, iam = scope(rig, tenants, "acme"), rig.client("iam", "acme")
    document = boundary.permission_boundary(mine) if limited else OPEN
    limit = iam.create_policy(PolicyName="bh-acme-boundary", PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    iam.create_role(
        RoleName="bh-acme-trainer",
        AssumeRolePolicyDocument=json.dumps(roles.trust_policy(mine, "trainer")),
        PermissionsBoundary=limit,
    )
    iam.put_role_policy(RoleName="bh-acme-trainer", PolicyName="all", PolicyDocument=json.dumps(OPEN))
    return session(rig, "acme", "bh-acme-trainer")


def make_network(rig, tenants, *, locked):
    ec2 = rig.client("ec2", "acme")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/20")["Vpc"]["VpcId"]
    policy = endpoints.endpoint_policy(scope(rig, tenants, "acme"), "s3") if locked else OPEN_TO_ALL
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", PolicyDocument=json.dumps(policy))
    return Listener(Door.NETWORK, vpc)


def make_prey(rig, tenants, *, locked):
    """globex's bucket, opened to everyone by mistake; the lock is the platform's own policy around the mistake."""
    s3 = rig.client("s3", "globex")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="shard", Body=b"secret")
    mistake = {
        "Sid": "Mistake",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    own = buckets.bucket_policy(scope(rig, tenants, "globex"), "data", "arn:aws:kms:us-east-1:1:key/1")
    statements = [*(own["Statement"] if locked else []), mistake]
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))


@pytest.mark.parametrize(
    ("identity", "resource", "network"),
    list(itertools.product([True, False], repeat=3)),
    ids=lambda on: "on" if on else "off",
)
def test_data_is_lost_only_without_all_three_locks(rig, tenants, identity, resource, network):
    trainer = make_trainer(rig, tenants, limited=identity)
    inside = make_network(rig, tenants, locked=network)
    make_prey(rig, tenants, locked=resource)
    if identity:
        for name, document in organisation.service_control_policies("bh", ["us-east-1"], rig.id("management")).items():
            attach(rig, name, "SERVICE_CONTROL_POLICY", json.dumps(document), tenants["unit"])
    if resource:
        for name, document in organisation.resource_control_policies("bh", "9" * 12, rig.id("management")).items():
            attach(rig, name, "RESOURCE_CONTROL_POLICY", json.dumps(document), tenants["unit"])
    thief = rig.client("s3", "acme", credentials=trainer, listener=inside)
    if identity or resource or network:
        assert refused(thief.get_object, Bucket=BUCKET, Key="shard")[0] == "AccessDenied"
    else:
        assert thief.get_object(Bucket=BUCKET, Key="shard")["Body"].read() == b"secret"


def test_a_session_is_issued_to_whom_the_role_trusts_and_to_nobody_else(rig, tenants):
    make_trainer(rig, tenants, limited=True)
    assert issue(rig, "acme", "bh-acme-trainer", "instance")[0] == 200
    assert issue(rig, "acme", "bh-acme-trainer", "sign-in")[0] == 403
    assert issue(rig, "acme", "bh-acme-trainer", "instance", token="guess")[0] == 403
    assert issue(rig, "acme", "no-such-role", "instance")[0] == 404
    assert issue(rig, "initech", "bh-acme-trainer", "instance")[0] == 404
    assert issue(rig, "acme", "bh-acme-trainer", "magic")[0] == 400


def test_an_administrator_acts_as_the_deployer_and_is_no_user_of_the_account(rig, tenants):
    identity = rig.client("sts", "acme").get_caller_identity()
    assert identity["Arn"].endswith(":assumed-role/OrganizationAccountAccessRole/local-administrator")
    assert identity["Account"] == tenants["acme"]
    assert identity["UserId"].endswith(":local-administrator")
    assert rig.client("iam", "acme").list_users()["Users"] == []


def test_an_administrators_key_stays_the_same_after_a_restart(rig, tenants):
    del tenants
    before = rig.key("acme")
    rig.restart()
    assert rig.key("acme") == before


def test_the_account_wide_block_has_its_own_permission(rig, tenants):
    lock = organisation.service_control_policies("bh", ["us-east-1"], rig.id("management"))["bh-guardrails"]
    attach(rig, "guardrails", "SERVICE_CONTROL_POLICY", json.dumps(lock), tenants["unit"])
    credentials = make_trainer(rig, tenants, limited=False)
    control = rig.client("s3control", "acme", credentials=credentials)
    block = {"BlockPublicAcls": False}
    code, _ = refused(control.put_public_access_block, AccountId=tenants["acme"], PublicAccessBlockConfiguration=block)
    assert code == "AccessDenied"


def test_a_network_takes_its_open_acl_with_it(rig, tenants):
    del tenants
    ec2 = rig.client("ec2", "acme")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    own = [{"Name": "vpc-id", "Values": [vpc]}]
    assert ec2.describe_network_acls(Filters=own)["NetworkAcls"]
    ec2.delete_vpc(VpcId=vpc)
    assert ec2.describe_network_acls(Filters=own)["NetworkAcls"] == []


def test_a_flow_log_delivers_to_a_group_given_by_its_arn(rig, tenants):
    ec2, logs = rig.client("ec2", "acme"), rig.client("logs", "acme")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    logs.create_log_group(logGroupName="/bh/acme/flow")
    for group, delivered in (("/bh/acme/flow", "SUCCESS"), ("/bh/acme/none", "FAILED")):
        made = ec2.create_flow_logs(
            ResourceIds=[vpc],
            ResourceType="VPC",
            TrafficType="ALL" if delivered == "SUCCESS" else "REJECT",
            LogDestinationType="cloud-watch-logs",
            LogDestination=f"arn:aws:logs:us-east-1:{tenants['acme']}:log-group:{group}",
            DeliverLogsPermissionArn=f"arn:aws:iam::{tenants['acme']}:role/flow",
        )
        found = ec2.describe_flow_logs(FlowLogIds=made["FlowLogIds"])["FlowLogs"][0]
        assert found["DeliverLogsStatus"] == delivered
