"""DHCPv4 against RFC 2131: every message of a client's life, and everything that is none of ours."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Dot1Q, Ether

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.guest.dhcp4 import LEASE_TIME
from sdn_orch.guest.dhcp4_options import encode_routes, read_options, write_options
from sdn_orch.intent.model import Nic
from sdn_orch.intent.snapshot import Put
from tests.unit.guest.world import MAC1, MAC2, MAC4, MAC5, WORLD, ask, gateway


def message(
    *options: Any,
    mac: str = MAC1,
    src: str = "0.0.0.0",
    dst: str = "255.255.255.255",
    ciaddr: str = "0.0.0.0",
    flags: int = 0,
    **bootp: Any,
) -> Any:
    chaddr = bytes.fromhex(mac.replace(":", "")) + bytes(10)
    fields: dict[str, Any] = {
        "op": 1,
        "xid": 0x1234,
        "chaddr": chaddr,
        "ciaddr": ciaddr,
        "flags": flags,
    } | bootp
    return (
        Ether(src=mac, dst="ff:ff:ff:ff:ff:ff")
        / IP(src=src, dst=dst)
        / UDP(sport=68, dport=67)
        / BOOTP(**fields)
        / DHCP(options=[*options, "end"])
    )


def told(reply: Any) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for option in reply[DHCP].options:
        if isinstance(option, tuple):
            options[option[0]] = option[1] if len(option) == 2 else list(option[1:])
    return options


def test_discover_is_offered_the_address_of_the_nic() -> None:
    reply = ask("web1", Punt.DHCP4, message(("message-type", "discover")))
    assert (reply.src, reply.dst) == (gateway("web"), MAC1)
    assert (reply[IP].src, reply[IP].dst) == ("10.1.1.1", "10.1.1.11")
    assert (reply[UDP].sport, reply[UDP].dport) == (67, 68)
    assert (reply[BOOTP].op, reply[BOOTP].xid, reply[BOOTP].yiaddr) == (2, 0x1234, "10.1.1.11")
    assert reply[BOOTP].chaddr[:6].hex(":") == MAC1
    options = told(reply)
    assert options["message-type"] == 2
    assert options["server_id"] == "10.1.1.1"
    assert options["lease_time"] == LEASE_TIME
    assert options["renewal_time"] < options["rebinding_time"] < LEASE_TIME
    assert options["subnet_mask"] == "255.255.255.0"
    assert options["router"] == "10.1.1.1"
    # The gateway first, which knows the network's names, as CloudStack's virtual router tells itself first.
    assert options["name_server"] == ["10.1.1.1", "192.0.2.53"]
    assert options["interface-mtu"] == 1450
    assert options["hostname"] == b"web1"
    assert options["domain"] == b"vpc.example"
    assert options["classless_static_routes"] == ["172.16.0.0/12:10.1.1.254", "0.0.0.0/0:10.1.1.1"]


def test_a_nic_that_is_not_the_default_one_gets_no_router() -> None:
    reply = ask("web2", Punt.DHCP4, message(("message-type", "discover"), mac=MAC2))
    assert "router" not in told(reply)
    assert "classless_static_routes" not in told(reply)


def test_only_what_is_asked_for_is_told() -> None:
    reply = ask("web1", Punt.DHCP4, message(("message-type", "discover"), ("param_req_list", [1, 6])))
    mandatory = {"message-type", "server_id", "lease_time", "renewal_time", "rebinding_time"}
    assert set(told(reply)) == mandatory | {"subnet_mask", "name_server"}


@pytest.mark.parametrize(
    ("ciaddr", "options"),
    [
        ("0.0.0.0", [("server_id", "10.1.1.1"), ("requested_addr", "10.1.1.11")]),
        ("0.0.0.0", [("requested_addr", "10.1.1.11")]),
        ("10.1.1.11", []),
    ],
    ids=["selecting", "init-reboot", "renewing"],
)
def test_a_request_for_the_own_address_is_acknowledged(ciaddr: str, options: list[Any]) -> None:
    reply = ask("web1", Punt.DHCP4, message(("message-type", "request"), *options, ciaddr=ciaddr))
    assert told(reply)["message-type"] == 5
    assert reply[BOOTP].yiaddr == "10.1.1.11"
    assert reply[BOOTP].ciaddr == ciaddr
    assert reply[IP].dst == "10.1.1.11"


@pytest.mark.parametrize(
    ("ciaddr", "options"),
    [
        ("0.0.0.0", [("server_id", "10.1.1.1"), ("requested_addr", "10.1.1.12")]),
        ("0.0.0.0", [("requested_addr", "192.168.0.2")]),
        ("10.1.1.12", []),
        ("0.0.0.0", []),
        ("10.1.1.11", [(50, b"\x0a")]),
    ],
    ids=["selecting", "init-reboot", "renewing", "nothing", "malformed"],
)
def test_a_request_for_any_other_address_is_refused_by_broadcast(ciaddr: str, options: list[Any]) -> None:
    reply = ask("web1", Punt.DHCP4, message(("message-type", "request"), *options, ciaddr=ciaddr))
    assert told(reply)["message-type"] == 6
    assert told(reply)["server_id"] == "10.1.1.1"
    assert "lease_time" not in told(reply)
    assert (reply.dst, reply[IP].dst) == ("ff:ff:ff:ff:ff:ff", "255.255.255.255")
    assert (reply[BOOTP].yiaddr, reply[BOOTP].ciaddr) == ("0.0.0.0", "0.0.0.0")


def test_a_client_that_chose_another_server_is_left_alone() -> None:
    chosen = [("server_id", "10.1.1.200"), ("requested_addr", "10.1.1.11")]
    assert ask("web1", Punt.DHCP4, message(("message-type", "request"), *chosen)) is None


def test_inform_is_told_parameters_but_no_lease() -> None:
    frame = message(("message-type", "inform"), src="10.1.1.11", dst="10.1.1.1", ciaddr="10.1.1.11")
    reply = ask("web1", Punt.DHCP4, frame)
    assert told(reply)["message-type"] == 5
    assert "lease_time" not in told(reply)
    assert reply[BOOTP].yiaddr == "0.0.0.0"
    assert reply[IP].dst == "10.1.1.11"


@pytest.mark.parametrize("kind", ["release", "decline", "offer", "ack", "nak", 0, 77])
def test_nothing_is_said_to(kind: object) -> None:
    assert ask("web1", Punt.DHCP4, message(("message-type", kind), ciaddr="10.1.1.11")) is None


def test_broadcast_flag_is_obeyed_until_the_client_has_its_address() -> None:
    reply = ask("web1", Punt.DHCP4, message(("message-type", "discover"), flags=0x8000))
    assert (reply.dst, reply[IP].dst) == ("ff:ff:ff:ff:ff:ff", "255.255.255.255")
    assert reply[BOOTP].flags == 0x8000
    renewing = message(("message-type", "request"), flags=0x8000, ciaddr="10.1.1.11")
    assert ask("web1", Punt.DHCP4, renewing)[IP].dst == "10.1.1.11"


def test_trunk_guest_gets_its_tag_and_its_own_network() -> None:
    reply = ask("web2", Punt.DHCP4, message(("message-type", "discover"), mac=MAC2))
    assert reply[Dot1Q].vlan == 100
    assert reply[BOOTP].yiaddr == "10.1.1.12"


def test_equal_macs_in_two_networks_get_each_their_own() -> None:
    discover = message(("message-type", "discover"))
    mine, theirs = ask("web1", Punt.DHCP4, discover), ask("other1", Punt.DHCP4, discover)
    assert mine.src == gateway("web") and theirs.src == gateway("other")
    assert told(mine)["domain"] == b"vpc.example" and told(theirs)["domain"] == b"evil.example"


@pytest.mark.parametrize(
    "frame",
    [
        message(("message-type", "discover"), giaddr="10.1.1.9"),
        message(("message-type", "discover"), op=2),
        message(("message-type", "discover"), hlen=16),
        message(("message-type", "discover"), htype=6),
        message(("message-type", "discover"), chaddr=bytes.fromhex("0200000000ff") + bytes(10)),
        message(("message-type", "discover"), mac=MAC4),
        message(),
    ],
    ids=["relayed", "reply", "hlen", "htype", "chaddr", "unknown mac", "no type"],
)
def test_foreign_and_odd_messages_get_no_answer(frame: Any) -> None:
    assert ask("web1", Punt.DHCP4, frame) is None


def test_a_stopped_nic_and_an_l2_network_get_no_answer() -> None:
    assert ask("web4", Punt.DHCP4, message(("message-type", "discover"), mac=MAC4)) is None
    assert ask("wire5", Punt.DHCP4, message(("message-type", "discover"), mac=MAC5)) is None


def test_relay_information_is_ignored_and_the_client_identifier_echoed() -> None:
    frame = message(("message-type", "discover"), ("client_id", b"\x01abc"), (82, b"\x01\x02xx"))
    options = told(ask("web1", Punt.DHCP4, frame))
    assert options["client_id"] == b"\x01abc"
    assert "relay_agent_information" not in options


def test_options_overflow_into_file_and_sname() -> None:
    plain = message(("message-type", "request"))
    body = bytearray(bytes(plain[BOOTP]))
    body[240:] = bytes((53, 1, 3, 52, 1, 3, 255))
    body[108:114] = bytes((50, 4, 10, 1, 1, 11))
    body[44:47] = bytes((12, 1, 65))
    overloaded = Ether(src=MAC1) / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67)
    assert told(ask("web1", Punt.DHCP4, overloaded / bytes(body)))["message-type"] == 5
    body[52:55] = bytes((55, 200, 1))  # cut off by the field's end
    assert ask("web1", Punt.DHCP4, overloaded / bytes(body)) is None


@pytest.mark.parametrize("cut", [0, 1, 100, 236, 239, 240, 241, 242])
def test_a_truncated_message_gets_no_answer(cut: int) -> None:
    body = bytes(message(("message-type", "discover"))[BOOTP])[:cut]
    frame = Ether(src=MAC1) / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67) / body
    assert ask("web1", Punt.DHCP4, frame) is None


def test_a_fragment_gets_no_answer() -> None:
    frame = message(("message-type", "discover"))
    frame[IP].flags = "MF"
    assert ask("web1", Punt.DHCP4, frame) is None


def test_long_values_are_cut_into_pieces_and_joined_again() -> None:
    value = bytes(range(256)) * 2 + b"tail"
    written = write_options([(121, value), (26, b"\x05\xdc")], room=1000)
    read = read_options(bytes(236) + written)
    assert read == {121: value, 26: b"\x05\xdc"}


def test_what_does_not_fit_is_left_out_whole() -> None:
    nic = WORLD.need(Nic, "web1")
    routes = tuple(
        (IPv4Network(f"172.{16 + n // 256}.{n % 256}.0/24"), IPv4Address("10.1.1.254")) for n in range(60)
    )
    world = WORLD.change([Put(replace(nic, routes4=routes))])
    small = ask("web1", Punt.DHCP4, message(("message-type", "discover")), snapshot=world)
    assert len(small[UDP].payload) <= 576 - 28
    assert "classless_static_routes" not in told(small) and told(small)["router"] == "10.1.1.1"
    roomy = message(("message-type", "discover"), ("max_dhcp_size", 1400))
    large = ask("web1", Punt.DHCP4, roomy, snapshot=world)
    expected = encode_routes([*routes, (IPv4Network("0.0.0.0/0"), IPv4Address("10.1.1.1"))])
    found = read_options(bytes(large[UDP].payload))
    assert found is not None and found[121] == expected
    huge = message(("message-type", "discover"), ("max_dhcp_size", 65535))
    assert len(ask("web1", Punt.DHCP4, huge, snapshot=world)[IP]) <= 1450
