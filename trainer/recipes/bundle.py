"""Job bundles: a recipe of one's own, as one Python file or as a zip of modules and settings.

A bundle's digest is measured before anything of it is looked at (`trainer.agent.session`). It is opened here, in the
sandboxed worker: never unpacked, its modules are imported from memory.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any, Final

from trainer.errors import Reason, TrainerError
from trainer.formats.canonical import parse_json_object
from trainer.protocol.leaving import NO_RECIPE
from trainer.recipes.base import Recipe

LIMIT: Final = 16 << 20
"""Most bytes of a bundle, packed or not."""
ENTRY: Final = "recipe"
SETTINGS: Final = "settings.json"
ORIGIN: Final = "bundle/"
"""What the file names of a bundle's code begin with, in tracebacks."""
_ZIP: Final = b"PK\x03\x04"


@dataclass(frozen=True)
class Bundle:
    """Sources by path (`recipe.py`, `nets/blocks.py`), and the settings that apply where the job gives no others."""

    sources: dict[str, str]
    settings: dict[str, Any]

    def recipe(self, name: str, code_begins: Callable[[], None]) -> type[Recipe]:
        """The class `Recipe` of the module `recipe`, which is imported now, after `code_begins` was called.

        `name` is for messages.
        """
        finder = _Finder(self.sources)
        for module in sorted({path.partition("/")[0].removesuffix(".py") for path in self.sources}):
            if importlib.util.find_spec(module) is not None:
                raise TrainerError(Reason.BAD_JOB, f"{name}: module {module} would hide an installed one; rename it")
        sys.meta_path.append(finder)
        code_begins()
        found = getattr(importlib.import_module(ENTRY), "Recipe", None)
        if not (isinstance(found, type) and issubclass(found, Recipe) and found is not Recipe):
            raise TrainerError(Reason.BAD_JOB, NO_RECIPE)
        return found


def open_bundle(data: bytes, name: str) -> Bundle:
    """The bundle in the bytes of a `.py` file or of a zip. `TrainerError(BAD_JOB)` for anything else."""
    if len(data) > LIMIT:
        raise TrainerError(Reason.BAD_JOB, f"{name}: {len(data)} bytes are more than a bundle's {LIMIT}")
    if not data.startswith(_ZIP):
        return Bundle({f"{ENTRY}.py": _text(data, name)}, {})
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                if entry.is_dir():
                    continue
                with archive.open(entry) as file:
                    files[entry.filename] = file.read(LIMIT + 1)
                if sum(map(len, files.values())) > LIMIT:
                    raise TrainerError(Reason.BAD_JOB, f"{name}: is more than {LIMIT} bytes when unpacked")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise TrainerError(Reason.BAD_JOB, f"{name}: cannot be read as a zip: {type(error).__name__}") from error
    return _checked(files, name)


def pack(folder: Path) -> bytes:
    """The zip of a folder with `recipe.py`: the same bytes, and so the same digest, for the same content."""
    files: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if "__pycache__" in relative.parts or any(part.startswith(".") for part in relative.parts):
            continue
        if path.is_symlink():
            raise TrainerError(Reason.BAD_JOB, f"{path}: a bundle holds files, not links")
        if path.is_file():
            files[relative.as_posix()] = path.read_bytes()
    _checked(files, str(folder))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr, entry.create_system = zipfile.ZIP_DEFLATED, 0o644 << 16, 3
            archive.writestr(entry, content)
    if len(out.getvalue()) > LIMIT:
        raise TrainerError(Reason.BAD_JOB, f"{folder}: more than a bundle's {LIMIT} bytes")
    return out.getvalue()


def _checked(files: dict[str, bytes], name: str) -> Bundle:
    sources: dict[str, str] = {}
    settings: dict[str, Any] = {}
    for path, content in files.items():
        if path == SETTINGS:
            settings = parse_json_object(content, f"{name}: {SETTINGS}")
        elif _is_module(path):
            sources[path] = _text(content, f"{name}: {path}")
        else:
            raise TrainerError(Reason.BAD_JOB, f"{name}: {path} is neither a Python module nor {SETTINGS}")
    if f"{ENTRY}.py" not in sources:
        raise TrainerError(Reason.BAD_JOB, f"{name}: has no {ENTRY}.py")
    return Bundle(sources, settings)


def _is_module(path: str) -> bool:
    parts = PurePosixPath(path).with_suffix("").parts
    return (
        path.endswith(".py") and PurePosixPath(path).as_posix() == path and all(part.isidentifier() for part in parts)
    )


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise TrainerError(Reason.BAD_JOB, f"{name}: is neither a zip nor Python source in UTF-8") from error


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the modules of a bundle from memory."""

    def __init__(self, sources: dict[str, str]) -> None:
        self._sources = sources

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder.find_spec`."""
        base = fullname.replace(".", "/")
        folder = any(name.startswith(f"{base}/") for name in self._sources)
        if f"{base}.py" not in self._sources and not folder:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=ORIGIN + self._path(fullname), is_package=folder)

    def is_package(self, fullname: str) -> bool:
        """See `importlib.abc.InspectLoader.is_package`."""
        return any(name.startswith(fullname.replace(".", "/") + "/") for name in self._sources)

    def get_source(self, fullname: str) -> str:
        """See `importlib.abc.InspectLoader.get_source`; a folder without `__init__.py` is an empty package."""
        return self._sources.get(self._path(fullname), "")

    def exec_module(self, module: ModuleType) -> None:
        """Runs a module's code."""
        name = module.__name__
        code = compile(self.get_source(name), ORIGIN + self._path(name), "exec", dont_inherit=True)
        exec(code, module.__dict__)  # noqa: S102 - a job is code; this is what the sandbox confines

    def _path(self, fullname: str) -> str:
        base = fullname.replace(".", "/")
        return f"{base}/__init__.py" if self.is_package(fullname) else f"{base}.py"
