"""The default VPC that AWS puts into every region of a new account, taken out before a tenant moves in.

It has an internet gateway and public subnets, and no stack knows it. Terraform could adopt it and would then keep it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from operations import deployer
from operations.errors import CommandError, Exit


def remove(environment: Mapping[str, str], account: str, regions: tuple[str, ...]) -> int:
    """Deletes the default VPCs of `account` in `regions` through the deployer's role; how many there were.

    Raises `CommandError` naming account, region and AWS's own words: what could not be removed is not left unsaid.
    """
    removed = 0
    region = regions[0]
    try:
        session = deployer.session(environment, account, region)
        for region in regions:
            ec2 = deployer.client(session, "ec2", environment, region)
            for vpc in ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]:
                _delete(ec2, vpc["VpcId"])
                removed += 1
    except (ClientError, BotoCoreError) as error:
        msg = f"account {account}, {region}: the default VPC could not be removed: {error}"
        raise CommandError(msg, Exit.FINDINGS) from error
    return removed


def _delete(ec2: Any, vpc: str) -> None:
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    for gateway in ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]:
        ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
        ec2.delete_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"])
    for subnet in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc)
