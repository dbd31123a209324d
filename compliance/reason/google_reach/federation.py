"""Workload identity federation: whose tokens a provider accepts.

A provider trusts an issuer, and its condition says which of the issuer's tokens. Most issuers serve everyone: Google's
attestation service signs for any confidential machine, accounts.google.com for any Google account, AWS for any account
that the provider names. What a tenant cannot change about its own tokens (project, service accounts, account) is fixed;
every other claim may say anything.
Sources: Confidential Space, "Attestation token claims"; IAM, "Workload Identity Federation".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from compliance.errors import ComplianceError
from compliance.estate.google_model import Provider
from compliance.reason.gcp.candidates import nodes_of, path_of, paths_of
from compliance.reason.gcp.cel.evaluate import evaluate, holds
from compliance.reason.gcp.cel.parse import Call, Node, literals, parse
from compliance.reason.gcp.cel.values import Open, OpenMap
from compliance.reason.gcp.principals import Principal
from compliance.reason.google_reach.world import World
from compliance.reason.iam.truth import FALSE, TRUE

ATTESTATION: Final = "https://confidentialcomputing.googleapis.com"
ACCOUNTS: Final = "https://accounts.google.com"
SHARED: Final = frozenset(
    {
        ATTESTATION, ACCOUNTS, "https://token.actions.githubusercontent.com", "https://gitlab.com",
        "https://app.terraform.io", "https://agent.buildkite.com",
    }
)  # fmt: skip
"""Issuers that sign for whoever asks."""
_BOUND: Final = 4000


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose tokens a tenant can hold.

    Attributes:
        projects: numbers and ids of its projects on Google Cloud.
        accounts: e-mail addresses of its service accounts.
        aws: ids of its AWS accounts.
        others: numbers, ids and e-mail addresses that are known and not its own. It may have further projects
            elsewhere, which are none of these.
    """

    projects: tuple[tuple[str, str], ...] = ()
    accounts: tuple[str, ...] = ()
    aws: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


def open_providers(world: World) -> list[Provider]:
    """Providers that do not certainly refuse every token that anyone but their owner can hold."""
    return [provider for provider in world.estate.providers if not _closed(world, provider)]


def _closed(world: World, provider: Provider) -> bool:
    if provider.aws_account:
        return False
    own = tuple(sorted(world.estate.whose.names_of(provider.owner)))
    mails = tuple(account.email for account in world.accounts_of(provider.owner))
    other, account = Open(excluding=own), Open(excluding=mails)
    claims: dict[str, Any] = {}
    if provider.issuer == ATTESTATION:
        claims = {
            "submods": {"gce": {"project_id": other, "project_number": other}},
            "google_service_accounts": [account],
        }
    elif provider.issuer == ACCOUNTS:
        claims = {"email": account}
    return _accepts(provider, claims)[0] == "impossible"


def federated(
    world: World, tenant: str, holder: Holder, providers: Iterable[Provider]
) -> Iterator[tuple[Provider, Principal, tuple[dict[str, Any], ...]]]:
    """Providers of others that accept a token of the tenant, with each identity that policies name, and the step."""
    for provider in providers:
        if provider.owner == tenant:
            continue
        for attribute, value in _wanted(world, provider):
            verdict, claims = acceptance(_asking(provider, attribute, value), holder)
            if verdict == "possible":
                yield provider, _identity(provider, claims, attribute, value), (_step(provider, claims, tenant),)


def _wanted(world: World, provider: Provider) -> list[tuple[str, str]]:
    """The attributes by which policies name identities of the pool, and none at all."""
    members = {
        m for p in world.estate.allow.values() for b in p.bindings for m in b.members if m.value == provider.pool
    }
    named = sorted((m.selector, m.selected) for m in members if m.selector.startswith("attribute."))
    subjects = sorted(("google.subject", m.selected) for m in members if m.kind == "subject")
    return [("", ""), *named, *subjects]


