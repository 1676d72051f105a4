"""Eyes and ears: what switches, databases and packets tell, taken to whom it concerns.

Handlers come in on receiving threads and only enqueue. What is a fact is committed by `Facts`, in order;
guests' packets go to the guest worker; sessions go to the reconciler once their facts are in the store.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from sdn_orch.claims import Claim, Claims
from sdn_orch.config import Config, Ovsdb
from sdn_orch.dataplane.pipeline import Punt, punt_of
from sdn_orch.facts import Facts
from sdn_orch.gateway_facts import Absences, absent, port_changed, present
from sdn_orch.guest.announcement import Announcer
from sdn_orch.guest.checks import Checks, Turned, noted
from sdn_orch.guest.service import Advertiser
from sdn_orch.guest.worker import Allowance, Worker
from sdn_orch.intent.balancers import Balancer, HealthCheck, Member
from sdn_orch.intent.model import Attachment, Link, Network, Nic, Source, Switch
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.snapshot import Change, Snapshot
from sdn_orch.openflow.values import Output
from sdn_orch.reconcile import Reconciler
from sdn_orch.southbound.base import Datapath, PacketIn, PacketOut, Port
from sdn_orch.southbound.bindings import Binding
from sdn_orch.southbound.bridges import Bridge
from sdn_orch.southbound.discovery import Discovery, Seen
from sdn_orch.southbound.learning import arrived, learn
from sdn_orch.southbound.links import discovered, is_tenants, link_changes
from sdn_orch.store.base import Store
from sdn_orch.upkeep import Upkeep
from sdn_orch.uplinks import Uplinks, answered

if TYPE_CHECKING:
    from sdn_orch.southbound.ovsdb import Database

log = logging.getLogger(__name__)

#: Seconds until what the store did not take is tried again.
_TRY_AGAIN = 1.0
#: Seconds that the databases have, together, to be left.
_STOP_TIMEOUT = 0.3
#: What decides who is checked.
_CHECKED = (HealthCheck, Balancer, Member, Nic, Network)
#: What decides which public addresses live at which gateway.
_AT_GATEWAYS = (PublicAddress, PublicRange, PrivateGateway, StaticRoute, Switch, Link)


class Observer:
    """The southbound's listener; see the module."""

    def __init__(self, store: Store, reconciler: Reconciler, guests: Worker, config: Config) -> None:
        self._store = store
        self._reconciler = reconciler
        self._guests = guests
        self._facts = Facts(store, tick=self._tick)
        self._claims = Claims()
        self._settled = {Source.CONFIGURATION}
        #: NICs whose claims have changed, and whether it is on the queue to settle them.
        self._unsettled: set[str] = set()
        self._settling = False
        #: Those of them that a database has let go, which counts whatever others have yet to say.
        self._left: set[str] = set()
        self._refusals = Allowance(6, 60.0)
        self._datapaths: dict[int, Datapath] = {}
        #: What the store did not take, to be tried again.
        self._later: list[Callable[[], None]] = []
        self._try_at = 0.0
        self._discovery = Discovery(
            config.discovery.interval,
            config.discovery.lost_after,
            lambda dpid, port: is_tenants(store.snapshot(), dpid, port),
            enabled=config.discovery.enabled,
        )
        self._discovery.expect(discovered(store.snapshot()))
        self._announcer = Announcer(store.snapshot, self._datapaths.get)
        self._advertiser = Advertiser(store.snapshot, self._datapaths.get, time.monotonic())
        self._absences = Absences([row.dpid for row in config.switches], time.monotonic())
        self._uplinks = Uplinks(store.snapshot, self._datapaths.get, reconciler.is_serving)
        self._checks = Checks(store.snapshot, self._datapaths.get)
        self._databases = {row.endpoint: self._database(row) for row in config.ovsdb}
        self._silent = set(self._databases)
        self._upkeep = Upkeep(
            lambda endpoint, edits, remind: self._databases[endpoint].write(edits, remind=remind),
            self._note_bridge,
            endpoints=self._databases,
            ours=[row.dpid for row in config.switches],
            plain=[row.dpid for row in config.switches if not row.open_vswitch],
            openflow_port=config.openflow.listen.port,
        )
        dpids = {row.name: row.dpid for row in config.switches}
        for row in config.attachments:
            place = row.port
            self._claims.put(
                Claim(
                    Source.CONFIGURATION,
                    "configuration",
                    dpids[place.switch],
                    place.port,
                    place.vlan,
                    row.nic or "",
                    row.mac or "",
                )
            )

    def start(self) -> None:
        """Start observing."""
        revision = self._store.snapshot().revision
        follower = threading.Thread(target=self._follow, args=(revision,), name="observer-feed", daemon=True)
        self._facts.start()
        self._facts.do(lambda: self._note_nics(nic.id for nic in self._store.snapshot().all(Nic)))
        follower.start()
        for database in self._databases.values():
            database.start()

    def stop(self) -> None:
        """Stop observing, with what was seen committed."""
        deadline = time.monotonic() + _STOP_TIMEOUT
        for database in self._databases.values():
            database.stop(max(0.0, deadline - time.monotonic()))
        self._facts.stop()

    # --- switches: called on receiving threads ------------------------------------------------------

    def connected(self, datapath: Datapath) -> None:
        """See `base.Listener`."""
        self._facts.do(lambda: self._take_in(datapath))

    def disconnected(self, datapath: Datapath) -> None:
        """See `base.Listener`."""
        self._facts.do(lambda: self._let_go(datapath))

    def port_changed(self, datapath: Datapath, port: Port, removed: bool) -> None:
        """See `base.Listener`."""
        self._facts.do(lambda: self._note_port(datapath, port, removed))

    def packet_in(self, datapath: Datapath, packet: PacketIn) -> None:
        """See `base.Listener`."""
        try:
            reason = punt_of(packet.table, packet.metadata)
        except ValueError:
            return
        if reason is Punt.DISCOVERY:
            self._facts.offer((packet.dpid, packet.in_port), lambda: self._note_lldp(packet))
        elif reason is Punt.UPSTREAM:
            self._facts.offer((packet.dpid, packet.in_port), lambda: self._note_upstream(packet))
        elif reason is Punt.CHECK:
            place = (packet.dpid, packet.in_port)
            self._facts.offer(place, lambda: self._note_health(self._checks.receive(packet)))
        elif reason is Punt.FIRST_PACKET:
            self._facts.offer((packet.dpid, packet.in_port), lambda: self._note_first_packet(packet))
        else:
            self._guests.offer(datapath, packet)

    # --- on the facts' thread -----------------------------------------------------------------------

    def _take_in(self, datapath: Datapath) -> None:
        """A switch is there: note what it can, then let the reconciler have it."""
        switch = self._switch(datapath.dpid)
        if switch is None:
            log.warning(
                "switch %016x is not configured and is left as it is: add it under [[switches]]",
                datapath.dpid,
            )
            return
        self._datapaths[datapath.dpid] = datapath
        self._absences.connected(datapath.dpid)
        self._uplinks.connected(switch.id)
        self._upkeep.connected(datapath)
        self._note_links(self._discovery.switch_up(datapath.dpid, datapath.ports(), time.monotonic()))
        self._hand_over(switch, datapath)

    def _switch(self, dpid: int) -> Switch | None:
        """The switch with this datapath id, if it is configured."""
        return self._store.snapshot().first(Switch, "dpid", dpid)

    def _hand_over(self, switch: Switch, datapath: Datapath) -> None:
        """The reconciler gets the session with what it can, and not before: it would compile for less."""
        noted = self._facts.commit(
            lambda snapshot: present(snapshot, switch.id, datapath),
            f"what switch {switch.name} can",
        )
        if noted:
            self._reconciler.attach(switch.id, datapath, self._store.snapshot().revision)
        else:
            self._later.append(partial(self._hand_over_if_there, switch.id, datapath))

    def _hand_over_if_there(self, switch_id: str, datapath: Datapath) -> None:
        switch = self._store.snapshot().get(Switch, switch_id)
        if switch is not None and self._datapaths.get(datapath.dpid) is datapath:
            self._hand_over(switch, datapath)

    def _let_go(self, datapath: Datapath) -> None:
        if self._datapaths.get(datapath.dpid) is not datapath:
            return
        del self._datapaths[datapath.dpid]
        self._absences.disconnected(datapath.dpid, time.monotonic())
        self._upkeep.disconnected(datapath)
        self._discovery.switch_down(datapath.dpid)
        if (switch := self._switch(datapath.dpid)) is not None:
            self._reconciler.detach(switch.id, datapath)

    def _note_port(self, datapath: Datapath, port: Port, removed: bool) -> None:
        port = self._upkeep.understood(datapath.dpid, port)
        if (switch := self._switch(datapath.dpid)) and switch.public_port == port.number:
            self._facts.commit(
                lambda snapshot: port_changed(snapshot, datapath.dpid, port, removed),
                f"the way to the outside of switch {switch.name}",
            )
        self._note_links(self._discovery.port_changed(datapath.dpid, port, removed, time.monotonic()))

    def _note_lldp(self, packet: PacketIn) -> None:
        now = time.monotonic()
        self._note_links(self._discovery.lldp_received(packet.dpid, packet.in_port, packet.frame, now))

    def _note_upstream(self, packet: PacketIn) -> None:
        self._facts.commit(lambda snapshot: answered(snapshot, packet), "the gateway of a public range")
        self._uplinks.asked(packet)

    def _note_health(self, turned: Turned) -> None:
        if turned:
            for member_id, failing in turned:
                log.info("member %s of a load balancer %s", member_id, "fails" if failing else "lives")
            self._facts.commit(lambda snapshot: noted(snapshot, turned), "health of balancers' members")

    def _note_links(self, seen: Sequence[Seen]) -> None:
        if seen:
            port_up = self._discovery.port_up
            self._facts.commit(lambda snapshot: link_changes(snapshot, seen, port_up), "cables")

    def _tick(self, now: float) -> None:
        if self._later and now >= self._try_at:
            self._try_at = now + _TRY_AGAIN
            later, self._later = self._later, []
            for action in later:
                self._facts.do(action)
        frames, seen = self._discovery.tick(now)
        for dpid, port, frame in frames:
            PacketOut((Output(port),), frame).send(self._datapaths.get(dpid))
        self._note_links(seen)
        self._upkeep.tick(now, self._store.snapshot())
        for dpid in self._absences.lost(now):
            self._facts.commit(partial(absent, dpid=dpid), f"switch {dpid:016x} is away")
        self._uplinks.tick(now)
        self._note_health(self._checks.tick(now))
        self._advertiser.tick(now)
        self._announcer.tick(now)

    # --- where NICs are -----------------------------------------------------------------------------

    def _database(self, row: Ovsdb) -> Database:
        # Only here: its library is slow to import, and without databases nothing of it is needed.
        from sdn_orch.southbound.ovsdb import Database, use_tls

        endpoint = row.endpoint
        if row.tls is not None:
            use_tls(row.tls)

        def changed(before: Binding | None, after: Binding | None) -> None:
            self._facts.do(lambda: self._note_binding(endpoint, before, after))

        def synchronised() -> None:
            self._facts.do(lambda: self._note_synchronised(endpoint))

        def lost() -> None:
            self._facts.do(lambda: self._note_lost(endpoint))

        def bridges_changed(bridges: tuple[Bridge, ...]) -> None:
            self._facts.do(lambda: self._upkeep.bridges_changed(endpoint, bridges))

        return Database(endpoint, changed, synchronised, bridges_changed, lost)

    def _note_bridge(self, dpid: int, notes: tuple[str, ...]) -> None:
        if (switch := self._switch(dpid)) is not None:
            self._reconciler.note(switch.id, notes)

    def _note_binding(self, endpoint: str, before: Binding | None, after: Binding | None) -> None:
        for binding, note in ((before, self._claims.drop), (after, self._claims.put)):
            if binding is not None:
                claim = claim_of(endpoint, binding)
                note(claim)
                concerned = self._claims.concerned(self._store.snapshot(), claim)
                self._unsettled |= concerned
                if binding is before:
                    self._left |= concerned
        self._settle_soon()

    def _note_synchronised(self, endpoint: str) -> None:
        """The whole database has been read: NICs that were put by one and none claims now are nowhere."""
        self._silent.discard(endpoint)
        self._note_claims(self._claims.note(endpoint, is_silent=False))
        if not self._silent and Source.OVSDB not in self._settled:
            self._settled |= {Source.OVSDB}
            places = self._store.snapshot().all(Attachment)
            self._unsettled |= {found.nic_id for found in places if found.source is Source.OVSDB}
            self._settle_soon()

    def _note_lost(self, endpoint: str) -> None:
        """A database does not answer: of machines that others claim, too, it does not know any more."""
        self._note_claims(self._claims.note(endpoint, is_silent=True))

    def _note_claims(self, claims: Iterable[Claim]) -> None:
        snapshot = self._store.snapshot()
        self._note_nics({id for claim in claims for id in self._claims.concerned(snapshot, claim)})

    def _note_first_packet(self, packet: PacketIn) -> None:
        came: set[str] = set()

        def decide(snapshot: Snapshot) -> Sequence[Change]:
            moved = arrived(snapshot, packet.dpid, packet.in_port, packet.frame)
            came.clear()
            if moved:
                came.update(each.record.nic_id for each in moved if isinstance(each.record, Attachment))
                return moved
            learned = learn(snapshot, packet.dpid, packet.in_port, packet.frame)
            if learned.refusal and self._refusals.take(time.monotonic()):
                log.warning("a first packet binds nobody: %s", learned.refusal)
            return learned.changes

        self._facts.commit(decide, f"first packet on port {packet.in_port} of switch {packet.dpid:016x}")
        # It may be awaited where it was.
        self._note_nics(came)

    def _follow(self, revision: int) -> None:
        """Claims may be older than the NICs that they are about; NICs that come are announced."""
        for commit in self._store.watch(revision):
            if not commit.changes:
                self._facts.do(lambda: self._note_nics(nic.id for nic in self._store.snapshot().all(Nic)))
                self._facts.do(partial(self._uplinks.changed, ()))
                self._facts.do(self._checks.changed)
                continue
            if any(isinstance(new or old, _AT_GATEWAYS) for old, new in commit.changes):
                self._facts.do(partial(self._uplinks.changed, commit.changes))
            if any(isinstance(new or old, _CHECKED) for old, new in commit.changes):
                self._facts.do(self._checks.changed)
            if nics := [new.id for _, new in commit.changes if isinstance(new, Nic)]:
                self._facts.do(partial(self._note_nics, nics))
            if places := [new.id for _, new in commit.changes if isinstance(new, Attachment)]:
                self._facts.do(partial(self._announcer.note, places, time.monotonic()))

    def _note_nics(self, nic_ids: Iterable[str]) -> None:
        self._unsettled |= set(nic_ids)
        self._settle_soon()

    def _settle_soon(self) -> None:
        """Behind everything that waits already, so that many observations make one commit."""
        if self._unsettled and not self._settling:
            self._settling = True
            self._facts.do(self._settle)

    def _settle(self) -> None:
        self._settling = False
        nic_ids, self._unsettled = self._unsettled, set()
        left, self._left = self._left, set()
        settled = frozenset(self._settled)

        def decide(snapshot: Snapshot) -> list[Change]:
            changes = self._claims.settle(snapshot, nic_ids - left, settled)
            return changes + self._claims.settle(snapshot, left, settled | {Source.OVSDB})

        if not self._facts.commit(decide, f"places of {len(nic_ids)} NICs"):
            self._left |= left
            self._later.append(lambda: self._note_nics(nic_ids))


def claim_of(endpoint: str, binding: Binding) -> Claim:
    """What a database says, as a claim."""
    return Claim(Source.OVSDB, endpoint, binding.dpid, binding.port, None, binding.interface_id, binding.mac)
