"""KMS: every key with its policy, rotation, grants and tags, and all aliases."""

from __future__ import annotations

from collections.abc import Iterator

from compliance.collect.request import Answer, Family, Place, Request, Where, absent


def _start(_place: Place) -> Iterator[Request]:
    yield Request("kms:ListKeys", expects=("Keys",), then=_keys)
    yield Request("kms:ListAliases", expects=("Aliases",))


def _keys(answer: Answer, _place: Place) -> Iterator[Request]:
    for key in answer["Keys"]:
        params = {"KeyId": key["KeyId"]}
        yield Request("kms:DescribeKey", params, expects=("KeyMetadata",))
        yield Request("kms:GetKeyPolicy", {**params, "PolicyName": "default"}, expects=("Policy",))
        yield Request(
            "kms:GetKeyRotationStatus",
            params,
            expects=("KeyRotationEnabled",),
            absent=absent("UnsupportedOperationException", "KMSInvalidStateException"),
        )
        yield Request("kms:ListGrants", params, expects=("Grants",))
        yield Request("kms:ListResourceTags", params, expects=("Tags",))


KMS = Family("kms", Where.EACH_REGION, _start)
