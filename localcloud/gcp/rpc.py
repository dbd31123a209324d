"""gRPC servers with TLS: one for the internet, one for each tenant's network, on one set of methods.

The certificate's authority is this local cloud's own; a client trusts it through GRPC_DEFAULT_SSL_ROOTS_FILE_PATH, so
that Google's library is used as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import grpc

from localcloud.gcp.access import Origin
from localcloud.gcp.errors import Code, GoogleError
from localcloud.gcp.kms import Call, Method
from localcloud.gcp.tokens import Tokens

_log = logging.getLogger("localcloud.gcp.rpc")
_STATUS = {code: getattr(grpc.StatusCode, code.value) for code in Code}


class RpcServer:
    """One listening gRPC server whose calls come from `origin`."""

    def __init__(
        self,
        methods: Mapping[str, tuple[Method, Any, Any]],
        tokens: Tokens,
        origin: Origin,
        certificate: tuple[bytes, bytes],
        pool: ThreadPoolExecutor,
    ) -> None:
        """`certificate` is private key and certificate chain, both PEM."""
        self._tokens = tokens
        self._origin = origin
        self._server = grpc.server(pool, options=(("grpc.so_reuseport", 0),))
        services: dict[str, dict[str, Any]] = {}
        for path, (method, request, answer) in methods.items():
            service, _, name = path.rpartition("/")
            services.setdefault(service, {})[name] = self._handler(method, request, answer)
        for service, handlers in services.items():
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        self._credentials = grpc.ssl_server_credentials([certificate])

    def start(self, port: int) -> int:
        """Listens on a port of loopback, or on any free one; the port."""
        chosen = 0
        try:
            chosen = self._server.add_secure_port(f"127.0.0.1:{port}", self._credentials)
        except RuntimeError:
            # The remembered port is taken by something else now.
            chosen = self._server.add_secure_port("127.0.0.1:0", self._credentials)
        self._server.start()
        return int(chosen)

    def stop(self) -> None:
        """Stops at once and waits until it has."""
        self._server.stop(0).wait()

    def _handler(self, method: Method, request: Any, answer: Any) -> Any:
        plus = hasattr(request, "deserialize")

        def serve(message: Any, context: grpc.ServicerContext) -> Any:
            metadata = dict(context.invocation_metadata() or ())
            try:
                caller = self._tokens.caller(str(metadata.get("authorization", "")), datetime.now(UTC))
                return method(Call(caller, self._origin), message)
            except GoogleError as error:
                context.abort(_STATUS[error.code], error.message)

        return grpc.unary_unary_rpc_method_handler(
            serve,
            request_deserializer=request.deserialize if plus else request.FromString,
            response_serializer=answer.serialize if plus else answer.SerializeToString,
        )
