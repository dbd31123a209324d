from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from trainer.backends import Backends, aws_backends
from trainer.keys.local import LocalKeyService
from trainer.ledger.file_log import FileLog
from trainer.store.objects import open_store


@pytest.fixture
def local(tmp_path: Path) -> Backends:
    """Services of tenant acme without a cloud: keys in memory, ledger and objects in files."""
    names = ("data", "checkpoint", "export")
    keys = LocalKeyService({f"alias/bh/acme/{name}": [os.urandom(32)] for name in names})
    return Backends(keys, FileLog(tmp_path / "ledger", "acme"), open_store)


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    """A moto server on loopback: real HTTP, real boto3 clients."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def session(moto_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    return boto3.Session(region_name="eu-central-1")


@pytest.fixture
def cloud(session: boto3.Session, moto_endpoint: str) -> Iterator[Backends]:
    """Services of tenant acme on the moto server, provisioned as the platform names them."""
    import requests

    requests.post(f"{moto_endpoint}/moto-api/reset", timeout=10)
    provision(session, "acme")
    yield aws_backends("acme", "cloudwatch:/bh/acme/ledger", session)
    requests.post(f"{moto_endpoint}/moto-api/reset", timeout=10)


def provision(session: boto3.Session, tenant: str) -> None:
    kms, s3, logs = session.client("kms"), session.client("s3"), session.client("logs")
    for purpose in ("data", "checkpoint", "export"):
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        kms.create_alias(AliasName=f"alias/bh/{tenant}/{purpose}", TargetKeyId=key)
    for purpose in ("data", "checkpoint", "model"):
        s3.create_bucket(
            Bucket=f"bh-{tenant}-{purpose}", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
    logs.create_log_group(logGroupName=f"/bh/{tenant}/ledger")
