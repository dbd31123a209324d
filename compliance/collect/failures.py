"""What an error of a call means: denied, throttled, unimplemented, malformed or failed."""

from __future__ import annotations

from botocore import exceptions as aws

from compliance.facts.fact import Status

DENIED_CODES = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AllAccessDisabled",
        "AuthFailure",
        "AuthorizationError",
        "ExpiredToken",
        "ExpiredTokenException",
        "Forbidden",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "NotAuthorized",
        "OptInRequired",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
THROTTLED_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequests",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
UNIMPLEMENTED_CODES = frozenset(
    {
        "InvalidAction",
        "NotImplemented",
        "NotImplementedError",
        "UnknownOperation",
        "UnknownOperationException",
        "UnsupportedOperation",
    }
)
PASSING = frozenset({Status.THROTTLED, Status.FAILED})
"""What may be gone when one asks again."""


def classify(error: Exception) -> tuple[Status, dict[str, str]]:
    """Status, and code and message, of an exception that a boto3 call raised.

    A code that says nothing is judged by the HTTP status: 401 and 403 denied, 429 throttled, 404, 405 and 501 with no
    modelled code unimplemented, everything else failed.
    """
    if isinstance(error, aws.ClientError):
        said = error.response.get("Error", {})
        code, message = str(said.get("Code", "")), str(said.get("Message", ""))
        http = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        return _of_code(code, http), {"code": code or str(http), "message": message[:500]}
    name, message = type(error).__name__, str(error)[:500]
    if isinstance(error, aws.NoCredentialsError | aws.PartialCredentialsError | aws.CredentialRetrievalError):
        return Status.DENIED, {"code": name, "message": message}
    if isinstance(error, aws.ResponseStreamingError | aws.IncompleteReadError) or name == "ResponseParserError":
        return Status.MALFORMED, {"code": name, "message": message}
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError):
        return Status.FAILED, {"code": name, "message": message}
    if isinstance(error, aws.UnknownServiceError | aws.UnknownEndpointError):
        return Status.UNIMPLEMENTED, {"code": name, "message": message}
    return Status.MALFORMED, {"code": name, "message": message}


def _of_code(code: str, http: int) -> Status:
    if code in THROTTLED_CODES or http == 429:
        return Status.THROTTLED
    if code in DENIED_CODES or http in {401, 403}:
        return Status.DENIED
    if code in UNIMPLEMENTED_CODES or http == 501 or (http in {404, 405} and code in {str(http), "", "Not Found"}):
        return Status.UNIMPLEMENTED
    return Status.FAILED
