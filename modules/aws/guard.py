"""The last look before a stack is written: what carries no owner's tags or is not encrypted fails synthesis.

Attach it to each stack. On the app it would silently do nothing: cdktn's synthesiser starts at the stack.
"""

from __future__ import annotations

import jsii
from cdktn import Annotations, IAspect, TerraformResource
from constructs import IConstruct

REQUIRED_TAGS = frozenset({"tenant", "platform", "layer"})

ENCRYPTED_BY: dict[str, str] = {
    "aws_cloudtrail": "kms_key_id_input",
    "aws_cloudwatch_log_group": "kms_key_id_input",
    "aws_ebs_volume": "kms_key_id_input",
    "aws_ecr_repository": "encryption_configuration_input",
    "aws_secretsmanager_secret": "kms_key_id_input",
    "aws_sns_topic": "kms_master_key_id_input",
    "aws_sqs_queue": "kms_master_key_id_input",
}
"""Terraform type -> the attribute without which it is not encrypted under a key of ours.

Buckets are not here: their encryption is a resource of its own, which `bucket.PrivateBucket` always makes.
"""


@jsii.implements(IAspect)
class Guard:
    """Adds an error to every taggable resource without the three tags, and to every unencrypted store."""

    def visit(self, node: IConstruct) -> None:
        """Called by cdktn once for every construct of the stack."""
        if not isinstance(node, TerraformResource):
            return
        kind = node.terraform_resource_type
        if hasattr(type(node), "tags_input"):
            missing = REQUIRED_TAGS - set(node.tags_input or {})
            if missing:
                Annotations.of(node).add_error(f"{kind}: no tag {', '.join(sorted(missing))}. Pass `site.tags()`")
        attribute = ENCRYPTED_BY.get(kind)
        if attribute is not None and not getattr(node, attribute):
            Annotations.of(node).add_error(
                f"{kind}: not encrypted under a key of ours. Set {attribute.removesuffix('_input')}"
            )
