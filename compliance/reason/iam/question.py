"""Reads a question from the documented JSON form (`docs/authorize.md`)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.reason.iam.context import parse_context
from compliance.reason.iam.globs import is_arn
from compliance.reason.iam.grants import parse_grants
from compliance.reason.iam.policy import PolicyKind, compile_policy
from compliance.reason.iam.principals import Principal, parse_arn_principal
from compliance.reason.iam.request import Documents, Labelled, Level, Request, build_request
from compliance.reason.iam.s3 import parse_s3
from compliance.reason.iam.shape import refuse_lookalikes

_ELEMENTS: Final = (
    "request", "identityPolicies", "permissionBoundaries", "sessionPolicies", "resourcePolicy",
    "serviceControlPolicies", "resourceControlPolicies", "endpointPolicy", "grants", "s3",
)  # fmt: skip
_ACCOUNT: Final = re.compile(r"|aws|\d{12}")
_FORMS: Final = ("arn", "service", "federated")
_TYPES: Final = {
    "arn": ("aws", "iam", "root", "account", "user", "role", "session", "assumed-role", "assumedrole",
            "federated-user", "federateduser"),
    "service": ("service", "awsservice"),
    "federated": ("federated",),
}  # fmt: skip
"""What a principal's `type` may say beside the element that names it."""


def parse_question(document: Any, place: str = "$") -> tuple[Request, Documents]:
    """A request and its documents, from the JSON form.

    Raises:
        ComplianceError: with the place, when the question or a policy in it is malformed.
    """
    if not isinstance(document, dict):
        raise ComplianceError(place, "expected an object with `request` and the policies that apply")
    refuse_lookalikes(document, _ELEMENTS, place)
    request = parse_request(document.get("request"), f"{place}.request")
    return request, parse_documents(document, request, place)


def parse_documents(document: dict[str, Any], request: Request, place: str = "$") -> Documents:
    """The documents of a question whose request is already read."""
    kind: PolicyKind = "resource"
    if request.on_key:
        kind = "key"
    elif request.on_role_trust:
        kind = "trust"
    elif request.service == "s3":
        kind = "bucket"
    resource = document.get("resourcePolicy")
    endpoint = document.get("endpointPolicy")
    return Documents(
        identity=_policies(document.get("identityPolicies"), "identity", f"{place}.identityPolicies"),
        boundaries=_policies(document.get("permissionBoundaries"), "boundary", f"{place}.permissionBoundaries") or None,
        session=_policies(document.get("sessionPolicies"), "session", f"{place}.sessionPolicies") or None,
        resource=None if resource is None else _policy(resource, kind, f"{place}.resourcePolicy"),
        scps=_levels(document.get("serviceControlPolicies"), "scp", f"{place}.serviceControlPolicies"),
        rcps=_levels(document.get("resourceControlPolicies"), "rcp", f"{place}.resourceControlPolicies"),
        endpoint=None if endpoint is None else _policy(endpoint, "endpoint", f"{place}.endpointPolicy"),
        grants=parse_grants(document.get("grants"), f"{place}.grants"),
        s3=parse_s3(document.get("s3"), f"{place}.s3"),
    )


def parse_request(document: Any, place: str) -> Request:
    """The request of a question."""
    if not isinstance(document, dict):
        raise ComplianceError(place, "expected an object with action, resource, principal and context")
    refuse_lookalikes(document, ("action", "resource", "principal", "context"), place)
    action = document.get("action")
    if not isinstance(action, str) or ":" not in action or "*" in action:
        raise ComplianceError(f"{place}.action", f"{action!r} is not an action such as s3:GetObject")
    principal = parse_principal(document.get("principal"), f"{place}.principal")
    arn, account = _resource(document.get("resource"), principal, f"{place}.resource")
    return build_request(action, arn, account, principal, parse_context(document.get("context"), f"{place}.context"))


