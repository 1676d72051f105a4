"""The daemon: every layer made, joined, started, and stopped in order.

Observations (switches, ports, LLDP, OVSDB, first packets) go to the observer and become commits; the
reconciler follows the commits; packets of guests go to the workers; doors answer people and programs.
"""

from __future__ import annotations

import gc
import logging
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from starlette.applications import Starlette

from sdn_orch import admin_keys, seed
from sdn_orch.config import Config
from sdn_orch.guest.service import respond
from sdn_orch.guest.worker import Worker
from sdn_orch.northbound.cloudstack import app as cloudstack
from sdn_orch.northbound.cloudstack.bootstrap import bootstrap
from sdn_orch.northbound.cloudstack.door import Door
from sdn_orch.northbound.operator import door as operator
from sdn_orch.northbound.server import Server, listen_tcp, listen_unix
from sdn_orch.northbound.service import Service
from sdn_orch.observer import Observer
from sdn_orch.reconcile import Reconciler
from sdn_orch.southbound.channel import Channel, Endpoint, Tls
from sdn_orch.southbound.vestibule import Vestibule
from sdn_orch.store.sqlite import SqliteStore, own
from sdn_orch.store.transact import transact
from sdn_orch.threads import Watch
from sdn_orch.uncollected import uncollected

log = logging.getLogger(__name__)


def run(config: Config, applications: Sequence[Path] = ()) -> None:
    """Run until an exception (KeyboardInterrupt, for one) ends it; the switches keep what they hold.

    `applications` are files of Ryu applications to run beside ours. Raises SdnOrchError and OSError for
    what prevents the start, with everything stopped again, and ThreadEnded (see `threads`).
    """
    with Watch() as watch, ExitStack() as running:
        start(config, applications, running)
        running.callback(log.info, "stopping, the switches keep their rules")
        watch.wait()


@uncollected()
def start(config: Config, applications: Sequence[Path], running: ExitStack) -> Reconciler:
    """Start everything; leaving `running` stops it, the doors first."""
    # Threads hand each other work that takes microseconds; by default one waits 5 ms for its turn.
    sys.setswitchinterval(0.0005)
    # Whatever another daemon has is found out before anything is done.
    running.enter_context(own(config.store.path))
    sockets = listen(config, running)
    loaded = None
    if applications:
        # os-ken takes half a second to import, and without applications nothing of it is needed.
        from sdn_orch.southbound.applications import RyuApplications

        loaded = RyuApplications([str(path) for path in applications])
        running.callback(loaded.stop)
    plain = [row.dpid for row in config.switches if not row.open_vswitch]
    vestibule = Vestibule()
    channel = Channel([endpoint(config)], vestibule, applications=loaded, plain=plain)
    begin(running, channel.start, channel.stop)
    store = SqliteStore(config.store.path, is_owned=True)
    running.callback(store.close)
    service = Service(store, fabric_mtu=config.fabric.mtu)
    admin_keys.write(config, bootstrap(service, admin_keys.read(config)))
    transact(store, lambda snapshot: tuple(seed.switches(snapshot, config)))
    transact(store, lambda snapshot: tuple(seed.links(snapshot, config)))

    # Flows that other applications install are theirs.
    keep_foreign = config.audit.keep_foreign or bool(applications)
    reconciler = Reconciler(store, audit_interval=config.audit.interval, keep_foreign=keep_foreign)
    guests = Worker(lambda datapath, packet: respond(store.snapshot, datapath, packet))
    observer = Observer(store, reconciler, guests, config)
    begin(running, reconciler.start, reconciler.stop)
    begin(running, guests.start, guests.stop)
    vestibule.open(observer)
    begin(running, observer.start, observer.stop)
    # It began first, but ends before those that it tells.
    running.callback(channel.stop)
    for server in servers(config, service, reconciler, sockets):
        begin(running, server.start, server.stop)
    # What there is now stays: the collector need not look at it again and again.
    gc.freeze()
    log.info(
        "ready: switches connect to %s%s, CloudStack's API at %s%s, sdn-orch's commands at %s",
        config.openflow.listen,
        " (TLS)" if config.openflow.tls else "",
        config.api.listen,
        " (TLS)" if config.api.tls else "",
        config.socket,
    )
    return reconciler


def listen(config: Config, running: ExitStack) -> tuple[socket.socket, socket.socket]:
    """The sockets of CloudStack's API and of the operator. Raises OSError when one cannot be had."""
    api = running.enter_context(listen_tcp(config.api.listen.host, config.api.listen.port))
    config.socket.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    door = running.enter_context(listen_unix(config.socket))
    running.callback(config.socket.unlink, missing_ok=True)
    return api, door


def servers(
    config: Config, service: Service, reconciler: Reconciler, sockets: tuple[socket.socket, socket.socket]
) -> tuple[Server, Server]:
    """CloudStack's API and the operator's door, each with its thread."""
    tls = config.api.tls
    api = Server(
        Starlette(routes=cloudstack.routes(Door(service))),
        sockets[0],
        certificate=tls.certificate if tls else None,
        private_key=tls.key if tls else None,
        client_authority=tls.authority if tls else None,
        name="api",
    )
    return api, Server(operator.application(reconciler), sockets[1], name="operator-door")


def begin(running: ExitStack, begin_it: Callable[[], object], end_it: Callable[[], None]) -> None:
    """Start one part, and have it stopped when all ends."""
    begin_it()
    running.callback(end_it)


def endpoint(config: Config) -> Endpoint:
    """Where switches connect."""
    listen, files = config.openflow.listen, config.openflow.tls
    return Endpoint(
        listen.host, listen.port, Tls(files.certificate, files.key, files.authority) if files else None
    )
