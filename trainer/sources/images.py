"""Images in tar archives as WebDataset lays them out: members of one sample share the name before the first dot."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePosixPath

import fsspec

from trainer.errors import Reason, TrainerError
from trainer.formats.manifest import Column
from trainer.sources.batches import Batch

_BATCH = 256
_LIMIT = 256 << 20


@dataclass(frozen=True)
class TarSource:
    """Samples of tar files: column `key` and one column of bytes per extension, such as `png` and `cls`.

    Archives are read as a stream; nothing is extracted to disk. Every sample must have the first one's extensions.
    """

    paths: tuple[str, ...]
    description: str

    def columns(self) -> tuple[Column, ...]:
        """See `Source.columns`; taken from the first sample."""
        for sample in self._samples(self.paths[0]):
            return tuple(Column(name=name, dtype="utf8" if name == "key" else "bytes") for name in sample)
        raise TrainerError(Reason.BAD_SOURCE, f"{self.paths[0]}: holds no samples")

    def batches(self) -> Iterator[Batch]:
        """See `Source.batches`."""
        names = [column.name for column in self.columns()]
        pending: list[dict[str, bytes]] = []
        for path in self.paths:
            for sample in self._samples(path):
                if sorted(sample) != sorted(names):
                    raise TrainerError(
                        Reason.BAD_SOURCE, f"{path}: sample {sample['key']!r} has parts {sorted(sample)}, not {names}"
                    )
                pending.append(sample)
                if len(pending) == _BATCH:
                    yield {name: [sample[name] for sample in pending] for name in names}
                    pending = []
        if pending:
            yield {name: [sample[name] for sample in pending] for name in names}

    def _samples(self, path: str) -> Iterator[dict[str, bytes]]:
        try:
            with fsspec.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r|*") as archive:
                for key, parts in groupby(_members(archive, path), key=lambda part: part[0]):
                    sample = {"key": key.encode()}
                    for _, extension, data in parts:
                        if extension in sample:
                            raise TrainerError(Reason.BAD_SOURCE, f"{path}: sample {key!r} has two parts {extension}")
                        sample[extension] = data
                    yield sample
        except (OSError, tarfile.TarError, EOFError) as error:
            raise TrainerError(Reason.BAD_SOURCE, f"{path}: cannot be read as a tar archive: {error}") from error


def _members(archive: tarfile.TarFile, path: str) -> Iterator[tuple[str, str, bytes]]:
    for member in archive:
        if not member.isfile():
            continue
        name = PurePosixPath(member.name)
        stem, _, extension = name.name.partition(".")
        if member.size > _LIMIT or not extension or extension == "key":
            raise TrainerError(Reason.BAD_SOURCE, f"{path}: member {member.name!r} is too large or has no extension")
        content = archive.extractfile(member)
        if content is not None:
            yield str(name.parent / stem), extension, content.read()
