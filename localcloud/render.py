"""A refusal in the shape of the request's protocol.

Sources: Amazon S3 API Reference "Error responses"; AWS Query protocol and EC2 Query protocol, AWS JSON 1.0/1.1 and
REST protocols in the Smithy specification; the "Common errors" page of each service for the codes.
"""

from __future__ import annotations

import json
import secrets
import uuid
from xml.sax.saxutils import escape

from localcloud.backend import Response
from localcloud.errors import ApiError

# The same refusal has another code in each family of protocols; what is not listed keeps its code.
_CODES: dict[str, dict[str, str]] = {
    "MissingAuthenticationToken": {
        "json": "MissingAuthenticationTokenException",
        "rest-json": "MissingAuthenticationTokenException",
        "s3": "AccessDenied",
    },
    "InvalidClientTokenId": {
        "json": "UnrecognizedClientException",
        "rest-json": "UnrecognizedClientException",
        "ec2": "AuthFailure",
        "s3": "InvalidAccessKeyId",
    },
    "SignatureDoesNotMatch": {
        "json": "InvalidSignatureException",
        "rest-json": "InvalidSignatureException",
        "ec2": "AuthFailure",
    },
    "ExpiredToken": {"json": "ExpiredTokenException", "rest-json": "ExpiredTokenException", "ec2": "RequestExpired"},
    "IncompleteSignature": {
        "json": "IncompleteSignatureException",
        "rest-json": "IncompleteSignatureException",
        "s3": "AuthorizationHeaderMalformed",
    },
    "AccessDenied": {
        "json": "AccessDeniedException",
        "rest-json": "AccessDeniedException",
        "ec2": "UnauthorizedOperation",
    },
}


def protocol_family(protocol: str, model: str) -> str:
    """`s3`, `ec2`, `query`, `rest-xml`, `json` or `rest-json`."""
    return "s3" if model in {"s3", "s3control"} else protocol


def render(error: ApiError, family: str, method: str = "POST", resource: str = "") -> Response:
    """The response that AWS would send for `error` to a client that speaks `family`."""
    code = _CODES.get(error.code, {}).get(family, error.code)
    request_id = str(uuid.uuid4())
    if family in {"json", "rest-json"}:
        body = json.dumps({"__type": code, "message": error.message, "Message": error.message})
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "x-amzn-errortype": code,
            "x-amzn-requestid": request_id,
        }
        # JSON services answer a failed authorisation with 400.
        status = 400 if error.status == 403 and family == "json" else error.status
        return _response(status, headers, body, method)
    text = escape(error.message)
    if family == "s3":
        host_id = secrets.token_urlsafe(24)
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{text}</Message>'
            f"<Resource>{escape(resource)}</Resource><RequestId>{request_id}</RequestId><HostId>{host_id}</HostId></Error>"
        )
        headers = {"content-type": "application/xml", "x-amz-request-id": request_id, "x-amz-id-2": host_id}
        return _response(error.status, headers, body, method)
    if family == "ec2":
        body = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error><Code>{code}</Code>'
            f"<Message>{text}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>"
        )
    else:
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return _response(error.status, {"content-type": "text/xml", "x-amzn-requestid": request_id}, body, method)


def _response(status: int, headers: dict[str, str], body: str, method: str) -> Response:
    data = b"" if method == "HEAD" else body.encode()
    return Response(status, tuple(headers.items()), data)
