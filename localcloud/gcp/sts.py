"""Security Token Service: a workload identity provider's token against an access token of the federated identity.

RFC 8693; Security Token Service API v1 `token`; IAM "Configure workload identity federation with OIDC".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from attestation.errors import AttestationError
from attestation.kinds import gcp_token
from attestation.result import Claims
from localcloud.backend import Response
from localcloud.gcp.access import Caller
from localcloud.gcp.conditions import mapped, meets
from localcloud.gcp.desk import Desk
from localcloud.gcp.errors import Code, GoogleError, json_response
from localcloud.gcp.inventory import Asset
from localcloud.gcp.issuer import Issuer
from localcloud.gcp.tokens import Tokens
from localcloud.message import Message

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a type of token
_OIDC = frozenset({"urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:id_token"})
_AUDIENCE = re.compile(
    r"//iam\.googleapis\.com/(?P<provider>(?P<pool>projects/[0-9]+/locations/global/workloadIdentityPools/[^/]+)"
    r"/providers/[^/]+)"
)


def exchange(message: Message, desk: Desk, tokens: Tokens, issuer: Issuer) -> Response:
    """The answer to `POST /v1/token`. Raises `GoogleError` with OAuth's error code as its reason."""
    asked = _form(message)
    if asked.get("grant_type") != EXCHANGE:
        raise _invalid("grant_type must be the token exchange grant", "unsupported_grant_type")
    if asked.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise _invalid("requested_token_type must be an access token", "invalid_request")
    found = _AUDIENCE.fullmatch(asked.get("audience", ""))
    if found is None:
        raise _invalid(f'Invalid value for "audience": {asked.get("audience", "")!r}', "invalid_request")
    provider = _provider(desk, found["provider"])
    now = desk.clock()
    subject = _verified(asked, provider, issuer, desk)
    if not meets(str(provider.data.get("attributeCondition") or ""), subject.values):
        raise GoogleError(
            Code.INVALID_ARGUMENT,
            "The given credential is rejected by the attribute condition.",
            reason="unauthorized_client",
        )
    name, attributes = mapped(provider.data["attributeMapping"], subject.values)
    principal = f"principal://iam.googleapis.com/{found['pool']}/subject/{name}"
    caller = Caller("federated", principal, pool=found["pool"], subject=name, attributes=attributes)
    issued = tokens.issue(caller, now)
    return json_response(
        {
            "access_token": issued.token,
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": int((issued.expires - now).total_seconds()),
        }
    )


def _form(message: Message) -> dict[str, str]:
    try:
        if "json" in message.header("content-type"):
            document = json.loads(message.body)
            return {_snake(key): str(value) for key, value in document.items()}
        return dict(parse_qsl(message.body.decode("ascii"), strict_parsing=True, max_num_fields=32))
    except (ValueError, AttributeError) as error:
        raise _invalid(f"the request is neither a form nor JSON: {error}", "invalid_request") from error


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), name)


def _provider(desk: Desk, name: str) -> Asset:
    asset = desk.inventory.assets.get(f"//iam.googleapis.com/{name}")
    pool = desk.inventory.assets.get(asset.parent) if asset else None
    if asset is None or asset.data["disabled"] or (pool is not None and pool.data.get("disabled")):
        raise _invalid(
            'Invalid value for "audience". The pool or provider is disabled or does not exist', "invalid_target"
        )
    return asset


def _verified(asked: Mapping[str, str], provider: Asset, issuer: Issuer, desk: Desk) -> Claims:
    """The claims of the subject token once its signature, issuer, times and audience hold for this provider."""
    oidc = provider.data.get("oidc")
    if oidc is None or asked.get("subject_token_type") not in _OIDC:
        raise _invalid(
            f"subject_token_type {asked.get('subject_token_type')!r} does not fit the provider {provider.data['name']}",
            "invalid_request",
        )
    if oidc.get("issuerUri") != gcp_token.GOOGLE_ISSUER:
        raise _invalid(f"the keys of issuer {oidc.get('issuerUri')} cannot be had here", "invalid_grant")
    try:
        claims = gcp_token.verify(asked.get("subject_token", "").encode(), now=desk.clock(), keys=issuer.jwks)
    except AttestationError as error:
        raise _invalid(f"The subject token is not acceptable: {error}", "invalid_grant") from error
    wrong = [check for check in claims.checks if check.ok is False]
    if wrong or not claims.anchored:
        said = (
            "; ".join(f"{check.name}: {check.detail or check.actual}" for check in wrong) or "no trusted key signed it"
        )
        raise _invalid(f"The subject token is not acceptable: {said}", "invalid_grant")
    allowed = list(oidc.get("allowedAudiences") or [f"https://iam.googleapis.com/{provider.data['name']}"])
    given: Any = claims.values.get("aud")
    if not {given} & set(allowed) if isinstance(given, str) else not set(given or []) & set(allowed):
        raise _invalid(
            f"The audience in ID Token {given!r} does not match the expected audience {allowed}", "invalid_grant"
        )
    return claims


def _invalid(message: str, reason: str) -> GoogleError:
    return GoogleError(Code.INVALID_ARGUMENT, message, reason=reason)
