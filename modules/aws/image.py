"""The measured image: named in platform.yaml, and refused at deployment unless it boots with UEFI and a TPM 2.0."""

from __future__ import annotations

from cdktn import Postcondition, TerraformResourceLifecycle
from cdktn_provider_aws.data_aws_ami import DataAwsAmi, DataAwsAmiFilter
from constructs import Construct

from modules.aws.errors import ConstructError
from modules.aws.site import Site

BOOT_MODE = "uefi"
TPM = "v2.0"


def approved_image(scope: Construct, name: str, site: Site) -> str:
    """The id of the image that the tenant's machines boot.

    On AWS the id passes through a data source that fails the plan for an image without UEFI or TPM 2.0: such an image
    has no measurements to attest. Raises `ConstructError` where platform.yaml gives no AMI for the image.
    """
    cloud = site.platform.clouds.get("aws")
    image = cloud.images.get(site.tenant.compute.image) if cloud else None
    if image is None or image.ami is None:
        msg = (
            f"tenant {site.tenant.id}: image {site.tenant.compute.image} has no AMI. "
            "Publish it and write its id into platform.yaml, clouds.aws.images"
        )
        raise ConstructError(msg)
    if not site.offers("data.aws_ami"):
        return image.ami
    data = DataAwsAmi(
        scope,
        name,
        owners=[site.scope.management_account_id],
        filter=[DataAwsAmiFilter(name="image-id", values=[image.ami])],
        lifecycle=TerraformResourceLifecycle(
            postcondition=[
                Postcondition(
                    condition=f'${{self.tpm_support == "{TPM}"}}',
                    error_message=f"{image.ami} has no TPM 2.0: register it with tpm_support={TPM}",
                ),
                Postcondition(
                    condition=f'${{self.boot_mode == "{BOOT_MODE}"}}',
                    error_message=f"{image.ami} does not boot with UEFI: register it with boot_mode={BOOT_MODE}",
                ),
            ]
        ),
    )
    return data.id
