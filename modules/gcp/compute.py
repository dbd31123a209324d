"""A tenant's machines: a template that allows nothing but the measured image, and a group that starts empty."""

from __future__ import annotations

from typing import Any

from cdktn import Fn, TerraformResourceLifecycle, Token
from cdktn_provider_google.artifact_registry_repository_iam_member import ArtifactRegistryRepositoryIamMember
from cdktn_provider_google.compute_instance_group_manager import ComputeInstanceGroupManager
from cdktn_provider_google.compute_instance_template import ComputeInstanceTemplate
from constructs import Construct

from modules.gcp import images
from modules.gcp.made import made
from modules.gcp.site import GcpSite
from modules.policy.gcp_scope import service_account
from tenancy.tenant import Tenant

BOOT_GIB = 64
"""Confidential Space needs 30 GB; the trainer's image with CUDA needs more."""

PROVISIONING = {"standard": "STANDARD", "spot": "SPOT", "flex-start": "FLEX_START"}
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""Confidential Space asks for it; what the account may do is IAM's to say."""


class Compute(Construct):
    """The instance template and the managed instance group, from zero to the tenant's `max_nodes`."""

    def __init__(
        self, scope: Construct, name: str, site: GcpSite, *, subnet: str, tag_key: str, tag_value: str, disk_key: str
    ) -> None:
        super().__init__(scope, name)
        self._site = site
        self._image_reader()
        self.template = self._template(subnet, {tag_key: tag_value}, disk_key)
        self.group = self._group()

    def _image_reader(self) -> None:
        """The trainer reads its image in the platform's registry, and writes nothing there."""
        found = images.registry(self._site)
        made(
            ArtifactRegistryRepositoryIamMember,
            self,
            "image-reader",
            project=found.project,
            location=found.location,
            repository=found.repository,
            role="roles/artifactregistry.reader",
            member=service_account(self._site.scope.account("trainer")),
        )

    def _template(self, subnet: str, tags: dict[str, str], disk_key: str) -> ComputeInstanceTemplate:
        site = self._site
        return made(
            ComputeInstanceTemplate,
            self,
            "template",
            project=site.names.project,
            name_prefix=f"{site.names.account('trainer')}-",
            machine_type=site.shape.instance_type,
            labels=site.labels(),
            metadata=machine_metadata(site),
            confidential_instance_config={"confidential_instance_type": site.shape.confidential},
            shielded_instance_config={
                "enable_secure_boot": True,
                "enable_vtpm": True,
                "enable_integrity_monitoring": True,
            },
            disk=[
                {
                    "boot": True,
                    "auto_delete": True,
                    "source_image": site.organisation.boot_image,
                    "disk_type": "pd-balanced",
                    "disk_size_gb": BOOT_GIB,
                    "interface": "NVME",
                    "labels": site.labels(),
                    "disk_encryption_key": {"kms_key_self_link": disk_key},
                }
            ],
            # No access_config: there is no external address.
            network_interface=[{"subnetwork": subnet, "stack_type": "IPV4_ONLY", "nic_type": "GVNIC"}],
            can_ip_forward=False,
            service_account={"email": site.scope.account("trainer"), "scopes": [SCOPE]},
            scheduling=scheduling(site.tenant),
            reservation_affinity={"type": "NO_RESERVATION"},
            # Keys of this map are known after the perimeter stack has run: a literal map could not hold them.
            resource_manager_tags=Token.as_string_map(Fn.zipmap(list(tags), list(tags.values()))),
            lifecycle=TerraformResourceLifecycle(create_before_destroy=True),
        )

    def _group(self) -> ComputeInstanceGroupManager:
        site = self._site
        return made(
            ComputeInstanceGroupManager,
            self,
            "group",
            project=site.names.project,
            name=site.names.account("trainer"),
            base_instance_name=site.names.account("trainer"),
            zone=site.scope.zone,
            version=[{"instance_template": self.template.self_link_unique}],
            target_size=0,
            # A machine that fails is gone: it would come back without its job, and a job asks for its own machines.
            instance_lifecycle_policy={"default_action_on_failure": "DO_NOTHING"},
            update_policy={
                "type": "OPPORTUNISTIC",
                "minimal_action": "REPLACE",
                "max_surge_fixed": 0,
                "max_unavailable_fixed": 1,
            },
            wait_for_instances=False,
            # Jobs change the size; a deployment must not take their machines away.
            lifecycle=TerraformResourceLifecycle(ignore_changes=["target_size"]),
        )


def machine_metadata(site: GcpSite) -> dict[str, str]:
    """What Confidential Space's launcher reads (Confidential Space documentation, "Metadata variables").

    No `tee-cmd` and no `tee-env-...`: the release condition refuses a machine that was started with either.
    """
    metadata = {
        "tee-image-reference": images.reference(site),
        "tee-restart-policy": "Never",
        "tee-container-log-redirect": "false",
        "enable-oslogin": "true",
        "block-project-ssh-keys": "true",
        "serial-port-enable": "false",
        "disable-legacy-endpoints": "true",
    }
    return metadata | ({"tee-install-gpu-driver": "true"} if site.shape.confidential_gpu else {})


def scheduling(tenant: Tenant) -> dict[str, Any]:
    """How the machine is bought, and that it stops rather than move: encrypted memory cannot be moved."""
    bought = tenant.compute.provisioning
    settings: dict[str, Any] = {
        "on_host_maintenance": "TERMINATE",
        "automatic_restart": False,
        "provisioning_model": PROVISIONING[bought],
    }
    if bought == "spot":
        settings["preemptible"] = True
    if bought != "standard" or tenant.compute.max_run_hours is not None:
        settings["instance_termination_action"] = "DELETE"
    if tenant.compute.max_run_hours is not None:
        settings["max_run_duration"] = {"seconds": tenant.compute.max_run_hours * 3600}
    return settings
