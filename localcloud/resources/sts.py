"""AWS STS: role trust and the tags of a session.

Source: Service Authorization Reference, "Actions, resources, and condition keys for AWS Security Token Service".
"""

from __future__ import annotations

from localcloud.access import Access, ContextValue
from localcloud.identity import Caller
from localcloud.operation import Operation

# Operations that any caller with valid credentials may use: AWS checks no permission.
FREE = frozenset({"GetCallerIdentity", "GetSessionToken", "GetAccessKeyInfo"})


def accesses(operation: Operation, caller: Caller, _region: str) -> tuple[Access, ...]:
    """The accesses of an STS operation; none for those that need no permission."""
    name = operation.name
    if name in FREE:
        return ()
    if name not in {"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"}:
        resource = "*"
        if name == "GetFederationToken":
            resource = f"arn:aws:sts::{caller.account}:federated-user/{operation.text('Name')}"
        return (Access(f"sts:{name}", resource, caller.account, _tags(operation)),)
    arn = operation.text("RoleArn")
    parts = arn.split(":")
    account = parts[4] if len(parts) > 5 else caller.account
    context: dict[str, ContextValue] = dict(_tags(operation))
    for parameter, key in (
        ("ExternalId", "sts:ExternalId"),
        ("RoleSessionName", "sts:RoleSessionName"),
        ("SourceIdentity", "sts:SourceIdentity"),
    ):
        if operation.text(parameter):
            context[key] = operation.text(parameter)
    transitive = operation.params.get("TransitiveTagKeys")
    if transitive:
        context["sts:TransitiveTagKeys"] = tuple(str(key) for key in transitive)
    found = [Access(f"sts:{name}", arn, account, context)]
    if operation.params.get("Tags"):
        found.append(Access("sts:TagSession", arn, account, context))
    if operation.text("SourceIdentity"):
        found.append(Access("sts:SetSourceIdentity", arn, account, context))
    return tuple(found)


def _tags(operation: Operation) -> dict[str, ContextValue]:
    tags = operation.params.get("Tags") or ()
    found: dict[str, ContextValue] = {f"aws:RequestTag/{tag['Key']}": str(tag.get("Value", "")) for tag in tags}
    if found:
        found["aws:TagKeys"] = tuple(str(tag["Key"]) for tag in tags)
    return found
