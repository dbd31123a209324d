"""Every guarantee holds in both profiles, and is missed in whichever way it is taken away."""

import copy

import pytest

from tests.modules.gcp.guarantees import GUARANTEES
from tests.stacks.synthesis import Stack

SPOILED = [(g, spoiler) for g in GUARANTEES for spoiler in g.spoilers]


def of_layer(stacks, layer):
    return stacks.get(layer) or stacks[f"initech-{layer}"]


@pytest.mark.parametrize("guarantee", GUARANTEES, ids=lambda guarantee: guarantee.title)
def test_holds(guarantee, local_google, cloud_google):
    for stacks in (local_google, cloud_google):
        assert guarantee.violations(of_layer(stacks, guarantee.layer)) == []


@pytest.mark.parametrize(
    ("guarantee", "spoiler"), SPOILED, ids=[f"{g.title} {g.spoilers.index(s)}" for g, s in SPOILED]
)
def test_is_missed_where_it_is_taken_away(guarantee, spoiler, local_google):
    stack = of_layer(local_google, guarantee.layer)
    spoiled = Stack(stack.name, copy.deepcopy(stack.body))
    spoiler(spoiled)
    assert spoiled.body != stack.body
    assert guarantee.violations(spoiled) != []
