"""Which machine this is, from the instance metadata service (EC2 user guide, "Use IMDSv2")."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from trainer.attest.http import ask
from trainer.errors import Reason, TrainerError

DEFAULT_ENDPOINT = "http://169.254.169.254/"
_MACHINE = re.compile(r"i-[0-9a-f]{8,17}")
_TYPE = re.compile(r"[a-z0-9][a-z0-9-]*\.[a-z0-9-]+")


def machine_id(environment: Mapping[str, str]) -> str:
    """The machine's id, `i-…`, from its instance identity document.

    Raises:
        TrainerError: no metadata service answers at AWS_EC2_METADATA_SERVICE_ENDPOINT, or with something else.
    """
    return _identity(environment, "instanceId", _MACHINE)


def machine_type(environment: Mapping[str, str]) -> str:
    """The machine's instance type, from the same document. Raises like `machine_id`."""
    return _identity(environment, "instanceType", _TYPE)


def _identity(environment: Mapping[str, str], field: str, pattern: re.Pattern[str]) -> str:
    base = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", DEFAULT_ENDPOINT).rstrip("/")
    status, token = ask("PUT", f"{base}/latest/api/token", {"x-aws-ec2-metadata-token-ttl-seconds": "60"}, b"")
    if status != 200:
        raise TrainerError(Reason.ATTESTATION, f"{base}: no session token for instance metadata (status {status})")
    headers = {"x-aws-ec2-metadata-token": token.decode("ascii", "replace").strip()}
    status, body = ask("GET", f"{base}/latest/dynamic/instance-identity/document", headers)
    try:
        found = json.loads(body)[field] if status == 200 else None
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, str) or not pattern.fullmatch(found):
        raise TrainerError(Reason.ATTESTATION, f"{base}: no {field} in an instance identity document (status {status})")
    return found
