"""A CloudStack to sync from: sdn-orch's own API in a store of its own, over HTTP, with tenants in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from starlette.applications import Starlette

from sdn_orch.intent.model import Network
from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack import app
from sdn_orch.northbound.listening import listen_tcp
from sdn_orch.northbound.server import Server
from sdn_orch.northbound.sync.reader import Reader
from sdn_orch.northbound.sync.sync import Outcome, Scope, Sync
from tests.cloudstack import ISOLATED, Client, Cloud

GATEWAY, FIRST, LAST = "203.0.113.1", "203.0.113.10", "203.0.113.99"


@contextmanager
def served(cloud: Cloud) -> Iterator[Reader]:
    """The cloud's API on a port of loopback, and what reads it."""
    cloud.clock.now = datetime.now(UTC)
    with listen_tcp("127.0.0.1", 0) as listener:
        server = Server(Starlette(routes=app.routes(cloud.admin.door)), listener, name="managed")
        server.start()
        host, port = server.address
        try:
            keys = cloud.admin.keys
            yield Reader(f"http://{host}:{port}/client/api", keys.api_key, keys.secret_key)
        finally:
            server.stop()


class Managed:
    """The cloud with a tenant and public addresses."""

    def __init__(self) -> None:
        self.cloud = Cloud()
        self.call(
            "createVlanIpRange", zoneid=self.cloud.zone, gateway=GATEWAY, netmask="255.255.255.0",
            startip=FIRST, endip=LAST, vlan="900", forvirtualnetwork="true",
        )  # fmt: skip
        self.red = self.cloud.account("red")

    def call(self, command: str, **arguments: object) -> Any:
        """As the root administrator."""
        return self.cloud.admin.call(command, **arguments)

    def network(self, name: str, machines: int = 0, offering: str = ISOLATED, **more: object) -> str:
        """A tenant's network with running machines; its id."""
        id: str = self.cloud.network(self.red, name, offering, **more)["id"]
        for number in range(machines):
            self.machine(f"{name}-{number}", id)
        return id

    def machine(self, name: str, *networks: str, **more: object) -> Any:
        """A running machine."""
        return self.cloud.machine(self.red, name, networkids=",".join(networks), **more)

    def address(self, client: Client | None = None, **arguments: object) -> Any:
        """A public address for a network or a VPC."""
        return (client or self.red).job("associateIpAddress", **arguments)["ipaddress"]


class Pair:
    """A CloudStack and a daemon that syncs with it."""

    def __init__(self, managed: Managed, reader: Reader) -> None:
        self.managed = managed
        self.reader = reader
        self.here = Cloud()

    def sync(self, source: Any = None, **scope: Any) -> Sync:
        return Sync(self.here.service, source or self.reader, Scope(**scope))

    def compare(self, **scope: Any) -> Outcome:
        outcome = self.sync(**scope).compare()
        assert (outcome.faults, outcome.held) == ([], None)
        return outcome

    @property
    def snapshot(self) -> Snapshot:
        return self.here.snapshot

    def network(self, id: str) -> Network:
        return self.snapshot.need(Network, id)


def message(event: str, at: datetime, **said: str) -> bytes:
    """An action event as CloudStack's webhooks send it."""
    body = {"event": event, "status": "Completed", "account": str(uuid4()), "user": str(uuid4())}
    return json.dumps(body | {"eventDateTime": at.strftime("%Y-%m-%d %H:%M:%S %z")} | said).encode()
