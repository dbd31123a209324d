"""No document is over its quota, and one that is stops synthesis with its name and size."""

from __future__ import annotations

import pytest

from modules.policy import boundary, buckets, endpoints, keys, organisation, roles
from modules.policy.conditions import merged
from modules.policy.quotas import LIMIT, PolicyTooLargeError, rendered
from modules.policy.scope import TenantScope
from tenancy.names import BUCKET_PURPOSES, KEY_PURPOSES, Names

LONGEST = TenantScope(Names("p" * 20, "t" * 20), "1" * 12, "ap-southeast-2", "2" * 12, "3" * 12)


def test_every_document_fits_with_the_longest_names() -> None:
    for name, document in organisation.service_control_policies(
        "p" * 20, [f"ap-southeast-{n}" for n in range(20)], "3" * 12
    ).items():
        rendered("scp", name, document)
    for name, document in organisation.resource_control_policies("p" * 20, "2" * 12, "3" * 12).items():
        rendered("rcp", name, document)
    for key in KEY_PURPOSES:
        rendered("key", key, keys.key_policy(LONGEST, key))
    for bucket in BUCKET_PURPOSES:
        rendered("bucket", bucket, buckets.bucket_policy(LONGEST, bucket, "arn:aws:kms:x:1:key/1"))
    for service in endpoints.SERVICES:
        rendered("endpoint", service, endpoints.endpoint_policy(LONGEST, service))
    for role in ("trainer", "data-owner", "auditor"):
        rendered("role", role, roles.role_policy(LONGEST, role))  # type: ignore[arg-type]
        rendered("trust", role, roles.trust_policy(LONGEST, role))  # type: ignore[arg-type]
    rendered("boundary", "boundary", boundary.permission_boundary(LONGEST))


def test_an_organisation_target_takes_at_most_five_policies() -> None:
    # One of the five is AWS's own FullAWSAccess, which has to stay attached.
    assert len(organisation.service_control_policies("bh", ["us-east-1"], "3" * 12)) <= 4
    assert len(organisation.resource_control_policies("bh", "1" * 12, "2" * 12)) <= 4


def test_an_oversized_document_is_refused_with_name_and_size() -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Sid": "x" * LIMIT["scp"]}]}
    with pytest.raises(PolicyTooLargeError, match=r"big: the scp policy has 5\d\d\d characters, AWS takes 5120"):
        rendered("scp", "big", document)


def test_conditions_that_would_overwrite_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="two conditions set Bool of aws:SecureTransport"):
        merged({"Bool": {"aws:SecureTransport": "true"}}, {"Bool": {"aws:SecureTransport": "false"}})
