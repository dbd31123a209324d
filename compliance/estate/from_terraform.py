"""The estate that Terraform is about to make.

Each planned resource is written as the API answers that it will lead to, and the readers of live facts read those: what
is proved before deployment and what is proved of the deployed state go through the same code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from compliance.estate.build import Builder
from compliance.estate.from_facts import READERS
from compliance.estate.google_facts import with_google
from compliance.estate.index import Index
from compliance.estate.model import PATHS, Estate, Gap
from compliance.estate.owners import owners_of
from compliance.estate.planned_answers import Answers
from compliance.estate.planned_arns import linked, mapped
from compliance.estate.planned_google import google_facts_of
from compliance.estate.planned_types import ANSWERS, IGNORED
from compliance.estate.terraform import Planned, resources_of
from compliance.facts.scope import Scope


def estate_of_plans(documents: Mapping[str, Any], scope: Scope) -> Estate:
    """The estate of a scope from plans or synthesised stacks, by stack name.

    Raises:
        ComplianceError: a document is neither.
    """
    planned = [each for each in resources_of_stacks(documents, scope) if not each.type.startswith("google_")]
    return _with_google(_estate(planned, scope), documents, scope)


def _with_google(estate: Estate, documents: Mapping[str, Any], scope: Scope) -> Estate:
    if scope.google is None:
        return estate
    facts, said = google_facts_of(documents, scope.google)
    whole = with_google(estate, facts, scope)
    missing = [t for t in scope.google.tenants if not any(stack.startswith(f"{t.id}-") for stack in documents)]
    gaps = [Gap(t.project, (t.id,), PATHS, "project", "no stack of this tenant is among the plans") for t in missing]
    return replace(whole, gaps=(*whole.gaps, *gaps), unknown=(*whole.unknown, *said))


def resources_of_stacks(documents: Mapping[str, Any], scope: Scope) -> list[Planned]:
    """Every planned resource of plans or synthesised stacks, by stack name.

    Raises:
        ComplianceError: a document is neither.
    """
    planned: list[Planned] = []
    for stack, document in sorted(documents.items()):
        tenant = next((t for t in scope.tenants if stack.startswith(f"{t.id}-")), None)
        account = tenant.account if tenant is not None else scope.management_account
        planned += resources_of(document, stack, account, tenant.region if tenant is not None else scope.home_region)
    return planned


def _estate(planned: Iterable[Planned], scope: Scope) -> Estate:
    builder = Builder(owners_of(scope), "plan")
    answers = Answers(scope, builder)
    unread: dict[str, int] = {}
    found = list(planned)
    by_id = {resource.id: resource for resource in found}
    resources = [replace(one, values=mapped(one.values, lambda text: linked(text, by_id))) for one in found]
    by_id = {resource.id: resource for resource in resources}
    for resource in resources:
        translate = ANSWERS.get(resource.type)
        if translate is not None:
            translate(answers, resource, by_id)
        elif resource.type not in IGNORED:
            unread[resource.type] = unread.get(resource.type, 0) + 1
    index = Index(answers.facts())
    for read in READERS:
        read(index, builder)
    seen = {resource.account for resource in resources}
    for account in builder.owners.by_account:
        if account not in seen and builder.owners.by_account[account]:
            builder.gap(account, (), "account", "no stack of this account is among the plans")
    for kind, number in sorted(unread.items()):
        builder.unknown.append(f"{number} × {kind}: no reader for this type of resource")
    return builder.finish()
