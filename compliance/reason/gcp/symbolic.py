"""Symbolic authorisation: can *any* request of this kind go through?

The same contract as for AWS. What is fixed about a request is stated; everything else may hold any value. An allow
counts unless it is certainly false, a deny only if it certainly holds. `denied` is then a proof of impossibility.
Otherwise a witness is searched: a complete request that the concrete evaluator allows. If none is found within the
bound the answer is `undecided` and says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from compliance.reason.gcp.candidates import (
    callers,
    names_to_try,
    open_attributes,
    sources_to_try,
    tags_to_try,
    times_to_try,
    values_to_try,
)
from compliance.reason.gcp.decide import Documents, authorise
from compliance.reason.gcp.outcome import Decision
from compliance.reason.gcp.principals import Principal
from compliance.reason.gcp.request import Request, Source, Target

_BOUND: Final = 1500
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


def open_request(
    permission: str, target: Target, principal: Principal, *, not_from: Iterable[str] = (), also: tuple[str, ...] = ()
) -> Request:
    """A request of which only caller, permission and resource are fixed.

    Args:
        permission: what is asked, in the form of roles.
        target: the resource; a `*` at the end of its name stands for anything.
        principal: the caller, or a stranger.
        not_from: projects and networks from which the request certainly does not come.
        also: projects that the request touches as well.
    """
    source = Source(known=False, besides=frozenset(not_from))
    return Request(permission, principal, target, source, also=also, open=True)


def possible(
    request: Request, documents: Documents, bound: int = _BOUND, sources: Iterable[Source] | None = None
) -> Possibility:
    """Whether some completion of an open request is allowed.

    Args:
        request: from `open_request`.
        documents: the policies that apply, whatever the completion.
        bound: evaluations to spend on a witness; with 0, only impossibility is tried.
        sources: where the caller can ask from; None: the internet and every network that a rule names.
    """
    symbolic = authorise(request, documents)
    if symbolic.decision == "denied":
        return Possibility("impossible", symbolic)
    search = _Search(documents, bound, None if sources is None else tuple(sources))
    if bound:
        for caller in callers(request, documents):
            witness = search.complete(replace(request, principal=caller))
            if witness is not None:
                smallest = search.shrink(witness)
                return Possibility("possible", authorise(smallest, documents), smallest)
    why = "no completion was found that the concrete evaluator allows"
    if search.spent >= bound:
        why = f"the search for a witness stopped after {bound} evaluations"
    return Possibility("undecided", symbolic, None, f"{why}; open: {symbolic.decided_by.text}")


_Choice = tuple[Callable[[Request, Any], Request], list[Any]]


class _Search:
    """Backtracking over what is open; three-valued evaluation cuts dead branches."""

    def __init__(self, documents: Documents, bound: int, sources: tuple[Source, ...] | None) -> None:
        """Takes the policies, the evaluations to spend, and where requests can come from."""
        self.documents = documents
        self.bound = bound
        self.sources = sources
        self.spent = 0

    def complete(self, request: Request) -> Request | None:
        """A complete request that is allowed."""
        sources = list(self.sources) if self.sources is not None else sources_to_try(request, self.documents)
        choices: list[_Choice] = [
            (_with_name, names_to_try(request, self.documents)),
            (_with_source, sources),
            (_with_tags, tags_to_try(request, self.documents)),
            (_with_time, times_to_try(request, self.documents)),
        ]
        choices += [
            (_with_attribute(name), values_to_try(name, self.documents)) for name in open_attributes(self.documents)
        ]
        return self._choose(request, [choice for choice in choices if choice[1]], 0)

    def _decide(self, request: Request) -> str:
        self.spent += 1
        return authorise(request, self.documents).decision

    def _choose(self, request: Request, choices: list[_Choice], depth: int) -> Request | None:
        if self.spent >= self.bound:
            return None
        if depth and self._decide(request) == "denied":
            return None
        if depth == len(choices):
            closed = replace(request, open=False)
            return closed if self._decide(closed) == "allowed" else None
        apply, values = choices[depth]
        for value in values:
            found = self._choose(apply(request, value), choices, depth + 1)
            if found is not None:
                return found
        return None

    def shrink(self, witness: Request) -> Request:
        """The witness without what it does not need, as far as one pass finds."""
        timeless = replace(witness, time=None)
        if self._decide(timeless) == "allowed":
            witness = timeless
        for key in list(witness.attributes):
            fewer = {name: value for name, value in witness.attributes.items() if name != key}
            smaller = replace(witness, attributes=fewer)
            if self._decide(smaller) == "allowed":
                witness = smaller
        return witness


def _with_name(request: Request, name: str) -> Request:
    return replace(request, target=replace(request.target, name=name))


def _with_source(request: Request, source: Source) -> Request:
    return replace(request, source=source)


def _with_tags(request: Request, tags: tuple[tuple[str, str], ...]) -> Request:
    return replace(request, target=replace(request.target, tags=tags, tag_ids=tags))


def _with_time(request: Request, time: Any) -> Request:
    return replace(request, time=time)


def _with_attribute(name: str) -> Callable[[Request, Any], Request]:
    def apply(request: Request, value: Any) -> Request:
        return request if value is None else replace(request, attributes={**request.attributes, name: value})

    return apply


def request_as_json(request: Request) -> dict[str, Any]:
    """The request in the form of `bulkhead authorize --cloud gcp`."""
    caller, target, source = request.principal, request.target, request.source
    principal: dict[str, Any] = {"type": "anonymous"} if caller.kind == "anonymous" else {"member": caller.member}
    if caller.attributes:
        principal["attributes"] = dict(caller.attributes)
    if caller.groups:
        principal["groups"] = sorted(caller.groups)
    if caller.ancestors:
        principal["ancestors"] = list(caller.ancestors)
    resource: dict[str, Any] = {"name": target.name, "type": target.type, "ancestors": list(target.ancestors)}
    if target.aliases:
        resource["projectId"] = target.aliases[0].removeprefix("projects/")
    if target.tags:
        resource["tags"] = dict(target.tags)
    found: dict[str, Any] = {"permission": request.permission, "resource": resource, "principal": principal}
    context = dict(request.attributes)
    if request.time is not None:
        context["request.time"] = request.time.isoformat().replace("+00:00", "Z")
    if context:
        found["context"] = context
    came = {"ip": source.ip, "project": source.project, "network": source.network}
    if any(came.values()):
        found["source"] = {key: value for key, value in came.items() if value}
    if request.also:
        found["also"] = list(request.also)
    return found