def _asking(provider: Provider, attribute: str, value: str) -> Provider:
    """The provider, if it also asked that the mapping gives an attribute a value."""
    if not attribute:
        return provider
    expression = dict(_mapping(provider)).get(attribute)
    wanted = "false" if expression is None else f"({expression}) == {json.dumps(value)}"
    return replace(provider, condition=f"({provider.condition or 'true'}) && {wanted}")


def _mapping(provider: Provider) -> tuple[tuple[str, str], ...]:
    return provider.mapping or (_AWS_MAPPING if provider.aws_account else ())


def acceptance(provider: Provider, holder: Holder) -> tuple[str, dict[str, Any]]:
    """`impossible`, `possible` with the claims of a token, or `undecided`."""
    doubtful = False
    for fixed in _fixed_claims(provider, holder):
        verdict, claims = _accepts(provider, fixed)
        if verdict == "possible":
            return verdict, claims
        doubtful = doubtful or verdict == "undecided"
    for unknown in _claims_elsewhere(provider, holder):
        # The condition may name a project or account of which nobody knows whose it is.
        doubtful = doubtful or _accepts(provider, unknown)[0] != "impossible"
    return ("undecided" if doubtful else "impossible"), {}


def _claims_elsewhere(provider: Provider, holder: Holder) -> Iterator[dict[str, Any]]:
    other = Open(excluding=(*holder.others, *holder.accounts))
    if provider.aws_account:
        if provider.aws_account not in (*holder.aws, *holder.others):
            yield {"account": provider.aws_account}
    elif provider.issuer == ATTESTATION:
        yield {"submods": {"gce": {"project_id": other, "project_number": other}}, "google_service_accounts": [other]}
    elif provider.issuer == ACCOUNTS:
        yield {"email": other}


def _fixed_claims(provider: Provider, holder: Holder) -> Iterator[dict[str, Any]]:
    """What is fixed of the tokens that the holder can have from the provider's issuer."""
    if provider.aws_account:
        if provider.aws_account in holder.aws:
            arn = Open(f"arn:aws:sts::{provider.aws_account}:assumed-role/")
            yield {"account": provider.aws_account, "arn": arn}
        return
    if provider.issuer == ATTESTATION:
        for number, name in (*holder.projects, ("999999999999", "elsewhere")):
            gce = {"project_id": name, "project_number": number}
            yield {"submods": {"gce": gce}, "google_service_accounts": list(holder.accounts)}
    elif provider.issuer == ACCOUNTS:
        for email in (*holder.accounts, "anyone@outside.example"):
            yield {"email": email}
    else:
        yield {}


