"""The daemon: every layer made, joined, started, and stopped in order.

Observations (switches, ports, LLDP, OVSDB, first packets) go to the observer and become commits; the
reconciler follows the commits; packets of guests go to the workers; doors answer people and programs.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from starlette.applications import Starlette

from sdn_orch import admin_keys, seed
from sdn_orch.config import Config
from sdn_orch.config import Tls as TlsFiles
from sdn_orch.errors import Invalid
from sdn_orch.guest.service import respond
from sdn_orch.guest.worker import Worker
from sdn_orch.northbound.cloudstack import app as cloudstack
from sdn_orch.northbound.cloudstack.bootstrap import bootstrap
from sdn_orch.northbound.cloudstack.door import Door as CloudStackDoor
from sdn_orch.northbound.operator.door import Door as OperatorDoor
from sdn_orch.northbound.server import Server, listen_tcp
from sdn_orch.northbound.service import Service
from sdn_orch.observer import Observer
from sdn_orch.reconcile import Reconciler
from sdn_orch.southbound.channel import Channel, Endpoint, Tls
from sdn_orch.store.sqlite import SqliteStore
from sdn_orch.store.transact import transact

log = logging.getLogger(__name__)


def run(config: Config, applications: Sequence[Path] = ()) -> None:
    """Run until an exception (KeyboardInterrupt, for one) ends it; the switches keep what they hold.

    `applications` are files of Ryu applications to run beside ours. Raises SdnOrchError and OSError for
    what prevents the start, with everything stopped again.
    """
    with ExitStack() as running:
        start(config, applications, running)
        log.info("ready")
        threading.Event().wait()


def start(config: Config, applications: Sequence[Path], running: ExitStack) -> Reconciler:
    """Start everything; leaving `running` stops it, the doors first."""
    store = SqliteStore(config.store.path)
    running.callback(store.close)
    service = Service(store)
    admin_keys.write(config, bootstrap(service, admin_keys.read(config)))
    transact(store, lambda snapshot: tuple(seed.switches(snapshot, config)))
    transact(store, lambda snapshot: tuple(seed.links(snapshot, config)))

    # Flows that other applications install are theirs.
    keep_foreign = config.audit.keep_foreign or bool(applications)
    reconciler = Reconciler(store, audit_interval=config.audit.interval, keep_foreign=keep_foreign)
    # What there is now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    guests = Worker(lambda datapath, packet: respond(store.snapshot, datapath, packet))
    observer = Observer(store, reconciler, guests, config)
    loaded = None
    if applications:
        # os-ken takes half a second to import, and without applications nothing of it is needed.
        from sdn_orch.southbound.applications import RyuApplications

        loaded = RyuApplications([str(path) for path in applications])
        running.callback(loaded.stop)
    channel = Channel([endpoint(config)], observer, applications=loaded)
    begin(running, reconciler.start, reconciler.stop)
    begin(running, guests.start, guests.stop)
    begin(running, observer.start, observer.stop)
    begin(running, channel.start, channel.stop)
    api = config.api
    server = Server(
        Starlette(routes=cloudstack.routes(CloudStackDoor(service))),
        listen_tcp(api.listen.host, api.listen.port),
        certificate=api.tls.certificate if api.tls else None,
        private_key=api.tls.key if api.tls else None,
        client_authority=api.tls.authority if api.tls else None,
    )
    begin(running, server.start, server.stop)
    operator = OperatorDoor(reconciler, config.socket)
    begin(running, operator.start, operator.stop)
    return reconciler


def begin(running: ExitStack, begin_it: Callable[[], object], end_it: Callable[[], None]) -> None:
    """Start one part, and have it stopped when all ends."""
    begin_it()
    running.callback(end_it)


def endpoint(config: Config) -> Endpoint:
    """Where switches connect."""
    listen, files = config.openflow.listen, config.openflow.tls
    return Endpoint(listen.host, listen.port, None if files is None else mutual(files))


def mutual(files: TlsFiles) -> Tls:
    """TLS towards switches, which is always mutual."""
    if files.authority is None:
        raise Invalid("openflow.tls.authority: say whose certificates switches must show")
    return Tls(files.certificate, files.key, files.authority)
