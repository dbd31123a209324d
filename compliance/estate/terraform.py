"""Terraform's documents as resources with values: plans (`terraform show -json`) and synthesised configuration.

A value that Terraform will know only after it has applied is a reference here: `Ref("aws_vpc.main", "id")`. References
become names made of the address, the same wherever they are used, so that what belongs together stays together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from compliance.errors import ComplianceError

_REFERENCE: Final = re.compile(r"\$\{([a-z0-9_]+\.[A-Za-z0-9_-]+)\.([a-z0-9_]+)[^}]*\}")
LATER: Final = "${known only after apply}"
"""What stands for a value inside a block that nothing is known of yet."""
_ROLE: Final = re.compile(r"arn:[a-z-]+:iam::(\d{12}):role/")


@dataclass(frozen=True, slots=True)
class Planned:
    """A resource that will be there.

    Attributes:
        address: `aws_s3_bucket.data`, within its stack.
        values: what is known of it; a reference to another resource is a name made of its address.
        unknown: attributes that are neither known nor a reference.
    """

    stack: str
    account: str
    region: str
    address: str
    type: str
    values: Mapping[str, Any]
    unknown: frozenset[str]

    @property
    def id(self) -> str:
        """Its id, or the name that references to it have."""
        return str(self.values.get("id") or made_up(self.stack, self.address))


def made_up(stack: str, address: str) -> str:
    """The name of a resource whose id is not known yet."""
    return f"{stack}:{address}"


def resources_of(document: Any, stack: str, account: str, region: str) -> list[Planned]:
    """The resources of a plan or of a synthesised stack. `account` and `region` serve where the document is silent.

    Raises:
        ComplianceError: the document is neither.
    """
    if isinstance(document, dict) and "planned_values" in document:
        return list(_of_plan(document, stack, account, region))
    if isinstance(document, dict) and ("resource" in document or "terraform" in document):
        return list(_of_configuration(document, stack, account, region))
    raise ComplianceError(
        stack, "neither a Terraform plan (terraform show -json) nor a synthesised stack (cdk.tf.json)"
    )


def _of_plan(document: Mapping[str, Any], stack: str, account: str, region: str) -> Iterator[Planned]:
    configuration = document.get("configuration") or {}
    providers = configuration.get("provider_config") or {}
    places = {key: _place_of(_constants(held), account, region) for key, held in providers.items()}
    default = places.get("aws", (account, region))
    expressions = dict(_expressions(configuration.get("root_module") or {}, ""))
    keys = dict(_provider_keys(configuration.get("root_module") or {}, ""))
    later = {entry.get("address"): entry.get("change") or {} for entry in document.get("resource_changes") or ()}
    for module in _modules((document.get("planned_values") or {}).get("root_module") or {}):
        for resource in module.get("resources") or ():
            if resource.get("mode") != "managed":
                continue
            address = resource["address"]
            base = re.sub(r"\[[^\]]*\]", "", address)
            values = dict(resource.get("values") or {})
            unknown: set[str] = set()
            for name, expression in expressions.get(base, {}).items():
                if values.get(name) in (None, [], "") and name not in ("tags", "tags_all"):
                    referred = _referred(expression)
                    if referred:
                        values[name] = made_up(stack, referred)
                    elif "references" in (expression if isinstance(expression, dict) else {}):
                        unknown.add(name)
            values = _inside(values, later.get(address, {}).get("after_unknown"), expressions.get(base, {}), stack)
            where = places.get(keys.get(base, "aws"), default)
            yield Planned(stack, *where, address, resource["type"], values, frozenset(unknown))


def _inside(value: Any, later: Any, expression: Any, stack: str) -> Any:
    """The value with what blocks inside it will know only later: names of what it refers to, or `LATER`."""
    if isinstance(value, dict) and isinstance(later, dict):
        known = expression if isinstance(expression, dict) else {}
        found = {
            name: _inside(value.get(name), deeper, known.get(name), stack)
            for name, deeper in later.items()
            if isinstance(deeper, (dict, list)) and value.get(name) is not None
        }
        return value | found
    if isinstance(value, list) and isinstance(later, list) and len(value) == len(later):
        blocks = expression if isinstance(expression, list) and len(expression) == len(value) else [None] * len(value)
        return [_block(*parts, stack) for parts in zip(value, later, blocks, strict=True)]
    return value


def _block(value: Any, later: Any, expression: Any, stack: str) -> Any:
    if not isinstance(value, dict) or not isinstance(later, dict):
        return LATER if later is True else value
    known = expression if isinstance(expression, dict) else {}
    settled = _inside(value, later, expression, stack)
    for name, deeper in later.items():
        if deeper is True:
            referred = _referred(known.get(name))
            settled[name] = made_up(stack, referred) if referred else LATER
    return settled


def _modules(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield module
    for child in module.get("child_modules") or ():
        yield from _modules(child)


def _expressions(module: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in module.get("resources") or ():
        yield prefix + resource["address"], resource.get("expressions") or {}
    for name, call in (module.get("module_calls") or {}).items():
        yield from _expressions(call.get("module") or {}, f"{prefix}module.{name}.")


def _provider_keys(module: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Which provider configuration each resource uses: `aws`, or `aws.<alias>`."""
    for resource in module.get("resources") or ():
        yield prefix + resource["address"], str(resource.get("provider_config_key", "aws")).rpartition(":")[2]
    for name, call in (module.get("module_calls") or {}).items():
        yield from _provider_keys(call.get("module") or {}, f"{prefix}module.{name}.")


