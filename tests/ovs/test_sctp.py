"""What Open vSwitch's own connection tracking makes of SCTP, on which balancers and the simulator rely."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sdn_orch.intent.frames import write_frame
from sdn_orch.intent.packet import IPV4, SCTP, Packet
from tests.ovs.bridges import Bridge, bridge, run
from tests.southbound import wait_until
from topologies.demo.associations import Said, read

pytestmark = pytest.mark.ovs

CLIENT, BALANCER, MEMBER = 0xC6336407, 0xC6336450, 0x0A4D0309
#: One that nobody else uses: all bridges of the userspace datapath share its connections.
ZONE = 64_321
NAT = "nat(dst=10.77.3.9)"


def said(source: int, destination: int, source_port: int, port: int) -> Packet:
    """A packet with a right checksum."""
    text = Said("", source_port, port, 7, 10, b"cookie").packed()
    fields = {"eth_dst": 2, "eth_src": 4, "eth_type": IPV4, "ip_ttl": 64, "ip_proto": SCTP, "ip_frag": 0}
    ends = {"ipv4_src": source, "ipv4_dst": destination, "sctp_src": source_port, "sctp_dst": port}
    return Packet.from_fields(fields | ends, text[4:])


def put(made: Bridge, packet: Packet) -> None:
    """Into the tables, as from the port of clients."""
    hex_frame = write_frame(packet).hex()
    made.ofctl("packet-out", f"in_port=1,packet={hex_frame},actions=resubmit(,0)")


@contextmanager
def tracking(nat: str) -> Iterator[tuple[Bridge, socket.socket]]:
    """A bridge that translates what begins at port 2905 of the balancer, and what leaves it by port 2."""
    with bridge() as made:
        made.add_port("a", 1)
        name = made.add_port("b", 2)
        for flow in (
            f"table=0,ip,nw_proto=132,actions=ct(table=1,zone={ZONE},nat)",
            f"table=1,priority=9,sctp,ct_state=+new,nw_dst=198.51.100.80,tp_dst=2905,"
            f"actions=ct(commit,table=2,zone={ZONE},{nat},exec(set_field:7->ct_mark))",
            f"table=1,priority=9,sctp,ct_state=+new,nw_dst=10.77.3.9,actions=ct(commit,table=2,zone={ZONE})",
            "table=1,priority=8,ct_mark=7,actions=output:2",
            "table=2,actions=output:2",
        ):
            made.ofctl("add-flow", flow)
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(IPV4)) as tap:
            tap.bind((name, IPV4))
            tap.settimeout(5)
            try:
                yield made, tap
            finally:
                run("ovs-appctl", "dpctl/flush-conntrack", f"zone={ZONE}")


def left(tap: socket.socket) -> tuple[int, int, int]:
    """Destination and ports of what leaves next, whose checksum is right."""
    while True:
        frame = tap.recv(2000)
        if frame[23] == SCTP:
            heard = read(frame[14:], "", 4)
            assert heard is not None, "its checksum is wrong"
            return int.from_bytes(frame[30:34], "big"), heard.source, heard.destination


def known() -> list[str]:
    """The connections of the zone."""
    return re.findall(r"^sctp,.*$", run("ovs-appctl", "dpctl/dump-conntrack", f"zone={ZONE}"), re.MULTILINE)


@pytest.mark.parametrize("nat", [NAT, "nat(dst=10.77.3.9:999)"])
def test_associations_are_known_by_addresses_and_keep_their_ports(nat: str) -> None:
    with tracking(nat) as (made, tap):
        put(made, said(CLIENT, BALANCER, 40_000, 2905))
        assert left(tap) == (MEMBER, 40_000, 2905)
        (connection,) = known()
        assert "reply=(src=10.77.3.9,dst=198.51.100.7,sport=0,dport=0)" in connection
        # Another association between the two, at a port that begins none, is the same one.
        put(made, said(CLIENT, BALANCER, 40_001, 22))
        assert left(tap) == (MEMBER, 40_001, 22)
        assert len(known()) == 1


def test_nothing_is_translated_where_somebody_else_has_the_answers() -> None:
    with tracking(NAT) as (made, tap):
        put(made, said(CLIENT, MEMBER, 40_000, 2905))
        assert left(tap) == (MEMBER, 40_000, 2905)
        put(made, said(CLIENT, BALANCER, 40_000, 2905))
        assert left(tap) == (BALANCER, 40_000, 2905), "it goes on as it was"
        wait_until(lambda: len(known()) == 1)
