"""All tenant files together: loading, layering (defaults < tenant file < overrides) and checks across tenants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenancy import accounts, addresses, google_checks
from tenancy.errors import Problem, SpecError
from tenancy.google import GoogleOrganisation
from tenancy.names import GcpNames, Names, audit_project
from tenancy.platform import Platform
from tenancy.reading import merge, parsed, unknown_field
from tenancy.sources import Place, Source, read
from tenancy.tenant import Tenant

PLATFORM_FILE = "platform.yaml"
DEFAULTS_FILE = "defaults.yaml"
OF_ONE_TENANT = ("account_id", "project_id", "project_number", "key_project_number")
"""Fields that no two tenants share."""


@dataclass(frozen=True)
class Fleet:
    """The platform and its tenants, ordered by id: valid on their own and together."""

    platform: Platform
    tenants: tuple[Tenant, ...]
    directory: Path = Path("tenants")
    """Where the files lie; paths in them are relative to it."""

    def tenant(self, tenant_id: str) -> Tenant:
        """The tenant with this id. Raises `SpecError` that lists the ids there are."""
        for tenant in self.tenants:
            if tenant.id == tenant_id:
                return tenant
        known = ", ".join(tenant.id for tenant in self.tenants)
        raise SpecError([Problem("tenants", 0, "id", tenant_id, "no such tenant", f"There are: {known}")])

    def select(self, ids: Iterable[str] | None) -> tuple[Tenant, ...]:
        """The tenants with these ids, in the fleet's order; all of them for None."""
        if ids is None:
            return self.tenants
        wanted = {self.tenant(tenant_id).id for tenant_id in ids}
        return tuple(tenant for tenant in self.tenants if tenant.id in wanted)

    def names(self, tenant: Tenant) -> Names:
        """The names of a tenant's resources."""
        return Names(self.platform.name, tenant.id)

    def gcp_names(self, tenant: Tenant) -> GcpNames:
        """The names of a tenant's resources on Google Cloud."""
        return GcpNames(self.platform.name, tenant.id, tenant.project_id)

    @property
    def google(self) -> GoogleOrganisation:
        """The Google Cloud organisation. Raises `SpecError` where platform.yaml has none."""
        cloud = self.platform.clouds.get("gcp")
        if cloud is None or cloud.organisation is None:
            way_out = "Describe the organisation there, or place the tenant on aws"
            raise SpecError([Problem(PLATFORM_FILE, 0, "clouds.gcp.organisation", "", "missing", way_out)])
        return cloud.organisation

    def zone(self, tenant: Tenant) -> str:
        """The zone of a tenant's machines on Google Cloud. A fleet that was loaded has one for every such tenant."""
        zone = google_checks.zone_for(tenant, self.platform.clouds[tenant.cloud].shapes[tenant.compute.shape])
        if zone is None:
            way_out = "Choose a region that has the machine type"
            raise SpecError(
                [Problem(f"{tenant.id}.yaml", 0, "region", tenant.region, "no zone has the shape", way_out)]
            )
        return zone

    def project_number(self, tenant: Tenant, *, local: bool) -> str:
        """The number of the tenant's project: derived on the local cloud, from the tenant file elsewhere."""
        return _number(tenant, "project_number", self.gcp_names(tenant).project, local=local)

    def key_project_number(self, tenant: Tenant, *, local: bool) -> str:
        """The number of the project that holds its keys, likewise."""
        return _number(tenant, "key_project_number", self.gcp_names(tenant).key_project, local=local)

    @property
    def google_audit_project(self) -> str:
        """The id of the audit project on Google Cloud."""
        return self.google.audit_project_id or audit_project(self.platform.name)

    def google_audit_project_number(self, *, local: bool) -> str:
        """Its number, likewise."""
        if local:
            return accounts.local_project_number(self.google_audit_project)
        if self.google.audit_project_number is None:
            raise _account_unknown(PLATFORM_FILE, "clouds.gcp.organisation.audit_project_number", "project's number")
        return self.google.audit_project_number

    def account_id(self, tenant: Tenant, *, local: bool) -> str:
        """The tenant's account id: derived on the local cloud, from the tenant file elsewhere."""
        if local:
            return accounts.local_account_id(self.platform.organisation.email(tenant.id))
        if tenant.account_id is None:
            raise _account_unknown(f"{tenant.id}.yaml", "account_id")
        return tenant.account_id

    def audit_account_id(self, *, local: bool) -> str:
        """The audit account's id, likewise."""
        if local:
            return accounts.local_account_id(self.platform.organisation.email("audit"))
        if self.platform.audit.account_id is None:
            raise _account_unknown(PLATFORM_FILE, "audit.account_id")
        return self.platform.audit.account_id

    def management_account_id(self, *, local: bool) -> str:
        """The management account's id, likewise."""
        if local:
            return accounts.local_account_id(self.platform.organisation.email("management"))
        if self.platform.organisation.management_account_id is None:
            raise _account_unknown(PLATFORM_FILE, "organisation.management_account_id")
        return self.platform.organisation.management_account_id