def _constants(provider: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _constant(value) for key, value in (provider.get("expressions") or {}).items()}


def _place_of(provider: Mapping[str, Any], account: str, region: str) -> tuple[str, str]:
    """Account and region of a provider's configuration; `account` and `region` where it is silent."""
    return _account_of(provider) or account, provider.get("region") or region


def _constant(expression: Any) -> Any:
    if isinstance(expression, list):
        return [{k: _constant(v) for k, v in item.items()} if isinstance(item, dict) else item for item in expression]
    return expression.get("constant_value") if isinstance(expression, dict) else None


def _referred(expression: Any) -> str:
    if not isinstance(expression, dict):
        return ""
    for reference in expression.get("references") or ():
        parts = str(reference).split(".")
        if len(parts) >= 2 and parts[0].startswith("aws_"):
            return ".".join(parts[:2])
    return ""


def _of_configuration(document: Mapping[str, Any], stack: str, account: str, region: str) -> Iterator[Planned]:
    providers = (document.get("provider") or {}).get("aws") or [{}]
    providers = providers if isinstance(providers, list) else [providers]
    default = _place_of(providers[0], account, region)
    places = {f"aws.{held['alias']}": _place_of(held, *default) for held in providers if held.get("alias")}
    for kind, named in (document.get("resource") or {}).items():
        for name, body in named.items():
            values = {key: _settle(value, stack) for key, value in body.items() if key != "//"}
            unknown = frozenset(
                key for key, value in values.items() if isinstance(value, str) and "${" in value.replace("$${", "")
            )
            values = {key: _unescaped(value) for key, value in values.items()}
            where = places.get(str(body.get("provider", "aws")), default)
            yield Planned(stack, *where, f"{kind}.{name}", kind, values, unknown)


def _settle(value: Any, stack: str) -> Any:
    """Replaces references to resources of the stack by the names of those."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: made_up(stack, found.group(1)), value) if "${aws_" in value else value
    if isinstance(value, list):
        return [_settle(item, stack) for item in value]
    if isinstance(value, dict):
        return {key: _settle(item, stack) for key, item in value.items()}
    return value


def _unescaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("$${", "${")
    if isinstance(value, list):
        return [_unescaped(item) for item in value]
    if isinstance(value, dict):
        return {key: _unescaped(item) for key, item in value.items()}
    return value


def _account_of(provider: Mapping[str, Any]) -> str:
    allowed = provider.get("allowed_account_ids")
    if isinstance(allowed, list) and allowed:
        return str(allowed[0])
    assumed = provider.get("assume_role")
    for item in assumed if isinstance(assumed, list) else []:
        found = _ROLE.match(str(item.get("role_arn", "")))
        if found:
            return found.group(1)
    return ""
