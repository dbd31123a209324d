"""One job from document to result: open what it needs, start the worker, answer it, say what came of it."""

from __future__ import annotations

import hashlib
import socket
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from trainer import __name__ as package
from trainer.agent.data import Opened, open_data_set
from trainer.agent.process import Worker, connected_worker
from trainer.agent.serve import Event, Served, Service
from trainer.backends import Backends
from trainer.checkpoint.manifest import step_prefix
from trainer.checkpoint.runkeys import RUN
from trainer.checkpoint.schedule import rekey_if_due
from trainer.checkpoint.vault import MANIFEST, Retention, RunVault
from trainer.errors import Reason, TrainerError
from trainer.export.model import ModelExport, Provenance
from trainer.formats.canonical import canonical_json
from trainer.job import JobResult, JobSpec
from trainer.ledger.publication import run_stream
from trainer.nodes.group import Group, await_leader, gathered
from trainer.nodes.log import NodeLog
from trainer.nodes.place import NodePlace, check_place
from trainer.protocol.channel import Channel
from trainer.protocol.messages import JobMessage


def run_job(job: JobSpec, backends: Backends, event: Event, place: NodePlace | None = None) -> JobResult:
    """Runs one job to its end; resumes it when the run has a checkpoint. Raises `TrainerError`.

    The run's ledger gets `job-start` first and `job-end` or `job-failed` last. A job with several nodes needs this
    node's place; nodes other than the first have ledger streams of their own.
    """
    check_place(job, place)
    if place is not None and place.rank > 0:
        backends = replace(backends, log=NodeLog(backends.log, place.rank))
    started = time.monotonic()
    stream = run_stream(job.run)
    document = job.model_dump(mode="json")
    job_digest = hashlib.sha256(canonical_json(document)).hexdigest()
    backends.log.append(stream, "job-start", {"run": job.run, "job": job_digest, "purpose": job.purpose})
    try:
        with tempfile.TemporaryDirectory(prefix="bulkhead-agent-") as scratch:
            if job.action == "rekey":
                result = _rekeyed(job, backends, Path(scratch), started)
            else:
                result = _run(job, job_digest, backends, event, Path(scratch), started, place)
    except OSError as error:
        # A full disk, most of all: ciphertext is fetched and written below the scratch directory.
        backends.log.append(stream, "job-failed", {"run": job.run, "reason": Reason.STORE.value})
        raise TrainerError(Reason.STORE, f"the agent's scratch space or socket failed: {error}") from error
    except TrainerError as error:
        if error.reason != Reason.LEDGER:
            # Only the reason: a message may repeat what a worker said, and the ledger outlives the data.
            backends.log.append(stream, "job-failed", {"run": job.run, "reason": error.reason.value})
        raise
    ended = {"run": job.run, "step": result.step, "model": result.model_digest}
    backends.log.append(stream, "job-end", ended)
    return result


@dataclass(frozen=True)
class _Run:
    """The parts of one running job."""

    job: JobSpec
    job_digest: str
    backends: Backends
    event: Event
    scratch: Path
    data: tuple[Opened, ...]
    vault: RunVault
    group: Group
    bundle: Path | None

    def serve(self, worker: Worker, ours: socket.socket) -> Served:
        """Gives the worker its job and answers it to the end; a worker that misbehaves is killed."""
        job = self.job
        limits = job.limits
        resume = self.group.resume
        export = self._export(worker) if job.model is not None and self.group.rank == 0 else None
        last = resume.body.step if resume else -1
        deadline = time.monotonic() + limits.seconds
        service = Service(self.data, self.vault, resume, export, self.event, last, deadline)
        ours.settimeout(limits.silent_seconds)
        try:
            self._send_job(Channel(ours), export=export is not None)
            with self.group.watch.over(ours):
                served = service.serve(Channel(ours, limits.silent_seconds, deadline))
        except TrainerError as error:
            ended = worker.stop()
            if error.reason != Reason.LEDGER:
                # Only the agent's own words and the launcher's: what a job says may be training data.
                self.backends.log.append(run_stream(job.run), "worker-ended", {"run": job.run, "how": ended})
            if self.group.watch.failure is not None:
                raise self.group.lost() from error
            if error.reason in {Reason.WORKER, Reason.PROTOCOL}:
                raise TrainerError(error.reason, f"{error} ({ended})") from error
            raise
        worker.finish()
        self.group.finish()
        return served

    def _send_job(self, channel: Channel, *, export: bool) -> None:
        message = JobMessage(
            tenant=self.job.tenant,
            run=self.job.run,
            data=tuple(opened.view for opened in self.data),
            recipe=self.job.recipe,
            training=self.job.training,
            resume=self.group.resume.body if self.group.resume else None,
            export=export,
            slices=self.job.slices,
            ranks=self.group.view,
        )
        if self.bundle is None:
            channel.send(message.model_dump(mode="json"))
            return
        with self.bundle.open("rb") as file:
            channel.send(message.model_dump(mode="json"), (file.fileno(),))

    def _export(self, worker: Worker) -> ModelExport:
        job = self.job
        assert job.model is not None  # only called then
        provenance = Provenance(
            job_digest=self.job_digest,
            recipe=job.recipe.model_dump(mode="json"),
            training=job.training.model_dump(mode="json"),
            data=tuple(opened.origin for opened in self.data),
            purpose=job.purpose,
            trainer=code_digest(),
            sandbox=worker.confinement,
        )
        return ModelExport(
            self.backends,
            job.tenant,
            job.run,
            job.model,
            url=job.models_url,
            kms_key=job.key("export"),
            scratch=self.scratch,
            signer=self.vault.keys.signer(self.vault.keys.newest),
            provenance=provenance,
        )


