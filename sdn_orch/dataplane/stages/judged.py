"""EGRESS to DESTINATION_NAT of networks that cut connections: what goes on is judged as if it began now.

Of every packet Open vSwitch tells what the one that began its connection was, before any translation. The
rules of such networks are about that one, for packets of both directions; so each rule is in both tables:
in one for who began, in the other for who answers. What a connection announces (FTP) began with that, and in
either direction.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sdn_orch.dataplane.pipeline import JUDGED, RULES, Table, flow, forwarded_labels
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.stages.connection import (
    ANSWERER,
    ANYBODY,
    BEGINNER,
    KNOWN_OR_TRANSLATED,
    RELATED,
)
from sdn_orch.dataplane.stages.protocols import FTP, IPV4, TCP
from sdn_orch.dataplane.traffic import origin, own_origins, port_origins, prefix_fields
from sdn_orch.dataplane.views import AddressView, Fields, NetworkView
from sdn_orch.intent.traffic import Ports, Prefix, TrafficRule
from sdn_orch.openflow.values import Match

#: Where what may pass goes on: by the rules, and by what it was forwarded by.
_ONWARD = {Table.EGRESS: Table.SOURCE_NAT, Table.INGRESS: Table.DESTINATION_NAT}
_FORWARDED_ONWARD = {Table.SOURCE_NAT: Table.UPLINK, Table.DESTINATION_NAT: Table.INWARD}


def known(table: Table) -> Iterator[Said]:
    """What belongs to a known connection of other networks."""
    for state in KNOWN_OR_TRANSLATED:
        match = Match.of(ct_state=state, metadata=JUDGED.of(0))
        yield flow(table, "known", match, goto=_ONWARD[table])


def rule(
    rule: TrafficRule, slot: int, said: Iterable[TrafficRule], here: Fields, begun_in: Table, *, lets: bool
) -> Iterator[Said]:
    """Connections that began in a table and that the rule is about may go on, or may not."""
    others = tuple(said)
    own = _announcing(rule) if here["eth_type"] == IPV4 else None
    announcing = [each for each in map(_announcing, others) if each is not None]
    for table in _ONWARD:
        state = BEGINNER if table is begun_in else ANSWERER
        matches = [*own_origins(rule, others, {**here, "ct_state": state})]
        if own is not None:
            matches += own_origins(own, announcing, {**here, "ct_state": RELATED})
        for match in matches:
            yield flow(table, RULES[slot], match, goto=_ONWARD[table] if lets else None)


def default(network: NetworkView, eth_type: int, *, lets: bool) -> Iterator[Said]:
    """Connections that began inside and that no rule is about may go on, or may not."""
    here: Fields = {"metadata": network.routed, "eth_type": eth_type}
    began: Fields = {"ct_state": RELATED, "ct_nw_proto": TCP, "ct_tp_dst": FTP}
    prefix = network.record.ipv4
    for table, onward in _ONWARD.items():
        state = BEGINNER if table is Table.EGRESS else ANSWERER
        yield flow(table, "default", Match.of(ct_state=state, **here), goto=onward if lets else None)
        if lets and eth_type == IPV4 and prefix is not None:
            match = Match.of(**here, **began, **origin(prefix_fields("src", prefix)))
            yield flow(table, "default", match, goto=onward)


def forwarded(
    address: AddressView, label: int, protocol: int, ports: Ports, sources: Iterable[Prefix | None]
) -> Iterator[Said]:
    """Connections that these ports of an address gave to the machine and port of the label may go on."""
    here = _of_address(address) | {"ct_label": label}
    for table, onward in _FORWARDED_ONWARD.items():
        for match in port_origins(here, protocol, ports, sources):
            yield flow(table, "forwarded", match, goto=onward)


def cut(address: AddressView) -> Iterator[Said]:
    """No other connections that ports of an address gave to anybody in a network that cuts them."""
    for table in _FORWARDED_ONWARD:
        for prefix in address.cuts:
            match = Match.of(**_of_address(address), ct_label=forwarded_labels(prefix))
            yield flow(table, "cut", match)


def _of_address(address: AddressView) -> Fields:
    here: Fields = {"metadata": address.router, "eth_type": IPV4, "ct_state": ANYBODY}
    return {**here, "ct_nw_dst": address.address}


def _announcing(rule: TrafficRule) -> TrafficRule | None:
    """The part of a rule that is about connections which announce others; None if none is."""
    ports = rule.ports or (FTP, FTP)
    if rule.protocol not in (None, TCP) or not ports[0] <= FTP <= ports[1]:
        return None
    return replace(rule, protocol=TCP, ports=(FTP, FTP), icmp_type=None, icmp_code=None)
