"""A tenant: everything that is written down about it (`tenants/<id>.yaml`)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from tenancy import addresses
from tenancy.base import AccountId, Days, Email, Identifier, Spec, Text
from tenancy.google import ProjectId, ProjectNumber, Zone
from tenancy.lifecycle import State
from tenancy.names import PLATFORM_TENANT
from tenancy.platform import CloudName, Provisioning


def _tenant_range(value: str) -> str:
    wrong = addresses.problem_of(value)
    if wrong:
        raise ValueError(wrong)
    return value


Cidr = Annotated[str, Field(examples=["10.20.0.0/20"]), AfterValidator(_tenant_range)]


PerimeterMode = Literal["dry-run", "enforced"]


class Contacts(Spec):
    """Who is told what."""

    owner: Email = Field(description="Answers for the tenant; approves.")
    security: Email = Field(description="Told of incidents.")
    billing: Email = Field(description="Told when the budget is passed.")


class Network(Spec):
    """The tenant's own network: private, without a way to the internet or to another tenant."""

    cidr: Cidr = Field(description="The tenant's range; no two tenants overlap.")
    zones: int = Field(default=2, ge=1, le=4, description="Availability zones, one private subnet in each.")


class DataSet(Spec):
    """A data set: what it is, how sensitive, and for how long it may be kept."""

    id: Identifier
    title: Text
    sensitivity: Identifier = Field(description="One of the platform's sensitivity classes.")
    origin: Text = Field(description="Where it comes from.")
    purpose: Text = Field(description="What it may be used for.")
    retention_days: Days = Field(description="Deleted after this many days.")


class Compute(Spec):
    """The machines that train. Capacity is zero until a job asks for it."""

    shape: str = Field(description="One of the platform's shapes for the tenant's cloud.")
    image: str = Field(description="One of the platform's images for the tenant's cloud.")
    max_nodes: int = Field(default=1, ge=0, le=64)
    provisioning: Provisioning = Field(
        default="standard", description="How machines are bought; one of those that the shape offers."
    )
    max_run_hours: int | None = Field(
        default=None,
        ge=1,
        le=168,
        description="gcp: a machine is deleted after so many hours. Needed with flex-start (at most 7 days).",
    )

    @model_validator(mode="after")
    def _flex_start_ends(self) -> Self:
        if self.provisioning == "flex-start" and self.max_run_hours is None:
            msg = "`provisioning: flex-start` needs `max_run_hours`, between 1 and 168"
            raise ValueError(msg)
        return self


class Budget(Spec):
    """What the tenant may spend in a month, and when someone is told."""

    monthly_usd: int = Field(ge=1)
    alert_percent: tuple[Annotated[int, Field(ge=1, le=200)], ...] = Field(default=(50, 80, 100), min_length=1)


class AuditLog(Spec):
    """How long the tenant's own logs are kept."""

    retention_days: Days = Field(description="Never below the platform's floor.")


class Waiver(Spec):
    """A finding that someone has accepted for a while. It counts until `expires`, and as a failure afterwards."""

    rule: Text = Field(description="The rule or proof obligation that is waived.")
    resource: Text | None = Field(default=None, description="Only this resource; without it, the tenant's every one.")
    owner: Email
    reason: Text
    compensating_control: Text
    expires: date


class Lifecycle(Spec):
    """The state of the tenant. Anything but `active` says why."""

    state: State = State.ACTIVE
    reason: Text | None = None

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.state is not State.ACTIVE and not self.reason:
            msg = f"a tenant that is {self.state.value} needs a `reason` beside its `state`"
            raise ValueError(msg)
        return self


class Tenant(Spec):
    """`tenants/<id>.yaml`."""

    id: Identifier
    title: Text
    cloud: CloudName
    region: Text
    zone: Zone | None = Field(
        default=None,
        description="gcp: where machines run, unless the first zone of the region that has the shape will do.",
    )
    account_id: AccountId | None = Field(
        default=None,
        description="The tenant's AWS account. Needed in the cloud profile once the organisation has made it.",
    )
    project_id: ProjectId | None = Field(
        default=None,
        max_length=25,
        description="gcp: the tenant's project, where `<platform>-<id>` is taken by someone else in the world.",
    )
    project_number: ProjectNumber | None = Field(
        default=None,
        description="gcp: the project's number. Needed in the cloud profile once the organisation has made it.",
    )
    key_project_number: ProjectNumber | None = Field(
        default=None, description="gcp: likewise the number of the project that holds the keys, `<project>-keys`."
    )
    perimeter: PerimeterMode = Field(
        default="enforced",
        description="gcp: `dry-run` only reports what the perimeter would refuse; the tenant is not isolated yet.",
    )
    lifecycle: Lifecycle = Lifecycle()
    contacts: Contacts
    network: Network
    datasets: tuple[DataSet, ...] = Field(min_length=1)
    compute: Compute
    budget: Budget
    audit: AuditLog
    key_rotation_days: int = Field(default=365, ge=90, le=2560, description="Period of automatic key rotation.")
    waivers: tuple[Waiver, ...] = ()

    @field_validator("id")
    @classmethod
    def _not_reserved(cls, value: str) -> str:
        if value in {PLATFORM_TENANT, "audit", "defaults", "management"}:
            msg = "the name is reserved for the platform"
            raise ValueError(msg)
        return value

    @field_validator("datasets")
    @classmethod
    def _unique_datasets(cls, value: tuple[DataSet, ...]) -> tuple[DataSet, ...]:
        ids = [dataset.id for dataset in value]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            msg = f"the data set id {', '.join(twice)} stands twice"
            raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _no_capacity_when_leaving(self) -> Self:
        if self.lifecycle.state is not State.ACTIVE and self.compute.max_nodes:
            msg = f"a tenant that is {self.lifecycle.state.value} must have `compute.max_nodes: 0`"
            raise ValueError(msg)
        return self