def _run(
    job: JobSpec,
    job_digest: str,
    backends: Backends,
    event: Event,
    scratch: Path,
    started: float,
    place: NodePlace | None,
) -> JobResult:
    bundle = _fetch_bundle(job, backends, scratch)
    data: list[Opened] = []
    try:
        for use in job.data:
            opened = open_data_set(use, backends, job, scratch)
            data.append(opened)
            event("data-open", {"data_set": use.data_set, "version": use.version, "rows": opened.view.rows})
        store = backends.open_store(f"{job.checkpoints_url.rstrip('/')}/{job.run}")
        await_leader(job, place, store)
        vault = RunVault(backends, job.tenant, job.run, job.checkpoints_url, job.key("checkpoint"), scratch, _keep(job))
        # Of several nodes the others have read the run's keys by now.
        rekeyed = rekey_if_due(vault, job) if place is None else None
        if rekeyed is not None:
            event("rekey", {"files": rekeyed})
        with gathered(job, place, vault, event) as group:
            resume = group.resume
            if resume is not None:
                details = {"run": job.run, "step": resume.body.step, "manifest": resume.manifest_digest}
                backends.log.append(run_stream(job.run), "checkpoint-open", details)
                event("resume", {"step": resume.body.step})
            parts = _Run(
                job, job_digest, backends, event, scratch, tuple(data), vault=vault, group=group, bundle=bundle
            )
            with connected_worker(job, group.network) as (worker, ours):
                details = {"run": job.run, "sandbox": worker.confinement}
                backends.log.append(run_stream(job.run), "worker-start", details)
                event("worker", {"pid": worker.pid, "sandbox": worker.confinement})
                served = parts.serve(worker, ours)
    finally:
        for opened in data:
            opened.close()
    assert served.done is not None  # serve() returns only then
    step = served.checkpoint if served.checkpoint is not None else resume.body.step if resume else None
    return JobResult(
        tenant=job.tenant,
        run=job.run,
        step=served.done.step,
        resumed_from=resume.body.step if resume else None,
        metrics=served.done.metrics,
        checkpoint=None if step is None else f"{vault.store.url}/{step_prefix(step)}/{MANIFEST}",
        model=served.model[0] if served.model else None,
        model_digest=served.model[1] if served.model else None,
        sandbox=worker.confinement,
        rekeyed=rekeyed,
        nodes=group.description,
        seconds=round(time.monotonic() - started, 3),
    )


def _rekeyed(job: JobSpec, backends: Backends, scratch: Path, started: float) -> JobResult:
    """Gives the run a new key and does nothing else; `TrainerError(BAD_JOB)` for a run that there is not."""
    store = backends.open_store(f"{job.checkpoints_url.rstrip('/')}/{job.run}")
    if not store.exists(RUN):
        raise TrainerError(Reason.BAD_JOB, f"{store.url}: there is no run to give a new key to")
    vault = RunVault(backends, job.tenant, job.run, job.checkpoints_url, job.key("checkpoint"), scratch, _keep(job))
    rekeyed = rekey_if_due(vault, job)
    newest = vault.latest()
    return JobResult(
        tenant=job.tenant,
        run=job.run,
        step=newest.body.step if newest else 0,
        resumed_from=None,
        metrics={},
        checkpoint=f"{store.url}/{step_prefix(newest.body.step)}/{MANIFEST}" if newest else None,
        model=None,
        model_digest=None,
        sandbox={},
        rekeyed=rekeyed,
        seconds=round(time.monotonic() - started, 3),
    )


def _keep(job: JobSpec) -> Retention:
    return Retention(job.training.keep_checkpoints, job.training.milestone_every)


def _fetch_bundle(job: JobSpec, backends: Backends, scratch: Path) -> Path | None:
    """The bundle's file, after its digest has been measured and found in the job; code, not data, so in clear."""
    if job.recipe.bundle is None:
        return None
    folder, _, name = job.recipe.bundle.rpartition("/")
    code = backends.open_store(folder).get(name)
    measured = hashlib.sha256(code).hexdigest()
    details = {"run": job.run, "bundle": job.recipe.bundle, "digest": measured}
    backends.log.append(run_stream(job.run), "bundle-measured", details)
    if measured != job.recipe.bundle_digest:
        raise TrainerError(
            Reason.BAD_JOB, f"bundle {job.recipe.bundle}: has SHA-256 {measured}, not {job.recipe.bundle_digest}"
        )
    path = scratch / "bundle.py"
    path.write_bytes(code)
    return path


def code_digest() -> str:
    """SHA-256 over the trainer's own source files, names included: which code made a model."""
    root = Path(__file__).resolve().parent.parent
    state = hashlib.sha256(package.encode())
    for path in sorted(root.rglob("*.py")):
        content = path.read_bytes()
        state.update(f"{path.relative_to(root)}\x00{len(content)}\x00".encode() + content)
    return state.hexdigest()
