"""What Google Cloud demands of the platform's file and of a tenant's, and which fields belong to one cloud only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tenancy.errors import Problem
from tenancy.names import GcpNames, audit_project
from tenancy.platform import Cloud, Image, Platform, Shape
from tenancy.sources import Place, Source
from tenancy.tenant import Tenant

RESERVED_WORDS = ("google", "ssl", "null", "undefined")
"""What a project id must not contain (Resource Manager documentation, "Creating a project")."""

RESERVED_POOL = "gcp-"
"""What a workload identity pool must not begin with (IAM documentation, "Manage workload identity pools")."""

LONGEST_LOG_RETENTION_DAYS = 3650
"""Cloud Logging keeps a log bucket for 1 to 3,650 days (Cloud Logging documentation, "Quotas and limits")."""

ONLY_ON_GCP = ("zone", "project_id", "project_number", "key_project_number")


def platform_problems(platform: Platform, source: Source) -> list[Problem]:
    """What is wrong with the `clouds` of platform.yaml."""
    problems: list[Problem] = []
    for name, cloud in platform.clouds.items():
        here: Place = ("clouds", name)
        if name == "gcp":
            problems += _google(platform, cloud, source, here)
            for shape_name, shape in cloud.shapes.items():
                problems += _google_shape(cloud, shape, source, (*here, "shapes", shape_name))
            for image_name, image in cloud.images.items():
                problems += _google_image(image, source, (*here, "images", image_name))
        else:
            problems += _not_google(cloud, source, here)
    return problems


def _google(platform: Platform, cloud: Cloud, source: Source, here: Place) -> list[Problem]:
    problems: list[Problem] = []
    if cloud.organisation is None:
        message = "there is no `organisation`, so no project can be made"
        way_out = "Write id, customer_id, domain, billing_account, access_policy_id and the deployer below it"
        problems.append(source.problem(here, "", message, way_out))
    if platform.audit.retention_days > LONGEST_LOG_RETENTION_DAYS:
        message = f"Cloud Logging keeps a log bucket for at most {LONGEST_LOG_RETENTION_DAYS} days"
        way_out, value = f"Write at most {LONGEST_LOG_RETENTION_DAYS}", str(platform.audit.retention_days)
        problems.append(source.problem(("audit", "retention_days"), value, message, way_out))
    return problems


def _google_shape(cloud: Cloud, shape: Shape, source: Source, here: Place) -> list[Problem]:
    problems: list[Problem] = []

    def wrong(field: str, value: str, message: str, way_out: str) -> None:
        problems.append(source.problem((*here, field), value, message, way_out))

    if shape.confidential is None:
        message = "a machine without memory encryption, which the organisation policy refuses to start"
        wrong("confidential", "", message, "Write TDX, SEV or SEV_SNP, whichever the machine type has")
    if shape.gpus and not shape.confidential_gpu and cloud.demands_confidential_gpu:
        message = f"{shape.instance_type} has a GPU without confidential mode, and the platform requires it"
        way_out = "Choose a3-highgpu-1g with `confidential_gpu: true`, or say why not in `clouds.gcp.confidential_gpu`"
        wrong("confidential_gpu", "false", message, way_out)
    if shape.confidential_gpu and shape.gpus != 1:
        message = "Google Cloud gives a confidential machine exactly one GPU"
        wrong("gpus", str(shape.gpus), message, "Write `gpus: 1` and a machine type with one, such as a3-highgpu-1g")
    if not shape.zones:
        wrong("zones", "", "it is not known where the machine type is", "List the zones that have it in this mode")
    for index, zone in enumerate(shape.zones):
        if region_of(zone) not in cloud.regions:
            message, way_out = "not in one of the platform's regions", f"Regions are: {', '.join(cloud.regions)}"
            problems.append(source.problem((*here, "zones", index), zone, message, way_out))
    return problems


def _google_image(image: Image, source: Source, here: Place) -> list[Problem]:
    if image.releases:
        message = "has an effect on aws only: a container is measured by its digest"
        return [source.problem((*here, "releases"), "", message, "List further digests in `also_accepted`")]
    if bool(image.canaries) != (image.trial is not None):
        field = "canaries" if image.canaries else "trial"
        message = "`canaries` says who runs `trial`; one without the other has no effect"
        return [source.problem((*here, field), "", message, "Write both, or neither")]
    if image.container is not None and image.ami is None:
        return []
    message = "an image on gcp is an OCI image that Confidential Space runs, not an AMI"
    way_out = "Write `container: <registry>/<path>@sha256:<digest>`"
    return [source.problem((*here, "container"), image.ami or "", message, way_out)]


def _not_google(cloud: Cloud, source: Source, here: Place) -> list[Problem]:
    problems: list[Problem] = []
    if cloud.organisation is not None:
        message, way_out = "belongs under `clouds.gcp`", "The organisation on AWS stands at the top of the file"
        problems.append(source.problem((*here, "organisation"), "", message, way_out))
    if cloud.confidential_gpu == "required":
        message = "AWS has no confidential GPU, so no machine could ever start"
        way_out = "Leave it out, or say in words what takes its place"
        problems.append(source.problem((*here, "confidential_gpu"), "required", message, way_out))
    if cloud.stable_image_waiver is not None:
        place: Place = (*here, "stable_image_waiver")
        problems.append(source.problem(place, "", "has an effect on gcp only", "Remove it"))
    for name, shape in cloud.shapes.items():
        given = {
            "zones": bool(shape.zones),
            "confidential": shape.confidential is not None,
            "confidential_gpu": shape.confidential_gpu,
            "provisioning": shape.provisioning != ("standard",),
        }
        problems += [
            source.problem((*here, "shapes", name, field), "", "has an effect on gcp only", "Remove it")
            for field, present in given.items()
            if present
        ]
    for name, image in cloud.images.items():
        if image.container is not None or image.also_accepted or image.trial is not None:
            message, way_out = "an image on aws is an AMI", "Write `ami` instead"
            problems.append(source.problem((*here, "images", name), "", message, way_out))
    return problems


def tenant_problems(platform: Platform, tenant: Tenant, source: Source) -> list[Problem]:
    """What is wrong with a tenant's file, given the cloud that it names."""
    cloud = platform.clouds.get(tenant.cloud)
    shape = cloud.shapes.get(tenant.compute.shape) if cloud else None
    problems: list[Problem] = []
    if shape is not None and tenant.compute.provisioning not in shape.provisioning:
        message = f"{shape.instance_type} is not sold that way on {tenant.cloud}"
        way_out = f"Choose from: {', '.join(shape.provisioning)}"
        place = ("compute", "provisioning")
        problems.append(source.problem(place, tenant.compute.provisioning, message, way_out))
    if tenant.cloud != "gcp":
        return problems + _google_fields(tenant, source)
    if tenant.account_id is not None:
        way_out = "Remove it; a tenant on gcp has `project_number` and `key_project_number`"
        problems.append(source.problem(("account_id",), tenant.account_id, "has an effect on aws only", way_out))
    if shape is not None and cloud is not None and tenant.region in cloud.regions:
        problems += _placement(tenant, shape, source)
    if tenant.audit.retention_days > LONGEST_LOG_RETENTION_DAYS:
        message = f"Cloud Logging keeps a log bucket for at most {LONGEST_LOG_RETENTION_DAYS} days"
        way_out, value = f"Write at most {LONGEST_LOG_RETENTION_DAYS}", str(tenant.audit.retention_days)
        problems.append(source.problem(("audit", "retention_days"), value, message, way_out))
    return problems + _names(platform, tenant, source)


