"""What a machine reads of itself: the paths of CloudStack's virtual router, and each only its own."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from sdn_orch.dataplane.pipeline import Punt
from sdn_orch.guest.http import Reply, read_request
from sdn_orch.guest.listener import Listener
from sdn_orch.guest.metadata import Metadata
from sdn_orch.guest.tcp import Peer, Responder
from sdn_orch.intent.metadata import MachineData
from sdn_orch.intent.model import Attachment, Machine, Nic
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.southbound.fake import FakeSwitch
from sdn_orch.vault import Vault, new_key
from tests.unit.guest.test_worker import Nobody
from tests.unit.guest.world import DPID, MAC1, WORLD, gateway, packet_in

VAULT = Vault(new_key())
USER_DATA = b"#cloud-config\n\x00\xff"


def _world() -> Snapshot:
    data = MachineData(
        id="m1",
        service_offering="Small",
        availability_zone="zone one",
        cloud="c0",
        public_keys=("ssh-ed25519 AAAA one", "ssh-ed25519 BBBB two"),
        user_data=VAULT.seal("m1", "user_data", USER_DATA),
        password=VAULT.seal("m1", "password", b"x7Kq"),
    )
    return WORLD.change(
        [
            Put(Machine(id="m1", account_id="acme", name="web-one")),
            Put(Machine(id="m2", account_id="evil", name="other-one")),
            Put(data),
            Put(replace(WORLD.need(Nic, "web1"), machine_id="m1")),
            Put(replace(WORLD.need(Nic, "other1"), machine_id="m2")),
        ]
    )


class World:
    """The snapshot, and the service that answers from it."""

    def __init__(self) -> None:
        self.snapshot = _world()
        self.service = Metadata(lambda: self.snapshot, VAULT.unseal, self.forget)

    def forget(self, machine_id: str) -> None:
        self.snapshot = self.snapshot.change(
            [Put(replace(self.snapshot.need(MachineData, machine_id), password=""))]
        )

    def ask(self, request: str, nic: str = "web1", port: int = 80) -> tuple[str, bytes]:
        """Status and body."""
        peer = Peer(nic, b"\x0a\x01\x01\x0b", 4000, b"\xa9\xfe\xa9\xfe", port)
        answer = self.service.answer(peer, request.encode())
        assert isinstance(answer, bytes)
        head, _, body = answer.partition(b"\r\n\r\n")
        return head.split(b" ")[1].decode(), body

    def get(self, path: str, nic: str = "web1") -> bytes:
        status, body = self.ask(f"GET {path} HTTP/1.1\r\nHost: 10.1.1.1\r\n\r\n", nic)
        assert status == "200"
        return body

    def password(self, wish: str, nic: str = "web1") -> bytes:
        return self.ask(f"GET / HTTP/1.1\r\nDomU_Request: {wish}\r\n\r\n", nic, 8080)[1]


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("service-offering", b"Small"),
        ("availability-zone", b"zone one"),
        ("local-hostname", b"web1"),
        ("local-ipv4", b"10.1.1.11"),
        ("public-ipv4", b""),
        ("instance-id", b"m1"),
        ("vm-id", b"m1"),
        ("public-keys", b"ssh-ed25519 AAAA one\nssh-ed25519 BBBB two\n"),
        ("cloud-identifier", b"CloudStack-{c0}"),
    ],
)
def test_every_name_of_the_index_can_be_read(world: World, name: str, value: bytes) -> None:
    assert name.encode() in world.get("/latest/meta-data/").splitlines()
    assert world.get(f"/latest/meta-data/{name}") == value
    assert world.get(f"/latest/{name}") == value


def test_user_data_come_as_they_were_given(world: World) -> None:
    assert world.get("/latest/user-data") == world.get("//latest/user-data/?x=1") == USER_DATA
    assert world.get("/latest/user-data", "other1") == b""


def test_the_public_address_is_that_of_static_nat_else_the_one_that_the_network_goes_out_under(
    world: World,
) -> None:
    net = IPv4Network("192.0.2.0/24")
    home = PublicRange(id="range", ipv4=net, gateway=net[1], first=net[10], last=net[20])
    shared = PublicAddress(
        id="shared", range_id="range", account_id="acme", address=net[10], vpc_id="vpc", is_source_nat=True
    )
    world.snapshot = world.snapshot.change([Put(home), Put(shared)])
    assert world.get("/latest/meta-data/public-ipv4") == b"192.0.2.10"
    own = replace(shared, id="own", address=net[11], is_source_nat=False, nic_id="web1")
    world.snapshot = world.snapshot.change([Put(replace(own, guest=IPv4Address("10.1.1.11")))])
    assert world.get("/latest/meta-data/public-hostname") == b"192.0.2.11"


def test_a_password_is_given_until_the_machine_has_it(world: World) -> None:
    assert world.password("send_my_password") == world.password("send_my_password") == b"x7Kq"
    assert world.password("saved_password", "other1") == b"saved_password"
    assert world.password("send_my_password") == b"x7Kq"
    assert world.password("saved_password") == b"saved_password"
    assert (
        world.password("send_my_password")
        == world.password("send_my_password", "other1")
        == b"saved_password"
    )
    assert world.password("give_me_that_of_another") == b"bad_request"


def test_what_does_not_open_is_an_error_and_no_secret(world: World) -> None:
    stolen = replace(world.snapshot.need(MachineData, "m1"), id="m2", number=0)
    world.snapshot = world.snapshot.change([Put(stolen)])
    assert world.ask("GET /latest/user-data HTTP/1.0\n\n", "other1") == ("500", b"")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET /latest/nothing HTTP/1.1\r\n\r\n", "404"),
        ("GET /latest/meta-data/instance-id/x HTTP/1.1\r\n\r\n", "404"),
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("POST /latest/user-data HTTP/1.1\r\n\r\n", "405"),
        ("GET /latest\r\n\r\n", "400"),
        ("GET http://[/ HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "400"),
        ("\r\n\r\n\n\n \n\n", "400"),
    ],
)
def test_other_requests_are_refused(world: World, request_: str, status: str) -> None:
    assert world.ask(request_) == (status, b"")


def test_a_request_is_waited_for_and_head_gets_no_body(world: World) -> None:
    assert read_request(b"GET / HTTP/1.1\r\nHost: x\r\n") is None
    assert world.ask("HEAD /latest/meta-data/vm-id HTTP/1.1\r\n\r\n") == ("200", b"")
    assert isinstance(read_request("GET /ä HTTP/9\n\n".encode()), Reply)


def test_segments_find_the_guest_where_it_is_and_two_with_one_address_are_two(world: World) -> None:
    switch = FakeSwitch(DPID)
    datapath = switch.connect(Nobody())
    listener = Listener(lambda: world.snapshot, {Punt.METADATA}, Responder(world.service.answer, b"key"))

    def say(nic: str, **fields: Any) -> None:
        text: Any = Ether(src=MAC1, dst=gateway("web")) / IP(src="10.1.1.11", dst="169.254.169.254")
        text /= TCP(sport=4000, dport=80, **fields)
        listener.receive(datapath, packet_in(nic, Punt.METADATA, bytes(text)), 0.0)

    for nic, port, machine in (("web1", 1, b"\r\n\r\nm1"), ("other1", 5, b"\r\n\r\nm2")):
        switch.sent.clear()
        say(nic, seq=9, flags="S")
        greeting: Any = Ether(switch.sent.pop().frame)
        assert (greeting.dst, greeting[IP].src, greeting[TCP].flags) == (MAC1, "169.254.169.254", "SA")
        request = b"GET /latest/meta-data/instance-id HTTP/1.1\r\n\r\n"
        said: Any = Ether(src=MAC1, dst=gateway("web")) / IP(src="10.1.1.11", dst="169.254.169.254")
        said /= TCP(sport=4000, dport=80, seq=10, ack=greeting[TCP].seq + 1, flags="PA")
        listener.receive(datapath, packet_in(nic, Punt.METADATA, bytes(said / request)), 0.0)
        (sent,) = switch.sent
        assert sent.actions[0].port == port  # type: ignore[union-attr]
        assert sent.frame.endswith(machine)
    # It is heard of again at the place to which it has moved by then.
    switch.sent.clear()
    world.snapshot = world.snapshot.change([Put(replace(world.snapshot.need(Attachment, "a1"), port=7))])
    listener.tick(0.5)
    assert sorted(sent.actions[0].port for sent in switch.sent) == [5, 7]  # type: ignore[union-attr]
    datapath.close()
    listener.tick(2.0)
