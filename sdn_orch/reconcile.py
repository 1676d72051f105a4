"""The one loop: what changed in the store, which switches it touches, and what became of it.

Every commit advances the world and names the (owner, switch) pairs that may compile differently; the loops
of those switches do the rest. Switches where packets arrive go first: a NIC's own edge knows it before
others send to it, and a cable is taken out of use by those who send over it before its ends forget it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from sdn_orch.dataplane.compiler import Compiled, compile_switch
from sdn_orch.dataplane.plan import Plan, diff
from sdn_orch.dataplane.rules import NO_RULES, Owner, OwnerKind, port_id
from sdn_orch.dataplane.touched import touched
from sdn_orch.dataplane.touched_outside import moving
from sdn_orch.dataplane.world import World
from sdn_orch.errors import Disconnected
from sdn_orch.intent.acls import AclItem
from sdn_orch.intent.balancers import Balancer
from sdn_orch.intent.gateways import networks_of, router_of_rule, rule_of
from sdn_orch.intent.model import Attachment, Nic, Record, Switch
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.snapshot import Difference, Snapshot
from sdn_orch.openflow.values import FlowEntry, FlowKey, State
from sdn_orch.precedence import leading, taking_over, yielding
from sdn_orch.returns import Return
from sdn_orch.southbound.base import Datapath
from sdn_orch.status import Condition, ObjectStatus, Phase, SwitchStatus
from sdn_orch.store.base import Commit, Store
from sdn_orch.switch_loop import SwitchLoop
from sdn_orch.tally import Tally
from sdn_orch.turns import Turns

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Attach:
    """A session is up; to be taken over once the world has come to `revision`."""

    switch_id: str
    datapath: Datapath
    revision: int


@dataclass(frozen=True, slots=True)
class _Detach:
    """A session is over."""

    switch_id: str
    datapath: Datapath


@dataclass(frozen=True, slots=True)
class _Note:
    """What is wrong with a switch's own settings, all of it."""

    switch_id: str
    notes: tuple[str, ...]


_Event = Commit | _Attach | _Detach | _Note

#: Commits that may wait here; a watcher that falls far behind is told to start again, which costs less.
_BACKLOG = 256
#: Shortest and longest pause between two attempts to begin anew, in seconds.
_PAUSES = (0.5, 30.0)
#: Seconds for which routers wait for a gateway that is back to hold what they need: a large one takes some.
RETURN_PATIENCE = 30.0
#: Seconds for which a gateway goes on serving routers that have moved to one that is back: until all that is
#: outside has learnt it.
LINGER = 1.0
#: Seconds that the loops have, together, to end.
_STOP_TIMEOUT = 1.0


