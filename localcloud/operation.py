"""Which operation of a service a request asks for, and with which parameters.

botocore's service models decide, so a request means here what it means to AWS's own clients. A request that could be
read in two ways (an operation named twice, or both as a header and as a parameter) is refused: the backend might take
the reading that was not authorised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from localcloud.errors import ApiError
from localcloud.message import Message
from localcloud.services import Service


@dataclass(frozen=True)
class Operation:
    """One operation with its parameters, as botocore's model names them."""

    service: Service
    name: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A string parameter, or the empty string."""
        value = self.params.get(name)
        return value if isinstance(value, str) else ""


def resolve(service: Service, message: Message, environ: dict[str, Any]) -> Operation:
    """The operation that `message` asks of `service` (not for S3: see `s3_operation`).

    Raises:
        ApiError: no operation, an unknown one, an ambiguous one, or parameters that cannot be read.
    """
    from botocore.model import OperationNotFoundError  # noqa: PLC0415
    from moto.core.model import OperationModel  # noqa: PLC0415
    from moto.core.parse import PROTOCOL_PARSERS, RequestParserError  # noqa: PLC0415
    from moto.core.request import Request, determine_request_protocol  # noqa: PLC0415
    from moto.core.routing import get_service_router  # noqa: PLC0415
    from moto.core.utils import get_service_model  # noqa: PLC0415
    from werkzeug.exceptions import HTTPException  # noqa: PLC0415

    _refuse_ambiguity(service, message)
    request = Request(environ)
    uri_params: dict[str, Any] = {}
    unknown = ApiError("InvalidAction", f"The request names no operation of {service.signing_name}", 400)
    try:
        model = get_service_model(service.model)
        protocol = determine_request_protocol(model, request.content_type)
        if protocol == "json":
            # Clients send longer prefixes than the model has; the backend, too, reads the last part only.
            operation = model.operation_model(message.header("x-amz-target").rpartition(".")[2])
        else:
            operation, uri_params = get_service_router(service.model).match(request)
    except (HTTPException, OperationNotFoundError, NotImplementedError, ValueError, KeyError) as error:
        raise unknown from error
    if not isinstance(operation, OperationModel):
        raise unknown
    try:
        params = PROTOCOL_PARSERS[protocol](operation).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.data,
                "url_path": request.path,
                "url_params": uri_params,
            }
        )
    except (RequestParserError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ApiError("SerializationException", f"The parameters of {operation.name} cannot be read", 400) from error
    return Operation(service, operation.name, params or {})


def _refuse_ambiguity(service: Service, message: Message) -> None:
    form: list[tuple[str, str]] = []
    if "x-www-form-urlencoded" in message.header("content-type"):
        form = parse_qsl(message.body.decode("utf-8", "replace"), keep_blank_values=True)
    in_query = [name for name, _ in message.query_pairs]
    in_form = [name for name, _ in form]
    asked = (in_query + in_form).count("Action")
    targets = sum(name == "x-amz-target" for name, _ in message.headers)
    if asked > 1 or targets > 1 or (asked and targets):
        raise ApiError("InvalidAction", "The request names its operation more than once", 400)
    if service.protocol in {"query", "ec2"} and form and in_query and asked:
        repeated = set(in_query) & set(in_form)
        if repeated:
            raise ApiError("InvalidParameterCombination", f"{sorted(repeated)[0]} is given twice", 400)
    if service.protocol == "json" and not targets:
        raise ApiError("UnknownOperationException", "The request has no X-Amz-Target", 400)
