"""The audit project's documents: who writes evidence, who reads it, and that nobody deletes it."""

from __future__ import annotations

from collections.abc import Sequence

from modules.policy.gcp_iam import BOTH_WAYS, READ_OBJECTS, policy
from modules.policy.gcp_scope import Document, service_account

KEY = "audit"
EVERY_AUDIT_LOG = (
    'log_id("cloudaudit.googleapis.com/activity") OR log_id("cloudaudit.googleapis.com/data_access")'
    + "".join(
        f' OR log_id("cloudaudit.googleapis.com/{kind}")' for kind in ("policy", "system_event", "access_transparency")
    )
)
"""Administration, reads and writes of data, what the perimeter refused, and what Google's own people did."""


def ring(platform: str) -> str:
    """The key ring in the audit project."""
    return f"{platform}-audit"


def key_name(project: str, region: str, platform: str) -> str:
    """The resource name of the audit project's key."""
    return f"projects/{project}/locations/{region}/keyRings/{ring(platform)}/cryptoKeys/{KEY}"


def audit_key_policy(project_number: str) -> Document:
    """The services that store evidence use the key; nobody else does."""
    agents = ("gs-project-accounts", "gcp-sa-logging")
    members = [service_account(f"service-{project_number}@{agent}.iam.gserviceaccount.com") for agent in agents]
    return policy([(BOTH_WAYS, members)])


def audit_bucket_policy(writers: Sequence[str], collector: str) -> Document:
    """The sinks add objects, the scan reads them. No one has a role that deletes or changes one."""
    return policy([("roles/storage.objectCreator", writers), (READ_OBJECTS, [service_account(collector)])])
