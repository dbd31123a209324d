"""What STS issues is remembered with everything AWS fixes at that moment: policies, tags, source identity."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime

from localcloud.backend import Response
from localcloud.credentials import Credentials
from localcloud.deployed.identities import plain_tags
from localcloud.identity import Caller, Kind, Session
from localcloud.operation import Operation

ISSUING = frozenset({"AssumeRole", "GetSessionToken", "GetFederationToken"})


def remember(operation: Operation, caller: Caller, response: Response, credentials: Credentials, now: datetime) -> None:
    """Keep the credentials that a successful `response` to an issuing operation holds."""
    if operation.name not in ISSUING or response.status != 200:
        return
    fields = {element.tag.rpartition("}")[2]: element.text or "" for element in ET.fromstring(response.body).iter()}  # noqa: S314 - moto's own answer
    kind, name, arn, account, tags = _principal(operation, caller)
    inherited = caller.session
    transitive = set(operation.params.get("TransitiveTagKeys") or ())
    if inherited is not None and operation.name == "AssumeRole":
        tags.update({key: value for key, value in inherited.tags.items() if key in inherited.transitive_tags})
        transitive |= set(inherited.transitive_tags)
    policy = operation.text("Policy")
    credentials.remember(
        Session(
            access_key=fields["AccessKeyId"],
            secret=fields["SecretAccessKey"],
            token=fields["SessionToken"],
            expires=_time(fields["Expiration"]),
            issued=now,
            account=account,
            arn=arn,
            kind=kind,
            name=name,
            policies=(policy,) if policy else (),
            policy_arns=tuple(str(item["arn"]) for item in operation.params.get("PolicyArns") or () if "arn" in item),
            tags=tags,
            transitive_tags=tuple(sorted(transitive)),
            source_identity=operation.text("SourceIdentity") or (inherited.source_identity if inherited else None),
        )
    )


def _principal(operation: Operation, caller: Caller) -> tuple[Kind, str, str, str, dict[str, str]]:
    asked = {str(tag["Key"]): str(tag.get("Value", "")) for tag in operation.params.get("Tags") or ()}
    if operation.name == "AssumeRole":
        parts = operation.text("RoleArn").split(":", 5)
        name = parts[5].rpartition("/")[2]
        session = operation.text("RoleSessionName")
        return (
            Kind.ROLE,
            name,
            f"arn:aws:sts::{parts[4]}:assumed-role/{name}/{session}",
            parts[4],
            _role_tags(parts[4], name) | asked,
        )
    if operation.name == "GetFederationToken":
        name = operation.text("Name")
        return (
            Kind.FEDERATED,
            caller.name,
            f"arn:aws:sts::{caller.account}:federated-user/{name}",
            caller.account,
            asked,
        )
    return caller.kind, caller.name, caller.arn, caller.account, {}


def _role_tags(account: str, name: str) -> dict[str, str]:
    from moto.iam.models import iam_backends  # noqa: PLC0415

    for role in iam_backends[account]["aws"].roles.values():
        if role.name == name:
            return plain_tags(role.tags)
    return {}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
