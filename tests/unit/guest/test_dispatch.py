"""Who sent a packet: nobody is answered whose place, network, tag and frame do not fit together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP
from scapy.layers.l2 import Dot1Q, Ether

from sdn_orch.dataplane import addresses
from sdn_orch.dataplane.pipeline import Punt, Table
from sdn_orch.guest.dispatch import LONGEST_FRAME
from sdn_orch.guest.guest import gateway_mac
from sdn_orch.intent.model import Arrival, Network, Switch, Transport
from sdn_orch.intent.snapshot import Put
from tests.unit.guest.world import MAC1, MAC2, WORLD, ask


def ping(mac: str = MAC1, src: str = "10.1.1.11", vlan: int | None = None, size: int = 8, **ip: Any) -> Any:
    tag = Dot1Q(vlan=vlan) if vlan is not None else b""
    ethernet = Ether(src=mac, dst="0e:5d:00:00:00:01", type=0x8100 if vlan is not None else 0x0800)
    return ethernet / tag / IP(src=src, dst="10.1.1.1", **ip) / ICMP() / bytes(size)


def test_a_guest_is_answered_where_it_is() -> None:
    assert ask("web1", Punt.GATEWAY_ECHO, ping()) is not None
    assert ask("web2", Punt.GATEWAY_ECHO, ping(MAC2, "10.1.1.12")) is not None


def test_a_guest_is_answered_where_it_is_about_to_come_to() -> None:
    away = Switch(id="s2", dpid=0xA2, name="s2", transport=Transport.LABEL)
    arrival = Arrival(id="arrival", nic_id="web1", switch_id="s2", port=1)
    for admitted in (True, False):
        here = WORLD.change([Put(away), Put(replace(arrival, admitted=admitted))])
        reply = ask("web1", Punt.GATEWAY_ECHO, ping(), here, dpid=0xA2)
        assert (reply is not None) is admitted
        assert ask("web1", Punt.GATEWAY_ECHO, ping(), here) is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"dpid": 0xA2},
        {"in_port": 2},
        {"in_port": 99},
        {"network": "db"},
        {"network": "other"},
        {"metadata": 0},
        {"metadata": (1 << 64) - 1},
        {"table": int(Table.NEXT_HOP), "metadata": 1},
    ],
    ids=str,
)
def test_nobody_is_answered_elsewhere(wrong: dict[str, Any]) -> None:
    assert ask("web1", Punt.GATEWAY_ECHO, ping(), **wrong) is None


def test_a_tag_must_be_that_of_the_place() -> None:
    assert ask("web1", Punt.GATEWAY_ECHO, ping(vlan=100)) is None
    assert ask("web2", Punt.GATEWAY_ECHO, ping(MAC2, "10.1.1.12", vlan=200)) is None
    assert ask("web2", Punt.GATEWAY_ECHO, ping(MAC2, "10.1.1.12", vlan=100)) is not None


@pytest.mark.parametrize(
    "header", [{"len": 60000}, {"len": 19}, {"ihl": 4}, {"ihl": 15}, {"version": 6}], ids=str
)
def test_a_header_that_lies_gets_no_answer(header: dict[str, Any]) -> None:
    assert ask("web1", Punt.GATEWAY_ECHO, ping(**header)) is None


def test_padding_of_the_link_is_no_part_of_the_packet() -> None:
    reply = ask("web1", Punt.GATEWAY_ECHO, bytes(ping(size=3)) + bytes(15))
    assert len(reply[IP]) == 20 + 8 + 3


@pytest.mark.parametrize("length", [0, 5, 13, 14, 17])
def test_a_cut_frame_gets_no_answer(length: int) -> None:
    for frame in (bytes(ping())[:length], bytes(ping(vlan=100))[:length]):
        assert ask("web1", Punt.GATEWAY_ECHO, frame) is None


def test_a_frame_longer_than_any_link_takes_gets_no_answer() -> None:
    longest = LONGEST_FRAME - 14 - 28
    assert ask("web1", Punt.GATEWAY_ECHO, ping(size=longest)) is not None
    assert ask("web1", Punt.GATEWAY_ECHO, ping(size=longest + 1)) is None


@pytest.mark.parametrize("punt", [Punt.DISCOVERY, Punt.FIRST_PACKET])
def test_what_is_no_service_gets_no_answer(punt: Punt) -> None:
    assert ask("web1", punt, ping()) is None


def test_all_layers_agree_on_the_gateways_mac() -> None:
    for network in WORLD.all(Network):
        assert gateway_mac(network).hex(":") == network.gateway_mac
        assert int.from_bytes(gateway_mac(network)) == addresses.gateway_mac(network.number)