def parse_principal(document: Any, place: str) -> Principal:
    """The caller: `{"arn", "account"}`, `{"service"}`, `{"federated"}` or `{"type": "anonymous"}`.

    An AWS principal may also carry `uniqueId` (AIDA…, AROA…) and `canonicalId`.
    """
    if not isinstance(document, dict):
        raise ComplianceError(place, "expected an object; use arn and account, service, federated, or type anonymous")
    given = {name: value for name, value in document.items() if value is not None}
    forms = [name for name in _FORMS if name in given]
    if len(forms) > 1 or not (forms or "type" in given):
        raise ComplianceError(place, "exactly one of arn, service, federated and type says who the caller is")
    for name in (*forms, *(["type"] if "type" in given else [])):
        if not isinstance(given[name], str) or not given[name]:
            raise ComplianceError(f"{place}.{name}", "expected a non-empty string")
    if not forms:
        if given["type"].lower() != "anonymous":
            raise ComplianceError(f"{place}.type", f"unknown principal type {given['type']!r}; known is anonymous")
        return Principal("anonymous")
    form = forms[0]
    if "type" in given and given["type"].lower() not in _TYPES[form]:
        raise ComplianceError(f"{place}.type", f"{given['type']!r} is not what {form} names; leave it out")
    value = given[form]
    if form == "service":
        return Principal("service", value)
    if form == "federated":
        return Principal("federated", value)
    principal = parse_arn_principal(value, f"{place}.arn")
    account = given.get("account", principal.account)
    if account != principal.account:
        raise ComplianceError(f"{place}.account", f"{account!r} is not the account of {value}")
    unique_id, canonical_id = given.get("uniqueId", ""), given.get("canonicalId", "")
    if not isinstance(unique_id, str) or not isinstance(canonical_id, str):
        raise ComplianceError(place, "uniqueId and canonicalId are strings")
    return replace(principal, unique_id=unique_id, canonical_id=canonical_id)


def _resource(document: Any, principal: Principal, place: str) -> tuple[str, str]:
    if not isinstance(document, dict):
        raise ComplianceError(place, "expected an object with arn and account")
    arn, account = document.get("arn"), document.get("account")
    if not isinstance(arn, str) or (arn != "*" and not is_arn(arn)):
        raise ComplianceError(f"{place}.arn", f'{arn!r} is neither an ARN nor "*"')
    if account is not None and not (isinstance(account, str) and _ACCOUNT.fullmatch(account)):
        raise ComplianceError(f"{place}.account", "expected a string of 12 digits")
    if not account:
        account = principal.account if arn == "*" else arn.split(":", 5)[4]
    if not account and principal.in_aws:
        raise ComplianceError(f"{place}.account", f"is needed: {arn} does not say whose it is")
    return arn, account


def _policies(document: Any, kind: PolicyKind, place: str) -> tuple[Labelled, ...]:
    if document is None:
        return ()
    if not isinstance(document, list):
        raise ComplianceError(place, "expected a list of policy documents")
    return tuple(_policy(item, kind, f"{place}[{index}]") for index, item in enumerate(document))


def _policy(document: Any, kind: PolicyKind, place: str) -> Labelled:
    return Labelled(place.removeprefix("$."), compile_policy(document, kind, place))


def _levels(document: Any, kind: PolicyKind, place: str) -> tuple[Level, ...]:
    if document is None:
        return ()
    if not isinstance(document, list):
        raise ComplianceError(place, "expected a list of levels, each with level and policies")
    levels: list[Level] = []
    for index, item in enumerate(document):
        where = f"{place}[{index}]"
        if not isinstance(item, dict) or not isinstance(item.get("policies"), list):
            raise ComplianceError(where, "expected an object with level and policies (a list)")
        refuse_lookalikes(item, ("level", "policies"), where)
        name = item.get("level")
        if not isinstance(name, str | int | None):
            raise ComplianceError(f"{where}.level", "expected a string")
        levels.append(
            Level(str(index if name is None else name), _policies(item["policies"], kind, f"{where}.policies"))
        )
    return tuple(levels)
