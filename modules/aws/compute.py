"""A tenant's machines: a launch template that allows nothing but the measured image, and a group that starts empty."""

from __future__ import annotations

from cdktn import TerraformResourceLifecycle
from cdktn_provider_aws.autoscaling_group import (
    AutoscalingGroup,
    AutoscalingGroupLaunchTemplate,
    AutoscalingGroupTag,
)
from cdktn_provider_aws.launch_template import (
    LaunchTemplate,
    LaunchTemplateBlockDeviceMappings,
    LaunchTemplateBlockDeviceMappingsEbs,
    LaunchTemplateIamInstanceProfile,
    LaunchTemplateMetadataOptions,
    LaunchTemplateMonitoring,
    LaunchTemplateNetworkInterfaces,
    LaunchTemplatePlacement,
    LaunchTemplateTagSpecifications,
)
from constructs import Construct

from modules.aws.errors import ConstructError
from modules.aws.image import approved_image
from modules.aws.site import Site
from tenancy.platform import Shape

ROOT_DEVICE = "/dev/xvda"
ROOT_GIB = 64


class Compute(Construct):
    """The launch template and the auto scaling group, from zero to the tenant's `max_nodes`."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        site: Site,
        *,
        subnet_ids: list[str],
        security_group_id: str,
        disk_key_arn: str,
    ) -> None:
        super().__init__(scope, name)
        self._site = site
        self.template = self._template(security_group_id, disk_key_arn)
        self.group = self._group(subnet_ids)

    def _template(self, security_group_id: str, disk_key_arn: str) -> LaunchTemplate:
        site = self._site
        name = site.names.role("trainer")
        return LaunchTemplate(
            self,
            "template",
            name=name,
            update_default_version=True,
            image_id=approved_image(self, "image", site),
            instance_type=shape_of(site).instance_type,
            # No `key_name` and no `user_data`: there is no way to log in, and nothing runs that was not measured.
            iam_instance_profile=LaunchTemplateIamInstanceProfile(name=name),
            metadata_options=LaunchTemplateMetadataOptions(
                http_endpoint="enabled",
                http_tokens="required",
                http_put_response_hop_limit=1,
                http_protocol_ipv6="disabled",
                instance_metadata_tags="disabled",
            ),
            block_device_mappings=[
                LaunchTemplateBlockDeviceMappings(
                    device_name=ROOT_DEVICE,
                    ebs=LaunchTemplateBlockDeviceMappingsEbs(
                        encrypted="true",
                        kms_key_id=disk_key_arn,
                        delete_on_termination="true",
                        volume_type="gp3",
                        volume_size=ROOT_GIB,
                    ),
                )
            ],
            network_interfaces=[
                LaunchTemplateNetworkInterfaces(
                    device_index=0,
                    associate_public_ip_address="false",
                    delete_on_termination="true",
                    security_groups=[security_group_id],
                )
            ],
            placement=LaunchTemplatePlacement(tenancy="dedicated"),
            monitoring=LaunchTemplateMonitoring(enabled=True),
            instance_initiated_shutdown_behavior="terminate",
            tag_specifications=[
                LaunchTemplateTagSpecifications(resource_type=kind, tags=site.tags(Name=name))
                for kind in ("instance", "volume", "network-interface")
            ],
            tags=site.tags(Name=name),
        )

    def _group(self, subnet_ids: list[str]) -> AutoscalingGroup:
        site = self._site
        return AutoscalingGroup(
            self,
            "group",
            name=site.names.role("trainer"),
            min_size=0,
            desired_capacity=0,
            max_size=site.tenant.compute.max_nodes,
            vpc_zone_identifier=subnet_ids,
            launch_template=AutoscalingGroupLaunchTemplate(
                id=self.template.id, version=f"${{{self.template.fqn}.latest_version}}"
            ),
            health_check_type="EC2",
            enabled_metrics=["GroupInServiceInstances"],
            wait_for_capacity_timeout="0",
            tag=[
                AutoscalingGroupTag(key=key, value=value, propagate_at_launch=False)
                for key, value in sorted(site.tags(Name=site.names.role("trainer")).items())
            ],
            # Jobs change the capacity; a deployment must not take their machines away.
            lifecycle=TerraformResourceLifecycle(ignore_changes=["desired_capacity"]),
        )


def shape_of(site: Site) -> Shape:
    """The machine shape that the tenant's file names. Raises `ConstructError` for a cloud that is not AWS."""
    cloud = site.platform.clouds.get("aws")
    if cloud is None or site.tenant.compute.shape not in cloud.shapes:
        msg = f"tenant {site.tenant.id}: compute.shape {site.tenant.compute.shape} is no shape of the platform on AWS"
        raise ConstructError(msg)
    return cloud.shapes[site.tenant.compute.shape]
