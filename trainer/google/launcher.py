"""Attestation tokens of a Confidential Space machine, asked of its launcher over a UNIX socket.

Google Cloud "Confidential Space: retrieve attestation tokens": `GET /v1/token` gives the token for the default
audience, `POST /v1/token` one for an audience and nonces of one's own.
"""

from __future__ import annotations

import http.client
import json
import secrets
import socket
from pathlib import Path
from typing import Any

from google.auth import exceptions, identity_pool

SOCKET = Path("/run/container_launcher/teeserver.sock")
DEFAULT_AUDIENCE = "https://sts.googleapis.com"
TIMEOUT = 60.0
"""Seconds for one token: the launcher quotes with the vTPM and asks Google's verifier."""
MAX_TOKEN = 256 * 1024


class _Unix(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        """Connects to the launcher."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self._path))


class LauncherTokens(identity_pool.SubjectTokenSupplier):
    """Supplies google-auth with a fresh attestation token for every exchange."""

    def __init__(self, path: Path = SOCKET, audience: str = DEFAULT_AUDIENCE) -> None:
        self._path = path
        self._audience = audience

    def get_subject_token(self, context: Any, request: Any) -> str:  # noqa: ARG002 - google-auth's interface
        """A token with this supplier's audience. Raises google-auth's `RefreshError`, naming the socket."""
        connection = _Unix(self._path)
        try:
            if self._audience == DEFAULT_AUDIENCE:
                connection.request("GET", "/v1/token")
            else:
                nonce = secrets.token_hex(16)
                body = json.dumps({"audience": self._audience, "token_type": "OIDC", "nonces": [nonce]})
                connection.request("POST", "/v1/token", body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            said = reply.read(MAX_TOKEN + 1)
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(f"does not answer: {error}") from error
        finally:
            connection.close()
        if reply.status != http.client.OK or len(said) > MAX_TOKEN:
            words = said[:400].decode(errors="replace")
            raise self._failed(f"gives no token (status {reply.status}): {words}")
        return said.decode("ascii", "replace").strip()

    def _failed(self, what: str) -> Exception:
        refresh_error: Any = exceptions.RefreshError
        failed: Exception = refresh_error(f"the launcher at {self._path} {what}")
        return failed
