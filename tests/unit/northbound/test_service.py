"""Transactions: all or nothing, seen while they are made, decided again when somebody came between."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Thread

import pytest

from sdn_orch.errors import Conflict, InUse, Invalid
from sdn_orch.intent.model import Account, Domain
from sdn_orch.intent.snapshot import Change, Put
from sdn_orch.northbound.service import Service, Transaction
from sdn_orch.northbound.tenants import create_domain, lies_in, root
from sdn_orch.store.base import Commit
from sdn_orch.store.memory import MemoryStore


def make_root(transaction: Transaction) -> Domain:
    return transaction.put(Domain(id="root", name="ROOT", path="/"))


def test_transaction_sees_what_it_has_done() -> None:
    service = Service(MemoryStore())

    def use_case(transaction: Transaction) -> int:
        make_root(transaction)
        domain = create_domain(transaction, "sales", root(transaction.snapshot))
        assert lies_in(transaction.snapshot, domain.id, root(transaction.snapshot))
        return transaction.snapshot.count(Domain)

    assert service.write(use_case) == 2
    assert [domain.path for domain in service.snapshot.all(Domain)] == ["/", "/sales"]


def test_nothing_is_written_when_the_use_case_raises() -> None:
    service = Service(MemoryStore())

    def use_case(transaction: Transaction) -> None:
        make_root(transaction)
        raise InUse("no")

    with pytest.raises(InUse):
        service.write(use_case)
    assert service.snapshot.revision == 0


def test_nothing_is_written_when_the_validation_fails() -> None:
    service = Service(MemoryStore())

    def use_case(transaction: Transaction) -> None:
        make_root(transaction)
        transaction.put(Domain(id="stray", name="a", path="/elsewhere/a", parent_id="root"))

    with pytest.raises(Invalid, match="path"):
        service.write(use_case)
    assert service.snapshot.revision == 0


def test_deleted_record_must_not_be_referred_to() -> None:
    service = Service(MemoryStore())
    service.write(make_root)
    service.write(lambda t: t.put(Account(id="a", name="a", domain_id="root")))

    def use_case(transaction: Transaction) -> None:
        transaction.delete(transaction.snapshot.need(Domain, "root"))

    with pytest.raises(InUse):
        service.write(use_case)


class Raced(MemoryStore):
    """A store into which another writer commits just before the first commit of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.races = 0

    def commit(self, changes: Sequence[Change], expected: int) -> Commit:
        if self.races:
            self.races -= 1
            super().commit([Put(Domain(id=f"other{self.races}", name=f"o{self.races}", path="/"))], expected)
            raise Conflict("lost")
        return super().commit(changes, expected)


def test_use_case_is_run_again_on_the_newer_state() -> None:
    store = Raced()
    service = Service(store)
    store.races = 1
    seen: list[int] = []

    def use_case(transaction: Transaction) -> int:
        seen.append(transaction.snapshot.count(Domain))
        if not seen[-1]:
            make_root(transaction)
        return seen[-1]

    assert service.write(use_case) == 1
    assert seen == [0, 1]
    assert [domain.id for domain in service.snapshot.all(Domain)] == ["other0"]


def test_writers_on_many_threads_lose_nothing() -> None:
    service = Service(MemoryStore())
    service.write(make_root)

    def work(name: str) -> None:
        for index in range(20):
            service.write(lambda t, i=index: create_domain(t, f"{name}{i}", root(t.snapshot)))  # type: ignore[misc]

    threads = [Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.snapshot.count(Domain) == 81
