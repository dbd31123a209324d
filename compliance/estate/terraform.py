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
    provider = (configuration.get("provider_config") or {}).get("aws", {}).get("expressions") or {}
    account = _account_of({key: _constant(value) for key, value in provider.items()}) or account
    region = _constant(provider.get("region")) or region
    expressions = dict(_expressions(configuration.get("root_module") or {}, ""))
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
            yield Planned(stack, account, region, address, resource["type"], values, frozenset(unknown))


def _modules(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield module
    for child in module.get("child_modules") or ():
        yield from _modules(child)


def _expressions(module: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for resource in module.get("resources") or ():
        yield prefix + resource["address"], resource.get("expressions") or {}
    for name, call in (module.get("module_calls") or {}).items():
        yield from _expressions(call.get("module") or {}, f"{prefix}module.{name}.")


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
    provider = providers[0] if isinstance(providers, list) else providers
    account = _account_of(provider) or account
    region = provider.get("region") or region
    for kind, named in (document.get("resource") or {}).items():
        for name, body in named.items():
            values = {key: _settle(value, stack) for key, value in body.items() if key != "//"}
            unknown = frozenset(
                key for key, value in values.items() if isinstance(value, str) and "${" in value.replace("$${", "")
            )
            values = {key: _unescaped(value) for key, value in values.items()}
            yield Planned(stack, account, region, f"{kind}.{name}", kind, values, unknown)


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
