"""Roles of AWS that trust an issuer which signs tokens for everybody: code hosts, identity pools, social log-ins.

Such an issuer says in one claim for whom it signed. A trust policy that does not fix that claim lets in whoever has an
account there, every other tenant among them. Whom it fixes is taken for the role's owner; any other holder can have
every other claim, the audience included. Google's issuers are judged in `cross_cloud`, by the identities known.
Source: IAM User Guide, "Available keys for AWS OIDC federation"; GitHub, GitLab, HCP Terraform and Buildkite, claims of
their OpenID Connect tokens; Amazon Cognito Developer Guide, "Role trust and permissions".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from compliance.estate.model import PLATFORM, Resource
from compliance.prove.cross_cloud import ACTION, Taken, attempt, noted
from compliance.prove.result import Proofs
from compliance.reason.iam import Unknown
from compliance.reason.iam.context import Value
from compliance.reason.reach.world import World


class Claim(NamedTuple):
    """Where a token says whose it is: `prefix`, the holder's name, `end` (empty: the name is the rest)."""

    name: str
    prefix: str = ""
    end: str = ""


_HOLDER: Final[Mapping[str, tuple[Claim, ...]]] = {
    "token.actions.githubusercontent.com": (
        Claim("sub", "repo:", "/"),
        Claim("repository", end="/"),
        Claim("repository_owner"),
        Claim("repository_owner_id"),
        Claim("repository_id"),
    ),
    "gitlab.com": (Claim("sub", "project_path:", "/"), Claim("project_path", end="/"), Claim("namespace_path")),
    "app.terraform.io": (Claim("sub", "organization:", ":"),),
    "agent.buildkite.com": (Claim("sub", "organization:", ":"),),
    "cognito-identity.amazonaws.com": (Claim("aud"), Claim("sub")),
    "graph.facebook.com": (Claim("app_id"), Claim("id")),
    "www.amazon.com": (Claim("app_id"), Claim("user_id")),
}
_OWN_FORM: Final = frozenset({"token.actions.githubusercontent.com"})
"""Issuers whose holders choose what `sub` is made of (GitHub, "Customizing the token claims")."""
_NEEDS_NO_PROVIDER: Final = "cognito-identity.amazonaws.com"
"""What stands for the issuers that IAM knows without a provider in the account, where a trust policy takes them all."""


def public_tokens(proofs: Proofs, world: World) -> Iterator[Taken]:
    """Judges every role that trusts such an issuer; yields the roles that a tenant can take, once for each tenant."""
    for role in world.roles:
        if role.owner != PLATFORM and role.owner not in proofs.tenants:
            continue
        for provider, host in _issuers(role):
            result = attempt(world, role, provider, _of_anyone(role, host))
            for tenant in proofs.tenants:
                if tenant != role.owner:
                    yield from noted(proofs, world, role, tenant, host, result)


def _issuers(role: Resource) -> Iterator[tuple[str, str]]:
    """The federated principals that the trust policy lets in, with their host."""
    allows = role.policy.policy.about(ACTION)[0] if role.policy is not None else ()
    found: dict[tuple[str, str], None] = {}
    for statement in allows:
        for element in statement.principals or ():
            host = element.text.rpartition(":oidc-provider/")[2]
            if element.text == "*" or statement.not_principal:
                found[_NEEDS_NO_PROVIDER, _NEEDS_NO_PROVIDER] = None
            elif element.type == "Federated" and host in _HOLDER:
                found[element.text, host] = None
    yield from found


def _of_anyone(role: Resource, host: str) -> dict[str, Value]:
    """The claims of a token that is not of a holder whom the trust policy names."""
    return {
        f"{host}:{claim.name}": Unknown(
            False, "*" if host in _OWN_FORM else f"{claim.prefix}*", tuple(sorted(_named(role, host, claim)))
        )
        for claim in _HOLDER[host]
    }


def _named(role: Resource, host: str, claim: Claim) -> Iterator[str]:
    """Globs of the values that stand for a holder whom a statement lets in, or spares, by its whole name."""
    statements = role.policy.policy.statements if role.policy is not None else ()
    for statement in statements:
        if claim.name == "aud" and any(
            c.key == f"{host}:amr" and "unauthenticated" in {v.text for v in c.values} for c in statement.conditions
        ):
            continue
        for condition in statement.conditions:
            operator = condition.operator
            if operator is None or condition.key != f"{host}:{claim.name}" or operator.negated == statement.allow:
                continue
            for template in condition.values:
                text = template.text.removeprefix(claim.prefix)
                name, end, _ = text.partition(claim.end) if claim.end else (text, "", "")
                ours = template.text.startswith(claim.prefix) and end == claim.end and not set("*?$") & set(name)
                if ours:
                    yield f"{claim.prefix}{name}{claim.end}*" if claim.end else name
