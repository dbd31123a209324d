"""The last look before a stack is written: what carries no owner's labels or is not encrypted fails synthesis.

Attach it to each stack. On the app it would silently do nothing: cdktn's synthesiser starts at the stack.
"""

from __future__ import annotations

import jsii
from cdktn import Annotations, IAspect, TerraformResource
from constructs import IConstruct

REQUIRED_LABELS = frozenset({"tenant", "platform", "layer"})

UNLABELLED = frozenset({"google_monitoring_notification_channel"})
"""Types whose `labels` mean something else than ownership."""

ENCRYPTED_BY: dict[str, str] = {
    "google_artifact_registry_repository": "kms_key_name_input",
    "google_bigquery_dataset": "default_encryption_configuration_input",
    "google_compute_disk": "disk_encryption_key_input",
    "google_compute_image": "image_encryption_key_input",
    "google_compute_snapshot": "snapshot_encryption_key_input",
    "google_logging_project_bucket_config": "cmek_settings_input",
    "google_pubsub_topic": "kms_key_name_input",
    "google_storage_bucket": "encryption_input",
}
"""Terraform type -> the attribute without which it is not encrypted under a key of ours."""


@jsii.implements(IAspect)
class Guard:
    """Adds an error to every resource without the three labels, to every unencrypted store, and to basic roles."""

    def visit(self, node: IConstruct) -> None:
        """Called by cdktn once for every construct of the stack."""
        if not isinstance(node, TerraformResource):
            return
        kind = node.terraform_resource_type
        if hasattr(type(node), "labels_input") and kind not in UNLABELLED:
            missing = REQUIRED_LABELS - set(node.labels_input or {})
            if missing:
                Annotations.of(node).add_error(f"{kind}: no label {', '.join(sorted(missing))}. Pass `site.labels()`")
        attribute = ENCRYPTED_BY.get(kind)
        if attribute is not None and not getattr(node, attribute):
            Annotations.of(node).add_error(
                f"{kind}: not encrypted under a key of ours. Set {attribute.removesuffix('_input')}"
            )
        role = getattr(node, "role_input", None)
        if role in {"roles/owner", "roles/editor", "roles/viewer"}:
            Annotations.of(node).add_error(f"{kind}: {role} is a basic role. Grant what is needed and no more")
