"""Sessions of the role through which the platform deploys into an account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tenancy.names import DEPLOYER_ROLE

if TYPE_CHECKING:
    from boto3 import Session


def session(environment: Mapping[str, str], account: str, region: str) -> Session:
    """A session of the deployer in `account`, from the credentials of an environment (or the usual chain).

    Raises botocore's `ClientError` where the role cannot be assumed.
    """
    import boto3  # noqa: PLC0415 - heavy

    base = boto3.Session(
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        region_name=region,
    )
    sts = base.client("sts", endpoint_url=environment.get("AWS_ENDPOINT_URL"))
    role = f"arn:aws:iam::{account}:role/{DEPLOYER_ROLE}"
    held = sts.assume_role(RoleArn=role, RoleSessionName="bulkhead")["Credentials"]
    return boto3.Session(held["AccessKeyId"], held["SecretAccessKey"], held["SessionToken"], region_name=region)


def client(held: Session, service: str, environment: Mapping[str, str], region: str | None = None) -> Any:
    """A client of a session at the endpoint that the environment names; S3 with the bucket in the path."""
    from botocore.config import Config  # noqa: PLC0415

    make: Any = held.client  # its overloads take literal service names only
    config = Config(s3={"addressing_style": "path"})
    return make(service, region_name=region, endpoint_url=environment.get("AWS_ENDPOINT_URL"), config=config)
