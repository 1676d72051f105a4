"""One switch's loop: what it should hold, what it holds, and the plan from here to there.

Each switch has a thread of its own, so that a slow or failing switch never delays another. Other threads
only leave notes (`attach`, `refresh`, `detach`); all reading, compiling, planning and applying happens on
the loop's thread, and always as: compile, diff, plan, apply, confirm. What a switch should hold is compiled
and kept up also while the switch is away, so that only the reading is left to do when it comes. The switch
is asked as soon as it does, and tells while what is still to be compiled is compiled.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from itertools import islice

from sdn_orch.dataplane.compiler import Compiled, compile_switch
from sdn_orch.dataplane.plan import Plan, diff
from sdn_orch.dataplane.rules import NO_RULES, Owner
from sdn_orch.dataplane.world import World
from sdn_orch.errors import Disconnected, SwitchRefused
from sdn_orch.intent.model import Switch
from sdn_orch.openflow.values import State
from sdn_orch.processors import shared
from sdn_orch.southbound.base import Datapath
from sdn_orch.southbound.transfer import describe
from sdn_orch.status import Phase, SwitchStatus
from sdn_orch.switch_notes import Notes, Stay, Step, owners_of
from sdn_orch.turns import Turns
from sdn_orch.uncollected import kept, uncollected

log = logging.getLogger(__name__)

#: How long rules that send packets elsewhere wait for the switches where these arrive, at most: seconds.
ARRIVAL_GRACE = 0.05
#: First and longest pause before a failed switch is tried again, in seconds; doubled in between.
BACKOFF = (0.25, 30.0)
#: How many of an audit's repairs are told one by one.
REPAIRS_TOLD = 20


class SwitchLoop:
    """See the module. `audit_interval` is in seconds, 0 for never; `keep_foreign` leaves unknown flows."""

    def __init__(
        self,
        switch_id: str,
        name: str,
        world: World,
        turns: Turns,
        *,
        audit_interval: float,
        keep_foreign: bool,
    ) -> None:
        self.switch_id = switch_id
        self.name = name
        self.status = SwitchStatus()
        #: What the switch should hold; None until it is first compiled.
        self.compiled: Compiled | None = None
        #: Owners whose newest rules are not confirmed.
        self.pending: set[Owner] = set()
        #: Owners whose rules the switch answered with an error, until they compile differently.
        self.rejected: dict[Owner, tuple[str, ...]] = {}
        self.datapath: Datapath | None = None
        self._turns = turns
        self._audit_interval = audit_interval or math.inf
        self._keep_foreign = keep_foreign
        self._condition = threading.Condition()
        self._notes = Notes()
        #: What was taken out of the notes, and is not compiled yet.
        self._steps: list[Step] = []
        #: What is to be compiled again later only.
        self._staying: list[Stay] = []
        self._is_busy = False
        self._stopping = False
        self._failures = 0
        self._not_before = 0.0
        self._audit_at = 0.0
        self._attached_at = 0.0
        self._world = world
        self._thread = threading.Thread(target=self._run, name=f"switch-{name}", daemon=True)

    def start(self) -> None:
        """Start the loop's thread."""
        self._thread.start()

    def stop(self) -> None:
        """Let the loop end after what it does now; the switch keeps what it holds."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()

    def join(self, timeout: float) -> None:
        """Wait for the loop's end, for so many seconds."""
        self._thread.join(timeout)

    @property
    def is_expected(self) -> bool:
        """Whether the switch has been here before, and may be again soon."""
        switch = self._world.snapshot.get(Switch, self.switch_id)
        return switch is not None and switch.is_known and not switch.lost

    def settle(self, deadline: float) -> None:
        """Wait until there is nothing left to do, at most until then by the monotonic clock."""
        with self._condition:
            self._condition.wait_for(lambda: self.is_settled, max(0.0, deadline - time.monotonic()))

    @property
    def is_settled(self) -> bool:
        """Whether there is nothing left to do."""
        with self._condition:
            return not (self._notes or self._staying or self._is_busy)

    def attach(self, datapath: Datapath, world: World) -> None:
        """A session is up: read the switch and bring it to what it should hold."""
        try:
            dump = datapath.dump()
        except Disconnected:
            dump = None  # of which we are about to hear
        with self._condition:
            self.datapath = datapath
            self._failures, self._not_before = 0, 0.0
            self._attached_at = time.monotonic()
            self._notes.world, self._notes.attached, self._notes.check = world, dump, True
            self.status = replace(self.status, phase=Phase.SYNCING, error=None, synced_in=None)
            self._audit_at = math.inf
            self._condition.notify_all()
        self._turns.come()

    def detach(self, datapath: Datapath) -> None:
        """The session is over."""
        with self._condition:
            if self.datapath is datapath:
                self.datapath = None
                self.status = replace(self.status, phase=Phase.DISCONNECTED)

    def audit(self) -> None:
        """Read the switch now, and repair what differs from what it should hold."""
        with self._condition:
            if self.status.synced_in is not None:
                self._audit_at = 0.0
                self._condition.notify_all()

    def note(self, notes: tuple[str, ...]) -> None:
        """What is wrong with the switch's own settings."""
        with self._condition:
            self.status = replace(self.status, notes=notes)

    def refresh(
        self,
        world: World,
        owners: Iterable[Owner] | None,
        after: tuple[threading.Event, ...] = (),
        patience: float = ARRIVAL_GRACE,
    ) -> threading.Event:
        """These owners (None: all) may compile differently in this world.

        The answer is set when that is settled, which has to wait for `after`: the events of those switches
        where packets will arrive, which come first. `patience` is in seconds, for all of them.
        """
        step = Step(world, set(owners or ()), threading.Event(), after, patience)
        with self._condition:
            self._notes.world = world
            if owners is None:
                self._notes.anew = self._notes.check = True
            self.pending |= step.owners
            self._notes.steps.append(step)
            self._condition.notify_all()
        return step.done

    def stay(self, owners: set[Owner], seconds: float, cause: object) -> None:
        """These owners' rules stay as they are for so long; only then they are compiled again."""
        with self._condition:
            self._staying.append(Stay(owners, time.monotonic() + seconds, cause))
            self._condition.notify_all()

    def end_stay(self, cause: object, seconds: float) -> None:
        """What stays because of that does so for so many seconds more at most."""
        until = time.monotonic() + seconds
        with self._condition:
            for stay in self._staying:
                stay.until = min(stay.until, until) if stay.cause is cause else stay.until
            self._condition.notify_all()

    def when_held(self, world: World, tell: Callable[[], None]) -> None:
        """Call it, on the loop's thread, as soon as the switch holds all that was noted until this world."""
        with self._condition:
            self._notes.world = world
            self._notes.held.append(tell)
            self._condition.notify_all()

    def refusals(self, owner: Owner) -> tuple[str, ...]:
        """Why this switch does not hold (all) rules of an owner: what it lacks, and what it answered."""
        compiled = self.compiled
        held = compiled.rules.get(owner, NO_RULES) if compiled else NO_RULES
        return (*held.refusals, *self.rejected.get(owner, ()))

    # --- the loop ---------------------------------------------------------------------------------

    def _run(self) -> None:
        while (work := self._wait()) is not None:
            notes, datapath = work
            try:
                self._take(notes, datapath)
            except Exception as error:
                log.exception("switch %s: reconciling failed", self.name)
                self.compiled = None
                self._retry(f"{type(error).__name__}: {error}")
            finally:
                if notes.attached is not None:
                    notes.attached.close()
                for step in notes.steps:
                    step.done.set()
                with self._condition:
                    self._notes.held[:0] = notes.held

    def _take(self, notes: Notes, datapath: Datapath | None) -> None:
        try:
            if notes.attached and self.rejected:
                # It may be another switch by now: what the last one refused is tried again.
                self.compiled = None
                self.rejected.clear()
            if datapath is None:
                self._compile_ahead(notes)
            elif notes.check or self.compiled is None:
                with self._turns.present():
                    self._synchronise(datapath, self._compile(notes), notes)
            else:
                self._update(datapath, self.compiled, notes)
            self._failures = 0
            while datapath is not None and notes.held:
                notes.held.pop(0)()
        except Disconnected as end:
            # What it should hold is known; what it holds is read when it comes back.
            log.debug("switch %s: %s", self.name, end)
        except SwitchRefused as refusal:
            self._reject(refusal)

    def _compile_ahead(self, notes: Notes) -> None:
        """The switch is away: keep up what it should hold when it comes."""
        if self.compiled is not None and not notes.anew:
            self._compile(notes)
        else:
            with self._turns.absent(self._is_away, is_expected=self.is_expected) as is_turn:
                # Once it is there, it is compiled out of turn.
                self.compiled = self._compile(notes) if is_turn else None
        with self._condition:
            if self.datapath is None:
                self.pending.clear()

    def _is_away(self) -> bool:
        return self.datapath is None and not self._stopping

    def _give_way(self) -> None:
        if self.datapath is None:
            self._turns.give_way(self._is_away)

    def _compile(self, notes: Notes) -> Compiled:
        """What the switch should hold, with everything noted; nothing is sent."""
        owners = owners_of(notes.steps)
        if self.compiled is not None and not notes.anew:
            for owner in owners:
                self.rejected.pop(owner, None)
            self.compiled.replace(self._world, owners)
            return self.compiled
        with kept():
            share = partial(shared, between=self._give_way)
            self.compiled = compile_switch(self._world, self.switch_id, share)
        self.compiled.leave_out(self.rejected.keys())
        return self.compiled

    def _wait(self) -> tuple[Notes, Datapath | None] | None:
        """What is to be done next, and with which session: notes, or an audit; None at the end."""
        with self._condition:
            self._is_busy = False
            self._condition.notify_all()
            while not self._stopping:
                now = time.monotonic()
                self._end_stays(now)
                if self._notes:
                    due = self._not_before
                elif self.datapath is not None:
                    due = max(self._not_before, self._audit_at)
                else:
                    due = math.inf
                if now >= due:
                    self._notes.check |= not self._notes
                    break
                due = min([due, *(stay.until for stay in self._staying)])
                self._condition.wait(due - now if due != math.inf else None)
            notes, self._notes = self._notes, Notes()
            self._world = notes.world or self._world
            self._is_busy = not self._stopping
            return None if self._stopping else (notes, self.datapath)

    def _end_stays(self, now: float) -> None:
        over = set().union(*(stay.owners for stay in self._staying if stay.until <= now))
        self._staying = [stay for stay in self._staying if stay.until > now]
        if over:
            self._notes.world = self._notes.world or self._world
            self._notes.steps.append(Step(self._notes.world, over, threading.Event()))

    def _synchronise(self, datapath: Datapath, compiled: Compiled, notes: Notes) -> None:
        """Read everything and repair what differs."""
        is_first = self.status.synced_in is None
        is_audit = not is_first and notes.world is None and self._failures == 0
        desired, actual = (notes.attached or datapath.dump()).apart_from(compiled.state)
        foreign = 0
        if self._keep_foreign:
            foreign = sum(1 for key in actual.flows if key not in compiled.state.flows)
            actual = _ours(actual, compiled.state)
        with uncollected():
            plan = diff(desired, actual, datapath.capabilities.version)
        counts = _summary(plan)
        if plan and is_audit:
            log.warning("switch %s: audit repairs what differs: %s", self.name, counts)
            self._tell_repairs(compiled, plan, datapath.capabilities.version)
        self._apply(datapath, compiled, plan, confirmed=None)
        now = time.monotonic()
        self._audit_at = now + self._audit_interval
        taken = now - self._attached_at
        if is_first:
            log.info("switch %s: in sync after %.3f s: %s", self.name, taken, counts)
        with self._condition:
            if self.datapath is datapath:
                self.status = replace(
                    self.status,
                    synced_in=taken if is_first else self.status.synced_in,
                    repaired=self.status.repaired + (sum(1 for _ in plan) if is_audit else 0),
                    foreign=foreign,
                )

    def _update(self, datapath: Datapath, compiled: Compiled, notes: Notes) -> None:
        """Compile again what may have changed, and send the difference.

        In the order of the commits: what is newer waits behind what waits, or the switch would come to hold
        what no snapshot means. What nobody need wait for goes together.
        """
        self._steps = list(notes.steps)
        deadline = time.monotonic() + max((step.patience for step in notes.steps), default=0.0)
        try:
            ready = 0
            while ready < len(self._steps):
                if any(not event.is_set() for event in self._steps[ready].after):
                    self._go(datapath, compiled, ready)
                    ready = 0
                    for event in self._steps[0].after:
                        event.wait(max(0.0, deadline - time.monotonic()))
                ready += 1
            self._go(datapath, compiled, ready)
        finally:
            self._leave_to_do(notes)

    def _go(self, datapath: Datapath, compiled: Compiled, count: int) -> None:
        """Do so many of the steps."""
        steps, self._steps = self._steps[:count], self._steps[count:]
        if steps:
            self._world = steps[-1].world
            self._recompile(datapath, compiled, owners_of(steps))
            for step in steps:
                step.done.set()

    def _leave_to_do(self, notes: Notes) -> None:
        """What a failure came before is still to be done."""
        with self._condition:
            if self._steps:
                self._notes.world = self._notes.world or notes.world
                self._notes.steps[:0] = self._steps
                self._steps = []

    def _recompile(self, datapath: Datapath, compiled: Compiled, owners: set[Owner]) -> None:
        for owner in owners:
            self.rejected.pop(owner, None)
        before, after = compiled.replace(self._world, owners)
        self._apply(datapath, compiled, diff(after, before, datapath.capabilities.version), confirmed=owners)

    def _apply(
        self, datapath: Datapath, compiled: Compiled, plan: Plan, *, confirmed: set[Owner] | None
    ) -> None:
        """Send the plan; then `confirmed` (None: everybody) are as compiled, unless noted again meanwhile."""
        if plan:
            datapath.apply(plan)
        with self._condition:
            noted = owners_of([*self._steps, *self._notes.steps])
            self.pending = noted if confirmed is None else self.pending - (confirmed - noted)
            if self.datapath is datapath:
                self.status = replace(
                    self.status,
                    phase=Phase.IN_SYNC,
                    revision=self._world.snapshot.revision,
                    flows=len(compiled.state.flows),
                    groups=len(compiled.state.groups),
                    sent=self.status.sent + sum(1 for _ in plan),
                    error=None,
                )

    def _reject(self, refusal: SwitchRefused) -> None:
        """Leave out the owners of what the switch refused, with the reason, and try again without them."""
        culprits: dict[Owner, tuple[str, ...]] = {}
        if self.compiled is not None:
            for subject, (what, why) in zip(refusal.subjects, refusal.failures, strict=False):
                if (owner := self.compiled.owner_of(subject)) is not None:
                    culprits[owner] = (*culprits.get(owner, ()), f"{what}: {why}")
        for owner, reasons in culprits.items():
            log.error("switch %s refused rules of %s: %s", self.name, owner, "; ".join(reasons))
        self.rejected |= culprits
        if self.compiled is not None:
            self.compiled.leave_out(culprits)
        self._retry(str(refusal), at_once=bool(culprits))

    def _retry(self, error: str, *, at_once: bool = False) -> None:
        """Read and compare everything, after a pause that grows with each failure in a row."""
        pause = 0.0 if at_once else min(BACKOFF[0] * 2 ** min(self._failures, 16), BACKOFF[1])
        self._failures += 1
        with self._condition:
            self._notes.check = True
            self._not_before = time.monotonic() + pause
            if self.datapath is not None:
                self.status = replace(self.status, phase=Phase.FAILING, error=error)
        if not at_once:
            log.error("switch %s: %s; trying again in %.2f s", self.name, error, pause)

    def _tell_repairs(self, compiled: Compiled, plan: Plan, version: int) -> None:
        for operation in islice(plan, REPAIRS_TOLD):
            owner = compiled.owner_of(operation.subject)
            what = f"of {owner}" if owner else "which is nobody's"
            log.warning("switch %s: %s, %s", self.name, describe(operation, version), what)


def _ours(actual: State, desired: State) -> State:
    """What the switch holds under identities that we want."""
    return State(
        {key: entry for key, entry in actual.flows.items() if key in desired.flows},
        {number: group for number, group in actual.groups.items() if number in desired.groups},
        {number: meter for number, meter in actual.meters.items() if number in desired.meters},
    )


def _summary(plan: Plan) -> str:
    counts = Counter(operation.verb.value for operation in plan)
    return ", ".join(f"{count} to {verb}" for verb, count in counts.items()) or "nothing to send"
