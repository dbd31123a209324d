"""A bundle of facts on disk: `facts.jsonl`, only ever appended to, `scope.json`, and a `manifest.json` that closes it.

The manifest holds the digest of every other file and the head of a hash chain over the lines, so that a line that is
changed, dropped, moved or added shows. A bundle without a manifest is an interrupted scan: it can be resumed, but not
judged.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from compliance.facts.canonical import canonical, sha256
from compliance.facts.errors import BundleError
from compliance.facts.fact import Fact, fact_from_json

FORMAT = "bulkhead.facts/1"
FACTS = "facts.jsonl"
SCOPE = "scope.json"
MANIFEST = "manifest.json"
EMPTY_HEAD = sha256(b"")


def chained(head: str, line: bytes) -> str:
    """The head of the chain after one more line: SHA-256 of the previous head and the line without its line feed."""
    return "sha256:" + hashlib.sha256(head.encode("ascii") + b"\n" + line).hexdigest()


class BundleWriter:
    """Appends facts to a bundle, from any thread; `close` seals it with its manifest."""

    def __init__(self, folder: Path, scope: dict[str, Any], *, resume: bool = False) -> None:
        """Opens a bundle. With `resume`, what an interrupted scan left is kept and continued.

        Raises:
            BundleError: the folder holds a bundle already (or, resuming, one of another scope).
        """
        self.folder = folder
        self.head = EMPTY_HEAD
        self.count = 0
        self.earlier: dict[tuple[str, str, str, str], Fact] = {}
        self._lock = threading.Lock()
        self._scope = canonical(scope)
        self._prepare(resume=resume)
        self._file = (folder / FACTS).open("ab")

    def _prepare(self, *, resume: bool) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        facts = self.folder / FACTS
        if (self.folder / MANIFEST).exists():
            msg = f"{self.folder}: there is a finished bundle here already; name another folder"
            raise BundleError(msg)
        if facts.exists() and not resume:
            msg = f"{self.folder}: an interrupted scan is here; resume it, or name another folder"
            raise BundleError(msg)
        if facts.exists():
            if (self.folder / SCOPE).read_bytes() != self._scope:
                msg = f"{self.folder / SCOPE}: the interrupted scan had other tenants; name another folder"
                raise BundleError(msg)
            self._take_over(facts)
        (self.folder / SCOPE).write_bytes(self._scope)

    def _take_over(self, facts: Path) -> None:
        """Keeps whole lines that were read, forgets a torn last one; calls that failed are asked again."""
        kept = []
        for number, line in enumerate(facts.read_bytes().split(b"\n"), start=1):
            try:
                fact = fact_from_json(json.loads(line), f"{facts}:{number}")
            except (ValueError, RecursionError):
                break
            if fact.status.read:
                self.earlier[fact.key] = fact
                kept.append(line)
        facts.write_bytes(b"".join(line + b"\n" for line in kept))
        for line in kept:
            self.head = chained(self.head, line)
        self.count = len(kept)

    def append(self, fact: Fact) -> None:
        """Writes one fact; it is on its way to the disk when this returns."""
        line = canonical(fact.to_json())
        with self._lock:
            self._file.write(line + b"\n")
            self.head = chained(self.head, line)
            self.count += 1

    def seal(self, provenance: dict[str, Any]) -> Path:
        """Closes the bundle with a manifest that holds `provenance` and every digest; returns its path."""
        self._file.flush()
        self._file.close()
        manifest = {
            "format": FORMAT,
            **provenance,
            "files": {
                FACTS: sha256((self.folder / FACTS).read_bytes()),
                SCOPE: sha256((self.folder / SCOPE).read_bytes()),
            },
            "facts": {"count": self.count, "chain_head": self.head},
        }
        path = self.folder / MANIFEST
        path.write_text(json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


@dataclass(frozen=True)
class Bundle:
    """A finished bundle whose digests have been checked. `index` gives the byte ranges of each account's lines."""

    folder: Path
    manifest: dict[str, Any]
    scope: dict[str, Any]
    index: dict[str, tuple[tuple[int, int], ...]]

    def facts(self, *accounts: str) -> Iterator[Fact]:
        """The facts of these accounts (of all, without any), sorted by call, so that the order of reading is lost.

        One account is in memory at a time only if the caller asks for one at a time.
        """
        found = []
        with (self.folder / FACTS).open("rb") as file:
            for account in accounts or tuple(self.index):
                for start, length in self.index.get(account, ()):
                    file.seek(start)
                    found.append(fact_from_json(json.loads(file.read(length)), f"{self.folder / FACTS}@{start}"))
        yield from sorted(found, key=lambda fact: (fact.key, fact.digest))


def open_bundle(folder: Path) -> Bundle:
    """Opens a finished bundle and checks all of it: files, chain, count, every fact's digests.

    Raises:
        BundleError: something is missing, damaged, or was changed; names the file and line.
    """
    for name in (MANIFEST, SCOPE, FACTS):
        _plain(folder / name)
    manifest = _json_file(folder / MANIFEST, "an interrupted scan has none: resume it")
    if manifest.get("format") != FORMAT:
        msg = f"{folder / MANIFEST}: format is {manifest.get('format')!r}, not {FORMAT!r}; scan again"
        raise BundleError(msg)
    try:
        files = dict(manifest["files"])
        count, head = int(manifest["facts"]["count"]), str(manifest["facts"]["chain_head"])
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{folder / MANIFEST}: lacks {error}; take the bundle from its source again"
        raise BundleError(msg) from error
    index, lines, found = _read_lines(folder / FACTS)
    if (lines, found) != (count, head):
        msg = f"{folder / FACTS}: {lines} facts with chain head {found}, the manifest says {count} with {head}"
        raise BundleError(msg)
    for name in (FACTS, SCOPE):
        try:
            actual = _file_digest(folder / name)
        except OSError as error:
            msg = f"{folder / name}: cannot be read ({error.strerror}); take the bundle from its source again"
            raise BundleError(msg) from error
        if actual != files.get(name):
            msg = f"{folder / name}: digest is {actual}, the manifest says {files.get(name)}"
            raise BundleError(msg)
    return Bundle(folder, manifest, _json_file(folder / SCOPE, "take the bundle from its source again"), index)


def _plain(path: Path) -> None:
    """Refuses links, pipes and devices, which lead elsewhere or never end. A missing file is noticed later."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        msg = f"{path}: not a plain file; take the bundle from its source again"
        raise BundleError(msg)


def _read_lines(path: Path) -> tuple[dict[str, tuple[tuple[int, int], ...]], int, str]:
    index: dict[str, list[tuple[int, int]]] = {}
    head, number, start = EMPTY_HEAD, 0, 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                place = f"{path}:{number}"
                try:
                    fact = fact_from_json(json.loads(line), place)
                except (ValueError, RecursionError) as error:
                    msg = f"{place}: not JSON ({error}); the bundle is damaged"
                    raise BundleError(msg) from error
                index.setdefault(fact.account, []).append((start, len(line)))
                head = chained(head, line.rstrip(b"\n"))
                start += len(line)
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); name a folder that `bulkhead scan` wrote"
        raise BundleError(msg) from error
    return {account: tuple(spans) for account, spans in sorted(index.items())}, number, head


def _json_file(path: Path, way_out: str) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path}: cannot be read ({error.strerror}); {way_out}"
        raise BundleError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"{path}: not JSON ({error}); {way_out}"
        raise BundleError(msg) from error
    if not isinstance(value, dict):
        msg = f"{path}: holds {type(value).__name__}, not an object; {way_out}"
        raise BundleError(msg)
    return value


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
