"""Images in tar archives as WebDataset lays them out: members of one sample share the name before the first dot."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath

from trainer.errors import Reason, TrainerError
from trainer.formats.manifest import Column
from trainer.sources.batches import Batch
from trainer.sources.files import open_binary

MAX_MEMBER = 256 << 20
"""Bytes of one member, at most."""
_BATCH_ROWS = 256
_BATCH_BYTES = 64 << 20


@dataclass(frozen=True)
class Part:
    """One member of an archive: `name` as it stands there, and what of it names the sample and the column."""

    name: str
    key: str
    extension: str
    data: bytes


Sample = tuple[Part, ...]
"""The members of one sample, in the archive's order, all of one key and of different extensions."""


@dataclass(frozen=True)
class TarSource:
    """Samples of tar files as they are: column `key` and one column of bytes per extension, such as `png` and `cls`.

    Archives are read as a stream; nothing is extracted to disk. Every sample must have the first one's extensions.
    """

    paths: tuple[str, ...]
    description: str
    transformations: tuple[str, ...] = ()

    def columns(self) -> tuple[Column, ...]:
        """See `Source.columns`; taken from the first sample."""
        for sample in read_samples(self.paths[0]):
            try:
                parts = [Column(name=part.extension, dtype="bytes") for part in sample]
            except ValueError as error:
                raise TrainerError(Reason.BAD_SOURCE, f"{self.paths[0]}: {sample[0].name!r}: {error}") from error
            return (Column(name="key", dtype="utf8"), *parts)
        raise TrainerError(Reason.BAD_SOURCE, f"{self.paths[0]}: holds no samples")

    def batches(self) -> Iterator[Batch]:
        """See `Source.batches`."""
        names = [column.name for column in self.columns()]
        pending: dict[str, list[bytes]] = {name: [] for name in names}
        size = 0
        for path in self.paths:
            for sample in read_samples(path):
                values = {"key": sample[0].key.encode()} | {part.extension: part.data for part in sample}
                if sorted(values) != sorted(names):
                    raise TrainerError(
                        Reason.BAD_SOURCE, f"{path}: sample {sample[0].key!r} has parts {sorted(values)}, not {names}"
                    )
                for name, value in values.items():
                    pending[name].append(value)
                    size += len(value)
                if len(pending["key"]) == _BATCH_ROWS or size > _BATCH_BYTES:
                    yield dict(pending)
                    pending, size = {name: [] for name in names}, 0
        if pending["key"]:
            yield dict(pending)


def read_samples(path: str) -> Iterator[Sample]:
    """The samples of one archive (compressed or not), in order; `TrainerError` naming the archive or the member."""
    try:
        with open_binary(path) as file, tarfile.open(fileobj=file, mode="r|*") as archive:
            for key, parts in groupby(_parts(archive, path), key=lambda part: part.key):
                sample = tuple(parts)
                if len({part.extension for part in sample}) != len(sample):
                    names = [part.name for part in sample]
                    raise TrainerError(Reason.BAD_SOURCE, f"{path}: sample {key!r} has a part twice: {names}")
                yield sample
    except (OSError, tarfile.TarError, EOFError) as error:
        raise TrainerError(Reason.BAD_SOURCE, f"{path}: cannot be read as a tar archive: {error}") from error


def _parts(archive: tarfile.TarFile, path: str) -> Iterator[Part]:
    for member in archive:
        if not member.isfile():
            continue
        name = PurePosixPath(member.name)
        stem, _, extension = name.name.partition(".")
        if not stem or not extension or extension == "key" or not _is_text(member.name):
            raise TrainerError(
                Reason.BAD_SOURCE,
                f"{path}: member {member.name!r} is no part of a sample; expected name.extension, and not .key",
            )
        if member.size > MAX_MEMBER:
            raise TrainerError(
                Reason.BAD_SOURCE, f"{path}: member {member.name!r} has {member.size} bytes, more than {MAX_MEMBER}"
            )
        content = archive.extractfile(member)
        if content is not None:
            yield Part(member.name, str(name.parent / stem), extension, content.read())


def _is_text(name: str) -> bool:
    """Whether a member's name is UTF-8; tarfile hands out other bytes as lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