class Reconciler:
    """See the module. Follows `store` from `start` to `stop`."""

    def __init__(self, store: Store, *, audit_interval: float, keep_foreign: bool) -> None:
        """`audit_interval` in seconds, 0 for never; `keep_foreign` leaves flows that others installed."""
        self.started = time.time()
        self._store = store
        self._audit_interval = audit_interval
        self._keep_foreign = keep_foreign
        self._world = World.of(store.snapshot())
        self._loops: dict[str, SwitchLoop] = {}
        self.tally = Tally(self.world, self.datapath)
        #: The newest revision of which every loop knows what it has to do.
        self._handed_out = 0
        self._turns = Turns()
        self._events: queue.SimpleQueue[_Event | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_BACKLOG)
        self._waiting: list[_Attach] = []
        self._returns: tuple[Return, ...] = ()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reconcile", daemon=True)
        self._feed = threading.Thread(target=self._follow, name="reconcile-feed", daemon=True)

    def start(self) -> None:
        """Follow the store."""
        for switch in self._world.snapshot.all(Switch):
            self._loop(switch).refresh(self._world, None)
        self._handed_out = self._world.snapshot.revision
        self._thread.start()
        self._feed.start()

    def expected_first(self) -> AbstractContextManager[None]:
        """Within it those switches are compiled that are there, or were before; others later."""
        return self._turns.starting()

    def settle(self, timeout: float) -> None:
        """Wait until switches that are there are in sync and expected ones compiled; `timeout` in seconds."""
        deadline = time.monotonic() + timeout
        for loop in self._loops.values():
            if loop.is_expected or loop.datapath is not None:
                loop.settle(deadline)

    def stop(self) -> None:
        """End all loops; switches keep what they hold."""
        self._stopping.set()
        self._events.put(None)
        deadline = time.monotonic() + _STOP_TIMEOUT
        self._thread.join(_STOP_TIMEOUT)
        loops = tuple(self._loops.values())
        for loop in loops:
            loop.stop()
        for loop in loops:
            loop.join(max(0.0, deadline - time.monotonic()))

    def attach(self, switch_id: str, datapath: Datapath, revision: int) -> None:
        """A session is up, its facts committed at `revision`: bring the switch to what it should hold."""
        self._events.put(_Attach(switch_id, datapath, revision))

    def detach(self, switch_id: str, datapath: Datapath) -> None:
        """The session is over."""
        # In line behind its attach, which may not have been looked at yet.
        self._events.put(_Detach(switch_id, datapath))

    def note(self, switch_id: str, notes: tuple[str, ...]) -> None:
        """All that is wrong with a switch's own settings, to be seen in its status."""
        self._events.put(_Note(switch_id, notes))

    # --- the loop ---------------------------------------------------------------------------------

    def _follow(self) -> None:
        for commit in self._store.watch(self._world.snapshot.revision):
            self._room.acquire()
            self._events.put(commit)

    def _run(self) -> None:
        while (event := self._events.get()) is not None:
            try:
                self._take(event)
            except Exception:
                # The world of before stands; a compile from nothing of the newest one mends all.
                log.exception("reconciling failed, starting again from the newest snapshot")
                self._begin_anew()

    def _take(self, event: _Event) -> None:
        if isinstance(event, _Attach):
            self._waiting.append(event)
        elif isinstance(event, _Detach):
            self._waiting = [attach for attach in self._waiting if attach.datapath is not event.datapath]
            if loop := self._loops.get(event.switch_id):
                loop.detach(event.datapath)
        elif isinstance(event, _Note):
            if switch := self._world.snapshot.get(Switch, event.switch_id):
                self._loop(switch).note(event.notes)
        else:
            self._room.release()
            self._advance(event)
        self._attach_waiting()

    def _begin_anew(self) -> None:
        """Until it succeeds: switches keep what they hold, and what happens meanwhile waits."""
        pause = _PAUSES[0]
        while not self._stopping.is_set():
            try:
                self._restart()
                self._attach_waiting()
            except Exception:
                log.exception("the newest snapshot cannot be taken up; trying again in %g s", pause)
                self._stopping.wait(pause)
                pause = min(2 * pause, _PAUSES[1])
            else:
                return

    def _advance(self, commit: Commit) -> None:
        if commit.revision <= self._world.snapshot.revision:
            return
        if not commit.changes:
            self._restart()
            return
        before = self._world
        after = before.advance(commit.changes, commit.snapshot)
        self._world = after
        by_switch: dict[str, set[Owner]] = defaultdict(set)
        for owner, switch_id in touched(before, after, commit.changes):
            by_switch[switch_id].add(owner)
        for old, new in commit.changes:
            if isinstance(new, Switch) and old is None:
                self._loop(new).refresh(after, None)
            elif isinstance(old, Switch) and new is None and old.id in self._loops:
                self._loops.pop(old.id).stop()
        self._overtake(by_switch)
        back = self._await(before, after, by_switch)
        first = leading(self._unprepared(before, commit.changes), by_switch.keys())
        first |= taking_over(before, after, commit.changes) & by_switch.keys()
        arrived: list[threading.Event] = []
        for switch_id in first & self._loops.keys():
            first_loop = self._loops[switch_id]
            done = first_loop.refresh(after, by_switch.pop(switch_id))
            # Nobody waits for one that has trouble.
            if first_loop.status.phase is Phase.IN_SYNC:
                arrived.append(done)
        for switch_id, owners in by_switch.items():
            if loop := self._loops.get(switch_id):
                loop.refresh(after, owners, tuple(arrived))
        if back is not None:
            for switch_id in tuple(back.missing):
                self._loops[switch_id].when_held(after, partial(self._holds, back, switch_id))
        self._handed_out = commit.revision

    def _overtake(self, by_switch: dict[str, set[Owner]]) -> None:
        """A router that changes while it waits for its gateway does not wait any longer."""
        self._returns = tuple(back for back in self._returns if not back.is_over)
        changed = set().union(*by_switch.values()) if self._returns else set()
        for back in self._returns:
            for owner, switch_id in back.overtaken(changed):
                by_switch[switch_id].add(owner)

    def _await(self, before: World, after: World, by_switch: dict[str, set[Owner]]) -> Return | None:
        """Where gateways are back: routers turn to them when they hold what they need."""
        yielders = yielding(before, after)
        if not yielders:
            return None
        come = {switch.id for switch in after.gateways()} - yielders
        back = Return(come, yielders, moving(before, after), RETURN_PATIENCE + LINGER)
        self._returns = (*self._returns, back)
        for switch_id, owners in back.staying().items():
            if loop := self._loops.get(switch_id):
                loop.stay(owners, RETURN_PATIENCE + (LINGER if switch_id in yielders else 0.0), back)
                by_switch[switch_id] -= owners
        return back

    def _holds(self, back: Return, switch_id: str) -> None:
        """A gateway that is back holds what it needs."""
        back.missing.discard(switch_id)
        if not back.missing:
            for other, loop in self._loops.items():
                loop.end_stay(back, LINGER if other in back.yielders else 0.0)

    def _unprepared(self, before: World, changes: Sequence[Difference]) -> list[Difference]:
        """The changes but for NICs that come where their switch has what delivers to them already."""
        return [each for each in changes if not self._is_prepared(before, each[1])]

    def _is_prepared(self, before: World, at: Record | None) -> bool:
        if not isinstance(at, Attachment):
            return False
        place, loop = before.place_at(at.nic_id, at.switch_id), self._loops.get(at.switch_id)
        is_there = place is not None and (place.port, place.vlan) == (at.port, at.vlan)
        return is_there and loop is not None and Owner(OwnerKind.NIC, at.nic_id) not in loop.pending

    def _restart(self) -> None:
        self._world = World.of(self._store.snapshot())
        for loop in self._loops.values():
            loop.refresh(self._world, None)
        self._handed_out = self._world.snapshot.revision

    def _attach_waiting(self) -> None:
        """Give each session whose facts the world has to the loop of its switch."""
        for attach in tuple(self._waiting):
            if attach.revision <= self._world.snapshot.revision:
                if switch := self._world.snapshot.get(Switch, attach.switch_id):
                    self._loop(switch).attach(attach.datapath, self._world)
                self._waiting.remove(attach)

    def _loop(self, switch: Switch) -> SwitchLoop:
        loop = self._loops.get(switch.id)
        if loop is None:
            loop = SwitchLoop(
                switch.id,
                switch.name,
                self._world,
                self._turns,
                audit_interval=self._audit_interval,
                keep_foreign=self._keep_foreign,
            )
            loop.start()
            self._loops = {**self._loops, switch.id: loop}
        return loop

    # --- what can be seen from outside ------------------------------------------------------------

    def world(self) -> World:
        """Snapshot and topology that the newest compile was made from."""
        return self._world

    def is_settled(self) -> bool:
        """Whether the switches that are there hold all that is in the store, but for what they refuse."""
        loops = [loop for loop in self._loops.values() if loop.datapath is not None]
        return self._handed_out >= self._store.snapshot().revision and all(loop.is_settled for loop in loops)

    def switch_status(self, switch_id: str) -> SwitchStatus:
        """Where the switch's loop stands."""
        loop = self._loops.get(switch_id)
        return loop.status if loop else SwitchStatus()

    def is_serving(self, switch_id: str, revision: int) -> bool:
        """Whether a switch holds what it needs for the routers that it is the gateway of at that revision."""
        awaited = any(switch_id in back.missing for back in self._returns if not back.is_over)
        is_there = self.switch_status(switch_id).phase is Phase.IN_SYNC
        return is_there and not awaited and self._handed_out >= revision

    def datapath(self, switch_id: str) -> Datapath | None:
        """The live session with the switch, None while it is not connected."""
        loop = self._loops.get(switch_id)
        return loop.datapath if loop else None

    def desired(self, switch_id: str) -> State:
        """What the switch should hold by the newest compile; compiled now if it is not connected."""
        state = self._compiled(switch_id).state
        # The loop goes on changing its own.
        return State(dict(state.flows), dict(state.groups), dict(state.meters))

    def owners(self, switch_id: str) -> Mapping[FlowKey, Owner]:
        """Whose each flow is that the switch should hold."""
        rules = self._compiled(switch_id).rules
        return {key: owner for owner, held in tuple(rules.items()) for key in held.flows}

    def rules(self, owner: Owner, switch_id: str) -> Sequence[FlowEntry]:
        """The flows that this owner has on this switch."""
        held = self._compiled(switch_id).rules.get(owner, NO_RULES)
        return tuple(held.flows.values())

    def plan(self, switch_id: str) -> Plan:
        """What would be sent to make the switch hold what it should, read anew; raises Disconnected."""
        datapath = self.datapath(switch_id)
        if datapath is None:
            raise Disconnected(f"switch {switch_id} is not connected")
        missing, others = datapath.dump().apart_from(self.desired(switch_id))
        return diff(missing, others, datapath.capabilities.version)

    def audit(self, switch_id: str) -> None:
        """Have the switch read now, and what differs repaired; one that is not connected is when it comes."""
        if (loop := self._loops.get(switch_id)) is not None:
            loop.audit()

    def status(self, owner: Owner) -> ObjectStatus:
        """How far the rules of one owner have come."""
        realised: list[str] = []
        pending: list[str] = []
        refusals: list[tuple[str, str]] = []
        owners = (owner, *self._ports_of(owner))
        for switch_id in switches_of(self._world, owner):
            loop = self._loops.get(switch_id)
            compiled = loop.compiled if loop else None
            if (
                loop is None
                or compiled is None
                or loop.datapath is None
                or not loop.pending.isdisjoint(owners)
            ):
                pending.append(switch_id)
            elif reasons := [reason for each in owners for reason in loop.refusals(each)]:
                refusals += [(switch_id, reason) for reason in reasons]
            elif loop.status.phase is Phase.IN_SYNC:
                realised.append(switch_id)
            else:
                pending.append(switch_id)
        if refusals:
            condition = Condition.REFUSED
        elif pending:
            condition = Condition.PENDING
        else:
            condition = Condition.REALISED if realised else Condition.IDLE
        return ObjectStatus(condition, tuple(realised), tuple(pending), tuple(refusals))

    def _ports_of(self, owner: Owner) -> tuple[Owner, ...]:
        """The port that a NIC is at: what is refused of it is refused to the NIC."""
        place = self._world.place(owner.id) if owner.kind is OwnerKind.NIC else None
        return (Owner(OwnerKind.PORT, port_id(place.switch_id, place.port)),) if place else ()

    def _compiled(self, switch_id: str) -> Compiled:
        loop = self._loops.get(switch_id)
        compiled = loop.compiled if loop else None
        return compiled if compiled is not None else compile_switch(self._world, switch_id)


