"""The doors made and opened, last of all: what they need is only imported with this module."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

from starlette.applications import Starlette

from sdn_orch import admin_keys
from sdn_orch.config import Cloudstack, Config
from sdn_orch.northbound.cloudstack import app as cloudstack
from sdn_orch.northbound.cloudstack.bootstrap import bootstrap
from sdn_orch.northbound.cloudstack.door import Door
from sdn_orch.northbound.cloudstack.idle_networks import IdleNetworks
from sdn_orch.northbound.operator import door as operator
from sdn_orch.northbound.operator.proxy_hosts import ProxyHosts
from sdn_orch.northbound.server import Server
from sdn_orch.northbound.service import Service
from sdn_orch.parts import begin
from sdn_orch.reconcile import Reconciler

if TYPE_CHECKING:
    from sdn_orch.northbound.sync.syncing import Syncing


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
    begin(running, IdleNetworks(service))
    sync = syncing(config.cloudstack, service) if config.cloudstack else None
    if sync is not None:
        begin(running, sync)
    begin(running, *servers(config, service, reconciler, sockets, sync))


def syncing(named: Cloudstack, service: Service) -> Syncing:
    """What syncs with the CloudStack that the configuration names."""
    # All this takes a while to import, and without sync nothing of it is needed.
    from sdn_orch.northbound.sync.reader import Reader
    from sdn_orch.northbound.sync.sync import Scope, Sync
    from sdn_orch.northbound.sync.syncing import Syncing
    from sdn_orch.northbound.sync.webhook import Webhook
    from sdn_orch.northbound.sync.worker import Worker

    reader = Reader(named.url, named.key, named.secret, cafile=str(named.cafile) if named.cafile else None)
    sync = Sync(
        service,
        reader,
        Scope(named.cloud, named.zone, named.owners, pulls=named.pull, most_deleted=named.most_deleted),
    )
    worker, secret = Worker(sync, named.interval), named.webhook_secret
    webhook = Webhook(secret, worker.heed, lambda: service.now) if secret else None
    if named.rabbitmq is None:
        return Syncing(worker, webhook)
    from sdn_orch.northbound.sync.bus import Broker, Bus

    given = named.rabbitmq
    broker = Broker(
        host=given.host,
        port=given.tcp_port,
        username=given.username,
        password=given.secret,
        virtual_host=given.virtual_host,
        exchange=given.exchange,
        tls=given.context,
    )
    return Syncing(worker, webhook, Bus(broker, worker.heed, worker.read_all, lambda: service.now))


def servers(
    config: Config,
    service: Service,
    reconciler: Reconciler,
    sockets: tuple[socket.socket, socket.socket],
    sync: Syncing | None,
) -> tuple[Server, Server]:
    """CloudStack's API with the operator's door beside it, and that door alone on the unix socket."""
    tls, hosts = config.api.tls, ProxyHosts()
    hooks = [sync.webhook.route()] if sync and sync.webhook else []
    api = Server(
        Starlette(
            routes=[
                *cloudstack.routes(Door(service)),
                *operator.Door(reconciler, service, sync, hosts, is_trusted=False).routes(),
                *hooks,
            ]
        ),
        sockets[0],
        certificate=tls.certificate if tls else None,
        private_key=tls.key if tls else None,
        client_authority=tls.authority if tls else None,
        name="api",
    )
    return api, Server(
        operator.application(reconciler, service, sync, hosts), sockets[1], name="operator-door"
    )
