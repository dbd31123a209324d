"""The organisation's trail: who did what in every account, data events included, with digests that show tampering."""

from __future__ import annotations

from cdktn import TerraformProvider
from cdktn_provider_aws.cloudtrail import (
    Cloudtrail,
    CloudtrailAdvancedEventSelector,
    CloudtrailAdvancedEventSelectorFieldSelector,
)
from constructs import Construct

from modules.aws.audit import AuditStore
from modules.aws.site import PlatformSite
from tenancy import names


class OrganisationTrail(Construct):
    """The trail, made in the management account (where organisation trails live), written to the audit account."""

    def __init__(
        self, scope: Construct, name: str, site: PlatformSite, store: AuditStore, management: TerraformProvider
    ) -> None:
        super().__init__(scope, name)
        Cloudtrail(
            self,
            "trail",
            provider=management,
            name=names.trail(site.platform.name),
            s3_bucket_name=store.store.bucket.id,
            kms_key_id=store.key.arn,
            is_organization_trail=True,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_logging=True,
            enable_log_file_validation=True,
            advanced_event_selector=[
                # Calls to KMS, data keys among them, are management events.
                CloudtrailAdvancedEventSelector(
                    name="Management events", field_selector=[_equals("eventCategory", "Management")]
                ),
                CloudtrailAdvancedEventSelector(
                    name="Objects",
                    field_selector=[_equals("eventCategory", "Data"), _equals("resources.type", "AWS::S3::Object")],
                ),
            ],
            tags=site.tags(purpose="audit"),
            depends_on=[store.store.policy, store.lock],
        )


def _equals(field: str, value: str) -> CloudtrailAdvancedEventSelectorFieldSelector:
    return CloudtrailAdvancedEventSelectorFieldSelector(field=field, equal_to=[value])
