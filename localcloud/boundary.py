"""The simplest authoriser: nothing crosses an account's boundary unless a resource policy says so without condition.

It reads no identity policies. The gateway uses the full evaluator; this one is for tests of the gateway itself.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from localcloud.access import Access, Decision, Request
from localcloud.identity import Caller, Kind
from localcloud.resources import kms


class AccountBoundary:
    """Allows what stays in the caller's account, and what a resource policy allows to the caller by name."""

    def decide(self, request: Request, access: Access) -> Decision:
        """See `access.Authoriser`."""
        caller = request.caller
        if caller.kind is Kind.ANONYMOUS:
            return Decision(False, "anonymous caller", "because no resource-based policy allows the action")
        if access.account == caller.account and not access.action.startswith("sts:AssumeRole"):
            return Decision(True, "the caller's own account")
        document = _resource_policy(access)
        if document is None:
            return Decision(False, "no resource policy", "because no resource-based policy allows the action")
        allowed = False
        for index, statement in enumerate(document.get("Statement", [])):
            applies = _names(statement, caller, access) and any(
                fnmatchcase(access.action.lower(), pattern.lower()) for pattern in _many(statement.get("Action"))
            )
            if applies and statement.get("Effect") == "Deny":
                return Decision(
                    False,
                    f"statement {index} of the resource policy",
                    "with an explicit deny in a resource-based policy",
                )
            allowed = allowed or (applies and not statement.get("Condition"))
        if allowed:
            return Decision(True, "the resource policy")
        return Decision(False, "the resource policy", "because no resource-based policy allows the action")


def _names(statement: dict[str, Any], caller: Caller, access: Access) -> bool:
    principal = statement.get("Principal")
    named = _many(principal.get("AWS")) if isinstance(principal, dict) else _many(principal)
    wanted = {caller.arn, caller.account, f"arn:aws:iam::{caller.account}:root", "*"}
    resources = _many(statement.get("Resource", "*"))
    return bool(wanted & set(named)) and any(fnmatchcase(access.resource, pattern) for pattern in resources)


def _many(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _resource_policy(access: Access) -> dict[str, Any] | None:
    from moto.iam.models import iam_backends  # noqa: PLC0415
    from moto.s3.models import s3_backends  # noqa: PLC0415

    text: Any = None
    service = access.action.partition(":")[0]
    if service == "s3" and access.resource.startswith("arn:aws:s3:::"):
        bucket = access.resource.removeprefix("arn:aws:s3:::").partition("/")[0]
        found = s3_backends.bucket_accounts.get(bucket)
        text = s3_backends[found[1]]["aws"].buckets[bucket].policy if found else None
    elif service == "kms":
        key = kms.find_key(access.resource)
        text = key.policy if key is not None else None
    elif service == "sts":
        roles = iam_backends[access.account]["aws"].roles.values()
        text = next((role.assume_role_policy_document for role in roles if role.arn == access.resource), None)
    if not text:
        return None
    document: dict[str, Any] = json.loads(text)
    return document
