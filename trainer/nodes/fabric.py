"""Whether the cloud's own network encrypts between machines: an assertion that has to be read, never assumed.

AWS: instances of current types encrypt traffic between each other (AES-256, in the Nitro card, EFA included) inside one
VPC or between peered ones; `NetworkInfo.EncryptionInTransitSupported` of EC2's DescribeInstanceTypes says of which
types this holds. Google Cloud encrypts between its machines too, but has no attribute that says so of a machine type,
and does not state it for RoCE networks: there the assertion cannot be made, and WireGuard is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trainer.attest.metadata import machine_type
from trainer.errors import Reason, TrainerError
from trainer.formats.names import Frozen
from trainer.job import JobSpec

if TYPE_CHECKING:
    import boto3


class FabricFacts(Frozen):
    """What is known of a machine's network."""

    cloud: str
    machine_type: str
    encrypted: bool | None
    """The provider's own statement; None when there is none."""
    source: str


def aws_facts(session: boto3.Session, machine_type: str, endpoint: str | None = None) -> FabricFacts:
    """What EC2 says of an instance type. A failed call is a missing statement, with the failure as its source."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - only nodes on AWS have it to pay

    source = f"ec2:DescribeInstanceTypes {machine_type} NetworkInfo.EncryptionInTransitSupported"
    try:
        client: Any = session.client("ec2", endpoint_url=endpoint)
        types = client.describe_instance_types(InstanceTypes=[machine_type])["InstanceTypes"]
    except (ClientError, BotoCoreError) as error:
        return FabricFacts(cloud="aws", machine_type=machine_type, encrypted=None, source=f"{source}: {error}"[:500])
    said = types[0].get("NetworkInfo", {}).get("EncryptionInTransitSupported") if types else None
    return FabricFacts(
        cloud="aws", machine_type=machine_type, encrypted=said if isinstance(said, bool) else None, source=source
    )


def machine_facts(job: JobSpec, environment: Mapping[str, str]) -> FabricFacts:
    """What this machine's provider says of it. What cannot be read is no statement."""
    if job.google is not None:
        source = "Compute Engine describes no such attribute of a machine type"
        return FabricFacts(cloud="gcp", machine_type="this machine", encrypted=None, source=source)
    import boto3  # noqa: PLC0415 - a second of import that only nodes with this setting pay

    try:
        kind = machine_type(environment)
    except TrainerError as error:
        return FabricFacts(cloud="aws", machine_type="unknown", encrypted=None, source=str(error)[:500])
    return aws_facts(boto3.Session(), kind)


def demand_encryption(facts: FabricFacts | None, who: str) -> None:
    """Raises `TrainerError(BAD_JOB)` unless the provider itself says that its network encrypts for this machine."""
    way_out = "set nodes.fabric to wireguard (there is no unencrypted mode)"
    if facts is None:
        raise TrainerError(
            Reason.BAD_JOB, f"nodes.fabric provider: nothing is known of {who}'s network; on this node {way_out}"
        )
    if facts.encrypted is None:
        raise TrainerError(
            Reason.BAD_JOB,
            f"nodes.fabric provider: {facts.cloud} does not say whether it encrypts traffic between machines of type "
            f"{facts.machine_type} ({who}; asked: {facts.source}); {way_out}",
        )
    if not facts.encrypted:
        raise TrainerError(
            Reason.BAD_JOB,
            f"nodes.fabric provider: {facts.cloud} does not encrypt traffic between machines of type "
            f"{facts.machine_type} ({who}; {facts.source} is false); choose a type for which it does, or {way_out}",
        )
