"""The global condition keys of a request.

Source: IAM User Guide, "AWS global condition context keys"; Amazon S3 API Reference, "Amazon S3 Signature Version 4
authentication specific policy keys".
"""

from __future__ import annotations

from datetime import datetime

from localcloud.access import ContextValue, Endpoint
from localcloud.identity import Caller, Kind
from localcloud.message import Door, Message
from localcloud.sigv4 import AuthType, Signature


def request_context(
    message: Message, signature: Signature | None, caller: Caller, endpoint: Endpoint | None, now: datetime
) -> dict[str, ContextValue]:
    """Condition keys that depend on the request and the caller, not on the resource."""
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    found: dict[str, ContextValue] = {
        "aws:CurrentTime": stamp,
        "aws:EpochTime": str(int(now.timestamp())),
        "aws:SecureTransport": "false" if message.listener.door is Door.INSECURE else "true",
        "aws:ViaAWSService": "false",
        "aws:PrincipalIsAWSService": "false",
    }
    if message.header("user-agent"):
        found["aws:UserAgent"] = message.header("user-agent")
    if message.header("referer"):
        found["aws:Referer"] = message.header("referer")
    if signature is not None:
        found["aws:RequestedRegion"] = signature.region
    if endpoint is None:
        found["aws:SourceIp"] = message.client
    else:
        found["aws:SourceVpc"] = endpoint.vpc
        found["aws:SourceVpce"] = endpoint.id
        found["aws:VpcSourceIp"] = message.client
        found["aws:VpceAccount"] = endpoint.account
    found.update(_caller_context(caller))
    if signature is not None and signature.service == "s3":
        found["s3:authType"] = signature.auth_type.value
        found["s3:signatureversion"] = "AWS4-HMAC-SHA256"
        age = int((now - signature.timestamp).total_seconds() * 1000)
        found["s3:signatureAge"] = str(max(age, 0))
        if signature.auth_type is AuthType.QUERY or message.header("x-amz-content-sha256"):
            found["s3:x-amz-content-sha256"] = signature.payload
    return found


def _caller_context(caller: Caller) -> dict[str, ContextValue]:
    if caller.kind is Kind.ANONYMOUS:
        return {"aws:PrincipalType": "Anonymous"}
    found: dict[str, ContextValue] = {"aws:PrincipalAccount": caller.account, "aws:PrincipalType": _TYPES[caller.kind]}
    session = caller.session
    if session is not None:
        found["aws:TokenIssueTime"] = session.issued.strftime("%Y-%m-%dT%H:%M:%SZ")
        found["aws:MultiFactorAuthPresent"] = str(session.mfa).lower()
        found.update({f"aws:PrincipalTag/{key}": value for key, value in session.tags.items()})
        if session.source_identity:
            found["aws:SourceIdentity"] = session.source_identity
    return found


_TYPES = {Kind.USER: "User", Kind.ROLE: "AssumedRole", Kind.FEDERATED: "FederatedUser", Kind.ROOT: "Account"}
