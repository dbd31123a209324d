"""Labelled pictures in tar archives: every sample one picture and one label, decoded to arrays that a recipe takes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

import numpy as np

from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import canonical_json, parse_json_object
from trainer.formats.manifest import Column
from trainer.sources.batches import Batch
from trainer.sources.images import Part, Sample, read_samples
from trainer.sources.pictures import EXTENSIONS, Decoding, decode_picture

MAX_LABELS = 65536
"""Different labels, at most: more are no classes but descriptions, or numbers."""
_NUMBER = re.compile(r"0|[1-9][0-9]{0,8}")
_BATCH_BYTES = 32 << 20


@dataclass(frozen=True)
class _Survey:
    """What the first reading of all archives found: where labels are, and the number that stands for each."""

    place: str
    numbers: dict[str, int]


@dataclass(frozen=True)
class PictureSource:
    """Columns `key` (text: folder and name), `image` (`|u1`, as `decoding` says) and `target` (`<i8`, the label).

    Labels that are all whole numbers are taken as they are; others are numbered in the order of their code points, and
    the numbers are in the manifest's `transformations`. Archives are read twice: once for the labels, before any
    key is made, and once for the pictures. Nothing is extracted to disk.
    """

    paths: tuple[str, ...]
    decoding: Decoding
    description: str

    def columns(self) -> tuple[Column, ...]:
        """See `Source.columns`; raises `TrainerError` naming the first sample without exactly one picture and label."""
        self._survey  # noqa: B018 - what is wrong with the archives is said before anything is sealed
        return (
            Column(name="key", dtype="utf8"),
            Column(name="image", dtype="|u1", shape=self.decoding.shape),
            Column(name="target", dtype="<i8"),
        )

    @property
    def transformations(self) -> tuple[str, ...]:
        """See `Source.transformations`."""
        import PIL  # noqa: PLC0415 - at ingest only

        height, width = self.decoding.size
        colour = "grey" if self.decoding.channels == 1 else "RGB"
        return (
            f"decoded to {height} x {width} {colour} by Pillow {PIL.__version__}",
            f"labels ({self._survey.place}): {canonical_json(self._survey.numbers).decode()}",
        )

    def batches(self) -> Iterator[Batch]:
        """See `Source.batches`; pictures are decoded by several threads."""
        place, numbers = self._survey.place, self._survey.numbers
        size = max(1, min(256, _BATCH_BYTES // int(np.prod(self.decoding.shape))))
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for path, samples in self._slices(size):
                found = [_label(sample, place, path) for sample in samples]
                if unknown := set(found) - set(numbers):
                    raise TrainerError(Reason.BAD_SOURCE, f"{path}: changed while it was read: labels {unknown}")
                pictures = [_picture(sample, path) for sample in samples]
                names = [f"{path}: {part.name}" for part in pictures]
                pixels = pool.map(decode_picture, [p.data for p in pictures], [self.decoding] * len(pictures), names)
                yield {
                    "key": [sample[0].key.encode() for sample in samples],
                    "image": np.stack(list(pixels)),
                    "target": np.array([numbers[label] for label in found], dtype="<i8"),
                }

    @cached_property
    def _survey(self) -> _Survey:
        place: str = self.decoding.label
        labels: set[str] = set()
        for path in self.paths:
            for sample in read_samples(path):
                _picture(sample, path)
                place = _place_of(sample) if place == "auto" else place
                labels.add(_label(sample, place, path))
                if len(labels) > MAX_LABELS:
                    raise TrainerError(
                        Reason.BAD_SOURCE, f"{path}: more than {MAX_LABELS} different labels ({place}): no classes"
                    )
        if not labels:
            raise TrainerError(Reason.BAD_SOURCE, f"{', '.join(self.paths[:5])}: holds no samples")
        numeric = all(_NUMBER.fullmatch(label) for label in labels)
        return _Survey(place, {label: int(label) if numeric else number for number, label in enumerate(sorted(labels))})

    def _slices(self, size: int) -> Iterator[tuple[str, list[Sample]]]:
        """At most `size` samples of one archive at a time, and no more than 32 MiB of files by much."""
        for path in self.paths:
            pending: list[Sample] = []
            held = 0
            for sample in read_samples(path):
                pending.append(sample)
                held += sum(len(part.data) for part in sample)
                if len(pending) == size or held > _BATCH_BYTES:
                    yield path, pending
                    pending, held = [], 0
            if pending:
                yield path, pending


def _picture(sample: Sample, path: str) -> Part:
    """The one part of a sample that is a picture by its name."""
    found = [part for part in sample if part.extension.rpartition(".")[2].lower() in EXTENSIONS]
    if len(found) != 1:
        names = [part.name for part in sample]
        raise TrainerError(
            Reason.BAD_SOURCE,
            f"{path}: sample {sample[0].key!r} has {len(found)} pictures ({', '.join(EXTENSIONS)}), not one: {names}",
        )
    return found[0]


def _place_of(sample: Sample) -> str:
    extensions = {part.extension for part in sample}
    return next((place for place in ("cls", "json") if place in extensions), "folder")


def _label(sample: Sample, place: str, path: str) -> str:
    """The label of a sample as text; `TrainerError` naming the member when there is none."""
    if place == "folder":
        name, label = sample[0].name, PurePosixPath(sample[0].key).parent.name
    else:
        part = next((part for part in sample if part.extension == place), None)
        if part is None:
            raise TrainerError(Reason.BAD_SOURCE, f"{path}: sample {sample[0].key!r} has no label .{place}")
        name, label = part.name, _text_of(part, path) if place == "cls" else _label_member(part, path)
    if not label or len(label) > 255 or not label.isprintable():
        raise TrainerError(
            Reason.BAD_SOURCE, f"{path}: member {name}: its label ({place}) is empty, too long or not printable"
        )
    return label


def _text_of(part: Part, path: str) -> str:
    try:
        return part.data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise TrainerError(Reason.BAD_SOURCE, f"{path}: member {part.name}: its label is not UTF-8") from error


def _label_member(part: Part, path: str) -> str:
    """`label` of a JSON document: text or a whole number."""
    try:
        label = parse_json_object(part.data, f"{path}: member {part.name}").get("label")
    except TrainerError as error:
        raise TrainerError(Reason.BAD_SOURCE, str(error)) from error
    if isinstance(label, str) or (isinstance(label, int) and not isinstance(label, bool)):
        return str(label).strip()
    raise TrainerError(
        Reason.BAD_SOURCE, f"{path}: member {part.name}: `label` is {label!r}, not text or a whole number"
    )
