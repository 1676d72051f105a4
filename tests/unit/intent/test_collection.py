"""Indexes of a collection: made when first asked for, and then kept up."""

from __future__ import annotations

from sdn_orch.intent.collection import Collection
from sdn_orch.intent.model import Machine


def machine(number: int, name: str = "m") -> Machine:
    return Machine(id=f"m{number}", number=number, account_id="acme", name=name)


def test_what_is_looked_up_where_a_change_is_tried_is_kept_up_from_then_on() -> None:
    before = Collection.of(Machine, [machine(number) for number in range(1, 200)])
    tried = before.put(machine(200))
    assert not tried.indexes
    assert tried.count_where("account_id", "acme") == 200
    # As a store does: what was tried is forgotten, and the change made once more.
    made = before.put(machine(200)).put(machine(201))
    assert made.indexes.keys() == {"account_id"}
    assert made.count_where("account_id", "acme") == 201
    assert made.drop("m7").indexes.keys() == {"account_id"}
    assert made.drop("m7").count_where("account_id", "acme") == 200
