"""Every layer of the daemon made, joined, started, and stopped in order.

Observations (switches, ports, LLDP, OVSDB, first packets) go to the observer and become commits; the
reconciler follows the commits; packets of guests go to the workers; doors answer people and programs.
"""

from __future__ import annotations

import secrets
import socket
import time
from contextlib import ExitStack
from functools import partial

from sdn_orch import seed, tally
from sdn_orch.config import Config
from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.guest import dns_message
from sdn_orch.guest.connection import Wait
from sdn_orch.guest.listener import Listener
from sdn_orch.guest.metadata import Metadata
from sdn_orch.guest.name_stream import NameStream
from sdn_orch.guest.resolvers import Resolvers
from sdn_orch.guest.service import Resolve, respond
from sdn_orch.guest.tcp import Peer, Responder
from sdn_orch.guest.worker import Worker
from sdn_orch.northbound import kinds as _kinds  # noqa: F401 (the store needs to know its records)
from sdn_orch.northbound import least_connections
from sdn_orch.northbound.balancers import end_drained
from sdn_orch.northbound.cloudstack.model import User
from sdn_orch.northbound.cloudstack.zones import resolvers as zone_resolvers
from sdn_orch.northbound.least_connections import LeastConnections
from sdn_orch.northbound.machine_data import forget_password
from sdn_orch.northbound.service import Service
from sdn_orch.observer import Observer
from sdn_orch.parts import begin
from sdn_orch.periodic import Periodic
from sdn_orch.reconcile import Reconciler
from sdn_orch.southbound.base import Datapath, PacketIn
from sdn_orch.southbound.channel import Channel
from sdn_orch.southbound.vestibule import Vestibule
from sdn_orch.store.sqlite import SqliteStore
from sdn_orch.store.transact import transact
from sdn_orch.vault import open_vault

#: Those of CloudStack's API and of the operator.
Sockets = tuple[socket.socket, socket.socket]

#: How long the doors wait for switches at a start, at most: seconds.
_SWITCHES_FIRST = 5.0


def assemble(
    config: Config,
    channel: Channel,
    vestibule: Vestibule,
    sockets: Sockets,
    running: ExitStack,
    *,
    has_applications: bool,
) -> None:
    """Start all parts beside a channel whose switches wait in the vestibule, in a store that is owned."""
    store = SqliteStore(config.store.path, is_owned=True)
    running.callback(store.close)
    # From the first start on the administrator's keys are sealed.
    vault = open_vault(config.store.key_path, is_new=not store.snapshot().count(User))
    service = Service(store, fabric_mtu=config.fabric.mtu, vault=vault)
    transact(store, lambda snapshot: tuple(seed.switches(snapshot, config)))
    transact(store, lambda snapshot: tuple(seed.links(snapshot, config)))

    # Flows that other applications install are theirs.
    keep_foreign = config.audit.keep_foreign or has_applications
    reconciler = Reconciler(store, audit_interval=config.audit.interval, keep_foreign=keep_foreign)
    resolvers = Resolvers(lambda: zone_resolvers(store.snapshot()))
    guests = answering(service, resolvers.ask)
    observer = Observer(store, reconciler, guests, config)
    with reconciler.expected_first():
        begin(running, reconciler, resolvers, guests)
        vestibule.open(observer)
        begin(running, observer)
        # It began first, but ends before those that it tells.
        running.callback(channel.stop)
        begin(
            running,
            Periodic("tally", tally.INTERVAL, reconciler.tally.read),
            Periodic("draining", 1.0, partial(end_drained, service)),
            Periodic("leastconn", least_connections.INTERVAL, LeastConnections(service, reconciler).step),
        )
        reconciler.settle(_SWITCHES_FIRST)
        # The doors take a third of a second to import, for which no switch need wait.
        from sdn_orch.doors import open_doors

        open_doors(config, service, reconciler, sockets, running)


def answering(service: Service, resolve: Resolve) -> Worker:
    """The thread that answers guests, with what `resolve` will find out."""
    metadata = Metadata(
        lambda: service.snapshot,
        service.vault.unseal,
        lambda machine_id: service.write(partial(forget_password, machine_id=machine_id)),
    )
    names = NameStream(
        lambda: service.snapshot,
        resolve,
        lambda peer, answer: worker.do(lambda: listener.tell(peer, answer, time.monotonic())),
    )

    def serve(peer: Peer, request: bytes) -> bytes | Wait:
        return (names if peer.service == dns_message.PORT else metadata).answer(peer, request)

    responder = Responder(serve, secrets.token_bytes(32))
    listener = Listener(lambda: service.snapshot, {Punt.METADATA, Punt.DNS}, responder)

    def handle(datapath: Datapath, packet: PacketIn) -> None:
        respond(lambda: service.snapshot, datapath, packet, resolve)
        listener.receive(datapath, packet, time.monotonic())

    worker = Worker(handle, listener.tick)
    return worker
