"""The guard stops synthesis; and it has to be attached to stacks."""

import pytest
from cdktn import App, Aspects, TerraformStack
from cdktn_provider_aws.cloudwatch_log_group import CloudwatchLogGroup
from cdktn_provider_aws.provider import AwsProvider

from modules.aws.guard import ENCRYPTED_BY, Guard

TAGS = {"tenant": "acme", "platform": "bh", "layer": "vault"}


def synth(tmp_path, *, on_app=False, **arguments):
    app = App(outdir=str(tmp_path))
    stack = TerraformStack(app, "tried")
    AwsProvider(stack, "aws", region="us-east-1")
    CloudwatchLogGroup(stack, "group", name="group", **arguments)
    Aspects.of(app if on_app else stack).add(Guard())
    app.synth()


def test_a_tagged_and_encrypted_resource_passes(tmp_path):
    synth(tmp_path, tags=TAGS, kms_key_id="arn:aws:kms:us-east-1:1:key/1")
    assert (tmp_path / "stacks/tried/cdk.tf.json").exists()


@pytest.mark.parametrize("missing", sorted(TAGS))
def test_a_missing_tag_stops_synthesis(missing, tmp_path):
    tags = {key: value for key, value in TAGS.items() if key != missing}
    with pytest.raises(RuntimeError, match=f"aws_cloudwatch_log_group: no tag {missing}"):
        synth(tmp_path, tags=tags, kms_key_id="arn:aws:kms:us-east-1:1:key/1")


def test_no_tags_at_all_stop_synthesis(tmp_path):
    with pytest.raises(RuntimeError, match="no tag layer, platform, tenant"):
        synth(tmp_path, kms_key_id="arn:aws:kms:us-east-1:1:key/1")


def test_an_unencrypted_store_stops_synthesis(tmp_path):
    with pytest.raises(RuntimeError, match=r"not encrypted under a key of ours\. Set kms_key_id"):
        synth(tmp_path, tags=TAGS)


def test_an_aspect_on_the_app_does_nothing(tmp_path):
    """Why the guard is attached to each stack. Should this fail one day, cdktn has mended it."""
    synth(tmp_path, on_app=True)


def test_the_attributes_that_the_guard_reads_exist():
    import importlib

    for kind, attribute in ENCRYPTED_BY.items():
        module = importlib.import_module(f"cdktn_provider_aws.{kind.removeprefix('aws_')}")
        name = "".join(part.capitalize() for part in kind.removeprefix("aws_").split("_"))
        assert hasattr(getattr(module, name), attribute), kind
