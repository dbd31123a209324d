"""The organisation's own documents: identity lock (SCP), resource lock (RCP) and the quarantine.

They are parametric: one document for every tenant, because Organizations takes five policies per target and 5,120
characters each. `${aws:PrincipalAccount}` and `${aws:ResourceAccount}` stand for whoever calls and whatever is called.
"""

from __future__ import annotations

from collections.abc import Collection

from modules.policy import guardrails, identity_lock, resource_lock
from modules.policy.conditions import DEPLOYER, other_than
from modules.policy.scope import Document, document


def service_control_policies(platform: str, regions: Collection[str], management_account: str) -> dict[str, Document]:
    """Policies for the tenants' organisational unit, by name.

    `regions` are those in which tenants may be placed; `management_account` publishes the images that they boot.
    """
    return {
        f"{platform}-identity-lock": document(
            identity_lock.deny_resources_of_other_accounts(),
            identity_lock.deny_volumes_from_snapshots(),
            identity_lock.deny_event_buses_of_other_accounts(),
            identity_lock.deny_images_of_other_accounts(management_account),
            identity_lock.deny_leaving(),
            identity_lock.deny_touching_the_deployer(),
            identity_lock.deny_identities_without_boundary(platform),
            identity_lock.deny_changing_boundaries(platform),
            identity_lock.deny_long_lived_identities(),
            identity_lock.deny_touching_what_the_platform_owns(platform),
            identity_lock.deny_other_regions(regions),
        ),
        f"{platform}-guardrails": document(
            guardrails.deny_relabelling(),
            guardrails.deny_ways_out_of_the_network(),
            guardrails.deny_sharing(),
            guardrails.deny_opening_resources(),
            guardrails.deny_blinding_the_audit(),
            guardrails.deny_lifting_account_blocks(),
        ),
    }


def resource_control_policies(platform: str, audit_account: str, management_account: str) -> dict[str, Document]:
    """Policies for every resource in the tenants' organisational unit, by name."""
    return {
        f"{platform}-resource-lock": document(
            resource_lock.deny_callers_of_other_accounts(),
            resource_lock.deny_assuming_roles_from_elsewhere(audit_account, management_account),
            resource_lock.deny_federation(),
            resource_lock.deny_services_working_for_others(audit_account, management_account),
            resource_lock.deny_plain_http(),
        ),
    }


def audit_policy() -> Document:
    """For the audit account: its evidence outlives whoever holds a role there, and the account stays where it is."""
    return document(
        identity_lock.deny_leaving(),
        identity_lock.deny_touching_the_deployer(),
        identity_lock.deny_long_lived_identities(),
        guardrails.deny_thinning_the_evidence(),
    )


def quarantine_policy(platform: str) -> Document:
    """For the quarantine unit: nothing but the deployer may act, so the tenant stops while its evidence stays.

    The role of the flow logs goes on: it is no service-linked role, so the records would stop with the tenant. So does
    the auditor, who only reads: an incident is when the evidence is wanted.
    """
    return document(
        {
            "Sid": "DenyAllButTheDeployer",
            "Effect": "Deny",
            "Action": "*",
            "Resource": "*",
            "Condition": other_than(
                DEPLOYER, *(f"arn:aws:iam::*:role/{platform}-*-{role}" for role in ("flow-log", "auditor"))
            ),
        }
    )
