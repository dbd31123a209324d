"""Tags of resources, for `aws:ResourceTag/…`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localcloud.deployed.identities import plain_tags
from localcloud.resources import kms


def resource_tags(arn: str) -> dict[str, str]:
    """The tags of the resource; empty for a resource that has none, is not there, or of a service without a reader."""
    parts = arn.split(":", 5)
    if len(parts) != 6:
        return {}
    reader = _READERS.get(parts[2])
    return reader(arn, parts) if reader is not None else {}


def _kms(arn: str, parts: list[str]) -> dict[str, str]:
    from moto.kms.models import kms_backends  # noqa: PLC0415

    key = kms.find_key(arn)
    return _plain(kms_backends[parts[4]][parts[3]].tagger.get_tag_dict_for_resource(key.id)) if key is not None else {}


def _iam(arn: str, parts: list[str]) -> dict[str, str]:
    from moto.iam.models import iam_backends  # noqa: PLC0415

    if parts[4] not in iam_backends:
        return {}
    backend = iam_backends[parts[4]]["aws"]
    if parts[5].startswith("role/"):
        for role in backend.roles.values():
            if role.arn == arn:
                return plain_tags(role.tags)
    if parts[5].startswith("policy/"):
        policy = backend.managed_policies.get(arn)
        return plain_tags(policy.tags) if policy is not None else {}
    if parts[5].startswith(("user/", "instance-profile/")):
        return {
            str(tag["Key"]): str(tag["Value"]) for tag in backend.tagger.list_tags_for_resource(arn).get("Tags", [])
        }
    return {}


def _ec2(_arn: str, parts: list[str]) -> dict[str, str]:
    from moto.ec2.models import ec2_backends  # noqa: PLC0415

    if parts[4] not in ec2_backends or parts[3] not in dict.keys(ec2_backends[parts[4]]):
        return {}
    return _plain(dict(ec2_backends[parts[4]][parts[3]].tags.get(parts[5].rpartition("/")[2], {})))


def _logs(_arn: str, parts: list[str]) -> dict[str, str]:
    from moto.logs.models import logs_backends  # noqa: PLC0415

    if parts[4] not in logs_backends or parts[3] not in dict.keys(logs_backends[parts[4]]):
        return {}
    name = parts[5].removeprefix("log-group:").partition(":")[0]
    backend = logs_backends[parts[4]][parts[3]]
    group = backend.groups.get(name)
    return _plain(backend.tagger.get_tag_dict_for_resource(group.arn)) if group is not None else {}


def _secretsmanager(arn: str, parts: list[str]) -> dict[str, str]:
    from moto.secretsmanager.models import secretsmanager_backends  # noqa: PLC0415

    if parts[4] not in secretsmanager_backends or parts[3] not in dict.keys(secretsmanager_backends[parts[4]]):
        return {}
    for secret in secretsmanager_backends[parts[4]][parts[3]].secrets.values():
        if secret.arn == arn:
            return {str(tag["Key"]): str(tag["Value"]) for tag in secret.tags or []}
    return {}


def _plain(tags: dict[Any, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in tags.items()}


_READERS: dict[str, Callable[[str, list[str]], dict[str, str]]] = {
    "kms": _kms,
    "iam": _iam,
    "ec2": _ec2,
    "logs": _logs,
    "secretsmanager": _secretsmanager,
}
