"""The API over real HTTP on loopback, against the real store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.applications import Starlette

from sdn_orch.northbound.cloudstack.app import PATH, routes
from sdn_orch.northbound.cloudstack.bootstrap import Credentials, bootstrap
from sdn_orch.northbound.cloudstack.door import Door
from sdn_orch.northbound.listening import listen_tcp
from sdn_orch.northbound.server import Server
from sdn_orch.northbound.service import Service
from sdn_orch.store.sqlite import SqliteStore


@dataclass
class Api:
    """Where the API is, the administrator's keys, and the service behind it."""

    endpoint: str
    keys: Credentials
    service: Service


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A freshly installed server."""
    store = SqliteStore(tmp_path / "store.db")
    service = Service(store)
    keys = bootstrap(service)
    server = Server(Starlette(routes=routes(Door(service))), listen_tcp("127.0.0.1", 0))
    server.start()
    yield Api(f"http://127.0.0.1:{server.address[1]}{PATH}", keys, service)
    server.stop()
    store.close()
