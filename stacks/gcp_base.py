"""What every stack on Google Cloud has: its state, its provider, and the guard that looks at everything in it."""

from __future__ import annotations

from cdktn import Aspects, TerraformStack
from cdktn_provider_google.provider import GoogleProvider
from constructs import Construct

from modules.gcp.guard import Guard
from modules.gcp.site import GcpPlatformSite, GcpSite
from stacks.plan import stack_name
from stacks.profiles import Target, add_backend
from tenancy.google import GoogleOrganisation

NO_CREDENTIALS = "the-local-profile-is-never-applied-to-google-cloud"
"""An access token that Google refuses: whoever applies a local stack by mistake reaches nothing with it."""


class GcpPlatformStack(TerraformStack):
    """A stack of the platform's own."""

    def __init__(self, scope: Construct, site: GcpPlatformSite, target: Target) -> None:
        super().__init__(scope, stack_name(site.layer))
        self.site = site
        add_backend(self, stack_name(site.layer), site.platform, target)
        add_google_provider(self, target, site.organisation, project=site.audit_project, region=site.region)
        Aspects.of(self).add(Guard())


class GcpTenantStack(TerraformStack):
    """A stack of one tenant and layer, deployed into the tenant's projects."""

    def __init__(self, scope: Construct, site: GcpSite, target: Target) -> None:
        name = stack_name(site.layer, site.tenant.id)
        super().__init__(scope, name)
        self.site = site
        add_backend(self, name, site.platform, target)
        add_google_provider(self, target, site.organisation, project=site.names.project, region=site.region)
        Aspects.of(self).add(Guard())


def add_google_provider(
    stack: TerraformStack, target: Target, organisation: GoogleOrganisation, *, project: str, region: str
) -> GoogleProvider:
    """The provider of a stack: it acts as the deployer, whoever runs it.

    A local stack is read by the local cloud and never applied by Terraform, so it carries a token that Google refuses.
    """
    credentials = (
        {"access_token": NO_CREDENTIALS} if target.local else {"impersonate_service_account": organisation.deployer}
    )
    return GoogleProvider(
        stack,
        "google",
        project=project,
        region=region,
        user_project_override=True,
        billing_project=project,
        add_terraform_attribution_label=False,
        **credentials,
    )
