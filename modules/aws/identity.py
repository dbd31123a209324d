"""A tenant's identities: three roles, each under the permission boundary, and the profile that machines carry."""

from __future__ import annotations

from typing import get_args

from cdktn_provider_aws.iam_instance_profile import IamInstanceProfile
from cdktn_provider_aws.iam_policy import IamPolicy
from cdktn_provider_aws.iam_role import IamRole
from cdktn_provider_aws.iam_role_policy import IamRolePolicy
from constructs import Construct

from modules.aws.site import Site, policy_text
from modules.policy.boundary import permission_boundary
from modules.policy.roles import role_policy, trust_policy
from tenancy.names import RoleName

ROLES: tuple[RoleName, ...] = get_args(RoleName)
SESSION_SECONDS = 3600


class Identity(Construct):
    """The boundary, the roles and the trainer's instance profile."""

    def __init__(self, scope: Construct, name: str, site: Site) -> None:
        super().__init__(scope, name)
        self._site = site
        names = site.names
        self.boundary = IamPolicy(
            self,
            "boundary",
            name=names.boundary,
            description=f"The most that any role of tenant {names.tenant} may be allowed",
            policy=policy_text("boundary", names.boundary, permission_boundary(site.scope)),
            tags=site.tags(),
        )
        self.roles = {role: self._role(role) for role in ROLES}
        self.profile = IamInstanceProfile(
            self,
            "profile",
            name=names.role("trainer"),
            role=self.roles["trainer"].name,
            tags=site.tags(),
        )

    def _role(self, role: RoleName) -> IamRole:
        site = self._site
        name = site.names.role(role)
        made = IamRole(
            self,
            role,
            name=name,
            assume_role_policy=policy_text("trust", f"{name} trust", trust_policy(site.scope, role)),
            permissions_boundary=self.boundary.arn,
            max_session_duration=SESSION_SECONDS,
            tags=site.tags(purpose=role),
        )
        IamRolePolicy(
            self,
            f"{role}-policy",
            name=name,
            role=made.name,
            policy=policy_text("role", name, role_policy(site.scope, role)),
        )
        return made
