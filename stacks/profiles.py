"""What differs between the local cloud and AWS: provider, credentials, state. Resources differ by `local_gaps` only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cdktn import LocalBackend, S3Backend, TerraformStack
from cdktn_provider_aws.provider import AwsProvider, AwsProviderAssumeRole, AwsProviderEndpoints

from modules.aws.profile import ProfileName
from stacks.errors import StackError
from tenancy.names import DEPLOYER_ROLE
from tenancy.platform import Platform

TARGET_VERSIONS = {"terraform": ">=1.10.0", "opentofu": ">=1.10.0"}
"""The programs that may deploy; older ones have no lock file beside the state in S3. cdktf.json says the same."""

OLDEST_PROVIDER = ">= 5.100.0"
"""What local stacks accept. The bindings pin one release of version 6; our resources use what both versions have."""

LOCAL_SERVICES = (
    "accessanalyzer",
    "autoscaling",
    "budgets",
    "cloudtrail",
    "cloudwatch",
    "ec2",
    "events",
    "guardduty",
    "iam",
    "kms",
    "logs",
    "organizations",
    "route53_resolver",
    "s3",
    "s3_control",
    "servicequotas",
    "sns",
    "sqs",
    "sts",
)
"""Every service that a resource of ours belongs to. A test compares it with what is synthesised."""


@dataclass(frozen=True)
class Target:
    """Where stacks are deployed to. `endpoint` is the local cloud's address; `state_dir` holds its states."""

    profile: ProfileName
    endpoint: str | None
    state_dir: Path

    @property
    def local(self) -> bool:
        """Whether this is the local cloud."""
        return self.profile == "local"


def add_backend(stack: TerraformStack, name: str, platform: Platform, target: Target) -> None:
    """One state per stack: a file on the local cloud, an object with a lock file beside it in S3 otherwise."""
    if target.local:
        LocalBackend(stack, path=str(target.state_dir / f"{name}.tfstate"))
        return
    state = platform.state
    if state is None:
        msg = "platform.yaml: state: missing. The cloud profile keeps Terraform's state in S3: write bucket and region"
        raise StackError(msg)
    S3Backend(
        stack,
        bucket=state.bucket,
        key=f"{platform.name}/{name}.tfstate",
        region=state.region,
        encrypt=True,
        kms_key_id=state.kms_key_id,
        use_lockfile=True,
    )


def add_provider(
    stack: TerraformStack,
    name: str,
    target: Target,
    *,
    region: str,
    account_id: str,
    assume: bool,
    alias: str | None = None,
) -> AwsProvider:
    """A provider for one account, which it refuses to leave. `assume` goes there through the deployer role.

    Without `assume` the credentials of the environment are used: the management account's.
    """
    role = AwsProviderAssumeRole(
        role_arn=f"arn:aws:iam::{account_id}:role/{DEPLOYER_ROLE}", session_name="bulkhead-deploy"
    )
    return AwsProvider(
        stack,
        name,
        alias=alias,
        region=region,
        allowed_account_ids=[account_id],
        assume_role=[role] if assume else None,
        **_local_settings(target),
    )


def relax_provider_version(stack: TerraformStack, target: Target) -> None:
    """Lets a local stack run with the oldest provider that is checked, instead of the bindings' exact pin."""
    if target.local:
        stack.add_override("terraform.required_providers.aws.version", OLDEST_PROVIDER)


def _local_settings(target: Target) -> dict[str, object]:
    if not target.local:
        return {}
    if not target.endpoint:
        msg = (
            "BULKHEAD_LOCAL_ENDPOINT: missing. The local profile needs the local cloud's address: "
            "start it with `bulkhead local up`, or set BULKHEAD_PROFILE=cloud"
        )
        raise StackError(msg)
    return {
        "endpoints": [AwsProviderEndpoints(**dict.fromkeys(LOCAL_SERVICES, target.endpoint))],
        "skip_metadata_api_check": "true",
        "skip_region_validation": True,
        "s3_use_path_style": True,
        # S3 Control puts the account's id before the host name. No resolver knows `<id>.127.0.0.1`, but the local cloud
        # answers as its own proxy; loopback addresses themselves are never proxied.
        "http_proxy": target.endpoint,
        "https_proxy": "",
        "max_retries": 3,
    }
