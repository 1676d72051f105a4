"""A cloud, and clients of accounts in it."""

from __future__ import annotations

import pytest

from tests.cloudstack import Client, Cloud


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def red(cloud: Cloud) -> Client:
    return cloud.account("red")


@pytest.fixture
def blue(cloud: Cloud) -> Client:
    return cloud.account("blue")
