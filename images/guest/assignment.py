"""What the host asks of a node, in one JSON line, and what of it the trainer's agent gets to see."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_MACHINE = re.compile(r"i-[0-9a-f]{8,17}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_ADDRESS = re.compile(r"https?://[0-9a-z.-]+(:\d+)?", re.ASCII)
FIELDS = ("nonce", "job", "endpoint", "machine", "region")


class AssignmentError(Exception):
    """The host's line is not an assignment; the message names the field."""


@dataclass(frozen=True)
class Assignment:
    """A node's one task.

    Args:
        nonce: what its evidence is made over.
        job: the job document as JSON text, measured as it stands; empty for none.
        endpoint: `http://host:port` where the tenant's cloud answers; empty when there is nothing to train.
        machine: the machine's id, `i-…`, under which its attestation key is registered.
        region: the cloud's region.
    """

    nonce: bytes
    job: str = ""
    endpoint: str = ""
    machine: str = ""
    region: str = ""

    def address(self) -> tuple[str, int]:
        """Host and port of the endpoint."""
        parts = urlsplit(self.endpoint)
        return str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)

    def environment(self) -> dict[str, str]:
        """The trainer's agent's settings: where the cloud is, how this machine attests. No credential among them."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{self.endpoint}/_bulkhead/machines/{self.machine}/",
            "AWS_METADATA_SERVICE_TIMEOUT": "30",
            "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "3",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "BULKHEAD_ATTESTATION": f"hosted:{self.endpoint}",
        }

    def line(self) -> bytes:
        """As the host sends it."""
        fields = {name: getattr(self, name) for name in FIELDS if name != "nonce" and getattr(self, name)}
        return json.dumps({"nonce": self.nonce.hex(), **fields}).encode() + b"\n"


def read_assignment(line: bytes) -> Assignment:
    """The assignment in a line.

    Raises:
        AssignmentError: it is not JSON, has an unknown field, or one that is not as it must be.
    """
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise AssignmentError(f"the host's line is not JSON: {error}") from error
    if not isinstance(document, dict) or not set(document) <= set(FIELDS):
        raise AssignmentError(f"the host's line must be an object with some of {', '.join(FIELDS)}")
    if not all(isinstance(value, str) for value in document.values()):
        raise AssignmentError("every field of an assignment is text")
    try:
        nonce = bytes.fromhex(document.pop("nonce", ""))
    except ValueError as error:
        raise AssignmentError(f"nonce: {error}") from error
    if not 8 <= len(nonce) <= 64:
        raise AssignmentError(f"nonce: {len(nonce)} bytes, expected 8 to 64")
    given = Assignment(nonce, **document)
    if given.endpoint:
        forms = (("endpoint", _ADDRESS), ("machine", _MACHINE), ("region", _REGION))
        wrong = [name for name, form in forms if not form.fullmatch(getattr(given, name))]
        if wrong or not given.job:
            raise AssignmentError(f"work needs a job, an endpoint, a machine and a region: {wrong or ['job']}")
        try:
            given.address()
        except ValueError as error:
            raise AssignmentError(f"endpoint: {error}") from error
    return given
