"""The doors made and opened, last of all: what they need is only imported with this module."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from starlette.applications import Starlette

from sdn_orch import admin_keys
from sdn_orch.config import Config
from sdn_orch.northbound.cloudstack import app as cloudstack
from sdn_orch.northbound.cloudstack.bootstrap import bootstrap
from sdn_orch.northbound.cloudstack.door import Door
from sdn_orch.northbound.cloudstack.idle_networks import IdleNetworks
from sdn_orch.northbound.operator import door as operator
from sdn_orch.northbound.server import Server
from sdn_orch.northbound.service import Service
from sdn_orch.reconcile import Reconciler


def open_doors(
    config: Config,
    service: Service,
    reconciler: Reconciler,
    sockets: tuple[socket.socket, socket.socket],
    running: ExitStack,
) -> None:
    """Answer at both sockets, CloudStack's API and the operator's; leaving `running` ends it.

    What a new installation lacks is made first.
    """
    admin_keys.write(config, bootstrap(service, admin_keys.read(config)))
    idle = IdleNetworks(service)
    idle.start()
    running.callback(idle.stop)
    for server in servers(config, service, reconciler, sockets):
        server.start()
        running.callback(server.stop)


def servers(
    config: Config,
    service: Service,
    reconciler: Reconciler,
    sockets: tuple[socket.socket, socket.socket],
) -> tuple[Server, Server]:
    """CloudStack's API with the operator's door beside it, and that door alone on the unix socket."""
    tls = config.api.tls
    api = Server(
        Starlette(
            routes=[
                *cloudstack.routes(Door(service)),
                *operator.Door(reconciler, service, is_trusted=False).routes(),
            ]
        ),
        sockets[0],
        certificate=tls.certificate if tls else None,
        private_key=tls.key if tls else None,
        client_authority=tls.authority if tls else None,
        name="api",
    )
    return api, Server(operator.application(reconciler, service), sockets[1], name="operator-door")
