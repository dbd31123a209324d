"""How large a policy document may be, from the service quotas of IAM, Organizations, KMS, S3 and VPC."""

from __future__ import annotations

import json
from typing import Literal

from modules.policy.scope import Document

Kind = Literal["scp", "rcp", "endpoint", "key", "bucket", "role", "boundary", "trust"]

LIMIT: dict[Kind, int] = {
    "scp": 5_120,  # Organizations quotas: characters of a service control policy
    "rcp": 5_120,
    "endpoint": 20_480,  # VPC quotas: characters, white space included
    "key": 32_768,  # KMS quotas: 32 KB
    "bucket": 20_480,  # S3: 20 KB
    "role": 10_240,  # IAM quotas: inline policies of a role, white space not counted
    "boundary": 6_144,  # IAM quotas: a managed policy, white space not counted
    "trust": 2_048,
}


class PolicyTooLargeError(ValueError):
    """A document is over its quota. The message names the document, its size and the quota."""


def rendered(kind: Kind, name: str, document: Document) -> str:
    """`document` as the shortest JSON text. Raises `PolicyTooLargeError` where AWS would refuse it."""
    text = json.dumps(document, separators=(",", ":"))
    if len(text.encode()) > LIMIT[kind]:
        msg = (
            f"{name}: the {kind} policy has {len(text.encode())} characters, AWS takes {LIMIT[kind]}. "
            "Make it parametric, or split it into two documents"
        )
        raise PolicyTooLargeError(msg)
    return text
