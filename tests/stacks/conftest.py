"""The repository's own fleet, synthesised once per profile and test process."""

import os

import pytest

os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE", "enabled")

from tests.stacks.synthesis import example_fleet, stacks_of


@pytest.fixture(scope="session")
def fleet():
    return example_fleet()


@pytest.fixture(scope="session", params=["local", "cloud"])
def profile(request):
    return request.param


@pytest.fixture(scope="session")
def stacks(fleet, profile, tmp_path_factory):
    return stacks_of(fleet, profile, tmp_path_factory.mktemp(profile))


@pytest.fixture(scope="session")
def local_stacks(fleet, tmp_path_factory):
    return stacks_of(fleet, "local", tmp_path_factory.mktemp("local-only"))


@pytest.fixture(scope="session")
def cloud_stacks(fleet, tmp_path_factory):
    return stacks_of(fleet, "cloud", tmp_path_factory.mktemp("cloud-only"))
