"""Organisation policies: custom constraints on resources that keep to them and that do not; who may be a member."""

from __future__ import annotations

from typing import Any

import celpy
import pytest
from celpy import celtypes

from modules.policy import gcp_org_policies as constraints
from modules.policy.gcp_scope import Document
from tests.modules.policy.google import (
    DEPLOYER,
    INITECH,
    ORGANISATION,
    UMBRA,
    attested,
    bucket,
    decision,
    granted,
    rest,
)

CUSTOM = constraints.custom_constraints(365)


def refused(name: str, resource: dict[str, Any]) -> bool:
    """Whether the constraint's condition holds, which denies the resource."""
    assert CUSTOM[name]["action_type"] == "DENY"
    environment = celpy.Environment()
    program = environment.program(environment.compile(CUSTOM[name]["condition"]))
    period = resource.pop("rotationPeriod", None)
    activation = celpy.json_to_cel(resource)
    if period is not None:
        activation[celtypes.StringType("rotationPeriod")] = celtypes.DurationType(period)
    return bool(program.evaluate({"resource": activation}))


@pytest.mark.parametrize(
    ("name", "resource", "expected"),
    [
        ("custom.bulkheadNoPerimeterBridges", {"perimeterType": "PERIMETER_TYPE_BRIDGE"}, True),
        ("custom.bulkheadNoPerimeterBridges", {"perimeterType": "PERIMETER_TYPE_REGULAR"}, False),
        ("custom.bulkheadKeysInHsm", {"versionTemplate": {"protectionLevel": "SOFTWARE"}}, True),
        ("custom.bulkheadKeysInHsm", {"versionTemplate": {"protectionLevel": "EXTERNAL"}}, True),
        ("custom.bulkheadKeysInHsm", {"versionTemplate": {"protectionLevel": "HSM"}}, False),
        ("custom.bulkheadKeysRotate", {}, True),
        ("custom.bulkheadKeysRotate", {"rotationPeriod": "31622400s"}, True),
        ("custom.bulkheadKeysRotate", {"rotationPeriod": "31536000s"}, False),
        ("custom.bulkheadKeysRotate", {"rotationPeriod": "7776000s"}, False),
        ("custom.bulkheadPrivateSubnets", {"privateIpGoogleAccess": False}, True),
        ("custom.bulkheadPrivateSubnets", {"privateIpGoogleAccess": True}, False),
    ],
)
def test_a_custom_constraint_refuses_what_its_name_says(name: str, resource: dict[str, Any], expected: bool) -> None:
    assert refused(name, resource) is expected


def test_every_custom_constraint_is_turned_on_somewhere() -> None:
    on = {*constraints.folder_policies(ORGANISATION, ["us-central1"]), *constraints.organisation_policies()}
    assert set(CUSTOM) <= on


def under(specification: Document) -> dict[str, Any]:
    name = f"organizations/{ORGANISATION.id}/policies/iam.allowedPolicyMemberDomains"
    level = f"organizations/{ORGANISATION.id}"
    return {"organizationPolicies": [{"level": level, "policies": [{"name": name, "spec": rest(specification)}]}]}


@pytest.mark.parametrize("member", ["allUsers", "allAuthenticatedUsers"])
def test_nobody_makes_anything_public(member: str) -> None:
    asked = {"members": [member]} | granted(
        f"projects/{INITECH.project_number}", DEPLOYER["member"], "storage.buckets.setIamPolicy"
    )
    lock = under(constraints.only_own_identities(ORGANISATION))
    assert decision(DEPLOYER, "storage.buckets.setIamPolicy", bucket(INITECH), **asked) == "allowed"
    assert decision(DEPLOYER, "storage.buckets.setIamPolicy", bucket(INITECH), **asked, **lock) == "denied"


def test_a_tenants_own_policies_narrow_the_folders() -> None:
    folder = constraints.folder_policies(ORGANISATION, ["us-central1", "europe-west4"])
    for own in (constraints.tenant_policies(INITECH), constraints.key_project_policies(INITECH)):
        locations = own["gcp.resourceLocations"]["rules"][0]["values"]["allowed_values"]
        assert set(locations) < set(folder["gcp.resourceLocations"]["rules"][0]["values"]["allowed_values"])
        assert not any(specification["inherit_from_parent"] for specification in own.values())
    services = constraints.key_project_policies(INITECH)["gcp.restrictServiceUsage"]["rules"][0]["values"]
    assert set(services["allowed_values"]) < set(constraints.SERVICES)
    assert "compute.googleapis.com" not in services["allowed_values"]
    assert "storage.googleapis.com" not in services["allowed_values"]


def test_the_folders_policies_name_no_tenant_and_the_tenants_name_no_other() -> None:
    assert "initech" not in str(constraints.folder_policies(ORGANISATION, ["us-central1"]))
    assert "umbra" not in str(constraints.tenant_policies(INITECH))
    assert attested(UMBRA) != attested(INITECH)


def test_machines_run_googles_hardened_image_in_encrypted_memory_and_nothing_else() -> None:
    folder = constraints.folder_policies(ORGANISATION, ["us-central1"])
    assert folder["compute.trustedImageProjects"] == constraints.allow(["projects/confidential-space-images"])
    assert folder["compute.restrictNonConfidentialComputing"] == constraints.deny(["compute.googleapis.com"])
    assert folder["iam.workloadIdentityPoolProviders"] == constraints.allow(
        ["https://confidentialcomputing.googleapis.com"]
    )
