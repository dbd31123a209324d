"""JSON schemas of the YAML files, generated from the models, so that an editor completes and checks them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tenancy.platform import Platform
from tenancy.tenant import Tenant

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parent / "schemas"


def _schema(model: type[Platform | Tenant], *, partial: bool = False) -> dict[str, Any]:
    schema = model.model_json_schema()
    if partial:
        schema["title"] = "Defaults"
        schema["description"] = "`defaults.yaml`: values for every tenant that does not write its own."
        _without_required(schema)
    return {"$schema": DIALECT, **schema}


def _without_required(value: Any) -> None:
    if isinstance(value, dict):
        value.pop("required", None)
        for child in value.values():
            _without_required(child)


def schemas() -> dict[str, str]:
    """File name to text of each schema, as committed under `tenancy/schemas/`."""
    documents = {
        "platform.schema.json": _schema(Platform),
        "defaults.schema.json": _schema(Tenant, partial=True),
        "tenant.schema.json": _tenant_schema(),
    }
    return {name: json.dumps(document, indent=2) + "\n" for name, document in documents.items()}


def _tenant_schema() -> dict[str, Any]:
    """A tenant file may leave to `defaults.yaml` everything but who it is and where its network lies."""
    schema = _schema(Tenant)
    _without_required(schema)
    schema["required"] = ["id", "title", "network", "datasets"]
    return schema


def stale() -> list[str]:
    """Names of the committed schemas that differ from the models."""
    return [name for name, text in schemas().items() if not (FOLDER / name).exists() or _held(name) != text]


def _held(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def write() -> list[Path]:
    """Writes the schemas and returns their paths."""
    FOLDER.mkdir(exist_ok=True)
    paths = []
    for name, text in schemas().items():
        path = FOLDER / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths
