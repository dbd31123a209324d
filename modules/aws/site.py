"""What every construct of a stack shares: whose it is, where it goes, and how its documents and tags are written."""

from __future__ import annotations

import re
from dataclasses import dataclass

from modules.aws.errors import ConstructError
from modules.aws.local_gaps import LOCAL_GAPS
from modules.aws.profile import ProfileName
from modules.policy.quotas import Kind, PolicyTooLargeError, rendered
from modules.policy.scope import Document, TenantScope
from tenancy import names
from tenancy.names import Names
from tenancy.platform import Platform
from tenancy.tenant import Tenant


@dataclass(frozen=True)
class PlatformSite:
    """A stack that belongs to no tenant, deployed into `account_id`: the management account or the audit account."""

    platform: Platform
    profile: ProfileName
    layer: str
    account_id: str
    management_account_id: str

    @property
    def region(self) -> str:
        """The platform's home region."""
        return self.platform.home_region

    def tags(self, **more: str) -> dict[str, str]:
        """The tags of a resource of this stack."""
        return {**names.platform_tags(self.platform.name, self.layer), **more}

    def offers(self, terraform_type: str) -> bool:
        """Whether the profile's cloud can do this type of resource (see `local_gaps`)."""
        return offers(self.profile, terraform_type)


@dataclass(frozen=True)
class Site:
    """A tenant's stack of one layer."""

    platform: Platform
    tenant: Tenant
    scope: TenantScope
    profile: ProfileName
    layer: str

    @property
    def names(self) -> Names:
        """The names of the tenant's resources."""
        return self.scope.names

    @property
    def region(self) -> str:
        """The tenant's region."""
        return self.scope.region

    def tags(self, **more: str) -> dict[str, str]:
        """The tags of a resource of this stack; `more` adds `Name`, `purpose` or `sensitivity`."""
        return self.names.tags(self.layer, **more)

    def offers(self, terraform_type: str) -> bool:
        """Whether the profile's cloud can do this type of resource (see `local_gaps`)."""
        return offers(self.profile, terraform_type)


def offers(profile: ProfileName, terraform_type: str) -> bool:
    """Whether a profile's cloud can do a type of resource."""
    return profile == "cloud" or terraform_type not in LOCAL_GAPS


_POLICY_VARIABLE = re.compile(r"\$\{(?!TfToken\[)")


def policy_text(kind: Kind, name: str, document: Document) -> str:
    """A policy document as Terraform takes it. Raises `ConstructError` with name and size where AWS would refuse it.

    IAM's `${aws:...}` is written as `$${aws:...}`, because Terraform would read it as an expression of its own.
    """
    try:
        return _POLICY_VARIABLE.sub("$${", rendered(kind, name, document))
    except PolicyTooLargeError as error:
        raise ConstructError(str(error)) from error
