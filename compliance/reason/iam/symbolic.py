"""Symbolic authorisation: can *any* request of this kind go through?

What is fixed about a request is in its context; every other key may take any value or be absent. The evaluator then
works with three truth values: an Allow counts unless its condition is certainly false, a Deny only if it certainly
holds. `denied` is then a proof of impossibility. Otherwise a witness is searched: a complete request, the smallest
found, that the concrete evaluator allows. If none is found within the bound, the answer is `undecided` and says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from compliance.reason.iam.conditions import may_be
from compliance.reason.iam.context import ABSENT, ANYTHING, Context, Unknown, Value
from compliance.reason.iam.decide import authorise
from compliance.reason.iam.decision import Decision, Reason
from compliance.reason.iam.globs import string_regex
from compliance.reason.iam.policy import Policy
from compliance.reason.iam.principals import Principal, PrincipalElement
from compliance.reason.iam.request import Documents, Request, derived_keys
from compliance.reason.iam.service_rules import always_allowed
from compliance.reason.iam.statements import look_up
from compliance.reason.iam.truth import FALSE
from compliance.reason.iam.unsupported_keys import lacks_resource_account
from compliance.reason.iam.vocabulary import candidates, grant_keys, instances_of_resource, keys_of, named_by_conditions

_BOUND: Final = 3000
"""Evaluations spent on the search for a witness."""


@dataclass(frozen=True, slots=True)
class Possibility:
    """The answer to a symbolic question.

    Attributes:
        verdict: `impossible` is a proof; `possible` comes with a witness; `undecided` with neither.
        decision: what the evaluator said with everything unknown (impossible) or of the witness (possible).
        witness: the complete request that is allowed.
        why: for `undecided`, what stayed open.
    """

    verdict: Literal["impossible", "possible", "undecided"]
    decision: Decision
    witness: Request | None = None
    why: str = ""

    def as_json(self) -> dict[str, Any]:
        """`{"verdict", "decidedBy", "witness", "why"}`."""
        return {
            "verdict": self.verdict,
            "decidedBy": self.decision.decided_by.as_json(),
            "witness": None if self.witness is None else request_as_json(self.witness),
            "why": self.why or None,
        }


def open_request(
    action: str, resource: str, account: str, principal: Principal, known: Mapping[str, Value] | None = None
) -> Request:
    """A request of which only caller, action, resource and the `known` keys are fixed.

    A `*` in the resource stands for anything: `arn:aws:s3:::bucket/*` is some object of the bucket.
    """
    bare = Request(action, resource, account, principal, Context(known or {}, ANYTHING), "*" in resource[1:])
    derived = derived_keys(bare)
    if account and lacks_resource_account(action):
        # The documentation names these actions today; a key that AWS adds tomorrow would have this value.
        derived["aws:resourceaccount"] = Unknown(pattern=account)
    if principal.kind == "session":
        # The path of the role is not in the session's ARN.
        derived["aws:principalarn"] = Unknown(False, f"arn:*:iam::{principal.account}:role/*{principal.name}")
    return replace(bare, context=bare.context.with_defaults(derived))


def possible(request: Request, documents: Documents, bound: int = _BOUND) -> Possibility:
    """Whether some completion of an open request is allowed.

    Args:
        request: from `open_request`.
        documents: the policies that apply, whatever the completion.
        bound: evaluations to spend on a witness.
    """
    unnamed = _not_let_in(request, documents)
    if unnamed is not None:
        return Possibility("impossible", unnamed)
    symbolic = authorise(request, documents)
    if symbolic.decision == "denied":
        return Possibility("impossible", symbolic)
    given = frozenset(key for key, value in request.context.items() if not isinstance(value, Unknown))
    search = _Search(documents, bound, given)
    for caller in _callers(request, documents):
        settled = _settle_caller(request, caller)
        for resource in instances_of_resource(settled, policies_of(documents)):
            witness = search.complete(replace(settled, resource=resource, open_resource=False))
            if witness is not None:
                smallest = search.shrink(witness)
                return Possibility("possible", authorise(smallest, documents), smallest)
    why = "no completion was found that the concrete evaluator allows"
    if search.spent >= bound:
        why = f"the search for a witness stopped after {bound} evaluations"
    return Possibility("undecided", symbolic, None, f"{why}; open: {symbolic.decided_by.text}")


_NOBODY_LETS_IN: Final = Reason(
    "resourcePolicy", "", "does not allow", "no statement of the resource's policy allows this caller or its account"
)


def _not_let_in(request: Request, documents: Documents) -> Decision | None:
    """The refusal, if the caller is of another account and nothing on the resource's side can let it in.

    It is what `authorise` finds as well, without looking at anything else; most questions of a proof end here.
    """
    if request.same_account or not request.principal.in_aws or documents.grants or _has_acl(documents):
        return None
    if always_allowed(request):
        return None
    policy = documents.resource
    if policy is not None and look_up((policy,), request, allows_only=True).allows:
        return None
    return Decision("denied", _NOBODY_LETS_IN, (_NOBODY_LETS_IN,))


def _has_acl(documents: Documents) -> bool:
    setting = documents.s3
    return setting is not None and (
        setting.ownership != "BucketOwnerEnforced" or setting.access_point is not None or bool(setting.object_owner)
    )


def policies_of(documents: Documents) -> Iterator[Policy]:
    """Every policy of the documents."""
    for group in (documents.identity, documents.boundaries or (), documents.session or ()):
        yield from (labelled.policy for labelled in group)
    for level in (*documents.scps, *documents.rcps):
        yield from (labelled.policy for labelled in level.policies)
    for one in (documents.resource, documents.endpoint):
        if one is not None:
            yield one.policy
    point = documents.s3.access_point if documents.s3 is not None else None
    if point is not None and point.policy is not None:
        yield point.policy


def _callers(request: Request, documents: Documents) -> list[Principal]:
    """The callers to try: the given one, or, for any caller of an account, those that the policies name."""
    caller = request.principal
    if caller.kind == "anyone-else":
        return []
    if caller.kind != "any-of-account":
        return [caller]
    account = caller.account
    found = [Principal("session", f"arn:aws:sts::{account}:assumed-role/any/any", account, "any", "any")]
    elements: list[PrincipalElement] = [grant.grantee for grant in documents.grants]
    elements += [grant.retiring for grant in documents.grants if grant.retiring is not None]
    for policy in policies_of(documents):
        for statement in policy.statements:
            elements += statement.principals or ()
    for element in elements:
        named = element.named
        if named is not None and named.account == account and named.kind != "root":
            found.append(named)
        elif element.type == "AWS" and element.text.startswith("AROA"):
            found.append(replace(found[0], unique_id=element.text))
        elif element.type == "CanonicalUser":
            found.append(replace(found[0], canonical_id=element.text))
    found += named_by_conditions(policies_of(documents), request)
    found.append(Principal("root", f"arn:aws:iam::{account}:root", account, "root"))
    own = request.context.get("aws:principalarn")
    barred = [string_regex((("glob", p),)) for p in own.excluding] if isinstance(own, Unknown) else []
    ids = request.context.get("aws:userid")
    barred_ids = [string_regex((("glob", p),)) for p in ids.excluding] if isinstance(ids, Unknown) else []
    return [
        each
        for each in dict.fromkeys(found)
        if not any(bar.fullmatch(each.role_arn) for bar in barred)
        and not (each.unique_id and any(bar.fullmatch(each.unique_id) for bar in barred_ids))
    ]


def _settle_caller(request: Request, caller: Principal) -> Request:
    """The request of one caller; what followed from not knowing it is derived anew or left open."""
    if caller == request.principal:
        return request
    derived = {"aws:principalarn", "aws:username", "aws:userid", "aws:principaltype"}
    kept: dict[str, Value] = {
        request.context.names[key]: value
        for key, value in request.context.items()
        if not (key in derived and isinstance(value, Unknown))
    }
    settled = open_request(request.action, request.resource, request.resource_account, caller, kept)
    own = request.context.get("aws:userid")
    if isinstance(own, Unknown) and own.excluding and isinstance(settled.context.get("aws:userid"), Unknown):
        return _with(settled, "aws:userid", own, "aws:userid")
    return settled


class _Search:
    """Backtracking over the keys that the policies mention; three-valued evaluation cuts dead branches."""

    def __init__(self, documents: Documents, bound: int, given: frozenset[str]) -> None:
        """Takes the policies, the evaluations to spend, and the keys that are fixed and stay."""
        self.documents = documents
        self.bound = bound
        self.given = given
        self.spent = 0
        self.written: dict[str, str] = {}
        point = documents.s3.access_point if documents.s3 is not None else None
        self.vpc = point.vpc if point is not None else ""

    def complete(self, request: Request) -> Request | None:
        """A complete request that is allowed."""
        policies = list(policies_of(self.documents))
        written = grant_keys(self.documents.grants) | {key: key for key in keys_of(policies, request.action)}
        if self.vpc:
            written.setdefault("aws:sourcevpc", "aws:SourceVpc")
        self.written = written
        keys = [key for key in written if isinstance(request.context.get(key), Unknown)]
        return self._assign(request, keys, 0)

    def _decide(self, request: Request) -> str:
        self.spent += 1
        return authorise(request, self.documents).decision

    def _assign(self, request: Request, keys: list[str], depth: int) -> Request | None:
        if self.spent >= self.bound:
            return None
        decision = self._decide(request)
        if decision == "denied":
            return None
        if decision == "allowed" or depth == len(keys):
            closed = _closed(request)
            return closed if self._decide(closed) == "allowed" else None
        key = keys[depth]
        unknown = request.context.get(key)
        assert isinstance(unknown, Unknown)
        values = candidates(policies_of(self.documents), self.documents.grants, request, key, unknown)
        if key == "aws:sourcevpc" and self.vpc and may_be(unknown, self.vpc) != FALSE:
            values = [(self.vpc,), *values]
        for value in values:
            found = self._assign(_with(request, key, value, self.written.get(key, key)), keys, depth + 1)
            if found is not None:
                return found
        return None

    def shrink(self, witness: Request) -> Request:
        """The witness without the keys that it does not need, as far as one pass finds."""
        fixed = derived_keys(witness)
        for key, value in list(witness.context.items()):
            if key in fixed or key in self.given or value == ABSENT:
                continue
            smaller = _with(witness, key, ABSENT, witness.context.names[key])
            if self._decide(smaller) == "allowed":
                witness = smaller
        return witness


def _with(request: Request, key: str, value: Value, written: str) -> Request:
    values = {request.context.names[name]: old for name, old in request.context.items() if name != key}
    values[written] = value
    return replace(request, context=Context(values, ANYTHING if request.context.open_world else ABSENT))


def _closed(request: Request) -> Request:
    """The request with every unknown key absent, or, if it must be there, of some value of its pattern."""
    values: dict[str, Value] = {}
    for key, value in request.context.items():
        if not isinstance(value, Unknown):
            values[request.context.names[key]] = value
        elif not value.may_be_absent:
            values[request.context.names[key]] = (value.pattern.replace("*", "").replace("?", "x") or "any",)
    closed = replace(request, context=Context(values))
    return replace(closed, context=closed.context.with_defaults(derived_keys(closed)))


def request_as_json(request: Request) -> dict[str, Any]:
    """The request in the form of `bulkhead authorize`."""
    caller = request.principal
    principal: dict[str, Any]
    if caller.kind == "anonymous":
        principal = {"type": "anonymous"}
    elif caller.kind in ("service", "federated"):
        principal = {caller.kind: caller.arn}
    else:
        principal = {"arn": caller.arn, "account": caller.account}
        principal |= {"uniqueId": caller.unique_id} if caller.unique_id else {}
        principal |= {"canonicalId": caller.canonical_id} if caller.canonical_id else {}
    context = {
        request.context.names[key]: value[0] if len(value) == 1 else list(value)
        for key, value in request.context.items()
        if isinstance(value, tuple) and value
    }
    resource = {"arn": request.resource, "account": request.resource_account}
    return {"action": request.action, "resource": resource, "principal": principal, "context": context}