def _google_fields(tenant: Tenant, source: Source) -> list[Problem]:
    places: dict[Place, object] = {(name,): getattr(tenant, name) for name in ONLY_ON_GCP}
    places[("compute", "max_run_hours")] = tenant.compute.max_run_hours
    places[("perimeter",)] = "dry-run" if tenant.perimeter == "dry-run" else None
    return [
        source.problem(place, str(value), "has an effect on gcp only", "Remove it")
        for place, value in places.items()
        if value is not None
    ]


def _placement(tenant: Tenant, shape: Shape, source: Source) -> list[Problem]:
    offered = f"Zones that have it: {', '.join(shape.zones)}"
    if tenant.zone is None:
        if zone_for(tenant, shape) is not None:
            return []
        message = f"no zone of the region has {shape.instance_type}, the machine type of shape {tenant.compute.shape}"
        return [source.problem(("region",), tenant.region, message, f"{offered}. Move there or take another shape")]
    if region_of(tenant.zone) != tenant.region:
        message = f"not a zone of {tenant.region}"
        return [source.problem(("zone",), tenant.zone, message, "Write a zone of the region, or leave it out")]
    if tenant.zone not in shape.zones:
        message = f"does not have {shape.instance_type}, the machine type of shape {tenant.compute.shape}"
        return [source.problem(("zone",), tenant.zone, message, offered)]
    return []


