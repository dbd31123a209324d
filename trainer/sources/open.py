"""From the description of a source in a seal document to the source itself."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from trainer.errors import Reason, TrainerError
from trainer.formats.names import Frozen
from trainer.sources.arrays import TextSource, TokenSource, load_arrays
from trainer.sources.batches import Source
from trainer.sources.bundled import load_bundled
from trainer.sources.images import TarSource
from trainer.sources.labelled import PictureSource
from trainer.sources.pictures import Decoding
from trainer.sources.tables import TableSource, open_csv, open_jsonl, open_parquet

_TABLES = {"csv": open_csv, "jsonl": open_jsonl, "parquet": open_parquet}


class SourceSpec(Frozen):
    """Which data to seal: its kind and its fsspec paths (`/path`, `s3://…`, `gs://…`), or the name of a bundled set."""

    kind: Literal["csv", "jsonl", "parquet", "arrays", "tokens", "text", "images", "bundled"]
    paths: tuple[str, ...] = Field(default=(), max_length=100_000)
    name: str | None = None
    dtype: Literal["uint16", "uint32"] = "uint16"
    decode: Decoding | None = None
    """For `images`: pictures become arrays of one size with a label each, as the vision recipe takes them. Without it
    the members are sealed as they are."""

    @model_validator(mode="after")
    def _pictures(self) -> Self:
        if self.decode is not None and self.kind != "images":
            raise ValueError(f"decode goes with the kind images, not with {self.kind}")
        return self


def open_source(spec: SourceSpec) -> Source:
    """The source that `spec` describes; nothing large is read yet (arrays and bundled sets excepted)."""
    if spec.kind == "bundled":
        return load_bundled(spec.name or "")
    if not spec.paths or (spec.kind == "arrays" and len(spec.paths) != 1):
        raise TrainerError(Reason.BAD_SOURCE, f"source of kind {spec.kind}: give its paths (arrays: exactly one)")
    described = f"{spec.kind}: {', '.join(spec.paths[:5])}" + (" …" if len(spec.paths) > 5 else "")
    if spec.kind in _TABLES:
        return TableSource(spec.paths, _TABLES[spec.kind], described)
    if spec.kind == "images":
        if spec.decode is not None:
            return PictureSource(spec.paths, spec.decode, described)
        return TarSource(spec.paths, described)
    if spec.kind == "tokens":
        return TokenSource(spec.paths, "<u2" if spec.dtype == "uint16" else "<u4", described)
    if spec.kind == "text":
        return TextSource(spec.paths, described)
    return load_arrays(spec.paths[0])
