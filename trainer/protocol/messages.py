"""The closed set of messages. The agent accepts nothing else from a worker, which may be hostile."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from trainer.checkpoint.manifest import CheckpointBody
from trainer.data.table import DataView
from trainer.errors import Reason, TrainerError
from trainer.formats.container import Binding
from trainer.formats.names import Digest, Frozen, Name
from trainer.formats.parquet_keys import ColumnKeys
from trainer.job import RecipeSpec, TrainingSettings


class RankView(Frozen):
    """What the worker learns of the job's other ranks: where their store is, inside the tunnel."""

    rank: int = Field(ge=0)
    world: int = Field(ge=2)
    address: str
    """The first rank's address in the tunnel."""
    port: int
    strategy: Literal["ddp", "fsdp"]
    timeout_seconds: float


class JobMessage(Frozen):
    """Agent to worker, first: what to train. With a bundle, one descriptor."""

    type: Literal["job"] = "job"
    tenant: Name
    run: Name
    data: tuple[DataView, ...]
    recipe: RecipeSpec
    training: TrainingSettings
    resume: CheckpointBody | None
    export: bool
    slices: int = 1
    ranks: RankView | None = None


class OpenShard(Frozen):
    """Worker: the key and the ciphertext (one descriptor, read-only) of a shard."""

    type: Literal["open-shard"] = "open-shard"
    data: int = Field(ge=0)
    shard: Name


class OpenCheckpointFile(Frozen):
    """Worker: the key and the ciphertext of one file of the checkpoint that the job resumes from."""

    type: Literal["open-checkpoint-file"] = "open-checkpoint-file"
    rank: int = Field(ge=0, le=1 << 20)


class BeginFile(Frozen):
    """Worker: a key and an empty file (one descriptor) for one rank's part of a checkpoint."""

    type: Literal["begin-file"] = "begin-file"
    step: int = Field(ge=0)
    rank: int = Field(ge=0, le=1 << 20)


class Commit(Frozen):
    """Worker: publish the checkpoint whose files were written."""

    type: Literal["commit"] = "commit"
    body: CheckpointBody


class BeginExport(Frozen):
    """Worker: a key and an empty file for the model."""

    type: Literal["begin-export"] = "begin-export"


MetricKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_./@-]{1,80}$")]
"""What a worker may call a number: no sentences."""


class CommitExport(Frozen):
    """Worker: publish the model; `length` is that of its plaintext."""

    type: Literal["commit-export"] = "commit-export"
    step: int = Field(ge=0)
    length: int = Field(ge=0)
    metrics: dict[MetricKey, float] = Field(max_length=100)


class CodeBegins(Frozen):
    """Worker, unanswered: from here on the tenant's own code runs in it, and no words of it are believed."""

    type: Literal["code-begins"] = "code-begins"


class Progress(Frozen):
    """Worker, unanswered: numbers about a step."""

    type: Literal["progress"] = "progress"
    step: int = Field(ge=0)
    values: dict[MetricKey, float] = Field(max_length=100)


class Done(Frozen):
    """Worker, last: finished."""

    type: Literal["done"] = "done"
    step: int = Field(ge=0)
    metrics: dict[MetricKey, float] = Field(max_length=100)


class Failed(Frozen):
    """Worker, last: stopped by an error."""

    type: Literal["failed"] = "failed"
    reason: Reason
    message: str = Field(max_length=4000)


WorkerMessage = Annotated[
    OpenShard
    | OpenCheckpointFile
    | BeginFile
    | Commit
    | BeginExport
    | CommitExport
    | CodeBegins
    | Progress
    | Done
    | Failed,
    Field(discriminator="type"),
]
_WORKER: TypeAdapter[Any] = TypeAdapter(WorkerMessage)


class Grant(Frozen):
    """Agent: a key and its binding; one descriptor goes with it."""

    type: Literal["grant"] = "grant"
    key: str = Field(repr=False)
    kind: str
    fields: tuple[tuple[str, str | int], ...]

    def secret(self) -> bytes:
        """The key's 32 bytes."""
        return base64.b64decode(self.key, validate=True)

    def binding(self) -> Binding:
        """The binding of the container that the key is for."""
        return Binding(self.kind, self.fields)


class TableGrant(Frozen):
    """Agent: the master keys of the declared columns of one file of an encrypted table; one descriptor goes with it."""

    type: Literal["table-grant"] = "table-grant"
    file: Name
    footer: str = Field(repr=False)
    columns: dict[str, str] = Field(repr=False)
    material: str
    """The data keys of the file, wrapped under master keys of which the worker has only these."""
    identity: Digest

    def keys(self) -> ColumnKeys:
        """The master keys."""
        columns = {name: base64.b64decode(key, validate=True) for name, key in self.columns.items()}
        return ColumnKeys(base64.b64decode(self.footer, validate=True), columns)


class Ok(Frozen):
    """Agent: done."""

    type: Literal["ok"] = "ok"


class Refused(Frozen):
    """Agent: not done; the worker should stop with this error."""

    type: Literal["refused"] = "refused"
    reason: Reason
    message: str


def grant(key: bytes, binding: Binding) -> Grant:
    """The grant of a key."""
    return Grant(key=base64.b64encode(key).decode(), kind=binding.kind, fields=binding.fields)


def table_grant(file: str, keys: ColumnKeys, material: str, identity: str) -> TableGrant:
    """The grant of the declared columns of a table's file."""
    columns = {name: base64.b64encode(key).decode() for name, key in keys.columns.items()}
    footer = base64.b64encode(keys.footer).decode()
    return TableGrant(file=file, footer=footer, columns=columns, material=material, identity=identity)


def parse_worker_message(document: dict[str, Any]) -> Any:
    """A worker's message as its class; `TrainerError(PROTOCOL)` for anything outside the protocol."""
    try:
        return _WORKER.validate_python(document)
    except ValidationError as error:
        kinds = sorted({str(problem["type"]) for problem in error.errors()})
        raise TrainerError(Reason.PROTOCOL, f"the worker sent what is no message: {', '.join(kinds)}") from error
