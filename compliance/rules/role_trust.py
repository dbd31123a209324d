"""Who may take on a role: trust policies and identity providers."""

from __future__ import annotations

from compliance.rules.guests import guests
from compliance.rules.model import Outcome, Resource, Rule, Severity, decide
from compliance.rules.populations import roles, the_account
from compliance.rules.role_powers import DETAILS, identity_rule
from compliance.rules.view import View


def _trust(view: View, resource: Resource) -> Outcome:
    policy = resource.data["AssumeRolePolicyDocument"]
    names = view.fleet_accounts()
    found = [
        names.get(who, who)
        for who in guests(policy, {view.account, *view.scope.platform_accounts})
        if not who.endswith(".amazonaws.com for anyone")
    ]
    return decide(not found, "trusts only its own account, the platform and AWS services", f"trusts {', '.join(found)}")


def _deputy(view: View, resource: Resource) -> Outcome:
    confusable = {"events", "sns", "cloudtrail", "config", "logs", "scheduler", "states", "s3", "codebuild"}
    found = [
        who.removesuffix(" for anyone")
        for who in guests(resource.data["AssumeRolePolicyDocument"], {view.account, *view.scope.platform_accounts})
        if who.endswith(" for anyone") and who.split(".")[0] in confusable
    ]
    return decide(
        not found, "no service may act for others", f"{', '.join(found)} may assume it on behalf of another account"
    )


def _providers(view: View, _resource: Resource) -> Outcome:
    found = [entry["Arn"] for entry in view.items("iam:ListOpenIDConnectProviders", "OpenIDConnectProviderList")]
    found += [entry["Arn"] for entry in view.items("iam:ListSAMLProviders", "SAMLProviderList")]
    return decide(not found, "nobody from outside can log in", f"identity providers: {', '.join(sorted(found))}")


def _trust_well_formed(view: View, resource: Resource) -> Outcome:
    own = {view.account, *view.scope.platform_accounts}
    everyone = "anyone" in guests(resource.data["AssumeRolePolicyDocument"], own)
    return decide(
        not everyone,
        "not everybody may assume it",
        "everybody may assume it, or whoever meets a condition that names no account",
    )


RULES: tuple[Rule, ...] = (
    identity_rule(
        "trust-own-account",
        "Roles trust only their own account, the platform and AWS services",
        Severity.CRITICAL,
        (DETAILS,),
        roles,
        _trust,
        "Another tenant assumes a role of this one.",
        objectives=("isolation.identity",),
    ),
    identity_rule(
        "trust-not-everyone",
        "No role can be assumed by everybody",
        Severity.CRITICAL,
        (DETAILS,),
        roles,
        _trust_well_formed,
        "Anyone with an AWS account gets in.",
        objectives=("isolation.identity",),
    ),
    identity_rule(
        "no-confused-deputy",
        "AWS services assume roles only for this account",
        Severity.HIGH,
        (DETAILS,),
        roles,
        _deputy,
        "A service is made to act here for another account.",
        objectives=("isolation.identity",),
    ),
    identity_rule(
        "no-identity-providers",
        "No identity provider is registered in the account",
        Severity.HIGH,
        ("iam:ListOpenIDConnectProviders", "iam:ListSAMLProviders"),
        the_account,
        _providers,
        "Someone else's directory decides who gets in.",
    ),
)
