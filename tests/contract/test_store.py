"""What every store must do: run on each implementation of the four methods."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from sdn_orch.errors import Conflict, InUse, Invalid, NotFound, SdnOrchError, StoreUnavailable
from sdn_orch.intent.model import Account, Domain, Machine
from sdn_orch.intent.snapshot import Change, Delete, Put
from sdn_orch.store.base import Commit, Store
from sdn_orch.store.memory import MemoryStore
from sdn_orch.store.sqlite import SqliteStore

ROOT = Domain(id="root", name="ROOT", path="/")
ACME = Account(id="acme", name="acme", domain_id="root")


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


Opened = tuple[Store, Clock]
OPEN: dict[str, Callable[[Path, Clock], Store]] = {
    "memory": lambda _, clock: MemoryStore(clock=clock),
    "sqlite": lambda folder, clock: SqliteStore(folder / "store.db", clock=clock),
}


@pytest.fixture(params=OPEN)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    clock = Clock()
    store = OPEN[request.param](tmp_path, clock)
    yield store, clock
    store.close()


@pytest.fixture
def store(opened: Opened) -> Store:
    return opened[0]


def machine(id: str, name: str = "m") -> Machine:
    return Machine(id=id, account_id="acme", name=name)


def fill(store: Store) -> Commit:
    return store.commit([Put(ROOT), Put(ACME), Put(machine("a")), Put(machine("b"))], 0)


def first(count: int, commits: Iterator[Commit]) -> list[Commit]:
    return [next(commits) for _ in range(count)]


def test_a_new_store_is_empty(store: Store) -> None:
    assert store.snapshot().revision == 0
    assert list(store.snapshot().all(Domain)) == []


def test_a_commit_is_the_next_snapshot(store: Store) -> None:
    before = store.snapshot()
    done = fill(store)
    assert done.revision == 1 == done.snapshot.revision
    assert store.snapshot() is done.snapshot
    assert done.changes == (
        (None, replace(ROOT, number=1)),
        (None, replace(ACME, number=1)),
        (None, replace(machine("a"), number=1)),
        (None, replace(machine("b"), number=2)),
    )
    a = done.snapshot.need(Machine, "a")
    changed = store.commit([Put(replace(a, name="x")), Delete(Machine, "b")], 1)
    b = done.snapshot.need(Machine, "b")
    assert changed.changes == ((a, replace(a, name="x")), (b, None))
    assert (before.count(Machine), done.snapshot.count(Machine), store.snapshot().count(Machine)) == (0, 2, 1)


def test_only_the_newest_revision_can_be_changed(store: Store) -> None:
    fill(store)
    for expected in (0, 2, -1):
        with pytest.raises(Conflict, match="revision 1, not"):
            store.commit([Put(machine("c"))], expected)
    assert store.snapshot().revision == 1


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ([Put(machine("c")), Put(replace(machine("d"), account_id="nobody"))], Invalid),
        ([Put(machine("c")), Put(machine("a"))], Invalid),
        ([Put(machine("c")), Put(replace(machine("a"), number=9))], Invalid),
        ([Put(machine("c")), Delete(Account, "acme")], InUse),
        ([Put(machine("c")), Delete(Machine, "ghost")], NotFound),
        ([Put(machine("c")), Put(machine("d", cast("str", 5)))], Invalid),
        ([Put(machine("c")), Put(replace(machine("d"), running=cast("bool", "yes")))], Invalid),
        ([Put(machine("c")), Put(machine("line\nbreak"))], Invalid),
        ([Put(machine("c")), Put(machine("\ud800"))], Invalid),
        ([Put(machine("c")), Put(machine(""))], Invalid),
    ],
)
def test_a_refused_commit_changes_nothing(
    store: Store, changes: list[Change], error: type[SdnOrchError]
) -> None:
    before = fill(store).snapshot
    with pytest.raises(error):
        store.commit(changes, 1)
    assert store.snapshot() is before
    # Nor does it use up a number.
    assert store.commit([Put(machine("e"))], 1).snapshot.need(Machine, "e").number == 3


def test_no_difference_is_no_revision(store: Store) -> None:
    newest = fill(store).snapshot
    for changes in ([], [Put(newest.need(Machine, "a"))], [Put(machine("c")), Delete(Machine, "c")]):
        done = store.commit(cast("list[Change]", changes), 1)
        assert (done.revision, done.changes, done.snapshot) == (1, (), newest)
    assert next(store.watch(0)).changes


def test_text_of_any_language_and_large_numbers_are_kept(store: Store) -> None:
    fill(store)
    done = store.commit([Put(machine("c", 'naïve 雪 "quoted" \\ \N{SNOWMAN} \x00'))], 1)
    assert done.snapshot.need(Machine, "c").name == 'naïve 雪 "quoted" \\ \N{SNOWMAN} \x00'


def test_watching_tells_every_revision_in_order(store: Store) -> None:
    fill(store)
    for number in range(5):
        store.commit([Put(machine(f"m{number}"))], number + 1)
    assert [commit.revision for commit in first(6, store.watch(0))] == [1, 2, 3, 4, 5, 6]
    commits = first(2, store.watch(4))
    assert [commit.revision for commit in commits] == [5, 6]
    assert [new.id for _, new in commits[0].changes if new] == ["m3"]
    assert commits[1].snapshot is store.snapshot()


def test_a_watcher_waits_for_what_comes_and_ends_when_the_store_closes(store: Store) -> None:
    with ThreadPoolExecutor() as threads:
        seen = threads.submit(lambda: [commit.revision for commit in store.watch(0)])
        fill(store)
        store.commit([Put(machine("c"))], 1)
        assert not seen.done()
        store.close()
        assert seen.result(5) == [1, 2]
    assert list(store.watch(2)) == []


@pytest.mark.parametrize("after", [-1, 7])
def test_who_asks_for_what_is_not_kept_starts_again_from_the_newest(store: Store, after: int) -> None:
    fill(store)
    again, following = store.watch(after), store.commit([Put(machine("c"))], 1)
    restart = next(again)
    assert (restart.revision, restart.changes, restart.snapshot) == (2, (), following.snapshot)
    store.commit([Put(machine("d"))], 2)
    assert next(again).revision == 3


def test_a_watcher_who_sleeps_holds_up_nobody_and_is_told_to_start_again(store: Store) -> None:
    fill(store)
    sleeper = store.watch(0)
    assert next(sleeper).revision == 1
    for number in range(2000):
        store.commit([Put(machine(f"m{number}"))], number + 1)
    woken = next(sleeper)
    assert (woken.revision, woken.changes) == (2001, ())
    assert woken.snapshot is store.snapshot()
    store.commit([Put(machine("last"))], 2001)
    assert next(sleeper).revision == 2002


def test_many_writers_and_watchers_lose_and_reorder_nothing(store: Store) -> None:
    fill(store)
    writers, each = 4, 25
    total = 1 + writers * each

    def write(writer: int) -> None:
        for number in range(each):
            while True:
                snapshot = store.snapshot()
                try:
                    store.commit([Put(machine(f"w{writer}-{number}"))], snapshot.revision)
                except Conflict:
                    continue
                break

    def watch() -> list[Commit]:
        return first(total, store.watch(0))

    with ThreadPoolExecutor(writers + 3) as threads:
        watching = [threads.submit(watch) for _ in range(3)]
        for writing in [threads.submit(write, writer) for writer in range(writers)]:
            writing.result(60)
        for watched in watching:
            commits = watched.result(60)
            assert [commit.revision for commit in commits] == list(range(1, total + 1))
            created = [new.id for commit in commits[1:] for _, new in commit.changes if new]
            assert len(set(created)) == len(created) == writers * each
            assert [commit.snapshot.count(Machine) for commit in commits] == list(range(2, total + 2))
    assert [m.number for m in store.snapshot().all(Machine)] == list(range(1, total + 2))


def test_a_lease_has_one_holder_until_it_runs_out(opened: Opened) -> None:
    store, clock = opened
    assert store.lease("leader", "one", 10)
    assert not store.lease("leader", "two", 10)
    assert store.lease("other", "two", 10)
    clock.now += 9
    assert store.lease("leader", "one", 10)
    clock.now += 9.5
    assert not store.lease("leader", "two", 10)
    clock.now += 0.5
    assert store.lease("leader", "two", 10)
    assert not store.lease("leader", "one", 10)
    assert store.lease("leader", "two", 0)
    assert store.lease("leader", "one", 10)


def test_of_many_who_ask_at_once_one_gets_the_lease(store: Store) -> None:
    start = threading.Barrier(8)

    def ask(holder: int) -> bool:
        start.wait(10)
        return store.lease("leader", f"holder {holder}", 60)

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(ask, range(8))) == 1


def test_a_closed_store_takes_nothing_and_still_shows_what_it_had(store: Store) -> None:
    fill(store)
    store.close()
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.commit([Put(machine("c"))], 1)
    with pytest.raises(StoreUnavailable, match="closed"):
        store.lease("leader", "one", 10)
    assert store.snapshot().count(Machine) == 2
