"""The moto server that all scanners read: moto's own, but what it does not implement is answered as an error of AWS.

`python -m benchmarks.scanners.server PORT`. Moto alone answers such calls with a page of HTML and status 500, which no
scanner can tell from a failure. And moto's own server ends every connection after one answer, which AWS does not: a
quarter of a scan would go into connecting.
"""

from __future__ import annotations

import sys
from typing import Any

NOT_IMPLEMENTED = 501
THREADS = 2
"""Answers made at a time: Python makes one after the other anyway."""


def _app(service: Any) -> Any:
    from moto.moto_server.werkzeug_app import create_backend_app  # noqa: PLC0415 - imports botocore's every model

    app = create_backend_app(service)
    app.register_error_handler(NotImplementedError, _answer)
    return app


def _answer(_error: NotImplementedError) -> tuple[str, int, dict[str, str]]:
    text = "<Error><Code>NotImplemented</Code><Message>moto does not implement this</Message></Error>"
    body = f"<Response><Errors>{text}</Errors><RequestID>0</RequestID></Response>"
    return body, NOT_IMPLEMENTED, {"Content-Type": "text/xml"}


def application() -> Any:
    """The services of moto behind one door, as a WSGI application."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication  # noqa: PLC0415

    return DomainDispatcherApplication(_app)


def main() -> None:
    """Serves on loopback until it is terminated."""
    from granian import Granian  # noqa: PLC0415
    from granian.constants import Interfaces  # noqa: PLC0415

    Granian(
        f"{__spec__.name}:{application.__name__}",
        factory=True,
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.WSGI,
        workers=1,  # moto keeps the cloud in one process's memory
        blocking_threads=THREADS,
        log_enabled=False,
    ).serve()


if __name__ == "__main__":
    main()
