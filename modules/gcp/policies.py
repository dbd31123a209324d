"""Organisation policies, custom constraints and deny policies, from the documents that say what they are."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from cdktn_provider_google.iam_deny_policy import IamDenyPolicy
from cdktn_provider_google.org_policy_custom_constraint import OrgPolicyCustomConstraint
from cdktn_provider_google.org_policy_policy import OrgPolicyPolicy
from constructs import Construct

from modules.gcp.made import made
from modules.policy.gcp_scope import Document


class OrganisationPolicies(Construct):
    """One policy per constraint, on an organisation, a folder or a project (`parent`)."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        parent: str,
        policies: Mapping[str, Document],
        depends_on: list[Construct] | None = None,
    ) -> None:
        super().__init__(scope, name)
        for constraint, specification in policies.items():
            made(
                OrgPolicyPolicy,
                self,
                constraint.replace(".", "-"),
                name=f"{parent}/policies/{constraint}",
                parent=parent,
                spec=specification,
                depends_on=depends_on,
            )


class CustomConstraints(Construct):
    """Constraints of the organisation's own; they hold where a policy turns them on."""

    def __init__(self, scope: Construct, name: str, parent: str, constraints: Mapping[str, Document]) -> None:
        super().__init__(scope, name)
        self.all = [
            made(OrgPolicyCustomConstraint, self, key.replace(".", "-"), name=key, parent=parent, **document)
            for key, document in constraints.items()
        ]


class Denials(Construct):
    """Deny policies of one project or folder (`resource`, such as `projects/bh-acme`)."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        resource: str,
        denials: Mapping[str, Document],
        depends_on: list[Construct] | None = None,
    ) -> None:
        super().__init__(scope, name)
        attachment = quote("cloudresourcemanager.googleapis.com/", safe="") + resource.replace("/", "%2F")
        for key, rule in denials.items():
            made(
                IamDenyPolicy,
                self,
                key,
                parent=attachment,
                name=f"bulkhead-{key}",
                display_name=rule["description"][:63],
                rules=[rule],
                depends_on=depends_on,
            )