def _names(platform: Platform, tenant: Tenant, source: Source) -> list[Problem]:
    names = GcpNames(platform.name, tenant.id, tenant.project_id)
    problems: list[Problem] = []
    for word in RESERVED_WORDS:
        if word in names.project:
            place: Place = ("project_id",) if tenant.project_id else ("id",)
            message = f"the project would be called {names.project}, and Google refuses ids with `{word}`"
            problems.append(source.problem(place, names.project, message, "Write another `project_id`"))
    if names.pool.startswith(RESERVED_POOL):
        message = f"the workload identity pool would be called {names.pool}, and Google keeps `{RESERVED_POOL}`"
        problems.append(source.problem(("id",), tenant.id, message, "Choose another id"))
    return problems


def fleet_problems(
    platform: Platform, platform_source: Source, tenants: Sequence[tuple[Tenant, Source]]
) -> list[Problem]:
    """What is wrong with the tenants on Google Cloud taken together: quotas, and project ids that meet."""
    organisation = platform.clouds["gcp"].organisation if "gcp" in platform.clouds else None
    here = [(tenant, source) for tenant, source in tenants if tenant.cloud == "gcp"]
    problems: list[Problem] = []
    if organisation is not None and len(here) > organisation.perimeter_quota:
        quota = organisation.perimeter_quota
        message = f"{len(here)} tenants on gcp need a service perimeter each, and the access policy holds {quota}"
        way_out = "Have the quota raised and write the new one here, or place tenants elsewhere"
        place: Place = ("clouds", "gcp", "organisation", "perimeter_quota")
        problems.append(platform_source.problem(place, str(quota), message, way_out))
    taken = Counter(project for tenant, _ in here for project in _projects(platform, tenant))
    taken[(organisation and organisation.audit_project_id) or audit_project(platform.name)] += 1
    for tenant, source in here:
        for project in _projects(platform, tenant):
            if taken[project] > 1:
                message = f"the project id {project} is also that of another tenant or of the platform"
                way_out = "Write a `project_id` of its own"
                problems.append(source.problem(("project_id",), project, message, way_out))
    return problems


def _projects(platform: Platform, tenant: Tenant) -> Iterable[str]:
    names = GcpNames(platform.name, tenant.id, tenant.project_id)
    return names.project, names.key_project


def region_of(zone: str) -> str:
    """The region of a zone: `us-central1` of `us-central1-a`."""
    return zone.rpartition("-")[0]


def zone_for(tenant: Tenant, shape: Shape) -> str | None:
    """The zone in which the tenant's machines run: its own, or the first of its region that has the shape."""
    return tenant.zone or next((zone for zone in shape.zones if region_of(zone) == tenant.region), None)
