"""The decision: how the types of policy combine.

Source: IAM User Guide, "Policy evaluation logic" (within an account, across accounts, with boundaries and session
policies); AWS Organizations User Guide, "SCP evaluation" and "RCP evaluation"; AWS KMS Developer Guide, "Key policies";
STS API reference. An explicit deny anywhere wins; otherwise each guardrail must allow, and so must the caller's side,
the resource's side, or both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from compliance.reason.iam import s3
from compliance.reason.iam.conditions import may_be
from compliance.reason.iam.decision import Decision, Reason
from compliance.reason.iam.grants import covers
from compliance.reason.iam.request import Documents, Labelled, Level, Request
from compliance.reason.iam.service_rules import always_allowed, beyond_bucket_policy, never_allowed, rcp_applies
from compliance.reason.iam.statements import Finding, Match, look_up
from compliance.reason.iam.truth import FALSE, TRUE, UNKNOWN, Truth, both, either, negate

__all__ = ["Decision", "Reason", "authorise"]


@dataclass(slots=True)
class _Side:
    """One thing that must allow: its truth and what to say when it does not."""

    name: str
    truth: Truth
    text: str


def authorise(request: Request, documents: Documents) -> Decision:
    """Whether AWS would let the request through, and why.

    The request is concrete unless its context or principal is partly unknown; then the answer may be `unknown`, which
    means that some completion may be allowed.
    """
    special = always_allowed(request)
    if special:
        reason = Reason("rule", "", "allows", special)
        return Decision("allowed", reason, (reason,))
    found = _Evaluation(request, documents)
    return found.decide()


class _Evaluation:
    """Everything that the documents say about one request."""

    def __init__(self, request: Request, documents: Documents) -> None:
        self.request = request
        self.documents = documents
        caller = request.principal
        limited = documents.boundaries is not None and caller.in_aws
        guarded = caller.in_aws and not caller.service_linked
        in_account = caller.in_aws
        self.identity = look_up(documents.identity if in_account else (), request)
        self.boundary = look_up(documents.boundaries or () if in_account else (), request)
        self.session = look_up(documents.session or () if in_account else (), request)
        self.resource = look_up(_one(documents.resource), request, limited=limited)
        self.endpoint = look_up(_one(documents.endpoint), request)
        self.scps = [(level, _levelled(level, request)) for level in documents.scps] if guarded else []
        self.rcps = [(level, _levelled(level, request)) for level in documents.rcps] if rcp_applies(request) else []
        self.point = self._through_access_point()
        self._spare_the_root_user()

    def _spare_the_root_user(self) -> None:
        spared = beyond_bucket_policy(self.request)
        if spared != FALSE:
            left = negate(spared)
            denies = [replace(match, truth=both(match.truth, left)) for match in self.resource.denies]
            self.resource.denies = [match for match in denies if match.truth != FALSE]

    def decide(self) -> Decision:
        reasons = self._statements()
        denies = [match for finding in self._findings() for match in finding.denies]
        certain = next((match for match in denies if match.truth == TRUE), None)
        if certain is not None:
            return Decision("denied", _reason(certain, "denies"), reasons)
        sides = self._guardrails()
        core, explained = self._core()
        sides.append(explained)
        forbidden = never_allowed(self.request)
        if forbidden:
            sides.append(_Side("rule", FALSE, forbidden))
        for side in sides:
            if side.truth == FALSE:
                missing = Reason(side.name, "", "does not allow", side.text)
                return Decision("denied", missing, (*reasons, missing))
        maybe = next((match for match in denies if match.truth == UNKNOWN), None)
        if maybe is not None:
            return Decision("unknown", _reason(maybe, "may deny"), reasons)
        open_side = next((side for side in sides if side.truth == UNKNOWN), None)
        if open_side is not None:
            return Decision("unknown", Reason(open_side.name, "", "may allow", "depends on what is not known"), reasons)
        return Decision("allowed", core, reasons)

    def _findings(self) -> list[Finding]:
        organisation = [finding for _, finding in (*self.scps, *self.rcps)]
        point = [self.point] if self.point is not None else []
        return [*organisation, self.endpoint, self.identity, self.boundary, self.session, self.resource, *point]

    def _statements(self) -> tuple[Reason, ...]:
        reasons: list[Reason] = []
        for finding in self._findings():
            reasons += [_reason(match, "denies" if match.truth == TRUE else "may deny") for match in finding.denies]
            reasons += [_reason(match, "allows" if match.truth == TRUE else "may allow") for match in finding.allows]
        return tuple(reasons)

    def _guardrails(self) -> list[_Side]:
        sides = [
            _Side(f"serviceControlPolicies level {level.name}", finding.allow, "no statement of this level allows it")
            for level, finding in self.scps
        ]
        # Each level of RCPs holds AWS's own RCPFullAWSAccess, which cannot be detached; only their denies decide.
        if self.documents.endpoint is not None:
            sides.append(_Side("endpointPolicy", self.endpoint.allow, "no statement of the endpoint policy allows it"))
        setting = self.documents.s3
        if setting is not None:
            sides += self._public_access(setting)
        return sides

    def _public_access(self, setting: s3.S3Setting) -> list[_Side]:
        sides: list[_Side] = []
        outside = not self.request.same_account and self.request.principal.kind != "service"
        policy = self.documents.resource
        if setting.restrict_public and outside and policy is not None and s3.is_public(policy.policy):
            text = "RestrictPublicBuckets keeps everyone outside the owner's account from a bucket with a public policy"
            sides.append(_Side("s3.publicAccessBlock", FALSE, text))
        point = setting.access_point
        if point is None:
            return sides
        if point.restrict_public and outside and point.policy is not None and s3.is_public(point.policy):
            text = "RestrictPublicBuckets keeps everyone outside the owner's account from a public access point"
            sides.append(_Side("s3.accessPoint.publicAccessBlock", FALSE, text))
        if point.vpc:
            truth = may_be(self.request.context.get("aws:sourcevpc"), point.vpc)
            sides.append(_Side("s3.accessPoint", truth, f"the access point accepts requests from {point.vpc} only"))
        return sides

    def _through_access_point(self) -> Finding | None:
        """What the access point's policy says of the same request at the access point's own ARN."""
        setting = self.documents.s3
        if setting is None or setting.access_point is None:
            return None
        point = setting.access_point
        context = self.request.context.with_defaults(
            {name.lower(): value for name, value in s3.access_point_keys(point).items()}
        )
        key = self.request.resource.partition(":::")[2].partition("/")[2]
        at_bucket = replace(self.request, context=context)
        at_point = replace(at_bucket, resource=f"{point.arn}/object/{key}" if key else point.arn)
        self.resource = look_up(_one(self.documents.resource), at_bucket, limited=self.documents.boundaries is not None)
        self.identity = look_up(self.documents.identity if self.request.principal.in_aws else (), at_point)
        policies = () if point.policy is None else (Labelled("s3.accessPoint.policy", point.policy),)
        return look_up(policies, at_point)

    def _core(self) -> tuple[Reason, _Side]:
        """The caller's side and the resource's side, combined; with the reason for an allow."""
        request, documents = self.request, self.documents
        identity = self.identity.allow
        if request.principal.kind == "root":
            identity = TRUE
        if request.principal.kind == "federated-user" and documents.session is None:
            identity = FALSE
        boundary = self.boundary.allow if documents.boundaries is not None else TRUE
        session = self.session.allow if documents.session is not None else TRUE
        limits = both(boundary, session)
        own = both(identity, limits)
        account, role, direct = self._resource_side()
        granted, via_account = self._granted()
        if not request.principal.in_aws:
            core = direct
        elif not request.same_account:
            core = both(own, either(account, either(role, direct)))
        elif request.on_key or request.on_role_trust:
            core = either(direct, either(both(role, limits), both(own, either(account, either(role, direct)))))
        else:
            core = either(direct, either(both(role, limits), own))
        core = either(core, either(granted, both(via_account, own)))
        return self._why_allowed(), _Side(*self._why_not(identity, boundary, session, either(account, role), core))

    def _resource_side(self) -> tuple[Truth, Truth, Truth]:
        """How far the resource's own policy (and ACL, and access point) allows, by the way it names the caller."""
        request, setting = self.request, self.documents.s3
        account = self.resource.allow_to("account")
        role = self.resource.allow_to("role")
        direct = self.resource.allow_to("direct")
        if setting is None:
            return account, role, direct
        foreign_object = setting.object_owner not in ("", request.resource_account)
        if (
            foreign_object
            and setting.ownership != "BucketOwnerEnforced"
            and "/" in request.resource.partition(":::")[2]
        ):
            # A bucket policy speaks for the bucket owner's objects only; its denies still hold.
            account = role = direct = FALSE
            if request.principal.account == setting.object_owner:
                account = TRUE
        by_account, by_everyone = s3.acl_grants(setting, request.action, request.principal)
        account, direct = either(account, by_account), either(direct, by_everyone)
        if self.point is not None:
            # The access point's policy counts only as far as the bucket's policy allows the same.
            bucket = either(account, either(role, direct))
            account = both(bucket, self.point.allow_to("account"))
            role = both(bucket, self.point.allow_to("role"))
            direct = both(bucket, self.point.allow_to("direct"))
        return account, role, direct

    def _granted(self) -> tuple[Truth, Truth]:
        result: Truth = FALSE
        via_account: Truth = FALSE
        if not self.request.on_key:
            return result, via_account
        for grant in self.documents.grants:
            truth, delegated = covers(
                grant, self.request.action, self.request.resource, self.request.principal, self.request.context
            )
            if delegated:
                via_account = either(via_account, truth)
            else:
                result = either(result, truth)
        return result, via_account

    def _why_allowed(self) -> Reason:
        for finding in (self.resource, self.identity):
            for match in finding.allows:
                # What opens a resource to another account is its own policy; to its own account it merely delegates.
                grants = match.named.direct or match.named.role or not self.request.same_account
                if match.truth == TRUE and (finding is self.identity or grants):
                    return _reason(match, "allows")
        if self.request.principal.kind == "root":
            return Reason("rule", "", "allows", "the root user has every permission in its own account")
        granted = next((g for g in self.documents.grants if self.request.on_key and self._gives(g)), None)
        if granted is not None:
            return Reason("grants", granted.label, "allows", f"grant {granted.label} gives the operation to the caller")
        for match in self.resource.allows:
            return _reason(match, "allows")
        return Reason("s3.acl", "", "allows", "an ACL grants it")

    def _gives(self, grant: Any) -> bool:
        request = self.request
        return covers(grant, request.action, request.resource, request.principal, request.context)[0] != FALSE

    def _why_not(
        self, identity: Truth, boundary: Truth, session: Truth, delegated: Truth, core: Truth
    ) -> tuple[str, Truth, str]:
        request = self.request
        if not request.principal.in_aws:
            return "resourcePolicy", core, "no statement of the resource's policy allows this caller"
        unhelped = not request.same_account or FALSE in (delegated, self.resource.allow)
        if identity == FALSE and unhelped:
            return "identityPolicies", core, "no statement of the caller's policies allows it"
        if boundary == FALSE:
            return "permissionBoundaries", core, "the permissions boundary does not allow it"
        if session == FALSE:
            return "sessionPolicies", core, "the session policies do not allow it"
        if request.on_key or request.on_role_trust or not request.same_account:
            what = (
                "the key policy"
                if request.on_key
                else "the trust policy"
                if request.on_role_trust
                else "the resource's policy"
            )
            if self.resource.allow == FALSE:
                return "resourcePolicy", core, f"{what} does not allow this caller or its account"
        return "identityPolicies", core, "no statement of the caller's policies allows it"


def _one(policy: Labelled | None) -> tuple[Labelled, ...]:
    return () if policy is None else (policy,)


def _levelled(level: Level, request: Request) -> Finding:
    return look_up(level.policies, request)


def _reason(match: Match, effect: str) -> Reason:
    statement = match.statement
    return Reason(match.label, statement.label, effect, f"{statement.label} of {match.label} {effect} it")
