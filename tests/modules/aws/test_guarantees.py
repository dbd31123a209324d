"""Every guarantee holds in every stack of its layer and both profiles, and is missed where it is taken away."""

import copy

import pytest

from tests.modules.aws.guarantees import GUARANTEES
from tests.stacks.synthesis import Stack


def of_layer(stacks, layer):
    return [stack for name, stack in stacks.items() if name == layer or name.endswith(f"-{layer}")]


@pytest.mark.parametrize("guarantee", GUARANTEES, ids=lambda guarantee: guarantee.title)
def test_holds(guarantee, stacks):
    chosen = of_layer(stacks, guarantee.layer)
    assert len(chosen) == (1 if guarantee.layer in {"organisation", "audit"} else 2)
    for stack in chosen:
        assert guarantee.violations(stack) == [], stack.name


@pytest.mark.parametrize("guarantee", GUARANTEES, ids=lambda guarantee: guarantee.title)
def test_is_missed_where_it_is_taken_away(guarantee, local_stacks):
    stack = of_layer(local_stacks, guarantee.layer)[0]
    spoiled = Stack(stack.name, copy.deepcopy(stack.body))
    guarantee.spoil(spoiled)
    assert guarantee.violations(spoiled) != []
