"""The repository's own tenants and their stacks, synthesised once, as the local profile deploys them."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE", "enabled")

from compliance.facts.from_tenancy import scope_of
from tests.stacks.synthesis import example_fleet, stacks_of


@pytest.fixture(scope="session")
def fleet():
    return example_fleet()


@pytest.fixture(scope="session")
def scope(fleet):
    return scope_of(fleet, local=True)


@pytest.fixture(scope="session")
def written(fleet, tmp_path_factory):
    """Every stack's document by name; not to be changed."""
    return {name: stack.body for name, stack in stacks_of(fleet, "local", tmp_path_factory.mktemp("plans")).items()}
