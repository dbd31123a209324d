"""The job document: what to train, on which columns of which data, for which purpose, with which limits."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from trainer.formats.names import ColumnName, Digest, Frozen, MetricName, Name


class DataUse(Frozen):
    """One data set in one version, and the columns of it that the job needs; it gets no others."""

    data_set: Name
    version: Name
    url: str
    """The bucket URL that was given to `seal`."""
    columns: tuple[ColumnName, ...] = Field(min_length=1)
    signer: str | None = None
    """The public key that must have signed the manifest; by default the one in the tenant's ledger."""


class RecipeSpec(Frozen):
    """Which recipe trains, with which settings. `bundle` is one Python file with a class `Recipe` of one's own."""

    name: str = Field(pattern=r"^(tabular|vision|language|bundle)$")
    settings: dict[str, Any] = Field(default_factory=dict)
    bundle: str | None = None
    """fsspec or S3 URL of the file, for the name `bundle`."""
    bundle_digest: Digest | None = None
    """SHA-256 of the file; measured before it runs."""

    @model_validator(mode="after")
    def _bundle(self) -> Self:
        given = self.bundle is not None and self.bundle_digest is not None
        if given != (self.name == "bundle"):
            raise ValueError("bundle and bundle_digest go with the recipe name 'bundle', and only with it")
        return self


class TrainingSettings(Frozen):
    """The training loop's settings; steps are optimiser steps, `batch_size` is over all ranks and accumulation."""

    steps: int = Field(default=200, ge=1)
    batch_size: int = Field(default=64, ge=1)
    accumulation: int = Field(default=1, ge=1)
    """Parts of a rank's share that are computed one after the other, to save memory."""
    slices: int | None = Field(default=None, ge=1, le=256)
    """Equal parts of the batch whose gradients are added in a fixed order: at most this many nodes can share the job,
    and any power of two of them that divides it gives the same result. Default: the number of nodes."""
    learning_rate: float = Field(default=1e-3, gt=0)
    final_learning_rate: float = Field(default=1e-5, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(default=1.0, gt=0)
    precision: Literal["float32", "bfloat16"] = "float32"
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    compile: bool = False
    pin_memory: bool = False
    """Copy batches to a GPU from pinned memory; to be measured in each mode, see docs/confidential-gpu.md."""
    threads: int = Field(default=1, ge=1, le=256)
    seed: int = Field(default=0, ge=0, lt=1 << 53)
    eval_fraction: float = Field(default=0.2, ge=0, lt=1)
    eval_every: int = Field(default=50, ge=1)
    patience: int | None = Field(default=None, ge=1)
    """Stop after this many evaluations without improvement; None never stops early."""
    checkpoint_every: int = Field(default=50, ge=1)
    background_checkpoints: bool = False
    """Save beside the training, from a copy of the state in main memory."""
    keep_checkpoints: int = Field(default=3, ge=1)
    milestone_every: int = Field(default=0, ge=0)
    log_every: int = Field(default=10, ge=1)

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.batch_size % self.accumulation:
            raise ValueError(f"batch_size {self.batch_size} is not a multiple of accumulation {self.accumulation}")
        return self


class Limits(Frozen):
    """What the sandbox gives the worker at most."""

    memory_bytes: int = Field(default=8 << 30, ge=256 << 20)
    processes: int = Field(default=512, ge=16)
    cpus: float | None = Field(default=None, gt=0, le=4096)
    """Processors' worth of time; refused where the machine cannot limit it. None takes what is there."""
    seconds: float = Field(default=86400, gt=0)
    """Time for the whole job; the worker is killed after it."""
    silent_seconds: float = Field(default=3600, gt=0)
    """Time without any message from the worker after which it is taken for dead."""


class Nodes(Frozen):
    """More than one node: one rank on each, gradients between them encrypted (docs/multi-node.md)."""

    count: int = Field(ge=2, le=64)
    strategy: Literal["ddp", "fsdp"] = "ddp"
    """`ddp` keeps the whole model on every node, `fsdp` shards it (PyTorch's FSDP2)."""
    fabric: Literal["wireguard", "provider"] = "wireguard"
    """Who encrypts: our own tunnel, or the cloud's network where it says that it does. There is no third choice."""
    interface: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,15}$")
    """For `provider`: the network interface of each node that is given to the worker."""
    attested: bool = False
    """Whether a node must show an attestation document with the same measurements as its peer's own."""
    join_seconds: float = Field(default=300, gt=0, le=3600)
    """How long to wait for all nodes."""

    @model_validator(mode="after")
    def _interface(self) -> Self:
        if (self.interface is not None) != (self.fabric == "provider"):
            raise ValueError("nodes: interface goes with fabric 'provider', and only with it")
        return self


