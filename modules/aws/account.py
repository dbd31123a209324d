"""What is switched off, or on, for a tenant's whole account, so that no single resource can forget it."""

from __future__ import annotations

from cdktn_provider_aws.ebs_default_kms_key import EbsDefaultKmsKey
from cdktn_provider_aws.ebs_encryption_by_default import EbsEncryptionByDefault
from cdktn_provider_aws.ebs_snapshot_block_public_access import EbsSnapshotBlockPublicAccess
from cdktn_provider_aws.ec2_allowed_images_settings import (
    Ec2AllowedImagesSettings,
    Ec2AllowedImagesSettingsImageCriterion,
)
from cdktn_provider_aws.ec2_image_block_public_access import Ec2ImageBlockPublicAccess
from cdktn_provider_aws.ec2_instance_metadata_defaults import Ec2InstanceMetadataDefaults
from cdktn_provider_aws.ec2_serial_console_access import Ec2SerialConsoleAccess
from cdktn_provider_aws.s3_account_public_access_block import S3AccountPublicAccessBlock
from constructs import Construct

from modules.aws.detector import Analyzer, Detector
from modules.aws.site import Site


class AccountGuards(Construct):
    """Account-wide settings of the tenant's account and region."""

    def __init__(self, scope: Construct, name: str, site: Site, disk_key_arn: str) -> None:
        super().__init__(scope, name)
        self._disks(site, disk_key_arn)
        self._machines(site)
        Detector(self, "detector", site.tags())
        if site.offers("aws_accessanalyzer_analyzer"):
            Analyzer(self, "analyzer", site.tags())
        S3AccountPublicAccessBlock(
            self,
            "no-public-buckets",
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
        )

    def _disks(self, site: Site, disk_key_arn: str) -> None:
        EbsEncryptionByDefault(self, "disks-encrypted", enabled=True)
        if site.offers("aws_ebs_default_kms_key"):
            EbsDefaultKmsKey(self, "disk-key", key_arn=disk_key_arn)
        if site.offers("aws_ebs_snapshot_block_public_access"):
            EbsSnapshotBlockPublicAccess(self, "no-public-snapshots", state="block-all-sharing")

    def _machines(self, site: Site) -> None:
        if site.offers("aws_ec2_serial_console_access"):
            Ec2SerialConsoleAccess(self, "no-serial-console", enabled=False)
        if site.offers("aws_ec2_instance_metadata_defaults"):
            Ec2InstanceMetadataDefaults(
                self,
                "metadata-defaults",
                http_endpoint="enabled",
                http_tokens="required",
                http_put_response_hop_limit=1,
                instance_metadata_tags="disabled",
            )
        if site.offers("aws_ec2_image_block_public_access"):
            Ec2ImageBlockPublicAccess(self, "no-public-images", state="block-new-sharing")
        if site.offers("aws_ec2_allowed_images_settings"):
            # Only what the platform's management account publishes can be booted.
            Ec2AllowedImagesSettings(
                self,
                "allowed-images",
                state="enabled",
                image_criterion=[
                    Ec2AllowedImagesSettingsImageCriterion(image_providers=[site.scope.management_account_id])
                ],
            )
