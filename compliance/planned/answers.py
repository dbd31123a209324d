"""The answers that planned resources will lead to, and which resource of which stack stands behind each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from compliance.estate.terraform import Planned
from compliance.facts.canonical import canonical
from compliance.facts.fact import Fact, Status
from compliance.facts.scope import Scope
from compliance.planned.resources import is_open
from compliance.rules.view import Unread


@dataclass(frozen=True, order=True)
class Source:
    """Where a planned resource is written: its stack, and its address within it."""

    stack: str
    address: str


@dataclass
class _Answer:
    params: dict[str, Any]
    response: dict[str, Any] | None
    sources: dict[Source, None] = field(default_factory=dict)


class Shown:
    """What plans show, under construction: answers by account, region, API and parameters."""

    def __init__(self, resources: Iterable[Planned], scope: Scope, moment: str) -> None:
        """`moment` (ISO 8601) is when the plans are judged."""
        self.scope = scope
        self.resources = list(resources)
        self.by_id = {resource.id: resource for resource in self.resources}
        self.places = dict.fromkeys((resource.account, resource.region) for resource in self.resources)
        self.subjects: dict[str, dict[Source, None]] = defaultdict(dict)
        self._moment = moment
        self._answers: dict[tuple[str, str, str, bytes], _Answer] = {}

    def of(self, *types: str) -> list[Planned]:
        """The resources of these types."""
        return [resource for resource in self.resources if resource.type in types]

    def put(self, resource: Planned, api: str, response: dict[str, Any], **params: Any) -> None:
        """Sets members of the answer about something in the resource's account."""
        answer = self._answer(resource.account, resource.region, api, params, resource)
        answer.response = {**(answer.response or {}), **response}

    def add(self, resource: Planned, api: str, member: str, item: Any, **params: Any) -> None:
        """Adds an item to a listing in the resource's account."""
        answer = self._answer(resource.account, resource.region, api, params, resource)
        answer.response = answer.response or {}
        answer.response.setdefault(member, []).append(item)

    def default(self, place: tuple[str, str], api: str, response: dict[str, Any] | None, **params: Any) -> None:
        """What the API answers where no planned resource says anything; None for "no such configuration"."""
        self._answers.setdefault((*place, api, canonical(params)), _Answer(params, response))

    def found(self, place: tuple[str, str], api: str, **params: Any) -> dict[str, Any]:
        """The answer so far, to be changed in place; empty and unrecorded if there is none."""
        answer = self._answers.get((*place, api, canonical(params)))
        return answer.response if answer is not None and answer.response is not None else {}

    def about(self, subject: str, resource: Planned) -> None:
        """Notes that a resource says something about what results call `subject`."""
        self.subjects[subject][_source(resource)] = None

    def facts(self) -> list[tuple[Fact, tuple[Source, ...]]]:
        """The answers as facts, each with the resources behind it. What is known only later was not read."""
        return [
            (self._fact(account, region, api, answer), tuple(sorted(answer.sources)))
            for (account, region, api, _), answer in self._answers.items()
        ]

    def _answer(self, account: str, region: str, api: str, params: dict[str, Any], resource: Planned) -> _Answer:
        answer = self._answers.setdefault((account, region, api, canonical(params)), _Answer(params, {}))
        answer.sources[_source(resource)] = None
        return answer

    def _fact(self, account: str, region: str, api: str, answer: _Answer) -> Fact:
        begun = (api, answer.params, account, region, "terraform plan", self._moment, self._moment)
        if answer.response is None:
            return Fact(*begun, Status.ABSENT, None, {"code": "NotPlanned", "message": "no planned resource sets it"})
        return Fact(*begun, Status.OK, watched(answer.response, api))


Translate = Callable[[Shown, Planned], None]
"""Writes a planned resource into the answers."""


def _source(resource: Planned) -> Source:
    return Source(resource.stack, resource.address)


class Later(Unread):
    """A rule asked for something that Terraform will know only when it has applied."""

    def __init__(self, api: str, member: str) -> None:
        super().__init__(api, None)
        self.sentence = f"{api}: {member} is known only after Terraform has applied"


class Watched(dict[str, Any]):
    """A part of an answer in which something is open: whoever asks for that member is told so.

    Everything else in it can be judged. Written down, it is the object that it seems to be.
    """

    def __init__(self, held: Mapping[str, Any], api: str, opened: frozenset[str]) -> None:
        super().__init__(held)
        self._api = api
        self._opened = opened

    def __getitem__(self, member: str) -> Any:
        """The member. Raises `Later` if it is open."""
        if member in self._opened:
            raise Later(self._api, member)
        return super().__getitem__(member)

    def get(self, member: str, default: Any = None) -> Any:
        """The member, or the default. Raises `Later` if it is open."""
        try:
            return self[member]
        except KeyError:
            return default


def watched(value: Any, api: str, opened_by: Callable[[str], bool] = is_open) -> Any:
    """An answer in which every object that holds an open value is `Watched`; `opened_by` says which text is open."""
    if isinstance(value, Mapping):
        opened = frozenset(name for name, item in value.items() if _is_open(item, opened_by))
        held = {name: item if name in opened else watched(item, api, opened_by) for name, item in value.items()}
        return Watched(held, api, opened) if opened else held
    return [watched(item, api, opened_by) for item in value] if isinstance(value, list) else value


def _is_open(value: Any, opened_by: Callable[[str], bool]) -> bool:
    """Whether a value is a text that is open, or a list of texts of which one is."""
    if isinstance(value, str):
        return opened_by(value)
    return isinstance(value, list) and any(isinstance(item, str) and opened_by(item) for item in value)
