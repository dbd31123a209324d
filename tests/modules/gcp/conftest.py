"""The stacks of the tenant on Google Cloud, synthesised once per profile: a CPU machine locally, a GPU in the cloud."""

import os

import pytest

os.environ.setdefault("JSII_RUNTIME_PACKAGE_CACHE", "enabled")

from tests.stacks.google import mixed_fleet, with_gpu
from tests.stacks.synthesis import stacks_of


@pytest.fixture(scope="session")
def local_google(tmp_path_factory):
    return stacks_of(mixed_fleet(), "local", tmp_path_factory.mktemp("google-local"), ["initech"])


@pytest.fixture(scope="session")
def cloud_google(tmp_path_factory):
    return stacks_of(with_gpu(mixed_fleet()), "cloud", tmp_path_factory.mktemp("google-cloud"), ["initech"])
