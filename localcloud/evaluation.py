"""The authoriser: the proof engine's own evaluator over the deployed state.

Every document is read from moto's state at the moment of the decision. A deployed document that cannot be read as a
policy refuses the request: what cannot be evaluated allows nothing.
"""

from __future__ import annotations

import re
from dataclasses import replace

from compliance.errors import ComplianceError
from compliance.reason.iam import Context, Documents, Labelled, Principal, authorise, build_request, parse_arn_principal
from compliance.reason.iam.decide import Decision as Verdict
from localcloud.access import Access, ContextValue, Decision, Request
from localcloud.deployed import identities, organisation, resource_policies, s3_settings, tags
from localcloud.deployed.documents import labelled
from localcloud.identity import Caller, Kind

# The words at the start of a document's label, and those by which AWS's messages name its kind.
_KINDS = (
    ("inline policy", "identity-based policy"),
    ("managed policy", "identity-based policy"),
    ("identityPolicies", "identity-based policy"),
    ("permission", "permissions boundary"),
    ("session", "session policy"),
    ("service control", "service control policy"),
    ("serviceControl", "service control policy"),
    ("resource control", "resource control policy"),
    ("VPC endpoint", "VPC endpoint policy"),
    ("endpointPolicy", "VPC endpoint policy"),
    ("trust policy", "resource-based policy"),
)

# Keys of the caller's own connection, which a service's call in the caller's name does not have.
_NETWORK_KEYS = frozenset({"aws:SourceIp", "aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp", "aws:VpceAccount"})


class Evaluator:
    """Decides against the deployed state; see `access.Authoriser`."""

    def decide(self, request: Request, access: Access) -> Decision:
        """Whether `request.caller` may do `access`, and by which statement of which document."""
        try:
            verdict = authorise(
                build_request(
                    access.action,
                    access.resource,
                    access.account,
                    _principal(request.caller),
                    _context(request, access),
                ),
                _documents(request, access),
            )
        except ComplianceError as error:
            return Decision(
                False, f"cannot be evaluated: {error}", f"because a deployed policy cannot be evaluated: {error}"
            )
        reason = verdict.decided_by
        decided = f"{reason.statement} of {reason.policy}" if reason.statement else f"{reason.policy}: {reason.text}"
        return Decision(verdict.allowed, decided, "" if verdict.allowed else _aws_words(verdict, access))


def _principal(caller: Caller) -> Principal:
    if caller.kind is Kind.ANONYMOUS:
        return Principal("anonymous")
    return replace(parse_arn_principal(caller.arn, "caller"), unique_id=identities.unique_id(caller))


def _documents(request: Request, access: Access) -> Documents:
    caller = request.caller
    known = caller.kind is not Kind.ANONYMOUS
    return Documents(
        identity=identities.identity_policies(caller) if known else (),
        boundaries=identities.boundaries(caller) if known else None,
        session=identities.session_policies(caller) if known else None,
        resource=resource_policies.resource_policy(access),
        scps=organisation.levels(caller.account, "SERVICE_CONTROL_POLICY") if known else (),
        rcps=organisation.levels(access.account, "RESOURCE_CONTROL_POLICY"),
        # What a service asks in the caller's name does not pass the caller's endpoint.
        endpoint=_endpoint(request) if not access.via else None,
        grants=resource_policies.grants(access),
        s3=s3_settings.settings(access),
    )


def _endpoint(request: Request) -> Labelled | None:
    if request.endpoint is None:
        return None
    label = f"VPC endpoint policy of {request.endpoint.id}"
    return labelled(label, request.endpoint.policy, "endpoint")


def _context(request: Request, access: Access) -> Context:
    """The request's keys, the access's, and those that follow from caller, resource and endpoint as deployed."""
    caller = request.caller
    found: dict[str, ContextValue] = {}
    if caller.kind is not Kind.ANONYMOUS:
        found["aws:PrincipalArn"] = identities.principal_arn(caller)
        found.update({f"aws:PrincipalTag/{key}": value for key, value in identities.own_tags(caller).items()})
        found.update(_organisation_keys("Principal", caller.account))
    found.update(_organisation_keys("Resource", access.account))
    if request.endpoint is not None and not access.via:
        found.update(_organisation_keys("Vpce", request.endpoint.account))
    found.update({f"aws:ResourceTag/{key}": value for key, value in tags.resource_tags(access.resource).items()})
    found.update({key: value for key, value in request.context.items() if not (access.via and key in _NETWORK_KEYS)})
    if access.via:
        found["aws:ViaAWSService"] = "true"
        found["aws:CalledVia"] = (access.via,)
        found["aws:CalledViaFirst"] = found["aws:CalledViaLast"] = access.via
    found.update(access.context)
    return Context({key: (value,) if isinstance(value, str) else value for key, value in found.items()})


def _organisation_keys(of: str, account: str) -> dict[str, ContextValue]:
    place = organisation.membership(account) if account else None
    if place is None:
        return {}
    return {f"aws:{of}OrgID": place.organisation, f"aws:{of}OrgPaths": (place.org_path,)}


def _aws_words(verdict: Verdict, access: Access) -> str:
    """The end of AWS's message (IAM User Guide, "Access denied error message examples")."""
    policy = verdict.decided_by.policy
    kind = next((words for start, words in _KINDS if policy.startswith(start)), "resource-based policy")
    article = "an" if kind[0] in "aeiou" else "a"
    if verdict.decided_by.effect == "denies":
        return f"with an explicit deny in {article} {kind}"
    if re.match(r"s3\.|rule", policy):
        return f"because {verdict.decided_by.text}"
    return f"because no {kind} allows the {access.action} action"
