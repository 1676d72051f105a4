"""`leastconn`: members with many open connections give slots to those with few, a few slots at a time.

How many are open, the switches' own flows say (see `tally`). Slots that change hands take no connection with
them: only new ones go elsewhere.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from uuid import uuid4

from sdn_orch.dataplane.balancer_units import pool_of
from sdn_orch.dataplane.spread import relieve
from sdn_orch.dataplane.world import World
from sdn_orch.intent.balancers import Balancer, Member, Relief
from sdn_orch.intent.balancing import counts_open
from sdn_orch.northbound.service import Service, Transaction
from sdn_orch.reconcile import Reconciler

#: Seconds between two steps, and how much of what is open now counts for a step: the rest is from before.
INTERVAL, _NEWS = 1.0, 0.3
#: Slots with the marks of the members that they lead to instead.
Moves = tuple[tuple[int, int], ...]


class LeastConnections:
    """See the module. For one thread."""

    def __init__(self, service: Service, reconciler: Reconciler) -> None:
        self._service = service
        self._reconciler = reconciler
        #: By the marks of members: their open connections, smoothed.
        self._open: dict[int, float] = {}

    def step(self) -> None:
        """One step of every balancer whose open connections are counted."""
        world = self._reconciler.world()
        snapshot = world.snapshot
        counting = [each for each in snapshot.all(Balancer) if counts_open(snapshot, each)]
        if counting:
            self._reconciler.tally.read()
        self._open = {
            mark: self._smoothed(mark)
            for balancer in counting
            for mark in (member.mark for member in snapshot.where(Member, "balancer_id", balancer.id))
        }
        for balancer in counting:
            wanted = self._moves(world, balancer)
            known = snapshot.first(Relief, "balancer_id", balancer.id)
            if wanted != (() if known is None else known.moves):
                self._service.write(partial(_note, balancer_id=balancer.id, moves=wanted))

    def _smoothed(self, mark: int) -> float:
        now = self._reconciler.tally.open(mark)
        return _NEWS * now + (1 - _NEWS) * self._open.get(mark, now)

    def _moves(self, world: World, balancer: Balancer) -> Moves:
        pool = pool_of(world, balancer)
        members = world.snapshot.where(Member, "balancer_id", balancer.id)
        loads = {each.mark: self._open[each.mark] / each.weight for each in members if each.weight}
        return tuple(sorted(relieve(pool.spread(), pool.moves or {}, loads).items()))


def _note(transaction: Transaction, balancer_id: str, moves: Moves) -> None:
    snapshot = transaction.snapshot
    # It may have gone meanwhile.
    if snapshot.get(Balancer, balancer_id) is not None:
        known = snapshot.first(Relief, "balancer_id", balancer_id)
        known = known or Relief(id=str(uuid4()), balancer_id=balancer_id, moves=())
        transaction.put(dataclasses.replace(known, moves=moves))
