"""The policy on the resource of an access: bucket policy, key policy and grants, role trust, queue policy and so on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from compliance.reason.iam import Grant, Labelled, parse_grants
from compliance.reason.iam.policy import PolicyKind
from localcloud.access import Access
from localcloud.deployed.documents import labelled
from localcloud.resources import kms


def resource_policy(access: Access) -> Labelled | None:
    """The compiled policy, or None where the resource has none (or no such resource exists).

    Raises:
        ComplianceError: the deployed text is not a policy.
    """
    service = access.action.partition(":")[0]
    if service == "sts" and ":role/" not in access.resource:
        return None
    reader = _READERS.get(service)
    if reader is None or access.resource == "*":
        return None
    text = reader(access)
    if not text:
        return None
    document = text.decode() if isinstance(text, bytes) else str(text)
    words, kind = _WORDS.get(service, ("resource policy", "resource"))
    return labelled(
        f"{words} of {access.resource.partition('/')[0] if service == 's3' else access.resource}", document, kind
    )


_WORDS: dict[str, tuple[str, PolicyKind]] = {
    "s3": ("bucket policy", "bucket"),
    "kms": ("key policy", "key"),
    "sts": ("trust policy", "trust"),
}


def grants(access: Access) -> tuple[Grant, ...]:
    """The grants of a KMS key."""
    if not access.action.startswith("kms:"):
        return ()
    key = kms.find_key(access.resource)
    if key is None:
        return ()
    listed = []
    for grant in key.grants.values():
        entry = {
            "GrantId": grant.id,
            "GranteePrincipal": grant.grantee_principal,
            "Operations": list(grant.operations),
            "Constraints": grant.constraints or {},
        }
        if grant.retiring_principal:
            entry["RetiringPrincipal"] = grant.retiring_principal
        listed.append(entry)
    return parse_grants(listed, f"grants of {access.resource}")


def bucket_record(bucket: str) -> Any:
    """The record that moto keeps of a bucket, or None."""
    from moto.s3.models import s3_backends  # noqa: PLC0415

    found = s3_backends.bucket_accounts.get(bucket)
    return s3_backends[found[1]][found[0]].buckets.get(bucket) if found else None


def bucket_of(arn: str) -> str:
    """The bucket's name in the ARN of a bucket or object."""
    return arn.removeprefix("arn:aws:s3:::").partition("/")[0]


def _bucket(access: Access) -> Any:
    record = bucket_record(bucket_of(access.resource))
    return record.policy if record is not None else None


def _key(access: Access) -> Any:
    key = kms.find_key(access.resource)
    return key.policy if key is not None else None


def _trust(access: Access) -> Any:
    from moto.iam.models import iam_backends  # noqa: PLC0415

    roles = iam_backends[access.account]["aws"].roles.values()
    return next((role.assume_role_policy_document for role in roles if role.arn == access.resource), None)


def _backend(service: str, arn: str) -> Any:
    """The backend for the account and region in an ARN, or None where it does not exist yet."""
    from moto import backends  # noqa: PLC0415

    parts = arn.split(":", 5)
    if len(parts) != 6:
        return None
    name: Any = service
    dictionary = backends.get_backend(name)
    if parts[4] not in dictionary or parts[3] not in dict.keys(dictionary[parts[4]]):
        return None
    return dictionary[parts[4]][parts[3]]


def _last(arn: str) -> str:
    return arn.split(":", 5)[5]


def _topic(access: Access) -> Any:
    backend = _backend("sns", access.resource)
    topic = backend.topics.get(access.resource) if backend else None
    return topic.policy if topic is not None else None


def _queue(access: Access) -> Any:
    backend = _backend("sqs", access.resource)
    queue = backend.queues.get(_last(access.resource)) if backend else None
    return queue.policy if queue is not None else None


def _repository(access: Access) -> Any:
    backend = _backend("ecr", access.resource)
    repository = backend.repositories.get(_last(access.resource).removeprefix("repository/")) if backend else None
    return repository.policy if repository is not None else None


def _secret(access: Access) -> Any:
    backend = _backend("secretsmanager", access.resource)
    if backend is None:
        return None
    return next((secret.policy for secret in backend.secrets.values() if secret.arn == access.resource), None)


def _function(access: Access) -> Any:
    backend = _backend("lambda", access.resource)
    name = _last(access.resource).removeprefix("function:").partition(":")[0]
    function = backend._lambdas._functions.get(name, {}).get("latest") if backend else None
    return function.policy.wire_format() if function is not None and function.policy.statements else None


def _bus(access: Access) -> Any:
    backend = _backend("events", access.resource)
    bus = backend.event_buses.get(_last(access.resource).removeprefix("event-bus/")) if backend else None
    return bus.policy if bus is not None else None


_READERS: dict[str, Callable[[Access], Any]] = {
    "s3": _bucket,
    "kms": _key,
    "sts": _trust,
    "sns": _topic,
    "sqs": _queue,
    "ecr": _repository,
    "secretsmanager": _secret,
    "lambda": _function,
    "events": _bus,
}
