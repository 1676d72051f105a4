"""Compares what CloudStack lists with what is here, and brings here what differs, a transaction a group.

The comparison is a rehearsal: each group is brought into a transaction that is not committed, so that what a
plan shows is what would be done. Nothing is deleted before everything was read to the end once; what would
be deleted is asked for once more, by itself; and more deletions than are allowed at once stop everything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sdn_orch.errors import ReadFailed
from sdn_orch.intent.model import Network, Record, Vpc
from sdn_orch.intent.snapshot import Difference
from sdn_orch.northbound.extension.cloud import (
    Cloud,
    account_id,
    find_id,
    is_commanded,
    listed_ids,
)
from sdn_orch.northbound.service import Service, Transaction
from sdn_orch.northbound.sync.bring import bring, end_network, end_vpc
from sdn_orch.northbound.sync.changes import Change, count_missed, described
from sdn_orch.northbound.sync.events import Event
from sdn_orch.northbound.sync.faults import Fault, Stumbles, fault
from sdn_orch.northbound.sync.grouping import group
from sdn_orch.northbound.sync.groups import Group, Said
from sdn_orch.northbound.sync.rows import Rows

_NAMED: dict[str, type[Network | Vpc]] = {"network": Network, "vpc": Vpc}
#: Lists of what belongs to a list of rules, a balancer or machines, and by that to a network.
_BY_OTHERS = (
    "listNetworkACLs",
    "listLBStickinessPolicies",
    "listLBHealthCheckPolicies",
    "listSecurityGroups",
)

UseCase = Callable[[Transaction], None]


class Source(Protocol):
    """What is read from; see `Reader`."""

    @property
    def url(self) -> str:
        """Where CloudStack's API is."""
        ...

    @property
    def calls(self) -> int:
        """How many calls there were so far."""
        ...

    def all(self, zone: str | None) -> Rows:
        """Everything."""
        ...

    def one(self, id: str, zone: str | None) -> Rows:
        """What there is about a network or VPC."""
        ...

    def homes(self, command: str, id: str) -> list[str]:
        """Where something belongs that a list shows."""
        ...


@dataclass(frozen=True, slots=True)
class Scope:
    """What is synced, and how much of it may go at once.

    `pulls`: networks that no command of the extension tells of are taken from the API.
    """

    cloud: str = "cloudstack"
    zone: str | None = None
    owners: tuple[str, ...] = ()
    pulls: bool = True
    most_deleted: int = 20


@dataclass(slots=True)
class Outcome:
    """What it came to: `held` says why nothing was done, `left` what is wrong with groups left alone."""

    changes: list[tuple[str, Change]] = field(default_factory=list)
    left: list[Fault] = field(default_factory=list)
    held: str | None = None
    groups: int = 0
    calls: int = 0
    seconds: float = 0.0

    @property
    def faults(self) -> list[str]:
        """What is wrong with groups that were left alone, in a line each."""
        return [each.line for each in self.left]


@dataclass(frozen=True, slots=True)
class _Step:
    """A group that differs, and what brings it here."""

    id: str
    name: str
    use_case: UseCase
    differences: tuple[Difference, ...]

    @property
    def missed(self) -> int:
        """See `count_missed`."""
        return count_missed(self.differences)


