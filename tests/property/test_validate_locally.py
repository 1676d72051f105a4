"""Looking only around a change finds a fault exactly when looking at the whole cloud does."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sdn_orch.intent.model import (
    Attachment,
    Domain,
    Link,
    Network,
    NetworkKind,
    Nic,
    Record,
    Switch,
    SwitchRole,
    Vpc,
)
from sdn_orch.intent.snapshot import Change, Put
from sdn_orch.intent.validate import RULES, faults
from tests.effort import examples
from tests.unit.intent.cloud import CLOUD

ADDRESSES4 = st.sampled_from(
    [None, *(IPv4Address(f"10.1.{i}.{j}") for i in (0, 1) for j in (0, 1, 10, 11, 255))]
)
PREFIXES4 = st.sampled_from(
    list(map(IPv4Network, ("10.1.0.0/16", "10.1.0.0/24", "10.1.1.0/24", "10.1.0.0/28")))
)
PORTS = st.sampled_from([1, 2, 3, 9, 50])
SWITCHES = st.sampled_from(["leaf", "spine", "edge"])
NICS = st.sampled_from(["nic", "nic2", "nic3", "bare"])
VALUES: dict[type[Record], dict[str, st.SearchStrategy[Any]]] = {
    Domain: {
        "name": st.sampled_from(["sales", "eu"]),
        "path": st.sampled_from(["/", "/sales", "/sales/eu", "/eu"]),
    },
    Vpc: {"ipv4": PREFIXES4, "account_id": st.sampled_from(["acme", "other"])},
    Network: {
        "ipv4": st.none() | PREFIXES4,
        "gateway4": ADDRESSES4,
        "kind": st.sampled_from(NetworkKind),
        "vpc_id": st.sampled_from([None, "vpc"]),
        "vlan": st.sampled_from([None, 100, 101]),
        "ipv6": st.just(None),
        "gateway6": st.just(None),
    },
    Nic: {
        "network_id": st.sampled_from(["web", "tier", "tier2", "l2"]),
        "mac": st.sampled_from([f"02:00:00:00:00:0{i}" for i in range(1, 5)]),
        "ipv4": ADDRESSES4,
        "ipv6": st.just(None),
        "active": st.booleans(),
    },
    Switch: {"role": st.sampled_from(SwitchRole), "underlay": st.none() | PORTS},
    Link: {"a_port": PORTS, "b_port": PORTS, "a_switch_id": SWITCHES, "b_switch_id": SWITCHES},
    Attachment: {"nic_id": NICS, "switch_id": SWITCHES, "port": PORTS, "vlan": st.sampled_from([None, 10])},
}


@settings(max_examples=examples(400), deadline=None)
@given(st.data())
def test_looking_around_a_change_finds_what_looking_at_everything_finds(data: st.DataObject) -> None:
    snapshot = CLOUD
    for _ in range(data.draw(st.integers(1, 4))):
        changes: list[Change] = []
        for _ in range(data.draw(st.integers(1, 3))):
            kind = data.draw(st.sampled_from(list(VALUES)))
            record = data.draw(st.sampled_from(list(snapshot.all(kind))))
            fields = data.draw(st.sets(st.sampled_from(sorted(VALUES[kind])), min_size=1, max_size=2))
            changes.append(Put(replace(record, **{f: data.draw(VALUES[kind][f]) for f in sorted(fields)})))
        after = snapshot.change(changes)
        everything = [
            fault for kind in RULES for record in after.all(kind) for fault in RULES[kind](after, record)
        ]
        assert bool(faults(snapshot, changes)) == bool(everything), everything
        if not everything:
            snapshot = after
