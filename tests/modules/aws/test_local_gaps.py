"""The local profile leaves out what the table names, and nothing else."""

import pytest

from modules.aws.local_gaps import LOCAL_GAPS
from modules.aws.site import offers

# Terraform type -> the service whose endpoint it needs; the longest prefix counts.
SERVICE_OF = {
    "aws_autoscaling_": "autoscaling",
    "aws_budgets_": "budgets",
    "aws_cloudtrail": "cloudtrail",
    "aws_cloudwatch_log_": "logs",
    "aws_cloudwatch_metric_": "cloudwatch",
    "aws_default_": "ec2",
    "aws_ebs_": "ec2",
    "aws_flow_log": "ec2",
    "aws_guardduty_": "guardduty",
    "aws_iam_": "iam",
    "aws_kms_": "kms",
    "aws_launch_template": "ec2",
    "aws_network_acl": "ec2",
    "aws_organizations_": "organizations",
    "aws_route_table": "ec2",
    "aws_s3_account_": "s3_control",
    "aws_s3_bucket": "s3",
    "aws_security_group": "ec2",
    "aws_subnet": "ec2",
    "aws_vpc": "ec2",
}


def split(gap):
    """Type and argument of an entry of the table."""
    kind, _, argument = gap.removeprefix("data.").partition(".")
    return ("data." if gap.startswith("data.") else "") + kind, argument


def mentions(stacks, gap):
    kind, argument = split(gap)
    found = [resource for stack in stacks.values() for resource in stack.all(kind)]
    return [resource for resource in found if not argument or resource.get(argument)]


@pytest.mark.parametrize("gap", sorted(LOCAL_GAPS))
def test_gap_is_left_out_locally_and_kept_in_the_cloud(gap, local_stacks, cloud_stacks):
    assert mentions(local_stacks, gap) == []
    assert mentions(cloud_stacks, gap) != []
    assert len(LOCAL_GAPS[gap]) > 20
    assert not offers("local", gap)
    assert offers("cloud", gap)


def test_profiles_differ_by_the_table_only(local_stacks, cloud_stacks):
    assert set(local_stacks) == set(cloud_stacks)
    whole = {split(gap)[0] for gap in LOCAL_GAPS if not split(gap)[1]}
    for name, stack in cloud_stacks.items():
        assert stack.kinds - local_stacks[name].kinds == stack.kinds & whole
        assert local_stacks[name].kinds <= stack.kinds


def test_every_local_resource_has_an_endpoint(local_stacks):
    from stacks.profiles import LOCAL_SERVICES

    for stack in local_stacks.values():
        for kind in stack.body["resource"]:
            prefix = max((known for known in SERVICE_OF if kind.startswith(known)), key=len)
            assert SERVICE_OF[prefix] in LOCAL_SERVICES, kind
        for provider in stack.body["provider"]["aws"]:
            assert set(provider["endpoints"][0].values()) == {"http://127.0.0.1:4566"}
            assert len(provider["endpoints"][0]) == len(LOCAL_SERVICES)


def test_cloud_stacks_name_no_endpoint(cloud_stacks):
    for stack in cloud_stacks.values():
        for provider in stack.body["provider"]["aws"]:
            assert {"endpoints", "http_proxy", "skip_region_validation", "s3_use_path_style"}.isdisjoint(provider)
