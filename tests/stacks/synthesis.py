"""Synthesised stacks as tests read them, and the fleet that they come from."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from stacks.app import synthesise
from tenancy import fleet as fleets
from tenancy.fleet import Fleet
from tenancy.platform import StateBackend

ACCOUNTS = {"acme": "111111111111", "globex": "222222222222"}
AUDIT, MANAGEMENT = "333333333333", "444444444444"
ENDPOINT = "http://127.0.0.1:4566"


@dataclass(frozen=True)
class Stack:
    """One `cdk.tf.json`. `body` is the whole document."""

    name: str
    body: dict

    def all(self, kind: str) -> list[dict]:
        """Every resource of a type, or every data source where `kind` starts with `data.`."""
        section, name = ("data", kind.removeprefix("data.")) if kind.startswith("data.") else ("resource", kind)
        return list(self.body.get(section, {}).get(name, {}).values())

    def one(self, kind: str) -> dict:
        """The only resource of a type."""
        (found,) = self.all(kind)
        return found

    def address(self, resource: dict) -> str:
        """`type.logical_name` of a resource of this stack."""
        return next(
            f"{kind}.{name}"
            for kind, named in self.body["resource"].items()
            for name, held in named.items()
            if held is resource
        )

    @property
    def kinds(self) -> set[str]:
        """The types of all resources and, with `data.` before them, data sources. Remote states are not listed."""
        data = {f"data.{kind}" for kind in self.body.get("data", {}) if kind != "terraform_remote_state"}
        return set(self.body["resource"]) | data


def example_fleet() -> Fleet:
    """The repository's own tenants, with account ids and a state backend, so that both profiles can be synthesised."""
    loaded = fleets.load(Path("tenants"))
    platform = loaded.platform
    platform = platform.model_copy(
        update={
            "audit": platform.audit.model_copy(update={"account_id": AUDIT}),
            "organisation": platform.organisation.model_copy(update={"management_account_id": MANAGEMENT}),
            "state": StateBackend(bucket="bh-state", region="eu-central-1"),
        }
    )
    tenants = tuple(tenant.model_copy(update={"account_id": ACCOUNTS[tenant.id]}) for tenant in loaded.tenants)
    return replace(loaded, platform=platform, tenants=tenants)


def with_tenant(fleet: Fleet, tenant_id: str, **changes: object) -> Fleet:
    """The fleet with some fields of one tenant replaced."""
    tenants = [tenant.model_copy(update=changes) if tenant.id == tenant_id else tenant for tenant in fleet.tenants]
    return replace(fleet, tenants=tuple(tenants))


def read(directory: Path) -> dict[str, Stack]:
    """Every stack below an output folder, by name."""
    paths = sorted((directory / "stacks").glob("*/cdk.tf.json"))
    return {path.parent.name: Stack(path.parent.name, json.loads(path.read_text())) for path in paths}


def stacks_of(fleet: Fleet, profile: str, out_dir: Path, tenants=None, **options) -> dict[str, Stack]:
    """Synthesises and reads back."""
    synthesise(fleet, profile, tenants, out_dir, ENDPOINT if profile == "local" else None, **options)
    return read(out_dir)
