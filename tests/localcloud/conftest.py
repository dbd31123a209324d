"""A local cloud in this process, and AWS clients that talk to it without a socket."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from localcloud import backend
from localcloud.message import Door, Listener, Message

backend.prepare()

from localcloud import assembly  # noqa: E402
from localcloud.accounts import MANAGEMENT_EMAIL  # noqa: E402
from localcloud.places import Places  # noqa: E402


def reset_moto() -> None:
    """Empty every backend of this process, as a new process would find them."""
    from moto.core.base_backend import BackendDict
    from moto.organizations.models import organizations_backends
    from moto.s3.models import s3_backends

    BackendDict.reset()
    organizations_backends.master_accounts.clear()
    s3_backends.bucket_accounts.clear()


class _Raw(BytesIO):
    def stream(self, **_kwargs):
        data = self.read()
        while data:
            yield data
            data = self.read()


@dataclass
class Rig:
    """One local cloud with clients for it."""

    root: Path
    cloud: assembly.Cloud = field(init=False)
    listener: Listener = field(default_factory=lambda: Listener(Door.MAIN))

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        places = Places(self.root)
        places.make()
        self.cloud = assembly.build(places, MANAGEMENT_EMAIL)

    def restart(self) -> None:
        """As after `kill -9`: nothing but the files is left."""
        reset_moto()
        self.start()

    def key(self, account: str = "management") -> tuple[str, str]:
        found = {known.name: known for known in self.cloud.accounts()}[account]
        return found.access_key_id, found.secret_access_key

    def id(self, account: str) -> str:
        return {known.name: known for known in self.cloud.accounts()}[account].id

    def send(self, message: Message):
        return self.cloud.gateway.handle(message)

    def client(
        self, service: str, account="management", *, credentials=None, listener=None, region="us-east-1", **config
    ):
        access, secret, token = (*(credentials or self.key(account)), None)[:3]
        client = boto3.client(
            service,
            region_name=region,
            endpoint_url="http://127.0.0.1:4566",
            aws_access_key_id=access,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(
                signature_version="s3v4" if service == "s3" else None,
                retries={"max_attempts": 0},
                s3={"addressing_style": "path"},
                **config,
            ),
        )

        def deliver(request, **_kwargs):
            parts = urlsplit(request.url)
            body = request.body
            if hasattr(body, "read"):
                body = body.read()
            body = body.encode() if isinstance(body, str) else body or b""
            names = tuple(
                (name.lower(), value.decode("latin-1") if isinstance(value, bytes) else value)
                for name, value in request.headers.items()
            )
            if "host" not in {name for name, _ in names}:
                names += (("host", parts.netloc),)
            message = Message(
                request.method, parts.path or "/", parts.query, names, body, listener or self.listener, "203.0.113.7"
            )
            answer = self.send(message)
            return AWSResponse(request.url, answer.status, dict(answer.headers), _Raw(answer.body))

        client.meta.events.register_last("before-send.*.*", deliver)
        return client

    def assume(self, account: str, role_arn: str, name="session", caller=None, **kwargs):
        answer = self.client("sts", account, credentials=caller).assume_role(
            RoleArn=role_arn, RoleSessionName=name, **kwargs
        )["Credentials"]
        return answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"]


@pytest.fixture
def rig(tmp_path, monkeypatch):
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    reset_moto()
    yield Rig(tmp_path / "local")
    reset_moto()


def make_organisation(rig: Rig, *tenants: str) -> dict[str, str]:
    """An organisation with all policy types, an OU `tenants` and an account per tenant in it; ids by name."""
    organizations = rig.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    for kind in ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"):
        organizations.enable_policy_type(RootId=root, PolicyType=kind)
    unit = organizations.create_organizational_unit(ParentId=root, Name="tenants")["OrganizationalUnit"]["Id"]
    ids = {"root": root, "unit": unit}
    for tenant in tenants:
        status = organizations.create_account(
            Email=f"cloud+{tenant}@bulkhead.example", AccountName=tenant, Tags=[{"Key": "tenant", "Value": tenant}]
        )["CreateAccountStatus"]
        organizations.move_account(AccountId=status["AccountId"], SourceParentId=root, DestinationParentId=unit)
        ids[tenant] = status["AccountId"]
    return ids


@pytest.fixture
def tenants(rig):
    return make_organisation(rig, "acme", "globex")