def _account_unknown(file: str, field: str, what: str = "account's id") -> SpecError:
    way_out = "Deploy the organisation first and write the id that it prints into this field, in quotes"
    return SpecError([Problem(file, 0, field, "", f"the {what} is not known", way_out)])


def _number(tenant: Tenant, field: str, project: str, *, local: bool) -> str:
    if local:
        return accounts.local_project_number(project)
    held: str | None = getattr(tenant, field)
    if held is None:
        raise _account_unknown(f"{tenant.id}.yaml", field, f"number of project {project}")
    return held


def load(directory: Path, overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Fleet:
    """The fleet in `directory`: `platform.yaml`, `defaults.yaml` (optional) and one file per tenant.

    `overrides` maps a tenant id to values that win over its file, as nested mappings. Raises `SpecError` with every
    problem of every file at once.
    """
    problems: list[Problem] = []
    platform, platform_source = _platform(directory, problems)
    defaults = _defaults(directory, problems)
    tenants: list[tuple[Tenant, Source]] = []
    known: set[str] = set()
    for path in _tenant_files(directory, problems):
        source = read(path, shown=path.name)
        problems += source.problems
        if source.value is None:
            continue
        known.add(path.stem)
        source.under = defaults
        merged = merge(merge(defaults.value or {}, source.value), (overrides or {}).get(path.stem, {}))
        tenant = parsed(Tenant, merged, source, problems)
        if tenant is None:
            continue
        if tenant.id != path.stem:
            way_out = f"Name the file {tenant.id}.yaml or change the id"
            problems.append(source.problem(("id",), tenant.id, f"the file is called {path.name}", way_out))
        tenants.append((tenant, source))
    for stray in sorted(set(overrides or {}) - known):
        way_out = f"Tenants are: {', '.join(sorted(known))}"
        problems.append(Problem("overrides", 0, stray, "", "an override for a tenant that does not exist", way_out))
    problems += _unique_ids(tenants)
    problems += _overlapping(tenants)
    if platform is not None:
        for tenant, source in tenants:
            problems += _against_platform(platform, tenant, source)
        problems += google_checks.fleet_problems(platform, platform_source, tenants)
    if problems or platform is None:
        # A wrong default is wrong once, however many tenants inherit it.
        raise SpecError(list(set(problems)))
    return Fleet(platform, tuple(sorted((tenant for tenant, _ in tenants), key=lambda tenant: tenant.id)), directory)


def _platform(directory: Path, problems: list[Problem]) -> tuple[Platform | None, Source]:
    source = read(directory / PLATFORM_FILE, shown=PLATFORM_FILE)
    problems += source.problems
    platform = None if source.value is None else parsed(Platform, source.value, source, problems)
    if platform is not None:
        problems += google_checks.platform_problems(platform, source)
    return platform, source


def _defaults(directory: Path, problems: list[Problem]) -> Source:
    path = directory / DEFAULTS_FILE
    if not path.exists():
        return Source(DEFAULTS_FILE, value={})
    source = read(path, shown=DEFAULTS_FILE)
    problems += source.problems
    for field in sorted(set(source.value or {}) - set(Tenant.model_fields)):
        problems.append(unknown_field(source, (field,), sorted(Tenant.model_fields)))
        del source.value[field]
    for field in ("id", *OF_ONE_TENANT):
        if source.value and field in source.value:
            way_out = "Write it in each tenant's file"
            problems.append(source.problem((field,), str(source.value.pop(field)), "cannot be a default", way_out))
    return source


def _tenant_files(directory: Path, problems: list[Problem]) -> list[Path]:
    if not directory.is_dir():
        way_out = "Name a folder with platform.yaml and the tenant files"
        raise SpecError([Problem(str(directory), 0, "(folder)", "", "no such folder", way_out)])
    problems += [
        Problem(path.name, 0, "(file)", "", "would be ignored", "Rename it to end in .yaml")
        for path in sorted(directory.glob("*.yml"))
    ]
    paths = [path for path in sorted(directory.glob("*.yaml")) if path.name not in {PLATFORM_FILE, DEFAULTS_FILE}]
    if not paths:
        way_out = "Make one with `bulkhead tenants new ID`"
        problems.append(Problem(str(directory), 0, "(folder)", "", "there is no tenant file", way_out))
    return paths


def _unique_ids(tenants: list[tuple[Tenant, Source]]) -> list[Problem]:
    problems: list[Problem] = []
    for field in ("id", *OF_ONE_TENANT):
        first: dict[str, str] = {}
        for tenant, source in tenants:
            value = getattr(tenant, field)
            if value is None:
                continue
            if value in first:
                message, way_out = f"also used in {first[value]}", "Every tenant has its own"
                problems.append(source.problem((field,), value, message, way_out))
            first.setdefault(value, source.file)
    return problems


def _overlapping(tenants: list[tuple[Tenant, Source]]) -> list[Problem]:
    sources = {source.file: source for _, source in tenants}
    ranges = [(source.file, tenant.network.cidr) for tenant, source in tenants]
    return [
        sources[owner].problem(("network", "cidr"), cidr, f"overlaps {other_cidr} of {other}", "Choose a free range")
        for owner, cidr, other, other_cidr in addresses.overlaps(ranges)
    ]


def _against_platform(platform: Platform, tenant: Tenant, source: Source) -> list[Problem]:
    problems: list[Problem] = []

    def known(place: Place, value: str, names: Iterable[str], what: str) -> None:
        choices = list(names)
        if value not in choices:
            way_out = f"Known: {', '.join(choices)}"
            problems.append(source.problem(place, value, f"the platform has no such {what}", way_out))

    def at_least(place: Place, value: int, floor: int) -> None:
        if value < floor:
            way_out = f"Write at least {floor}"
            problems.append(source.problem(place, str(value), f"below the platform's floor of {floor} days", way_out))

    known(("cloud",), tenant.cloud, platform.clouds, "cloud")
    cloud = platform.clouds.get(tenant.cloud)
    if cloud is not None:
        known(("region",), tenant.region, cloud.regions, f"region on {tenant.cloud}")
        known(("compute", "shape"), tenant.compute.shape, cloud.shapes, f"shape on {tenant.cloud}")
        known(("compute", "image"), tenant.compute.image, cloud.images, f"image on {tenant.cloud}")
    for index, dataset in enumerate(tenant.datasets):
        place = ("datasets", index)
        known((*place, "sensitivity"), dataset.sensitivity, platform.sensitivity_classes, "sensitivity class")
        held = platform.sensitivity_classes.get(dataset.sensitivity)
        if held is not None and dataset.retention_days > held.max_retention_days:
            message = f"class {dataset.sensitivity} may be kept at most {held.max_retention_days} days"
            value, way_out = str(dataset.retention_days), f"Write at most {held.max_retention_days}"
            problems.append(source.problem((*place, "retention_days"), value, message, way_out))
    at_least(("audit", "retention_days"), tenant.audit.retention_days, platform.floors.audit_retention_days)
    if tenant.key_rotation_days > platform.floors.key_rotation_days:
        message = f"slower than the platform's limit of {platform.floors.key_rotation_days} days"
        way_out = f"Write at most {platform.floors.key_rotation_days}"
        problems.append(source.problem(("key_rotation_days",), str(tenant.key_rotation_days), message, way_out))
    return problems + google_checks.tenant_problems(platform, tenant, source)
