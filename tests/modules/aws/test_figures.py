"""The few things that constructs compute themselves: retention, processors, quotas, images."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.aws.errors import ConstructError
from modules.aws.ledgers import NEVER_EXPIRE, RETENTION_DAYS, kept_for
from modules.aws.limits import quota_code, vcpus
from modules.aws.storage import strictest_class
from tests.stacks.synthesis import stacks_of, with_tenant


@given(st.integers(1, 36500))
def test_logs_are_never_kept_for_less_than_asked(days):
    kept = kept_for(days)
    assert kept == NEVER_EXPIRE or (kept in RETENTION_DAYS and kept >= days)
    assert (kept == NEVER_EXPIRE) == (days > max(RETENTION_DAYS))
    assert not [shorter for shorter in RETENTION_DAYS if days <= shorter < kept]


@pytest.mark.parametrize(
    ("instance_type", "processors", "quota"),
    [
        ("c6a.large", 2, "L-1216C47A"),
        ("c6a.xlarge", 4, "L-1216C47A"),
        ("p5.48xlarge", 192, "L-417A185B"),
        ("g6e.12xlarge", 48, "L-DB2E81BA"),
        ("trn2.48xlarge", 192, "L-2C3B7624"),
        ("u7i-12tb.224xlarge", 896, None),
    ],
)
def test_processors_and_quota_follow_from_the_instance_type(instance_type, processors, quota):
    assert vcpus(instance_type) == processors
    if quota:
        assert quota_code(instance_type) == quota
    else:
        with pytest.raises(ConstructError, match="no quota is known for u7i"):
            quota_code(instance_type)


@pytest.mark.parametrize("instance_type", ["m7i.metal-24xl", "t3.medium", "p5", "xlarge"])
def test_a_size_that_says_nothing_is_refused(instance_type):
    with pytest.raises(ConstructError, match="xlarge"):
        vcpus(instance_type)


def test_the_quota_is_enough_for_all_nodes_and_no_more(cloud_stacks, fleet):
    quota = cloud_stacks["acme-compute"].one("aws_servicequotas_service_quota")
    assert (quota["quota_code"], quota["value"]) == ("L-1216C47A", 4 * fleet.tenant("acme").compute.max_nodes)


def test_no_quota_is_asked_for_without_nodes(fleet, tmp_path):
    compute = fleet.tenant("acme").compute.model_copy(update={"max_nodes": 0})
    stack = stacks_of(with_tenant(fleet, "acme", compute=compute), "cloud", tmp_path, ["acme"])["acme-compute"]
    assert stack.all("aws_servicequotas_service_quota") == []
    assert stack.one("aws_autoscaling_group")["max_size"] == 0


def test_the_billing_contact_is_told_at_each_threshold(cloud_stacks, fleet):
    tenant = fleet.tenant("globex")
    budget = cloud_stacks["globex-compute"].one("aws_budgets_budget")
    assert budget["limit_amount"] == "8000.0"
    assert [alert["threshold"] for alert in budget["notification"]] == [50, 80, 100]
    told = {address for alert in budget["notification"] for address in alert["subscriber_email_addresses"]}
    assert told == {tenant.contacts.billing}


@pytest.mark.parametrize(("days", "expiry"), [(180, 179), (2, 1), (1, 1)])
def test_objects_expire_a_day_before_their_versions_go(fleet, tmp_path, days, expiry):
    (dataset,) = fleet.tenant("acme").datasets
    changed = with_tenant(fleet, "acme", datasets=(dataset.model_copy(update={"retention_days": days}),))
    stack = stacks_of(changed, "local", tmp_path, ["acme"], layers=["vault"])["acme-vault"]
    rules = {rule["id"]: rule for held in stack.all("aws_s3_bucket_lifecycle_configuration") for rule in held["rule"]}
    assert rules["biopsies-retention"]["expiration"] == [{"days": expiry}]
    assert rules["biopsies-retention"]["filter"] == [{"prefix": "biopsies/"}]
    assert rules["checkpoints-retention"]["expiration"] == [{"days": expiry}]


def test_each_data_set_has_its_own_rule_and_the_strictest_class_labels_the_bucket(fleet, tmp_path):
    (dataset,) = fleet.tenant("acme").datasets
    more = dataset.model_copy(update={"id": "notes", "sensitivity": "public", "retention_days": 900})
    changed = with_tenant(fleet, "acme", datasets=(dataset, more))
    stack = stacks_of(changed, "local", tmp_path, ["acme"], layers=["vault"])["acme-vault"]
    rules = {rule["id"]: rule for held in stack.all("aws_s3_bucket_lifecycle_configuration") for rule in held["rule"]}
    assert rules["notes-retention"]["expiration"] == [{"days": 899}]
    assert rules["checkpoints-retention"]["expiration"] == [{"days": 179}]
    labels = {bucket["tags"]["purpose"]: bucket["tags"].get("sensitivity") for bucket in stack.all("aws_s3_bucket")}
    assert labels == {"data": "restricted", "checkpoint": None, "model": None}
    assert strictest_class(changed.platform, changed.tenant("globex")) == "internal"


def test_an_image_without_uefi_or_tpm_is_refused_at_the_plan(cloud_stacks):
    image = cloud_stacks["acme-compute"].one("data.aws_ami")
    conditions = [held["condition"] for held in image["lifecycle"]["postcondition"]]
    assert conditions == ['${self.tpm_support == "v2.0"}', '${self.boot_mode == "uefi"}']
    assert image["filter"] == [{"name": "image-id", "values": ["ami-0b0a11c0ffee00001"]}]
    assert cloud_stacks["acme-compute"].one("aws_launch_template")["image_id"].startswith("${data.aws_ami.")


def test_an_image_without_an_ami_is_refused(fleet, tmp_path):
    from dataclasses import replace

    cloud = fleet.platform.clouds["aws"]
    images = {**cloud.images, "trainer-cpu": cloud.images["trainer-cpu"].model_copy(update={"ami": None})}
    clouds = {"aws": cloud.model_copy(update={"images": images})}
    changed = replace(fleet, platform=fleet.platform.model_copy(update={"clouds": clouds}))
    with pytest.raises(ConstructError, match=r"acme.*trainer-cpu has no AMI"):
        stacks_of(changed, "local", tmp_path, ["acme"])
