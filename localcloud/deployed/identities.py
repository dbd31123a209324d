"""A caller's own policies, boundary, session policies, tags and unique id."""

from __future__ import annotations

from typing import Any

from compliance.reason.iam import Labelled
from compliance.reason.iam.policy import PolicyKind
from localcloud.deployed.documents import labelled
from localcloud.identity import Caller, Kind

BOUNDARY = "localcloud_boundary"
"""Where the double keeps a user's permissions boundary, which moto has no place for."""


def record_of(caller: Caller) -> Any:
    """The record of the user or role behind `caller`, or None where it was deleted since."""
    from moto.iam.models import iam_backends  # noqa: PLC0415

    backend = iam_backends[caller.account]["aws"]
    if caller.kind is Kind.ROLE:
        return next((role for role in backend.roles.values() if role.name == caller.name), None)
    return backend.users.get(caller.name)


def identity_policies(caller: Caller) -> tuple[Labelled, ...]:
    """The policies attached to the caller and, for a user, to its groups. None for a deleted user or role."""
    record = record_of(caller)
    if record is None:
        return ()
    found = _attached(record, caller.name)
    if caller.kind is not Kind.ROLE:
        from moto.iam.models import iam_backends  # noqa: PLC0415

        for group in iam_backends[caller.account]["aws"].get_groups_for_user(caller.name):
            found += _attached(group, f"group {group.name}")
    return tuple(found)


def _attached(record: Any, owner: str) -> list[Labelled]:
    inline = [labelled(f"inline policy {name} of {owner}", _text(text), "identity") for name, text in _inline(record)]
    managed = [
        labelled(f"managed policy {policy.name} of {owner}", _default_version(policy), "identity")
        for policy in record.managed_policies.values()
    ]
    return inline + managed


def _inline(record: Any) -> list[tuple[str, Any]]:
    return list(record.policies.items())


def _text(document: Any) -> str:
    return document if isinstance(document, str) else document.decode()


def _default_version(policy: Any) -> str:
    return next(
        _text(version.document) for version in policy.versions if version.version_id == policy.default_version_id
    )


def boundaries(caller: Caller) -> tuple[Labelled, ...] | None:
    """The permissions boundary; None where there is none. One whose policy is gone allows nothing."""
    record = record_of(caller)
    if record is None:
        return None
    arn = getattr(record, "permissions_boundary_arn", None) or vars(record).get(BOUNDARY)
    if not arn:
        return None
    return _managed(caller.account, str(arn), "permissions boundary", "boundary")


def session_policies(caller: Caller) -> tuple[Labelled, ...] | None:
    """The policies given when the session was made; None where none were given."""
    session = caller.session
    if session is None or not (session.policies or session.policy_arns):
        return None
    found = [labelled(f"session policy of {caller.arn}", text, "session") for text in session.policies]
    for arn in session.policy_arns:
        found += _managed(caller.account, arn, "session policy", "session")
    return tuple(found)


def _managed(account: str, arn: str, words: str, kind: PolicyKind) -> tuple[Labelled, ...]:
    from moto.iam.models import iam_backends  # noqa: PLC0415

    from localcloud.patches.managed_policies import ensure  # noqa: PLC0415

    backend = iam_backends[account]["aws"]
    ensure(backend, arn)
    policy = backend.managed_policies.get(arn)
    return () if policy is None else (labelled(f"{words} {arn}", _default_version(policy), kind),)


def unique_id(caller: Caller) -> str:
    """`AIDA…` or `AROA…`; empty where the record is gone."""
    record = record_of(caller)
    return "" if record is None else str(record.id)


def principal_arn(caller: Caller) -> str:
    """The value of `aws:PrincipalArn`: a session's is its role's ARN, with the role's path."""
    record = record_of(caller)
    return str(record.arn) if record is not None and caller.kind is Kind.ROLE else caller.arn


def plain_tags(tags: Any) -> dict[str, str]:
    """Tags from either of the two forms in which moto's IAM keeps them."""
    items = tags.values() if isinstance(tags, dict) else tags or ()
    return {str(tag["Key"]): str(tag["Value"]) for tag in items}


def own_tags(caller: Caller) -> dict[str, str]:
    """The tags of the user or role itself (a session's tags come on top)."""
    from moto.iam.models import iam_backends  # noqa: PLC0415

    record = record_of(caller)
    if record is None:
        return {}
    if caller.kind is Kind.ROLE:
        return plain_tags(record.tags)
    listed = iam_backends[caller.account]["aws"].tagger.list_tags_for_resource(record.arn)["Tags"]
    return {str(tag["Key"]): str(tag["Value"]) for tag in listed}
