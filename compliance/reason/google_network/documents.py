"""Reads assets of Cloud Asset Inventory out of the JSON files of a folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from compliance.errors import ComplianceError


def read_google_directory(folder: Path) -> list[Mapping[str, Any]]:
    """Every asset in the JSON files of a folder, at any depth.

    A file may hold `{"assets": […]}`, a list of assets, one asset, or one asset in each line (an export).

    Raises:
        ComplianceError: a file cannot be read or is an error answer, the last page is missing, or none holds an asset.
    """
    found: list[Mapping[str, Any]] = []
    pages: list[bool] = []
    for path in sorted([*folder.rglob("*.json"), *folder.rglob("*.jsonl"), *folder.rglob("*.ndjson")]):
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ComplianceError(str(path), f"cannot be read: {error}") from error
        documents = _documents(text, path)
        for page in (each for each in documents if isinstance(each, Mapping)):
            if "error" in page and "assets" not in page:
                raise ComplianceError(str(path), f"is an error answer, not assets: {page['error']!r:.200}")
            if "assets" in page:
                pages.append(bool(page.get("nextPageToken")))
        found += _in_document(documents)
    if pages and all(pages):
        raise ComplianceError(str(folder), "the last page is missing: every page of assets says nextPageToken")
    if not found:
        raise ComplianceError(str(folder), "no asset of Cloud Asset Inventory in any JSON file here")
    return found


def _documents(text: str, path: Path) -> list[Any]:
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    except RecursionError as error:
        raise ComplianceError(str(path), "is nested too deeply to hold assets") from error
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except RecursionError as error:
        raise ComplianceError(str(path), "is nested too deeply to hold assets") from error
    except ValueError as error:
        raise ComplianceError(str(path), f"not JSON: {error}") from error


def _in_document(documents: Iterable[Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for document in documents:
        if isinstance(document, list):
            found += _in_document(document)
        elif isinstance(document, Mapping) and "assetType" in document:
            found.append(document)
        elif isinstance(document, Mapping):
            found += _in_document([document["assets"]] if isinstance(document.get("assets"), list) else [])
    return found


def looks_google(folder: Path) -> bool:
    """Whether some JSON file of a folder holds assets of Cloud Asset Inventory."""
    paths = [*folder.rglob("*.json"), *folder.rglob("*.jsonl"), *folder.rglob("*.ndjson")]
    return any('"assetType"' in path.read_text(encoding="utf-8", errors="replace") for path in paths)