def switches_of(world: World, owner: Owner) -> tuple[str, ...]:
    """The switches that should hold rules of an owner, in the order of numbers."""
    if owner.kind is OwnerKind.SWITCH:
        return (owner.id,)
    if owner.kind is OwnerKind.NIC:
        nic, place = world.snapshot.get(Nic, owner.id), world.place(owner.id)
        if nic is None or place is None:
            return ()
        found = {place.switch_id}
        if not place.refusal:
            found |= world.realm_members(world.realm(nic.network_id))
    elif owner.kind is OwnerKind.NETWORK:
        found = set(world.members(owner.id))
        gateway = world.gateway(world.realm(owner.id))
        found |= set() if gateway is None else {gateway.id}
    elif owner.kind in (OwnerKind.LIST, OwnerKind.ITEM):
        item = world.snapshot.get(AclItem, owner.id)
        found = world.list_members(owner.id if item is None else item.list_id)
    elif owner.kind is OwnerKind.GROUP:
        nics = world.snapshot.where(Nic, "group_ids", owner.id)
        found = {place.switch_id for nic in nics if (place := world.place(nic.id)) is not None}
    elif (inside := _network_of_inner(world.snapshot, owner)) is not None:
        found = world.realm_members(world.realm(inside))
    elif owner.kind in (OwnerKind.ADDRESS, OwnerKind.RULE, OwnerKind.PRIVATE) or _is_over_gateway(
        world, owner
    ):
        router = _router_of(world.snapshot, owner.id)
        gateway = None if router is None else world.gateway_of(router)
        found = set() if gateway is None else {gateway.id}
    else:
        route = world.snapshot.get(StaticRoute, owner.id) if owner.kind is OwnerKind.ROUTE else None
        router = owner.id if route is None else route.vpc_id
        found = world.realm_members(networks_of(world.snapshot, router))
    return tuple(sorted(found, key=lambda id: world.snapshot.need(Switch, id).number))


def _network_of_inner(snapshot: Snapshot, owner: Owner) -> str | None:
    """The network that a balancer has its address in, if the owner is one."""
    balancer = snapshot.get(Balancer, owner.id) if owner.kind is OwnerKind.RULE else None
    return None if balancer is None else balancer.inner_network_id


def _router_of(snapshot: Snapshot, id: str) -> str | None:
    """The router of what lives at a gateway, or of what a rule there stands on, by the id of either."""
    if (rule := rule_of(snapshot, id)) is not None:
        return router_of_rule(snapshot, rule)
    behind = snapshot.get(PrivateGateway, id) or snapshot.get(StaticRoute, id)
    if behind is not None:
        return behind.vpc_id
    address = snapshot.get(PublicAddress, id)
    return None if address is None else address.router_id


def _is_over_gateway(world: World, owner: Owner) -> bool:
    """Whether it is a static route over a private gateway."""
    route = world.snapshot.get(StaticRoute, owner.id) if owner.kind is OwnerKind.ROUTE else None
    return route is not None and route.gateway_id is not None