class GooglePlace(Frozen):
    """Where a tenant on Google Cloud has its keys, and by what its nodes become somebody there."""

    key_ring: str = Field(pattern=r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+$")
    provider: str = Field(
        pattern=r"^projects/[0-9]+/locations/global/workloadIdentityPools/[a-z0-9-]+/providers/[a-z0-9-]+$"
    )
    """The workload identity pool provider that takes the machine's attestation token."""
    service_account: str | None = Field(default=None, pattern=r"^[a-z0-9-]+@[a-z0-9.-]+\.iam\.gserviceaccount\.com$")
    """Uses keys as this service account after the exchange; by default as the federated identity itself."""


class JobSpec(Frozen):
    """One training job of one tenant."""

    platform: Name = "bh"
    tenant: Name
    run: Name
    purpose: Name = "training"
    data: tuple[DataUse, ...] = Field(min_length=1, max_length=16)
    recipe: RecipeSpec
    training: TrainingSettings = TrainingSettings()
    limits: Limits = Limits()
    action: Literal["train", "rekey"] = "train"
    """`rekey` gives the run a new key, wraps its newest checkpoint's file keys under it, and ends."""
    rekey_days: int | None = Field(default=90, ge=1)
    """A run whose newest key is older than this gets a new one before it goes on; None never does."""
    reported: tuple[MetricName, ...] = Field(default=(), max_length=50)
    """Numbers of a recipe of one's own that go to Prometheus and OpenTelemetry, beside those that every recipe has."""
    checkpoints: str | None = None
    """URL for checkpoints; default `s3://{platform}-{tenant}-checkpoint`."""
    models: str | None = None
    """URL for exported models; default `s3://{platform}-{tenant}-model`."""
    model: Name | None = "model"
    """Name of the exported model; null exports nothing."""
    data_key: str | None = None
    checkpoint_key: str | None = None
    export_key: str | None = None
    """KMS key aliases; default `alias/{platform}/{tenant}/data`, `…/checkpoint`, `…/export`."""
    ledger: str | None = None
    """`cloudwatch:<log group>` or `file:///<directory>`; default `cloudwatch:/{platform}/{tenant}/ledger`."""
    google: GooglePlace | None = None
    """Given, the job runs on Google Cloud: keys are `{key_ring}/cryptoKeys/{purpose}`, URLs are `gs://`, the ledger is
    `gs://{platform}-{tenant}-ledger`."""
    sandbox: Literal["strict", "none"] = "strict"
    """`none` runs the worker as an ordinary process and is recorded in the ledger and in the model's provenance."""
    nodes: Nodes | None = None
    """Several nodes; a bare number is short for `count`, and 1 is the same as leaving it out."""

    @field_validator("nodes", mode="before")
    @classmethod
    def _count(cls, value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            return None if value == 1 else {"count": value}
        return value

    @model_validator(mode="after")
    def _shares(self) -> Self:
        settings, slices = self.training, self.slices
        if settings.batch_size % (slices * settings.accumulation):
            raise ValueError(
                f"training: batch_size {settings.batch_size} cannot be cut into {slices} slices of "
                f"{settings.accumulation} equal parts; make it a multiple of {slices * settings.accumulation}"
            )
        if slices % self.world:
            raise ValueError(
                f"nodes: {self.world} nodes cannot share {slices} slices; set training.slices to a multiple of "
                f"{self.world}, or leave it out"
            )
        if self.nodes is not None and settings.background_checkpoints:
            raise ValueError("training: with several nodes checkpoints are saved at once, not background_checkpoints")
        if self.nodes is not None and self.sandbox != "strict":
            raise ValueError("nodes: several nodes need sandbox 'strict': the tunnel ends in the worker's own network")
        return self

    @property
    def world(self) -> int:
        """The number of nodes."""
        return self.nodes.count if self.nodes else 1

    @property
    def slices(self) -> int:
        """How many slices the batch is cut into."""
        return self.training.slices or self.world

    def key(self, purpose: Literal["data", "checkpoint", "export"]) -> str:
        """The KMS key for a purpose."""
        named = {"data": self.data_key, "checkpoint": self.checkpoint_key, "export": self.export_key}[purpose]
        if self.google is not None:
            return named or f"{self.google.key_ring}/cryptoKeys/{purpose}"
        return named or f"alias/{self.platform}/{self.tenant}/{purpose}"

    @property
    def checkpoints_url(self) -> str:
        """Where checkpoints go."""
        return self.checkpoints or f"{self._scheme}://{self.platform}-{self.tenant}-checkpoint"

    @property
    def models_url(self) -> str:
        """Where models go."""
        return self.models or f"{self._scheme}://{self.platform}-{self.tenant}-model"

    @property
    def ledger_url(self) -> str:
        """Where the tenant's ledger lies."""
        if self.google is not None:
            return self.ledger or f"gs://{self.platform}-{self.tenant}-ledger"
        return self.ledger or f"cloudwatch:/{self.platform}/{self.tenant}/ledger"

    @property
    def _scheme(self) -> str:
        return "s3" if self.google is None else "gs"


class JobResult(Frozen):
    """How a job ended."""

    tenant: str
    run: str
    step: int
    """The last step trained."""
    resumed_from: int | None
    """The step of the checkpoint that the job started from; null for a new run."""
    metrics: dict[str, float]
    """The last evaluation, for example `accuracy` and `loss`."""
    checkpoint: str | None
    """URL of the newest checkpoint's manifest."""
    model: str | None
    """URL of the exported model's manifest."""
    model_digest: str | None
    sandbox: dict[str, Any]
    """What the worker was confined by; empty when none was started."""
    rekeyed: int | None = None
    """File keys that were wrapped under a new key of the run before anything else; null when there was no new key."""
    nodes: dict[str, Any] | None = None
    """How several nodes were joined: generation, fabric, tunnel, what each of them attested; null for one node."""
    seconds: float
