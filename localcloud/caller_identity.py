"""`sts:GetCallerIdentity`, answered from the signature that was checked.

moto looks the access key up among those that it issued itself, and calls everyone else `user/moto`.
"""

from __future__ import annotations

import uuid
from xml.sax.saxutils import escape

from localcloud.backend import Response
from localcloud.deployed import identities
from localcloud.identity import Caller, Kind

_ANSWER = """<?xml version="1.0" encoding="UTF-8"?>
<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetCallerIdentityResult>
    <Arn>{arn}</Arn>
    <UserId>{user}</UserId>
    <Account>{account}</Account>
  </GetCallerIdentityResult>
  <ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata>
</GetCallerIdentityResponse>
"""


def answer(caller: Caller) -> Response:
    """Who `caller` is, as STS says it."""
    user = identities.unique_id(caller) or caller.account
    if caller.kind is Kind.ROLE:
        user = f"{user}:{caller.arn.rpartition('/')[2]}"
    body = _ANSWER.format(
        arn=escape(caller.arn), user=escape(user), account=escape(caller.account), request=uuid.uuid4()
    )
    return Response(200, (("content-type", "text/xml"),), body.encode())
