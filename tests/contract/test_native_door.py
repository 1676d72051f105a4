"""The native door against its own documentation: whatever is sent, it answers as it says, and never fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from starlette.applications import Starlette

from sdn_orch.northbound.listening import listen_tcp
from sdn_orch.northbound.operator import tokens
from sdn_orch.northbound.operator.door import Door
from sdn_orch.northbound.operator.openapi import document
from sdn_orch.northbound.operator.routes import DECLARATIONS
from sdn_orch.northbound.operator.tokens import Scope
from sdn_orch.northbound.server import Server
from sdn_orch.northbound.service import Service
from sdn_orch.reconcile import Reconciler
from sdn_orch.store.sqlite import SqliteStore
from tests.cloudstack import Cloud
from tests.contract.everything import furnish
from tests.effort import examples
from tests.unit.dataplane import worlds


@dataclass
class Native:
    """Where the door is, what opens it, and the service behind it."""

    url: str
    secret: str
    service: Service


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Native]:
    """A daemon's door over a cloud with something of every kind, and a fabric."""
    store = SqliteStore(Path(tmp_path_factory.mktemp("native")) / "store.db")
    furnish(Cloud(store))
    service = Service(store)
    for record in worlds.leaf_spine(2, 1):
        service.write(partial(_put, record=record))
    _, secret = service.write(partial(tokens.create, name="fuzzer", scope=Scope.ADMIN, days=None))
    reconciler = Reconciler(store, audit_interval=0, keep_foreign=False)
    reconciler.start()
    server = Server(
        Starlette(routes=Door(reconciler, service, is_trusted=False).routes()), listen_tcp("127.0.0.1", 0)
    )
    server.start()
    yield Native(f"http://127.0.0.1:{server.address[1]}", secret, service)
    server.stop()
    reconciler.stop()
    store.close()


def _put(transaction: Any, record: Any) -> None:
    transaction.put(record)


schema = schemathesis.openapi.from_dict(document(DECLARATIONS))


@schema.hook
def filter_query(_context: Any, query: dict[str, Any] | None) -> bool:
    """Whether a query is sent as it was made: a list of nothing is not, and so cannot be refused."""
    return not any(_is_nothing(value) for value in (query or {}).values())


def _is_nothing(value: Any) -> bool:
    return isinstance(value, list) and all(_is_nothing(part) for part in value)


@schema.parametrize()
@settings(
    max_examples=examples(25),
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)
def test_answers_are_as_described_and_refusals_change_nothing(case: Any, native: Native) -> None:
    bearer = {"Authorization": f"Bearer {native.secret}"}
    before = native.service.snapshot.revision
    answer = case.call(base_url=native.url, headers=bearer)
    case.validate_response(answer, headers=bearer)
    if case.method == "GET" or answer.status_code >= 400:
        assert native.service.snapshot.revision == before
