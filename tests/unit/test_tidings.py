"""What the log tells of cables and places."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from sdn_orch.intent.model import Arrival, Attachment, Link, Source
from sdn_orch.intent.snapshot import Delete, Put
from sdn_orch.store.memory import MemoryStore
from sdn_orch.tidings import MOST, changes, tell
from tests.unit.test_reconcile import CLOUD, at, nic


def test_each_change_in_a_line() -> None:
    store = MemoryStore(CLOUD)

    def told(*wanted: Put | Delete) -> list[tuple[int, str]]:
        return list(changes(store.commit(wanted, store.snapshot().revision)))

    link = CLOUD.need(Link, "link1")
    place = replace(at(4, "leaf1", 4), source=Source.OVSDB)
    assert told(Put(replace(link, up=False))) == [
        (logging.WARNING, "cable between leaf1:50 and spine:1 is down")
    ]
    assert told(Put(link)) == [(logging.INFO, "cable between leaf1:50 and spine:1 is up")]
    assert told(Put(replace(link, capacity=5))) == []
    assert told(Delete(Link, link.id)) == [(logging.WARNING, "cable between leaf1:50 and spine:1 is gone")]
    assert told(Put(link)) == [(logging.INFO, "cable between leaf1:50 and spine:1, 10000 Mbit/s")]
    who = "NIC nic4 (02:00:00:00:00:04)"
    assert told(Put(place)) == [(logging.INFO, f"{who} is at leaf1:4 by ovsdb, was nowhere")]
    awaited = Arrival(id="arrival", nic_id="nic4", switch_id="leaf2", port=7)
    assert told(Put(awaited)) == [(logging.INFO, f"{who} is awaited at leaf2:7")]
    left = replace(store.snapshot().need(Arrival, "arrival"), admitted=False)
    assert told(Put(left)) == [(logging.INFO, f"{who} is awaited again at leaf2:7")]
    assert told(Delete(Arrival, awaited.id)) == []
    moved = replace(store.snapshot().need(Attachment, "at4"), switch_id="leaf2", port=7, vlan=9)
    assert told(Put(moved)) == [(logging.INFO, f"{who} is at leaf2:7,9 by ovsdb, was at leaf1:4")]
    assert told(Delete(Attachment, place.id)) == [(logging.INFO, f"{who} is nowhere, was at leaf2:7,9")]


def test_a_thousand_changes_are_not_a_thousand_lines(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    store = MemoryStore(CLOUD)
    numbers = range(10, 10 + MOST + 5)
    for number in numbers:
        store.commit([Put(nic(number))], store.snapshot().revision)
    places = [Put(at(number, "leaf1", number)) for number in numbers]
    tell(store.commit(places, store.snapshot().revision))
    assert len(caplog.messages) == MOST + 1
    assert caplog.messages[-1] == "and 5 more changes of cables and places"
