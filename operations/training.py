"""Sealing data and running training jobs, each with the credentials of the role that AWS would give."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attestation.documents import load_yaml
from attestation.errors import AttestationError
from operations import gcp_local, gcp_training, node_training
from operations.errors import CommandError, Exit
from operations.local import LocalCloud, session_from
from operations.nodes import process, refusals
from operations.nodes.measurement import CHECKOUT, NAME
from operations.workspace import workspace
from tenancy.fleet import Fleet
from tenancy.tenant import DataSet, Tenant

if TYPE_CHECKING:
    from trainer.backends import Backends
    from trainer.ingest.seal import SealResult
    from trainer.ingest.spec import SealSpec

PURPOSE = "training"
Event = Callable[[str, dict[str, Any]], None]


def data_set(tenant: Tenant, data_set_id: str) -> DataSet:
    """A data set of the tenant file. Raises `CommandError` that lists those there are."""
    for entry in tenant.datasets:
        if entry.id == data_set_id:
            return entry
    known = ", ".join(entry.id for entry in tenant.datasets)
    msg = f"{tenant.id}.yaml: has no data set {data_set_id}. There are: {known}"
    raise CommandError(msg)


def seal_document(
    fleet: Fleet, tenant: Tenant, data_set_id: str, version: str, source: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """What `trainer.seal` takes: class and retention as the tenant file says, so that no one seals for longer.

    `more` are further fields of the document: `format`, and `classes` of columns that are more sensitive than the rest.
    """
    described = data_set(tenant, data_set_id)
    return (
        {
            "platform": fleet.platform.name,
            "tenant": tenant.id,
            "data_set": data_set_id,
            "version": version,
            "source": dict(source),
            "url": f"s3://{fleet.names(tenant).bucket('data')}",
            "default_class": described.sensitivity,
            "retention_days": described.retention_days,
            "purposes": [PURPOSE],
        }
        | _on_google(fleet, tenant)
        | more
    )


def _on_google(fleet: Fleet, tenant: Tenant) -> dict[str, str]:
    return gcp_training.seal_fields(fleet, tenant) if tenant.cloud == "gcp" else {}


def seal_spec(document: Mapping[str, Any]) -> SealSpec:
    """The checked form of a seal document. Raises `CommandError` with the field and what is wrong."""
    from pydantic import ValidationError  # noqa: PLC0415

    from trainer.ingest.spec import SealSpec as Checked  # noqa: PLC0415 - imports NumPy and pyarrow

    try:
        return Checked.model_validate(document)
    except ValidationError as error:
        raise CommandError(_problems("seal", error)) from error


def is_sealed(cloud: LocalCloud, fleet: Fleet, tenant: Tenant, spec: SealSpec) -> bool:
    """Whether this version of the data set has its manifest already. A sealed version is never replaced."""
    from trainer.errors import TrainerError  # noqa: PLC0415
    from trainer.formats.manifest import MANIFEST  # noqa: PLC0415

    try:
        backends = _data_owner(cloud, fleet, tenant, spec)
        return bool(backends.open_store(f"{spec.url.rstrip('/')}/{spec.prefix}").exists(MANIFEST))
    except TrainerError as error:
        raise CommandError(str(error), Exit.FINDINGS) from error


def _data_owner(cloud: LocalCloud, fleet: Fleet, tenant: Tenant, spec: SealSpec) -> Backends:
    """The tenant's services as its data owner, signed in, sees them from the tenant's own network."""
    if tenant.cloud == "gcp":
        return gcp_training.data_owner(gcp_local.running(workspace()), fleet, tenant, spec.ledger_url)
    from trainer.backends import aws_backends  # noqa: PLC0415

    network = cloud.network(tenant.id)
    role = fleet.names(tenant).role("data-owner")
    session = session_from(cloud.session(tenant.id, role, "sign-in", network))
    return aws_backends(tenant.id, spec.ledger_url, session, network)


def seal(
    cloud: LocalCloud, fleet: Fleet, tenant: Tenant, spec: SealSpec, progress: Callable[[int, int], None] | None
) -> SealResult:
    """Seals as the tenant's data owner, signed in, through the tenant's own network. Raises `CommandError`."""
    import trainer  # noqa: PLC0415
    from trainer.errors import TrainerError  # noqa: PLC0415

    try:
        return trainer.seal(spec, _data_owner(cloud, fleet, tenant, spec), progress)
    except TrainerError as error:
        raise CommandError(str(error), Exit.FINDINGS) from error


def read_job(path: Path, nodes: int | None = None) -> dict[str, Any]:
    """A job document (YAML or JSON), for `nodes` nodes where that is given.

    Raises `CommandError` naming the file and what is wrong in it.
    """
    from pydantic import ValidationError  # noqa: PLC0415

    from trainer.job import JobSpec  # noqa: PLC0415

    try:
        document = load_yaml(path.read_text(encoding="utf-8"), str(path))
        if nodes is not None and isinstance(document, dict):
            given = document.get("nodes")
            document["nodes"] = given | {"count": nodes} if isinstance(given, dict) and nodes > 1 else nodes
        checked = JobSpec.model_validate(document)
    except (OSError, AttestationError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read as a job: {error}"
        raise CommandError(msg) from error
    except ValidationError as error:
        raise CommandError(_problems(str(path), error)) from error
    held: dict[str, Any] = checked.model_dump(mode="json")
    return held


def train(
    cloud: LocalCloud,
    fleet: Fleet,
    tenant: Tenant,
    job: Mapping[str, Any],
    event: Event,
    root: Path = CHECKOUT,
    restarts: int = 0,
) -> dict[str, Any]:
    """Runs a job on a process node of the tenant: with the machine's identity, its TPM, its network and nothing else.

    A job for several nodes runs on as many, which are started again `restarts` times when one is lost (see
    `operations.node_training`). `root` is the folder with the trainer that the node runs and measures. Returns the
    job's result as plain values. Raises `CommandError` with the agent's own words.
    """
    if job.get("nodes"):
        return node_training.train_on_nodes(cloud, fleet, tenant, job, event, root, restarts)
    if tenant.cloud == "gcp":
        job = gcp_training.job_on_google(fleet, tenant, job, local=True)
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    document = json.dumps(job).encode()
    last: dict[str, Any] = {}
    decided = refusals.size(cloud.ledger, tenant.id) if tenant.cloud == "aws" else 0
    with (
        _node(cloud, fleet, tenant, document, root) as found,
        tempfile.TemporaryDirectory(prefix="bulkhead-job-") as folder,
    ):
        (Path(folder) / process.JOB_FILE).write_bytes(document)
        log = Path(folder) / "stderr"
        with log.open("wb") as errors:
            agent = subprocess.Popen(
                [sys.executable, *process.ARGUMENTS],
                env=environment | found | {"PYTHONPATH": str(root)},
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            assert agent.stdout is not None
            with agent, agent.stdout as lines:
                for line in lines:
                    last = json.loads(line)
                    event(str(last.pop("event")), last)
        code, said = agent.returncode, log.read_text(encoding="utf-8", errors="replace").strip()
    if code != 0:
        message = last.get("message") or said[-2000:] or f"the agent ended with status {code} and said nothing"
        why = refusals.reasons_since(cloud.ledger, tenant.id, decided) if tenant.cloud == "aws" else []
        words = "".join(f"\n  {reason}" for reason in why if reason not in message)
        if any(NAME in reason for reason in why):
            words += "\n  If the trainer was changed on purpose, accept it: `bulkhead deploy`"
        raise CommandError(
            f"{tenant.id}: training stopped: {message}{words}", Exit.BAD_INPUT if code == 2 else Exit.FINDINGS
        )
    return last


@contextmanager
def _node(cloud: LocalCloud, fleet: Fleet, tenant: Tenant, job: bytes, root: Path) -> Iterator[dict[str, str]]:
    """A started node of the tenant that is about to run `job`; what its processes find in their environment."""
    if tenant.cloud == "gcp":
        yield gcp_training.node_environment(gcp_local.running(workspace()), fleet, tenant)
        return
    with process.started(cloud, fleet, tenant, job, root) as node:
        yield node.environment


def _problems(file: str, error: Any) -> str:
    lines = [f"  {'.'.join(map(str, entry['loc'])) or '(document)'}: {entry['msg']}" for entry in error.errors()]
    return f"{file}: not usable:\n" + "\n".join(lines)
