"""ARNs from templates: `arn:aws:sns:{region}:{account}:{Name}` with an operation's parameters filled in.

A placeholder is a parameter's name, dotted for a member; a list gives one ARN per item. A parameter that is an ARN
already stands for itself. A template one of whose parameters is missing gives nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from localcloud.access import Access, ContextValue
from localcloud.identity import Caller
from localcloud.operation import Operation

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


def values(params: Any, path: str) -> tuple[str, ...]:
    """The strings at a dotted path, through lists."""
    found = [params]
    for name in path.split("."):
        nested: list[Any] = []
        for value in found:
            items = value if isinstance(value, (list, tuple)) else [value]
            nested += [item[name] for item in items if isinstance(item, Mapping) and item.get(name) is not None]
        found = nested
    flat: list[str] = []
    for value in found:
        flat += [str(item) for item in value] if isinstance(value, (list, tuple)) else [str(value)]
    return tuple(item for item in flat if item)


def expand(template: str, operation: Operation, caller: Caller, region: str) -> tuple[str, ...]:
    """The ARNs that a template gives."""
    done = [template.replace("{region}", region).replace("{account}", caller.account)]
    names = _PLACEHOLDER.findall(done[0])
    for name in names:
        given = values(operation.params, name)
        arns = tuple(value for value in given if value.startswith("arn:"))
        if arns and len(names) == 1:
            return arns
        done = [text.replace("{" + name + "}", value) for text in done for value in given]
    return tuple(done)


def account_in(arn: str, default: str) -> str:
    """The account field of an ARN, or `default` where it has none (or is AWS's own, which everybody may use)."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[4] not in {"", "aws"} else default


def request_tags(operation: Operation) -> dict[str, ContextValue]:
    """`aws:RequestTag/…` and `aws:TagKeys` for tags given in any of the forms that services use."""
    found: dict[str, ContextValue] = {}
    keys: list[str] = []
    for name in ("Tags", "tags", "TagList", "TagSpecifications", "TagSpecification", "ResourceTags"):
        for key, value in _pairs(operation.params.get(name)):
            found[f"aws:RequestTag/{key}"] = value
            keys.append(key)
    for name in ("TagKeys", "tagKeys", "ResourceTagKeys"):
        keys += values(operation.params, name)
    if keys:
        found["aws:TagKeys"] = tuple(dict.fromkeys(keys))
    return found


def _pairs(value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [(str(key), str(text)) for key, text in value.items()]
    pairs: list[tuple[str, str]] = []
    for item in value if isinstance(value, (list, tuple)) else ():
        if not isinstance(item, Mapping):
            continue
        if "Tags" in item:
            pairs += _pairs(item["Tags"])
            continue
        key = next((item[name] for name in ("Key", "TagKey", "key") if name in item), None)
        text = next((item[name] for name in ("Value", "TagValue", "value") if name in item), "")
        if key is not None:
            pairs.append((str(key), str(text)))
    return pairs


def build(
    action: str,
    templates: Iterable[str],
    operation: Operation,
    caller: Caller,
    region: str,
    context: Mapping[str, ContextValue] | None = None,
) -> tuple[Access, ...]:
    """One access per ARN that the templates give; on `*` where they give none."""
    arns = [arn for template in templates for arn in expand(template, operation, caller, region)]
    keys = {**request_tags(operation), **(context or {})}
    if not arns:
        return (Access(action, "*", caller.account, keys),)
    return tuple(Access(action, arn, account_in(arn, caller.account), keys) for arn in dict.fromkeys(arns))
