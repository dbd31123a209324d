"""A fleet of tenants on both clouds, and its stacks: the repository's own tenants beside one on Google Cloud."""

import shutil
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tenancy import fleet as fleets
from tenancy.fleet import Fleet
from tenancy.platform import StateBackend
from tests.stacks.synthesis import ACCOUNTS, AUDIT, MANAGEMENT

INITECH = Path("tenants/google/initech.yaml")
NUMBERS = {"project_number": "111111111101", "key_project_number": "111111111102"}
AUDIT_NUMBER = "111111111103"
GPU = {"shape": "gpu-1xh100-confidential", "image": "trainer-gpu", "provisioning": "flex-start", "max_run_hours": 24}


def mixed_fleet() -> Fleet:
    """The shipped tenants and `initech` on Google Cloud, with every id that the cloud profile needs."""
    with TemporaryDirectory() as folder:
        for path in [*Path("tenants").glob("*.yaml"), INITECH]:
            shutil.copy(path, folder)
        loaded = fleets.load(Path(folder))
    platform = loaded.platform
    google = platform.clouds["gcp"]
    organisation = google.organisation.model_copy(update={"audit_project_number": AUDIT_NUMBER})
    platform = platform.model_copy(
        update={
            "audit": platform.audit.model_copy(update={"account_id": AUDIT}),
            "organisation": platform.organisation.model_copy(update={"management_account_id": MANAGEMENT}),
            "state": StateBackend(bucket="bh-state", region="eu-central-1"),
            "clouds": {**platform.clouds, "gcp": google.model_copy(update={"organisation": organisation})},
        }
    )
    tenants = tuple(
        tenant.model_copy(update=NUMBERS if tenant.cloud == "gcp" else {"account_id": ACCOUNTS[tenant.id]})
        for tenant in loaded.tenants
    )
    return replace(loaded, platform=platform, tenants=tenants)


def with_gpu(fleet: Fleet, **changes: object) -> Fleet:
    """The fleet with the tenant on Google Cloud on a confidential GPU."""
    tenants = [
        tenant.model_copy(update={"compute": tenant.compute.model_copy(update={**GPU, **changes})})
        if tenant.cloud == "gcp"
        else tenant
        for tenant in fleet.tenants
    ]
    return replace(fleet, tenants=tuple(tenants))


def two_on_google() -> Fleet:
    """The mixed fleet with a second tenant on Google Cloud, `umbra`."""
    fleet = mixed_fleet()
    initech = fleet.tenant("initech")
    umbra = initech.model_copy(
        update={
            "id": "umbra",
            "network": initech.network.model_copy(update={"cidr": "10.41.0.0/20"}),
            "project_number": "111111111104",
            "key_project_number": "111111111105",
        }
    )
    return replace(fleet, tenants=(*fleet.tenants, umbra))
