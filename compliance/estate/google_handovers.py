"""What is configured to leave for another project, or to act for one, without any further request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compliance.estate.google_owners import GoogleOwners
from compliance.estate.model import PLATFORM, Handover, Path
from compliance.reason.gcp.members import project_of_email


def handovers_of(
    name: str,
    kind: str,
    data: Mapping[str, Any],
    ancestors: tuple[str, ...],
    whose: GoogleOwners,
    buckets: Mapping[str, str],
) -> Iterator[Handover]:
    """What an asset hands over. `buckets` are owners by name of a bucket."""
    project = next((node for node in ancestors if node.startswith("projects/")), "")
    owner = whose.of_project(project) or PLATFORM

    def handed(
        what: str, path: Path, target: str, target_owner: str, detail: str, of: str = owner
    ) -> Iterator[Handover]:
        if target and target_owner not in (of, PLATFORM):
            yield Handover(what, path, name, project, of, target, target_owner, detail)

    if kind.endswith("/LogSink") and not data.get("disabled"):
        destination = str(data.get("destination", ""))
        to = _destination(destination, whose, buckets)
        for victim in _covered(ancestors, owner, data, whose):
            yield from handed("log sink", "log", destination, to, f"writes to {destination}", victim)
    elif kind == "storage.googleapis.com/Bucket":
        log_bucket = str((data.get("logging") or {}).get("logBucket", ""))
        yield from handed("usage log", "log", log_bucket, buckets.get(log_bucket, ""), "of who reads what")
    elif kind == "pubsub.googleapis.com/Subscription":
        topic = str(data.get("topic", ""))
        source = whose.of_project(topic.split("/")[1]) if topic.count("/") >= 3 else owner
        if source not in ("", owner, PLATFORM):
            yield Handover("subscription", "data", topic, project, source, name, owner, f"{name} reads {topic}")
    elif kind == "compute.googleapis.com/Instance":
        for account in data.get("serviceAccounts") or ():
            email = str(account.get("email", ""))
            holder = whose.of_project(project_of_email(email))
            if holder not in ("", owner, PLATFORM):
                yield Handover(
                    "attached service account", "role", email, project, holder, name, owner, f"{name} runs as {email}"
                )
    elif kind.endswith("/Feed"):
        topic = str(((data.get("feedOutputConfig") or {}).get("pubsubDestination") or {}).get("topic", ""))
        to = whose.of_project(topic.split("/")[1]) if topic.count("/") >= 3 else ""
        yield from handed("asset feed", "role", topic, to, "changes of policies and resources")


def _destination(text: str, whose: GoogleOwners, buckets: Mapping[str, str]) -> str:
    service, _, rest = text.partition("/")
    if service == "storage.googleapis.com":
        return buckets.get(rest.rsplit("/", 1)[-1], "")
    parts = rest.split("/")
    return whose.of_project(parts[1]) if len(parts) > 1 and parts[0] == "projects" else ""


def _covered(ancestors: tuple[str, ...], owner: str, data: Mapping[str, Any], whose: GoogleOwners) -> list[str]:
    """Whose logs a sink takes: its project's, or, above projects, every tenant's if it includes children."""
    if any(node.startswith("projects/") for node in ancestors):
        return [owner]
    return sorted(set(whose.projects.values()) - {PLATFORM}) if data.get("includeChildren") else []
