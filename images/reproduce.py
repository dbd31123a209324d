"""Builds an image a second time and says whether it is the same, and if not, which files differ."""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from images import build, gpt, tools
from images.build import Artefact, Say
from images.measure.pe import sections
from images.workspace import Workspace

COMPARED = ("root_hash", "root_sha256", "uki_sha256", "disk_sha256")
MOST_FILES = 50


@dataclass(frozen=True)
class Comparison:
    """Two builds' hashes, and what differs between them: UKI sections, files of the root."""

    hashes: dict[str, tuple[str, str]]
    sections: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether every hash is the same."""
        return all(first == second for first, second in self.hashes.values())

    def as_json(self) -> dict[str, Any]:
        """The document that `bulkhead image reproduce --json` prints."""
        return {
            "identical": self.identical,
            "hashes": {name: {"first": a, "second": b, "same": a == b} for name, (a, b) in self.hashes.items()},
            "sections": list(self.sections),
            "files": list(self.files),
        }

    def lines(self) -> list[str]:
        """The same for people."""
        lines = ["identical" if self.identical else "the two builds differ"]
        lines += [f"  {name}: {a}" + ("" if a == b else f" and {b}") for name, (a, b) in self.hashes.items()]
        lines += [f"  section {name} of the kernel image" for name in self.sections]
        return lines + [f"  {name}" for name in self.files]


def reproduce(workspace: Workspace, first: Artefact, *, say: Say) -> Comparison:
    """Builds again, with every package installed anew, beside the first build.

    The first build's outputs stay where they are; the second's are kept, beside them, only where they differ. Fetched
    packages and the tools tree are shared, nothing else. What is demanded of the second build is the first, not the
    lock: packages that are newer in one of them show as files that differ.

    Raises:
        ImageError: the second build failed.
    """
    outputs = workspace.output(first.profile)
    kept, moved = (outputs.with_name(f"{first.profile}-{order}") for order in ("first", "second"))
    for stale in (kept, moved):
        if stale.exists():
            shutil.rmtree(stale)
    outputs.rename(kept)
    try:
        second = build.build(workspace, first.profile, say=say, incremental=False, accept_newer=True)
        outputs.rename(moved)
    finally:
        kept.rename(outputs)
    found = compare(
        workspace, dataclasses.replace(first, directory=outputs), dataclasses.replace(second, directory=moved)
    )
    if found.identical:
        shutil.rmtree(moved)
    return found


def compare(workspace: Workspace, first: Artefact, second: Artefact) -> Comparison:
    """The comparison of two builds that both lie under the workspace.

    Raises:
        ImageError: a file cannot be read.
    """
    hashes = {name: (str(getattr(first, name)), str(getattr(second, name))) for name in COMPARED}
    differing = different_sections(first.path("uki"), second.path("uki"))
    files: list[str] = []
    if first.root_sha256 != second.root_sha256:
        listings = [listing(workspace, artefact.path("disk")) for artefact in (first, second)]
        files = different_files(*listings)
    return Comparison(hashes, tuple(differing), tuple(files[:MOST_FILES]))


def different_sections(first: Path, second: Path) -> list[str]:
    """Names of UKI sections that differ or that only one has."""
    contents = [{entry.name: entry.content for entry in sections(path.read_bytes())} for path in (first, second)]
    names = sorted(contents[0].keys() | contents[1].keys())
    return [name for name in names if contents[0].get(name) != contents[1].get(name)]


def listing(workspace: Workspace, disk: Path) -> dict[str, str]:
    """Every entry of a disk's root file system with its metadata and digest.

    Raises:
        ImageError: it has no root partition, or it cannot be unpacked.
    """
    offset = gpt.partition(disk, gpt.ROOT).offset
    script = tools.inside(Path(__file__).with_name("listing.py"), workspace)
    answer = tools.run(
        workspace,
        ["python3", script, tools.inside(disk, workspace), str(offset), tools.inside(workspace.scratch, workspace)],
    )
    return dict(json.loads(answer))


def different_files(first: dict[str, str], second: dict[str, str]) -> list[str]:
    """One line per file that differs: what each build has."""
    names = sorted(first.keys() | second.keys())
    return [
        f"/{name}: first {first.get(name, 'absent')}, second {second.get(name, 'absent')}"
        for name in names
        if first.get(name) != second.get(name)
    ]
