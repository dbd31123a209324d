"""The agent's side of checkpoints: the run's key, the bucket, the ledger. The worker never sees the run's key."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

from trainer.backends import Backends
from trainer.checkpoint.manifest import (
    FORMAT,
    CheckpointBody,
    CheckpointManifest,
    RankFile,
    SealedFile,
    file_binding,
    file_name,
    open_checkpoint_manifest,
    step_prefix,
)
from trainer.checkpoint.ports import FileGrant
from trainer.checkpoint.runkeys import RunKeys, open_run_keys
from trainer.errors import Reason, TrainerError
from trainer.formats.container import HEADER_BYTES, KEY_BYTES, Binding, open_header, parse_header, sealed_size
from trainer.formats.reading import SealedReader, map_file
from trainer.formats.signing import CHECKPOINT_TYPE, digest, sign_document
from trainer.keys.wrapping import unwrap_key, wrap_key
from trainer.ledger.publication import Publication, acceptable, check_current, run_stream
from trainer.store.objects import ObjectStore

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Retention:
    """Which checkpoints stay: the newest `keep`, and every one whose step is a multiple of `milestone` (0: none)."""

    keep: int = 3
    milestone: int = 0


@dataclass(frozen=True)
class StoredCheckpoint:
    """A published checkpoint whose manifest has been verified; files are fetched when they are opened."""

    manifest: CheckpointManifest
    manifest_digest: str
    store: ObjectStore
    keys: RunKeys
    scratch: Path

    @property
    def body(self) -> CheckpointBody:
        """See `CheckpointSource.body`."""
        return self.manifest.body

    def file_key(self, rank: int) -> bytes:
        """The key of the file of one rank."""
        manifest = self.manifest
        entry = next(file for file in manifest.files if file.rank == rank)
        return unwrap_key(self.keys.wrapping(manifest.run_key), entry.wrapped_key, self.binding(rank))

    def binding(self, rank: int) -> Binding:
        """The binding of the file of one rank."""
        return file_binding(self.manifest.tenant, self.manifest.run, self.body.step, rank)

    def fetch(self, rank: int) -> BinaryIO:
        """The ciphertext of the file of one rank in an unnamed file, its commitment checked against the manifest."""
        entry = next(file for file in self.manifest.files if file.rank == rank)
        length = next(file.length for file in self.body.files if file.rank == rank)
        file = cast("BinaryIO", tempfile.TemporaryFile(dir=self.scratch))  # noqa: SIM115 - the caller closes it
        self.store.download(entry.object, file)
        file.flush()
        name = f"{self.store.url}/{entry.object}"
        total = os.fstat(file.fileno()).st_size
        header = parse_header(os.pread(file.fileno(), HEADER_BYTES, 0), total, name)
        if header.commitment.hex() != entry.commitment or header.length != length:
            raise TrainerError(Reason.FOREIGN, f"{name}: is not the file that the manifest lists; spliced or replaced")
        return file

    def open_file(self, rank: int) -> SealedReader:
        """See `CheckpointSource.open_file`."""
        manifest = self.manifest
        name = f"checkpoint {manifest.run}/{step_prefix(manifest.body.step)}/{file_name(rank)}"
        with self.fetch(rank) as file:
            mapped = map_file(file.fileno(), name)
        return SealedReader(mapped, self.file_key(rank), self.binding(rank), name)


class RunVault:
    """Keys and checkpoints of one run of one tenant. Implements `CheckpointSink`."""

    def __init__(
        self,
        backends: Backends,
        tenant: str,
        run: str,
        url: str,
        kms_key: str,
        scratch: Path,
        retention: Retention | None = None,
    ) -> None:
        self.tenant, self.run = tenant, run
        self.store = backends.open_store(f"{url.rstrip('/')}/{run}")
        self.log = backends.log
        self.scratch = scratch
        self._retention = retention or Retention()
        self.keys = open_run_keys(backends, tenant, run, kms_key, self.store)
        self._pending: dict[int, dict[int, tuple[bytes, BinaryIO]]] = {}
        self.rank: int | None = None
        """The rank of this node's worker, where there are several nodes."""
        self.elsewhere: Callable[[int, RankFile], SealedFile] | None = None
        """Obtains the entry of a file that another node holds, once that node has uploaded it."""

    def begin_file(self, step: int, rank: int) -> FileGrant:
        """See `CheckpointSink.begin_file`; the ciphertext goes to an unnamed file below the scratch directory."""
        if self.rank not in {None, rank}:
            raise TrainerError(Reason.PROTOCOL, f"the worker of rank {self.rank} asked for the file of rank {rank}")
        key = os.urandom(KEY_BYTES)
        mine = cast("BinaryIO", tempfile.TemporaryFile(dir=self.scratch))  # noqa: SIM115 - kept until commit
        self._pending.setdefault(step, {})[rank] = (key, mine)
        theirs = os.fdopen(os.dup(mine.fileno()), "w+b")
        return FileGrant(key, file_binding(self.tenant, self.run, step, rank), theirs)

    def commit(self, body: CheckpointBody) -> None:
        """See `CheckpointSink.commit`: files, ledger, manifest, ledger, in this order."""
        granted = self._pending.get(body.step, {})
        listed = {file.rank for file in body.files}
        if not granted or (set(granted) != listed if self.elsewhere is None else not set(granted) <= listed):
            self._pending.pop(body.step, None)
            raise TrainerError(Reason.PROTOCOL, f"step {body.step}: the files committed are not those granted")
        files = [
            self.deliver(body.step, file) if file.rank in granted else self._from_elsewhere(body.step, file)
            for file in body.files
        ]
        prefix = step_prefix(body.step)
        manifest = CheckpointManifest(
            format=FORMAT,
            tenant=self.tenant,
            run=self.run,
            created=datetime.now(UTC),
            run_key=self.keys.newest,
            body=body,
            files=tuple(files),
        )
        self._publish(manifest, f"{prefix}/{MANIFEST}", exclusive=True)
        self.retire()

    def deliver(self, step: int, described: RankFile) -> SealedFile:
        """Checks and uploads a file that this node's worker wrote; what the manifest will say about it."""
        granted = self._pending.get(step, {}).pop(described.rank, None)
        if granted is None:
            raise TrainerError(Reason.PROTOCOL, f"step {step}: no file of rank {described.rank} was granted")
        key, held = granted
        with held as file:
            entry = self._check_file(step, described.rank, described.length, key, file)
            self.store.upload(entry.object, file)
        if not self._pending[step]:
            del self._pending[step]
        return entry

    def _from_elsewhere(self, step: int, described: RankFile) -> SealedFile:
        assert self.elsewhere is not None  # commit() asks only then
        entry = self.elsewhere(step, described)
        if (entry.rank, entry.object) != (described.rank, f"{step_prefix(step)}/{file_name(described.rank)}"):
            raise TrainerError(Reason.PEER, f"node {described.rank} delivered {entry.object} for step {step}")
        return entry

    def latest(self) -> StoredCheckpoint | None:
        """The newest checkpoint, as the ledger has it, or None when the run has none yet.

        Raises `TrainerError(STALE)` when the bucket holds something older or other than the ledger says.
        """
        publications = self._publications()
        for step in dict.fromkeys(int(publication.details["step"]) for publication in publications):
            same = [publication for publication in publications if publication.details["step"] == step]
            name = f"{step_prefix(step)}/{MANIFEST}"
            if self.store.exists(name):
                return self.open_step(step, same)
            if any(publication.confirmed for publication in same):
                raise TrainerError(
                    Reason.STALE,
                    f"{self.store.url}/{name} is missing, but the ledger of tenant {self.tenant} has it as published; "
                    "the bucket was rolled back. Restore that object version",
                )
        return None

    def open_step(self, step: int, publications: list[Publication]) -> StoredCheckpoint:
        """The checkpoint of one step, verified against signature and ledger."""
        name = f"{step_prefix(step)}/{MANIFEST}"
        data = self.store.get(name)
        where = f"{self.store.url}/{name}"
        trusted = self.keys.public_keys()
        manifest = open_checkpoint_manifest(data, trusted, self.tenant, self.run, step, where)
        check_current(digest(data), publications, where, None)
        return StoredCheckpoint(manifest, digest(data), self.store, self.keys, self.scratch)

    def rekey(self) -> int:
        """Gives the run a new key and re-wraps the newest checkpoint's file keys under it; files stay as they are.

        Returns how many file keys were wrapped anew. Older checkpoints keep the old key until retention removes them.
        """
        current = self.latest()
        self.keys.add()
        if current is None:
            return 0
        old = current.manifest
        files = tuple(
            file.model_copy(
                update={
                    "wrapped_key": wrap_key(
                        self.keys.wrapping(self.keys.newest),
                        current.file_key(file.rank),
                        file_binding(self.tenant, self.run, old.body.step, file.rank),
                    )
                }
            )
            for file in old.files
        )
        manifest = old.model_copy(update={"run_key": self.keys.newest, "files": files})
        self._publish(manifest, f"{step_prefix(old.body.step)}/{MANIFEST}", exclusive=False)
        return len(files)

    def retire(self) -> list[int]:
        """Removes checkpoints that retention does not keep, manifest first; returns their steps."""
        names = self.store.names("step-")
        present = {_step_of(name) for name in names}
        published = sorted(_step_of(name) for name in names if name.endswith(f"/{MANIFEST}"))
        milestone = self._retention.milestone
        kept = set(published[-self._retention.keep :])
        kept |= {step for step in published if milestone and step % milestone == 0}
        # What has no manifest is the remains of a crash; a newer step may be in the making.
        old = sorted(step for step in present - kept if published and step < published[-1])
        for step in old:
            self.log.append(run_stream(self.run), "checkpoint-retire", {"run": self.run, "step": step})
            names = self.store.names(f"{step_prefix(step)}/")
            for name in sorted(names, key=lambda name: not name.endswith(MANIFEST)):
                self.store.delete(name)
        return old

    def _publications(self) -> list[Publication]:
        records = self.log.read(run_stream(self.run))
        return acceptable(records, "checkpoint-publish", "checkpoint-published", {"run": self.run})

    def _publish(self, manifest: CheckpointManifest, name: str, *, exclusive: bool) -> None:
        key = self.keys.signer(manifest.run_key)
        document = sign_document(manifest.model_dump(mode="json"), CHECKPOINT_TYPE, key)
        details: dict[str, Any] = {
            "run": self.run,
            "step": manifest.body.step,
            "manifest": digest(document),
            "signer": self.keys.public_keys()[manifest.run_key],
        }
        self.log.append(run_stream(self.run), "checkpoint-publish", details)
        self.store.put(name, document, exclusive=exclusive)
        self.log.append(run_stream(self.run), "checkpoint-published", details)

    def _check_file(self, step: int, rank: int, length: int, key: bytes, file: BinaryIO) -> SealedFile:
        """What the manifest will say about a file that the worker wrote, after opening its header with its key."""
        binding = file_binding(self.tenant, self.run, step, rank)
        total = os.fstat(file.fileno()).st_size
        header = parse_header(os.pread(file.fileno(), HEADER_BYTES, 0), total, binding.describe())
        open_header(header, key, binding, binding.describe())
        if total != sealed_size(length):
            raise TrainerError(Reason.PROTOCOL, f"{binding.describe()}: has {total} bytes, not those of {length}")
        wrapped = wrap_key(self.keys.wrapping(self.keys.newest), key, binding)
        name = f"{step_prefix(step)}/{file_name(rank)}"
        return SealedFile(rank=rank, object=name, commitment=header.commitment.hex(), wrapped_key=wrapped)


def _step_of(name: str) -> int:
    return int(name.partition("/")[0].removeprefix("step-"))