class Sync:
    """See the module. Methods may be called from any thread; one works at a time."""

    def __init__(self, service: Service, source: Source, scope: Scope) -> None:
        self._service = service
        self._source = source
        self._scope = scope
        self._lock = threading.Lock()
        self._homes: dict[str, set[str]] = {}
        self._stumbles = Stumbles()
        #: Whether everything was read to the end since the start.
        self.is_complete = False

    @property
    def cloud(self) -> str:
        """What the owner of all that is synced is called here."""
        return self._scope.cloud

    @property
    def pulls(self) -> bool:
        """Whether networks are taken from the API."""
        return self._scope.pulls

    @property
    def url(self) -> str:
        """Where CloudStack's API is."""
        return self._source.url

    @property
    def now(self) -> datetime:
        """The time, in UTC."""
        return self._service.now

    def compare(self, *, plan: bool = False, deletes: bool = False) -> Outcome:
        """Everything. `plan`: only say what would be done; `deletes`: however much is to be deleted.

        Raises ReadFailed with nothing changed.
        """
        with self._lock:
            started, calls = time.monotonic(), self._source.calls
            said = group(self._source.all(self._scope.zone), self._scope.owners)
            self._homes = said.homes
            outcome = Outcome(left=list(said.faults.values()), groups=len(said.ids))
            steps = self._steps(said, self._gone(said.ids), outcome)
            self.is_complete = True
            self._carry_out(steps, outcome, plan=plan, deletes=deletes)
            # What is not carried out does not get as far as it might stumble.
            self._stumbles.tell(outcome.left, () if plan or outcome.held else None)
            return self._done(outcome, started, calls)

    def refresh(self, ids: Collection[str]) -> Outcome:
        """Only these groups. Raises ReadFailed, and ValueError before everything was read once."""
        if not self.is_complete:
            raise ValueError("nothing may be compared in part before everything was once")
        with self._lock:
            started, calls = time.monotonic(), self._source.calls
            said = self._read(ids)
            outcome = Outcome(left=list(said.faults.values()), groups=len(ids))
            steps = self._steps(said, self._gone(said.ids, among=ids), outcome)
            self._carry_out(steps, outcome, plan=False, deletes=False)
            self._stumbles.tell(outcome.left, () if outcome.held else ids)
            return self._done(outcome, started, calls)

    def groups_of(self, event: Event) -> set[str]:
        """The groups that what the event is about belongs to, and did before. Raises ReadFailed."""
        with self._lock:
            found: set[str] = set()
            for id in event.ids:
                found |= self._homes.get(id, set())
                for home in (id,) if event.command is None else self._source.homes(event.command, id):
                    # None of these is a group; those that have it are known.
                    unknown = set() if event.command in _BY_OTHERS else {home}
                    found |= self._homes.get(home, unknown)
            return found

    def groups_named(self, kind: str, name: str) -> set[str]:
        """The UUIDs in the API of what commands name so, as far as they are known."""
        snapshot = self._service.snapshot
        record = snapshot.get(_NAMED[kind], find_id(snapshot, self._scope.cloud, kind, name))
        return listed_ids(snapshot, record) if record is not None else set()

    def _read(self, ids: Collection[str]) -> Said:
        """These groups, each read by itself."""
        merged = Said()
        for id in ids:
            said = group(self._source.one(id, self._scope.zone), self._scope.owners)
            merged.groups |= said.groups
            merged.faults |= said.faults
            for each, homes in said.homes.items():
                self._homes.setdefault(each, set()).update(homes)
        return merged

    def _gone(self, listed: set[str], among: Collection[str] | None = None) -> list[Network | Vpc]:
        """What is here by the API alone and is not listed there any more, all of it or among these."""
        snapshot = self._service.snapshot
        account = account_id(self._scope.cloud)
        if not self._scope.pulls:
            return []
        networks = snapshot.where(Network, "account_id", account)
        here: list[Network | Vpc] = [each for each in networks if each.vpc_id is None]
        here += snapshot.where(Vpc, "account_id", account)
        return [
            each
            for each in here
            if each.id not in listed
            and (among is None or each.id in among)
            and not is_commanded(snapshot, each)
        ]

    def _steps(self, said: Said, gone: list[Network | Vpc], outcome: Outcome) -> list[_Step]:
        """What differs; what cannot be is a fault of the outcome."""
        wanted = [self._bringing(each) for each in said.groups.values()]
        wanted += [self._ending(each) for each in gone]
        steps = []
        for id, name, use_case in wanted:
            try:
                differences = self._service.differences(use_case)
            except Exception as error:
                outcome.left.append(fault(name, id, error))
                continue
            if differences:
                steps.append(_Step(id, name, use_case, differences))
        return steps

    def _bringing(self, each: Group) -> tuple[str, str, UseCase]:
        def use_case(transaction: Transaction) -> None:
            bring(Cloud(transaction, self._scope.cloud), each, pulls=self._scope.pulls)

        return each.id, each.name, use_case

    def _ending(self, each: Network | Vpc) -> tuple[str, str, UseCase]:
        def use_case(transaction: Transaction) -> None:
            cloud = Cloud(transaction, self._scope.cloud)
            found = cloud.snapshot.get(type(each), each.id)
            if isinstance(found, Vpc):
                end_vpc(cloud, found)
            elif isinstance(found, Network):
                end_network(cloud, found)

        return each.id, each.name, use_case

    def _carry_out(self, steps: list[_Step], outcome: Outcome, *, plan: bool, deletes: bool) -> None:
        missed = sum(step.missed for step in steps)
        if missed > self._scope.most_deleted and not deletes:
            outcome.held = (
                f"{missed} networks, VPCs, private gateways and NICs would be deleted,"
                f" more than most_deleted = {self._scope.most_deleted}: nothing was changed"
            )
        seen: set[tuple[type[Record], str]] = set()
        for step in steps:
            if not plan and outcome.held is None:
                again = self._again(step, outcome) if step.missed else step
                if again is None or not self._write(again, outcome):
                    continue
                step = again
            # What several groups share, as a public range, is told once.
            fresh = [each for each in step.differences if _target(each) not in seen]
            seen |= {_target(each) for each in fresh}
            outcome.changes += [(step.name, change) for change in described(fresh)]

    def _again(self, step: _Step, outcome: Outcome) -> _Step | None:
        """The step after its group was read once more, since lists may have lacked something of it."""
        try:
            said = self._read([step.id])
        except ReadFailed as failed:
            outcome.left.append(fault(step.name, step.id, failed))
            return None
        steps = self._steps(said, self._gone(said.ids, among=[step.id]), outcome)
        return next((each for each in steps if each.id == step.id), None)

    def _write(self, step: _Step, outcome: Outcome) -> bool:
        try:
            self._service.write(step.use_case)
        except Exception as error:
            outcome.left.append(fault(step.name, step.id, error))
            return False
        return True

    def _done(self, outcome: Outcome, started: float, calls: int) -> Outcome:
        outcome.calls = self._source.calls - calls
        outcome.seconds = time.monotonic() - started
        return outcome


def _target(difference: Difference) -> tuple[type[Record], str]:
    before, after = difference
    record = after or before
    assert record is not None  # noqa: S101 (one of both is there)
    return type(record), record.id
