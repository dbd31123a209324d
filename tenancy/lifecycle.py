"""The life of a tenant: the states, and which may follow which."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where a tenant stands. The state lives in the tenant file, so that every change of it is a reviewed diff."""

    ACTIVE = "active"
    QUARANTINED = "quarantined"
    OFFBOARDING = "offboarding"
    SHREDDED = "shredded"


_FOLLOWS: dict[State, frozenset[State]] = {
    State.ACTIVE: frozenset({State.ACTIVE, State.QUARANTINED, State.OFFBOARDING}),
    State.QUARANTINED: frozenset({State.QUARANTINED, State.ACTIVE, State.OFFBOARDING}),
    State.OFFBOARDING: frozenset({State.OFFBOARDING, State.QUARANTINED, State.SHREDDED}),
    # Keys that are gone do not come back.
    State.SHREDDED: frozenset({State.SHREDDED}),
}


def may_follow(before: State, after: State) -> bool:
    """Whether a tenant that was deployed in state `before` may be deployed in state `after`."""
    return after in _FOLLOWS[before]


def successors(before: State) -> tuple[State, ...]:
    """The states that may follow `before`, itself included, in the order of the enumeration."""
    return tuple(state for state in State if state in _FOLLOWS[before])
