"""The moto server that all scanners read: moto's own, but what it does not implement is answered as an error of AWS.

`python -m benchmarks.scanners.server PORT`. Moto alone answers such calls with a page of HTML and status 500, which no
scanner can tell from a failure.
"""

from __future__ import annotations

import sys
from typing import Any

NOT_IMPLEMENTED = 501


def _app(service: Any) -> Any:
    from moto.moto_server.werkzeug_app import create_backend_app  # noqa: PLC0415 - imports botocore's every model

    app = create_backend_app(service)
    app.register_error_handler(NotImplementedError, _answer)
    return app


def _answer(_error: NotImplementedError) -> tuple[str, int, dict[str, str]]:
    text = "<Error><Code>NotImplemented</Code><Message>moto does not implement this</Message></Error>"
    body = f"<Response><Errors>{text}</Errors><RequestID>0</RequestID></Response>"
    return body, NOT_IMPLEMENTED, {"Content-Type": "text/xml"}


def main() -> None:
    """Serves on loopback until it is terminated."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication  # noqa: PLC0415
    from werkzeug.serving import WSGIRequestHandler, run_simple  # noqa: PLC0415

    class Lasting(WSGIRequestHandler):
        """Serves many requests over a connection, each answer in one piece, as AWS does."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

    app = DomainDispatcherApplication(_app)
    run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=True, request_handler=Lasting)


if __name__ == "__main__":
    main()
