"""IAM Service Account Credentials API: access tokens of a service account for whoever may act as it."""

from __future__ import annotations

import json
from datetime import timedelta

from localcloud.backend import Response
from localcloud.gcp.access import Access, Caller, Origin
from localcloud.gcp.desk import Desk
from localcloud.gcp.errors import denied, json_response
from localcloud.gcp.inventory import Asset
from localcloud.gcp.tokens import Tokens
from localcloud.gcp.uploads import bad
from localcloud.message import Message

_ACCOUNT = "iam.googleapis.com/ServiceAccount"


def account_of(desk: Desk, named: str) -> Asset | None:
    """The deployed service account of an address or unique id."""
    return next((a for a in desk.inventory.of_type(_ACCOUNT) if named in {a.data["email"], a.data["uniqueId"]}), None)


def generate(message: Message, email: str, caller: Caller, origin: Origin, desk: Desk, tokens: Tokens) -> Response:
    """The answer to `…/serviceAccounts/{email}:generateAccessToken`. Raises `GoogleError`."""
    asset = account_of(desk, email)
    permission = "iam.serviceAccounts.getAccessToken"
    if asset is None or asset.data["disabled"]:
        raise denied(permission, f"//iam.googleapis.com/projects/-/serviceAccounts/{email}")
    desk.require(
        caller, origin, Access(permission, asset.name, "google.iam.credentials.v1.IAMCredentials.GenerateAccessToken")
    )
    try:
        asked = json.loads(message.body or b"{}")
        lifetime = timedelta(seconds=float(str(asked.get("lifetime", "3600s")).removesuffix("s")))
    except (ValueError, AttributeError) as error:
        raise bad(f"the request is not understood: {error}") from error
    if asked.get("delegates") or not asked.get("scope"):
        raise bad("scope is required; delegates are not in the local cloud")
    issued = tokens.issue(Caller("serviceAccount", asset.data["email"]), desk.clock(), lifetime)
    return json_response({"accessToken": issued.token, "expireTime": issued.expires.strftime("%Y-%m-%dT%H:%M:%SZ")})
