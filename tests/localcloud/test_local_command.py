"""`bulkhead local` with a real process, sockets and a kill -9."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from localcloud import control
from localcloud.errors import LocalCloudError
from localcloud.places import Places
from operations.cli import build
from operations.errors import CommandError

pytestmark = pytest.mark.e2e


def run(*words: str, expect: int = 0) -> str:
    result = CliRunner().invoke(build(), ["local", *words], catch_exceptions=False)
    assert result.exit_code == expect, result.output
    return result.stdout


def client(service: str, env: dict[str, str], endpoint: str | None = None):
    return boto3.client(
        service,
        endpoint_url=endpoint or env["AWS_ENDPOINT_URL"],
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"max_attempts": 0}),
    )


@pytest.fixture
def directory(tmp_path):
    yield str(tmp_path / "local")
    control.down(Places(tmp_path / "local"))


def test_a_day_in_the_life_of_a_local_cloud(directory, tmp_path):
    words = ("--directory", directory)
    fleet = ("--fleet", str(tmp_path / "none"))
    assert "does not run" in run("status", *words, expect=1)
    first = json.loads(run("up", *words, *fleet, "--json"))
    assert json.loads(run("up", *words, *fleet, "--json"))["pid"] == first["pid"]
    assert "test double" in run("status", *words)
    env = json.loads(run("env", *words, "--json"))

    # Work is acknowledged, then the process is killed.
    s3 = client("s3", env)
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="k", Body=b"body")
    os.kill(first["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while json.loads(CliRunner().invoke(build(), ["local", "status", *words, "--json"]).stdout)["running"]:
        assert time.monotonic() < deadline
    again = json.loads(run("up", *words, *fleet, "--json"))
    assert again["pid"] != first["pid"]
    assert again["endpoint"] == first["endpoint"]
    assert client("s3", env).get_object(Bucket="kept", Key="k")["Body"].read() == b"body"

    # The other two kinds of door.
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::kept/*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    s3.put_bucket_policy(Bucket="kept", Policy=json.dumps(policy))
    with pytest.raises(ClientError, match="AccessDenied"):
        client("s3", env, again["insecure_endpoint"]).get_object(Bucket="kept", Key="k")
    ec2 = client("ec2", env)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "tenant", "Value": "acme"}])
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3")
    while not json.loads(run("status", *words, "--json"))["networks"]:
        assert time.monotonic() < deadline + 20
    network = json.loads(run("status", *words, "--json"))["networks"]["acme"]
    assert network["vpc"] == vpc
    assert client("s3", env, network["endpoint"]).get_object(Bucket="kept", Key="k")["Body"].read() == b"body"
    with pytest.raises(ClientError, match="NoRoute"):
        client("sts", env, network["endpoint"]).get_caller_identity()

    # As its own HTTP proxy it serves account-prefixed hosts, which no resolver knows.
    target = (
        f"http://123456789012.{again['endpoint'].removeprefix('http://')}/v20180820/configuration/publicAccessBlock"
    )
    with httpx.Client(proxy=again["endpoint"]) as proxied:
        assert proxied.get(target).status_code == 403

    assert "stopped" in run("down", *words)
    assert "not running" in run("down", *words)


def test_a_recycled_process_id_is_not_stopped(directory):
    places = Places(Path(directory))
    places.make()
    places.status.write_text(json.dumps({"running": True, "pid": os.getpid(), "endpoint": "http://127.0.0.1:1"}))
    assert control.status(places) == {"running": False}
    assert control.down(places) is False


def test_a_start_that_fails_says_why(directory):
    places = Places(Path(directory))
    places.make()
    (places.state / "account-1-s3.pickle").write_bytes(b"{}\nnonsense")
    with pytest.raises(LocalCloudError, match="another version"):
        control.up(places, "a@example.com", "us-east-1")


def test_a_taken_port_is_given_up_for_a_free_one(directory):
    places = Places(Path(directory))
    places.make()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        places.ports.write_text(json.dumps({"main": port}))
        found = control.up(places, "a@example.com", "us-east-1")
        assert not found["endpoint"].endswith(f":{port}")


def test_an_account_that_is_not_there_is_named_with_those_that_are(directory, tmp_path):
    words = ("--directory", directory)
    with pytest.raises(CommandError, match="does not run"):
        run("env", *words)
    run("up", *words, "--fleet", str(tmp_path / "none"))
    with pytest.raises(CommandError, match="no account 'nobody'; it has management"):
        run("env", *words, "--account", "nobody")
    assert run("env", *words).splitlines()[0].startswith("export AWS_ENDPOINT_URL=http://127.0.0.1:")
