"""A cloud, and clients of accounts in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.balancing import address
from tests.cloudstack import Client, Cloud
from tests.managed import Managed, Pair, served


@pytest.fixture(scope="session")
def untouched() -> Cloud:
    return Cloud()


@pytest.fixture
def cloud(untouched: Cloud) -> Cloud:
    return untouched.copy()


@pytest.fixture
def red(cloud: Cloud) -> Client:
    return cloud.account("red")


@pytest.fixture
def blue(cloud: Cloud) -> Client:
    return cloud.account("blue")


@pytest.fixture
def net(cloud: Cloud, red: Client) -> str:
    """A network of red's."""
    id: str = cloud.network(red, "net")["id"]
    return id


@pytest.fixture
def ip(red: Client, net: str) -> str:
    """A public address of it, in a cloud that has some."""
    return address(red, networkid=net)


@pytest.fixture
def pair() -> Iterator[Pair]:
    managed = Managed()
    with served(managed.cloud) as reader:
        yield Pair(managed, reader)
