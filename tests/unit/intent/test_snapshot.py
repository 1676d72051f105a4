"""Snapshots: look-ups, numbers, references, and equality with a naive model under random changes."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sdn_orch.errors import Exhausted, InUse, Invalid, NotFound
from sdn_orch.intent.model import Account, Domain, Machine, Network, NetworkKind, Nic, Record
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot
from tests.effort import examples
from tests.unit.intent.kinds import Team

ROOT = Domain(id="root", name="ROOT", path="/")
ACME = Account(id="acme", name="acme", domain_id="root")


def machine(id: str, number: int = 0, name: str = "m") -> Machine:
    return Machine(id=id, number=number, account_id="acme", name=name)


def test_an_empty_snapshot_has_nothing() -> None:
    empty = Snapshot.empty()
    assert empty.revision == 0
    assert empty.get(Domain, "root") is None
    assert empty.numbered(Domain, 1) is None
    assert list(empty.all(Domain)) == []
    assert empty.where(Domain, "path", "/") == ()
    assert empty.count(Domain) == 0
    with pytest.raises(NotFound, match="Domain root"):
        empty.need(Domain, "root")


def test_numbers_are_given_once_from_one_up_and_freed_ones_rest() -> None:
    first = Snapshot.of(ROOT, ACME, machine("a"), machine("b"))
    assert [m.number for m in first.all(Machine)] == [1, 2]
    second = first.change([Delete(Machine, "b")]).change([Put(machine("c"))])
    assert second.need(Machine, "c").number == 3
    renamed = second.change([Put(replace(second.need(Machine, "a"), name="x"))])
    assert renamed.need(Machine, "a").number == 1
    assert renamed.numbered(Machine, 1) == renamed.get(Machine, "a")
    assert (first.revision, renamed.revision) == (1, 4)
    assert first.need(Machine, "a").name == "m"


def test_a_number_that_came_with_its_record_counts_as_given() -> None:
    snapshot = Snapshot.of(ROOT, ACME, machine("a", 9), machine("b", 4), machine("c"))
    assert [m.id for m in snapshot.all(Machine)] == ["b", "a", "c"]
    assert snapshot.need(Machine, "c").number == 10


def test_numbers_wrap_to_free_ones_and_end() -> None:
    full = Snapshot.of(*(Team(id=f"t{n}") for n in range(1, 6)))
    with pytest.raises(Exhausted, match="Team: all 5 numbers are taken"):
        full.change([Put(Team(id="t6"))])
    freed = full.change([Delete(Team, "t2"), Delete(Team, "t4")])
    again = freed.change([Put(Team(id="x"))]).change([Delete(Team, "x")]).change([Put(Team(id="y"))])
    # 2 has only just been freed: the next one after it is given.
    assert again.need(Team, "y").number == 4
    assert again.change([Put(Team(id="z"))]).need(Team, "z").number == 2


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (machine("a"), "Machine a: id: it is taken"),
        (machine("a", 7), "Machine a: number: 1 never changes"),
        (machine("new", 1), "Machine new: number: 1 is that of a"),
        (machine("new", -1), "is not in 1.."),
        (machine("new", 2**31), "is not in 1.."),
        (Machine(id="new", account_id="nobody", name="n"), "account_id: there is no Account nobody"),
        (Team(id="new", machine_ids=("a", "ghost")), "machine_ids: there is no Machine ghost"),
    ],
)
def test_wrong_puts_are_named(record: Record, said: str) -> None:
    snapshot = Snapshot.of(ROOT, ACME, machine("a"))
    with pytest.raises(Invalid, match=said):
        snapshot.change([Put(record)])
    assert snapshot.count(type(record)) == (type(record) is Machine)


def test_all_missing_references_are_named_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        Snapshot.of(ACME, Team(id="t", machine_ids=("x", "y"), lead_id="z"))
    assert len(caught.value.faults) == 4


def test_what_others_refer_to_stays_unless_they_go_too() -> None:
    snapshot = Snapshot.of(ROOT, ACME, machine("a"), machine("b"), Team(id="t", machine_ids=("a", "b")))
    with pytest.raises(InUse, match="Machine b is in use by Team t"):
        snapshot.change([Delete(Machine, "b")])
    assert [type(r) for r in snapshot.referrers(Account, "acme")] == [Machine, Machine]
    # In one change the order does not matter.
    gone = snapshot.change([Delete(Machine, "b"), Delete(Team, "t")])
    assert (gone.count(Machine), gone.count(Team)) == (1, 0)
    with pytest.raises(NotFound, match="Team t"):
        gone.change([Delete(Team, "t")])


def test_differences_tell_what_became_of_each_record() -> None:
    before = Snapshot.of(ROOT, ACME, machine("a"), machine("b"), machine("c"))
    a = before.need(Machine, "a")
    changes: list[Change] = [
        Put(replace(a, name="x")),
        Put(replace(a, name="y")),
        Delete(Machine, "b"),
        Put(machine("b")),
        Put(before.need(Machine, "c")),
        Put(machine("passing")),
        Delete(Machine, "passing"),
    ]
    after = before.change(changes)
    assert after.differences(before, changes) == (
        (a, replace(a, name="y")),
        (before.get(Machine, "b"), None),
        (None, after.get(Machine, "b")),
    )
    assert after.need(Machine, "b").number == 4


def test_claims_and_large_groups_are_found_in_the_order_of_numbers() -> None:
    network = Network(id="n", account_id="acme", name="n", kind=NetworkKind.L2)
    nics = [
        Nic(id=f"nic{i}", network_id="n", mac=f"02:00:00:00:00:{i:02x}", ipv4=IPv4Address(f"10.0.0.{i}"))
        for i in range(200)
    ]
    snapshot = Snapshot.of(ROOT, ACME, network, *nics)
    found = snapshot.where(Nic, "claims", ("n", IPv4Address("10.0.0.77")))
    assert [nic.id for nic in found] == ["nic77"]
    assert [nic.number for nic in snapshot.where(Nic, "network_id", "n")] == list(range(1, 201))
    for i in range(0, 200, 2):
        snapshot = snapshot.change([Delete(Nic, f"nic{i}")])
    assert [nic.number for nic in snapshot.where(Nic, "network_id", "n")] == list(range(2, 201, 2))
    for i in range(1, 199, 2):
        snapshot = snapshot.change([Delete(Nic, f"nic{i}")])
    assert [nic.id for nic in snapshot.where(Nic, "network_id", "n")] == ["nic199"]
    assert snapshot.where(Nic, "claims", ("n", IPv4Address("10.0.0.77"))) == ()


def test_who_looks_up_late_finds_what_who_looked_up_before_finds() -> None:
    changes: list[list[Change]] = [
        [Put(machine(f"m{number}", name=f"name{number % 3}")) for number in range(100)],
        [Put(machine(f"m{number}", number + 1, name="other")) for number in range(0, 100, 7)],
        [Delete(Machine, f"m{number}") for number in range(3, 100, 5)],
    ]
    early = late = Snapshot.of(ROOT, ACME)
    for change in changes:
        early, late = early.change(change), late.change(change)
        assert early.where(Machine, "name", "name0")
    for name in ("name0", "name1", "name2", "other"):
        assert early.where(Machine, "name", name) == late.where(Machine, "name", name) != ()


def test_only_declared_fields_can_be_looked_up() -> None:
    with pytest.raises(ValueError, match="Machine has no index on running"):
        Snapshot.empty().where(Machine, "running", True)


def test_loading_keeps_the_last_numbers_and_refuses_what_does_not_fit() -> None:
    records = (replace(ROOT, number=1), replace(ACME, number=1), machine("a", 1))
    loaded = Snapshot.load(9, records, {Machine: 40, Team: 3})
    assert loaded.revision == 9
    after = loaded.change([Put(machine("b")), Put(Team(id="t"))])
    assert (after.need(Machine, "b").number, after.need(Team, "t").number) == (41, 4)
    with pytest.raises(Invalid, match="Machine a: account_id: there is no Account acme"):
        Snapshot.load(9, records[2:], {})
    with pytest.raises(Invalid, match="taken twice"):
        Snapshot.load(9, (*records, machine("b", 1)), {})


ALL_IDS = [f"id{i}" for i in range(8)]
IDS = st.sampled_from(ALL_IDS)
KINDS: tuple[type[Record], ...] = (Domain, Account, Machine, Team)
Content = dict[tuple[type[Record], str], Record]


def naive_change(content: Content, last: dict[type[Record], int], changes: list[Change]) -> None:
    """What `Snapshot.change` means, by plain dicts and full scans."""
    for change in changes:
        if isinstance(change, Delete):
            if (change.kind, change.id) not in content:
                raise NotFound
            del content[change.kind, change.id]
            continue
        record, kind = change.record, type(change.record)
        old = content.get((kind, record.id))
        taken = {other.number for (k, _), other in content.items() if k is kind}
        if old is None and not record.number:
            start = last.get(kind, 0)
            candidates = [*range(start + 1, start + 50), *range(1, start + 1)]
            free = [n for n in candidates if n <= kind.LARGEST_NUMBER and n not in taken]
            if not free:
                raise Exhausted
            record = replace(record, number=free[0])
            last[kind] = free[0]
        elif old is None:
            if record.number in taken or not 1 <= record.number <= kind.LARGEST_NUMBER:
                raise Invalid
            last[kind] = max(last.get(kind, 0), record.number)
        elif old.number != record.number:
            raise Invalid
        content[kind, record.id] = record
    kinds = {kind.__name__: kind for kind in KINDS}
    for change in changes:
        target = (
            (type(change.record), change.record.id) if isinstance(change, Put) else (change.kind, change.id)
        )
        if target not in content and any(target[1] in refers(r, target[0]) for r in content.values()):
            raise InUse
    for record in content.values():
        for name in set(record.REFERENCES.values()):
            if any((kinds[name], id) not in content for id in refers(record, kinds[name])):
                raise Invalid


def refers(record: Record, kind: type[Record]) -> set[str]:
    """The ids of records of a kind that the record refers to."""
    found: set[str] = set()
    for field, name in record.REFERENCES.items():
        value = getattr(record, field)
        if name == kind.__name__ and value is not None:
            found |= set(value) if isinstance(value, tuple) else {value}
    return found


class SnapshotsEqualDicts(RuleBasedStateMachine):
    """Random changes, refused or not, to a snapshot and to a dict."""

    @initialize()
    def start(self) -> None:
        first = (
            Domain(id="id0", name="id0", path="id0"),
            Account(id="id0", name="id0", domain_id="id0"),
            *(Machine(id=id, name=id, account_id="id0") for id in ALL_IDS[:3]),
        )
        self.snapshot = Snapshot.empty()
        self.content: Content = {}
        self.last: dict[type[Record], int] = {}
        self.kept: list[tuple[Snapshot, Content]] = []
        self.make([Put(record) for record in first])
        assert self.snapshot.count(Machine) == 3

    @rule(data=st.data(), kind=st.sampled_from(KINDS), id=IDS)
    def put_one(self, data: st.DataObject, kind: type[Record], id: str) -> None:
        self.make([Put(data.draw(self.records(kind, id)))])

    @rule(kind=st.sampled_from(KINDS), id=IDS)
    def delete_one(self, kind: type[Record], id: str) -> None:
        self.make([Delete(kind, id)])

    @rule(data=st.data(), steps=st.lists(st.tuples(st.booleans(), st.sampled_from(KINDS), IDS), max_size=4))
    def several(self, data: st.DataObject, steps: list[tuple[bool, type[Record], str]]) -> None:
        self.make([Put(data.draw(self.records(k, id))) if put else Delete(k, id) for put, k, id in steps])

    def records(self, kind: type[Record], id: str) -> st.SearchStrategy[Record]:
        """A record to create or to replace, which refers to what there is, or now and then to anything."""

        def present(kind: type[Record]) -> st.SearchStrategy[str]:
            ids = [id for k, id in self.content if k is kind]
            return st.sampled_from((ids or ALL_IDS) * 5 + ALL_IDS[:2])

        known = self.content.get((kind, id))
        number = st.just(known.number if known else 0)
        if kind is Domain:
            parents = st.none() | present(Domain)
            return st.builds(Domain, id=st.just(id), number=number, name=IDS, path=IDS, parent_id=parents)
        if kind is Account:
            return st.builds(Account, id=st.just(id), number=number, name=IDS, domain_id=present(Domain))
        if kind is Machine:
            return st.builds(Machine, id=st.just(id), number=number, name=IDS, account_id=present(Account))
        many = st.lists(present(Machine), max_size=3).map(tuple)
        lead = st.none() | present(Machine)
        return st.builds(Team, id=st.just(id), number=number, machine_ids=many, lead_id=lead, colour=IDS)

    def make(self, changes: list[Change]) -> None:
        content, last = dict(self.content), dict(self.last)
        try:
            naive_change(content, last, changes)
        except (NotFound, Exhausted, InUse, Invalid):
            # Which of several faults is raised first is not promised.
            with pytest.raises((NotFound, Exhausted, InUse, Invalid)):
                self.snapshot.change(changes)
            return
        self.kept.append((self.snapshot, self.content))
        after = self.snapshot.change(changes)
        assert after.revision == self.snapshot.revision + 1
        self.snapshot, self.content, self.last = after, content, last

    @invariant()
    def equal(self) -> None:
        compare(self.snapshot, self.content)

    def teardown(self) -> None:
        for snapshot, content in self.kept[-10:]:
            compare(snapshot, content)


def compare(snapshot: Snapshot, content: Content) -> None:
    for kind in KINDS:
        expected = sorted((r for (k, _), r in content.items() if k is kind), key=lambda r: r.number)
        assert list(snapshot.all(kind)) == expected
        assert snapshot.count(kind) == len(expected)
        for record in expected:
            assert snapshot.get(kind, record.id) == record
            assert snapshot.numbered(kind, record.number) == record
        for field in (*kind.REFERENCES, *kind.INDEXES):
            for value in (None, *ALL_IDS):
                held = [(r, getattr(r, field)) for r in expected]
                matching = [r for r, v in held if (value in v if isinstance(v, tuple) else v == value)]
                assert snapshot.where(kind, field, value) == tuple(matching)


TestSnapshotsEqualDicts = SnapshotsEqualDicts.TestCase
TestSnapshotsEqualDicts.settings = settings(max_examples=examples(100), stateful_step_count=40, deadline=None)
