"""The resources of plans and synthesised stacks, with references between stacks followed as far as they lead."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Final

from compliance.estate.from_terraform import resources_of_stacks
from compliance.estate.planned_arns import linked, mapped
from compliance.estate.terraform import LATER, Planned, made_up
from compliance.facts.scope import Scope

_OUTPUT: Final = re.compile(r"\$\{data\.terraform_remote_state\.([\w-]+)\.outputs\.([\w-]+)\}")
_RESOURCE: Final = re.compile(r"^\$\{(aws_\w+\.[\w-]+)[.\[][^}]*\}$")
_OPEN: Final = re.compile(r"\$\{(?![A-Za-z0-9-]+:)(?![*?$]\})[^}]*\}")
"""An expression of Terraform's; a variable of a policy has a colon after its first word (`${aws:username}`)."""


def planned_resources(documents: Mapping[str, Any], scope: Scope) -> list[Planned]:
    """Every planned resource by stack and address; what Terraform will know only later contains `${…}`.

    A reference to another stack's output becomes the name of the resource behind it. Inside longer text, such as a
    policy, the name of a resource becomes its ARN where that is known.

    Raises:
        ComplianceError: a document is neither a plan nor a synthesised stack.
    """
    found = resources_of_stacks(documents, scope)
    outputs = _outputs(documents)
    opened = [
        replace(one, values={**one.values, **dict.fromkeys(one.unknown, LATER)} | _followed(one, outputs))
        for one in found
    ]
    by_id = {one.id: one for one in opened}
    return [replace(one, values=mapped(one.values, lambda text: linked(text, by_id))) for one in opened]


def is_open(text: str) -> bool:
    """Whether a text holds something that Terraform will know only when it has applied."""
    return "${" in text and _OPEN.search(text) is not None


def _outputs(documents: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """By stack and output: the name of the resource that a synthesised stack puts out."""
    found = {}
    for stack, document in documents.items():
        declared = document.get("output") if isinstance(document, dict) else None
        for name, output in (declared or {}).items():
            value = output.get("value") if isinstance(output, dict) else None
            refers = _RESOURCE.match(value) if isinstance(value, str) else None
            if refers:
                found[stack, name] = made_up(stack, refers.group(1))
            elif isinstance(value, str) and "${" not in value:
                found[stack, name] = value
    return {**found, **_aliases(documents, found)}


def _aliases(documents: Mapping[str, Any], outputs: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """The same outputs under the name of each remote state that reads them: that name, instead of the stack's."""
    found: dict[tuple[str, str], str] = {}
    for document in documents.values():
        states = (document.get("data") or {}).get("terraform_remote_state") if isinstance(document, dict) else None
        for label, state in (states or {}).items():
            config = state.get("config") or {}
            read = PurePosixPath(str(config.get("path") or config.get("key") or "")).name.removesuffix(".tfstate")
            found |= {(label, name): value for (stack, name), value in outputs.items() if stack == read}
    return found


def _followed(resource: Planned, outputs: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    def follow(text: str) -> str:
        return _OUTPUT.sub(lambda found: outputs.get((found.group(1), found.group(2)), found.group(0)), text)

    known = {name: value for name, value in resource.values.items() if name not in resource.unknown}
    unknown = {name: value for name, value in resource.values.items() if name in resource.unknown}
    settled = {name: mapped(value, follow) for name, value in unknown.items()}
    return {**mapped(known, follow), **{name: value for name, value in settled.items() if value is not None}}