def _accepts(provider: Provider, fixed: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    if not provider.condition:
        known_issuer = provider.aws_account or provider.issuer in SHARED
        return ("possible", fixed) if known_issuer else ("undecided", {})
    try:
        tree = parse(provider.condition, provider.name)
        truth = holds(provider.condition, _environment(provider, fixed, whole=False))
    except ComplianceError:
        return "undecided", {}
    if truth == FALSE:
        return "impossible", {}
    if not provider.aws_account and provider.issuer not in (ATTESTATION, ACCOUNTS):
        # Who may hold which token of this issuer is not known here.
        return "undecided", {}
    if truth == TRUE:
        return "possible", fixed
    paths = [path.removeprefix("assertion.") for path in paths_of(tree) if path.startswith("assertion.")]
    wanted = [(path, _values(tree, f"assertion.{path}")) for path in paths if not _known(fixed, path)]
    claims = _search(provider, fixed, wanted, 0, [0])
    return ("possible", claims) if claims is not None else ("undecided", {})


def _values(tree: Node, path: str) -> list[Any]:
    """What a claim is compared with, most promising first; None stands for a claim that is not there."""
    found: list[Any] = []
    for node in nodes_of(tree):
        if not isinstance(node, Call):
            continue
        parts = ((node.target,) if node.target is not None else ()) + node.arguments
        if not any(path_of(part) == path for part in parts):
            continue
        texts = [value for part in parts for value in literals(part) if not isinstance(value, bool)]
        if node.function == "_in_" and path_of(node.arguments[1]) == path:
            found.append(texts)
        elif node.function == "_+_":
            found += _rests(tree)
        else:
            found += [*texts, *(f"{text}any" for text in texts if isinstance(text, str))]
    found = [*found, None, "", 0]
    return list({repr(value): value for value in found}.values())


def _rests(tree: Node) -> list[str]:
    """Texts, and their ends: a claim may have to be only the rest of what a mapping puts together."""
    whole = [value for value in literals(tree) if isinstance(value, str)]
    return [*whole, *(text[at + 1 :] for text in whole for at, sign in enumerate(text) if sign in "/:")]


def _known(claims: Mapping[str, Any], path: str) -> bool:
    value: Any = claims
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    return not isinstance(value, Open | Mapping)


def _search(
    provider: Provider, claims: dict[str, Any], wanted: list[tuple[str, list[Any]]], at: int, spent: list[int]
) -> dict[str, Any] | None:
    """Claims that the condition accepts, by backtracking; three-valued evaluation cuts dead branches."""
    spent[0] += 1
    if spent[0] > _BOUND:
        return None
    whole = at == len(wanted)
    truth = holds(provider.condition, _environment(provider, claims, whole=whole))
    if truth == TRUE:
        return claims
    if truth == FALSE or whole:
        return None
    path, values = wanted[at]
    for value in values:
        found = _search(provider, _with(claims, path.split("."), value), wanted, at + 1, spent)
        if found is not None:
            return found
    return None


def _with(claims: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    if value is None:
        return claims
    head, *rest = path
    if not rest:
        return {**claims, head: value}
    inner = claims.get(head)
    return {**claims, head: _with(inner if isinstance(inner, dict) else {}, rest, value)}


def _environment(provider: Provider, claims: dict[str, Any], *, whole: bool) -> Mapping[str, Any]:
    """What a condition sees: the claims, and what the mapping makes of them."""
    assertion: Any = claims if whole else _opened(claims)
    mapped: dict[str, dict[str, Any]] = {"google": {}, "attribute": {}}
    for name, expression in _mapping(provider):
        head, _, rest = name.partition(".")
        value = evaluate(parse(expression, provider.name), {"assertion": assertion})
        if head in mapped and rest:
            mapped[head][rest] = value
    return {"assertion": assertion, **mapped}


_AWS_MAPPING: Final = (("google.subject", "assertion.arn"), ("attribute.account", "assertion.account"))
"""What Google maps where an AWS provider has no mapping of its own."""


def _opened(value: Any) -> Any:
    return OpenMap({key: _opened(inner) for key, inner in value.items()}) if isinstance(value, dict) else value


def _identity(provider: Provider, claims: dict[str, Any], attribute: str, value: str) -> Principal:
    environment = _environment(provider, claims, whole=False)
    mapped = {key: text for key, text in environment["attribute"].items() if isinstance(text, str)}
    subject = environment["google"].get("subject")
    if attribute.startswith("attribute."):
        mapped[attribute.removeprefix("attribute.")] = value
    elif attribute:
        subject = value
    subject = subject if isinstance(subject, str) else "any"
    text = f"principal://iam.googleapis.com/{provider.pool}/subject/{subject}"
    return Principal("federated", text, None, provider.ancestors, provider.pool, subject, tuple(mapped.items()))


def _step(provider: Provider, claims: dict[str, Any], tenant: str) -> dict[str, Any]:
    issuer = f"AWS account {provider.aws_account}" if provider.aws_account else provider.issuer
    said = f"the provider accepts such a token of {issuer}{'' if provider.condition else ': it has no condition'}"
    return {
        "as": tenant,
        "action": "sts.googleapis.com/v1/token",
        "resource": provider.name,
        "cloud": "gcp",
        "request": {"issuer": issuer, "claims": _shown(claims)},
        "allowedBy": said,
    }


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shown(inner) for key, inner in value.items()}
    return f"{value.prefix or ''}…" if isinstance(value, Open) else value
