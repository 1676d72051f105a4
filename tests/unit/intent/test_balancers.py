"""Balancers, members, stickiness and health checks: what must hold of them, and of ports that rules share."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeVar

import pytest

from sdn_orch.intent.address_use import conflicts, uses
from sdn_orch.intent.balancers import (
    Affinity,
    Balancer,
    Certificate,
    Draining,
    HealthCheck,
    Member,
    Stickiness,
)
from sdn_orch.intent.balancing import by_source, obstacle, remembered, returns
from sdn_orch.intent.forwards import Forward
from sdn_orch.intent.model import Account, Domain, Machine, Network, NetworkKind, Nic, Record, Vpc
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.snapshot import Delete, Put, Snapshot
from sdn_orch.intent.traffic import ICMP, SCTP, TCP, UDP
from sdn_orch.intent.validate import faults

NET = Network(
    id="net",
    account_id="red",
    name="net",
    kind=NetworkKind.ISOLATED,
    ipv4=IPv4Network("10.1.1.0/24"),
    gateway4=IPv4Address("10.1.1.1"),
)
TIER = replace(NET, id="tier", name="tier", vpc_id="vpc")
NIC = Nic(
    id="nic",
    network_id="net",
    machine_id="vm",
    mac="02:00:00:00:00:01",
    ipv4=IPv4Address("10.1.1.2"),
    secondary4=(IPv4Address("10.1.1.3"),),
)
ADDRESS = PublicAddress(
    id="address", range_id="range", account_id="red", address=IPv4Address("203.0.113.10"), network_id="net"
)
BALANCER = Balancer(
    id="web",
    account_id="red",
    network_id="net",
    address_id="address",
    name="web",
    protocol=TCP,
    ports=(80, 80),
    guest_ports=(8080, 8080),
)
INNER = replace(
    BALANCER, id="inner", address_id=None, inner_network_id="net", inner=IPv4Address("10.1.1.200")
)
SIX = replace(
    NET, id="six", name="six", ipv6=IPv6Network("2001:db8:6::/64"), gateway6=IPv6Address("2001:db8:6::1")
)
NIC6 = Nic(
    id="nic6x",
    network_id="six",
    machine_id="vm",
    mac="02:00:00:00:00:16",
    ipv6=IPv6Address("2001:db8:6::2"),
    secondary6=(IPv6Address("2001:db8:6::3"),),
)
INNER6 = replace(
    INNER, id="inner6", network_id="six", inner_network_id="six", inner=IPv6Address("2001:db8:6::c8")
)
PROXY = Nic(
    id="proxy",
    network_id="net",
    mac="02:5d:0a:01:01:08",
    ipv4=IPv4Address("10.1.1.8"),
    balancer_id="inner",
)
MEMBER = Member(id="member", balancer_id="web", nic_id="nic")
STICKY = Stickiness(id="sticky", balancer_id="web", name="sticky", affinity=Affinity.SOURCE, expire=60)
CHECK = HealthCheck(id="check", balancer_id="web")
CERTIFICATE = Certificate(
    id="cert", account_id="red", name="cert", certificate="c", fingerprint="f", private_key="secret"
)
CLOUD = Snapshot.of(
    Domain(id="root", name="ROOT", path="/"),
    Account(id="red", name="red", domain_id="root"),
    Account(id="blue", name="blue", domain_id="root"),
    Vpc(id="vpc", account_id="red", name="vpc", ipv4=IPv4Network("10.1.0.0/16")),
    NET,
    TIER,
    replace(NET, id="blue-net", account_id="blue", name="blue-net"),
    Network(id="l2", account_id="red", name="l2", kind=NetworkKind.L2),
    Machine(id="vm", account_id="red", name="vm"),
    Machine(id="blue-vm", account_id="blue", name="blue-vm"),
    NIC,
    replace(NIC, id="nic6", mac="02:00:00:00:00:06", ipv4=None, secondary4=()),
    replace(NIC, id="tier-nic", network_id="tier", secondary4=()),
    PublicRange(
        id="range",
        ipv4=IPv4Network("203.0.113.0/24"),
        gateway=IPv4Address("203.0.113.1"),
        first=IPv4Address("203.0.113.10"),
        last=IPv4Address("203.0.113.20"),
    ),
    ADDRESS,
    replace(
        ADDRESS, id="blue-address", account_id="blue", address=IPv4Address("203.0.113.11"),
        network_id="blue-net",
    ),
    replace(ADDRESS, id="vpc-address", address=IPv4Address("203.0.113.12"), network_id=None, vpc_id="vpc"),
    replace(
        ADDRESS, id="mapped", address=IPv4Address("203.0.113.13"), nic_id="nic", guest=IPv4Address("10.1.1.2")
    ),
    CERTIFICATE,
    replace(CERTIFICATE, id="blue-cert", account_id="blue"),
    BALANCER,
    INNER,
    SIX,
    NIC6,
    replace(NIC, id="nic4x", network_id="six", mac="02:00:00:00:00:17", secondary4=()),
    INNER6,
    PROXY,
    MEMBER,
    STICKY,
    CHECK,
)  # fmt: skip


R = TypeVar("R", bound=Record)


def direct(**values: object) -> Record:
    ports = {"ports": (90, 91), "guest_ports": (90, 91)}
    return free(direct_return=True, **(ports | values))


def new(record: R, **values: object) -> R:
    """A record like this one, under another id."""
    return replace(record, id="new", number=0, **values)


def free(**values: object) -> Record:
    """A balancer like the one there, at other ports."""
    return new(BALANCER, **({"ports": (90, 90)} | values))


def cookie(name: str, value: str) -> Record:
    """The stickiness by a cookie of which this is said."""
    return replace(STICKY, number=1, affinity=Affinity.COOKIE, options=((name, value),))


def proxy(**values: object) -> Record:
    """The NIC of a proxy."""
    return new(
        PROXY,
        **({"balancer_id": "web", "mac": "02:5d:0a:01:01:09", "ipv4": IPv4Address("10.1.1.9")} | values),
    )


@pytest.mark.parametrize(
    "record",
    [
        PROXY,
        proxy(),
        BALANCER,
        INNER,
        MEMBER,
        STICKY,
        CHECK,
        CERTIFICATE,
        free(),
        free(protocol=UDP, ports=(80, 80)),
        free(protocol=SCTP, ports=(80, 89), guest_ports=(80, 89)),
        new(INNER6, protocol=SCTP, guest_ports=(80, 80)),
        free(ports=(90, 99), guest_ports=(8080, 8080)),
        direct(),
        direct(protocol=UDP),
        new(INNER6, ports=(90, 99), guest_ports=(90, 99), direct_return=True),
        free(tls=True, certificate_id="cert"),
        free(proxy_protocol=True, sources=(IPv4Network("192.0.2.0/24"),)),
        new(INNER, ports=(90, 90)),
        new(INNER6, ports=(90, 90), sources=(IPv6Network("2001:db8::/32"),)),
        new(MEMBER, balancer_id="inner6", nic_id="nic6x"),
        new(MEMBER, balancer_id="inner6", nic_id="nic6x", guest=IPv6Address("2001:db8:6::3")),
        new(STICKY, balancer_id="inner6"),
        new(MEMBER, guest=IPv4Address("10.1.1.3"), weight=0, seat=1),
        replace(MEMBER, weight=256),
        replace(STICKY, affinity=Affinity.COOKIE, expire=None, options=(("cookie-name", "c"),)),
        replace(CHECK, timeout=2, interval=300, path="/up?full=1"),
    ],
)
def test_what_is_right_has_no_faults(record: Record) -> None:
    known = CLOUD.get(type(record), record.id)
    assert faults(CLOUD, [Put(replace(record, number=known.number if known else 0))]) == ()


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (free(name=""), "name: it is empty"),
        (free(protocol=ICMP), "protocol: 1 has no ports"),
        (free(protocol=UDP, tls=True), "tls: only TCP"),
        (free(protocol=UDP, proxy_protocol=True), "proxy_protocol: only TCP"),
        (free(ports=(0, 5)), "ports: 0..5 is not in 1..65535"),
        (free(ports=(1, 2**40)), "ports: 1..1099511627776 is not in 1..65535"),
        (free(guest_ports=(9, 8)), "guest_ports: 9, the first port, is above 8"),
        (free(ports=(90, 99), guest_ports=(1, 2)), "guest_ports: they must be as many as ports, or one"),
        (free(ports=(79, 81)), "ports: 79..81 meets Balancer web"),
        (free(protocol=SCTP), "guest_ports: SCTP's checksum covers its ports"),
        (
            free(protocol=SCTP, ports=(80, 89), guest_ports=(1000, 1009)),
            "guest_ports: SCTP's checksum covers",
        ),
        (direct(guest_ports=(8080, 8080)), "guest_ports: with direct_return packets stay as they are"),
        (direct(protocol=SCTP), "direct_return: only members of TCP and UDP"),
        (direct(tls=True), "tls: a proxy answers clients itself"),
        (direct(proxy_protocol=True), "proxy_protocol: a proxy answers clients itself"),
        (new(INNER), "ports: 80..80 meets Balancer inner"),
        (free(sources=(IPv6Network("2001:db8::/32"),)), "sources: only IPv4"),
        (free(network_id="l2"), "network_id: network l2 (l2) has no IPv4 addresses"),
        (free(network_id="blue-net"), "network_id: network blue-net (blue-net) belongs to another account"),
        (free(address_id=None), "address_id, inner, inner_network_id: it has either"),
        (free(inner=IPv4Address("10.1.1.9")), "address_id, inner, inner_network_id: it has either"),
        (new(INNER, inner_network_id=None), "address_id, inner, inner_network_id: it has either"),
        (
            free(address_id="blue-address"),
            "address_id: public address 203.0.113.11 (blue-address) belongs to",
        ),
        (free(address_id="vpc-address"), "(vpc-address) does not lead into network net (net)"),
        (free(address_id="mapped"), "address_id: public address 203.0.113.13 (mapped) has static NAT"),
        (free(certificate_id="cert"), "certificate_id: only a balancer that speaks TLS"),
        (free(tls=True, certificate_id="blue-cert"), "certificate_id: certificate blue-cert belongs to"),
        (new(INNER, inner_network_id="tier", ports=(9, 9)), "inner_network_id: network tier (tier) is not a"),
        (new(INNER, inner=IPv4Address("10.2.0.1")), "inner: 10.2.0.1 is not inside 10.1.1.0/24"),
        (new(INNER, inner=IPv4Address("10.1.1.1")), "inner: 10.1.1.1 is the gateway"),
        (new(INNER, inner=IPv6Address("2001:db8::5")), "network_id: network net (net) has no IPv6 addresses"),
        (new(INNER6, inner=IPv6Address("2001:db8::5")), "inner: 2001:db8::5 is not inside 2001:db8:6::/64"),
        (new(INNER6, inner=IPv6Address("2001:db8:6::1")), "inner: 2001:db8:6::1 is the gateway"),
        (new(INNER6, inner=IPv6Address("2001:db8:6::3")), "inner: 2001:db8:6::3 is that of NIC nic6x"),
        (new(INNER6, sources=(IPv4Network("192.0.2.0/24"),)), "sources: only IPv6 prefixes"),
        (new(INNER6, tls=True), "tls: a proxy serves IPv4 addresses alone"),
        (new(INNER6, proxy_protocol=True), "proxy_protocol: a proxy serves IPv4 addresses alone"),
        (new(MEMBER, balancer_id="inner6", nic_id="nic4x"), "nic_id: NIC nic4x has no IPv6 address"),
        (new(MEMBER, nic_id="nic", guest=IPv6Address("2001:db8:6::3")), "guest: 2001:db8:6::3 is not a"),
        (
            new(STICKY, balancer_id="inner6", affinity=Affinity.COOKIE),
            "affinity: a proxy serves IPv4 addresses alone",
        ),
        (
            new(NIC6, mac="02:00:00:00:00:18", ipv6=IPv6Address("2001:db8:6::c8"), secondary6=()),
            "ipv6: 2001:db8:6::c8 is that of balancer web (inner6)",
        ),
        (new(INNER, inner=IPv4Address("10.1.1.3")), "inner: 10.1.1.3 is that of NIC nic"),
        (new(MEMBER), "nic_id: NIC nic is a member of balancer web (web) already"),
        (new(MEMBER, guest=IPv4Address("10.1.1.3")), "seat: 0 is that of member member"),
        (new(MEMBER, seat=256), "seat: 256 is not in 0..255"),
        (new(MEMBER, weight=-1), "weight: -1 is not in 0..256"),
        (new(MEMBER, weight=257), "weight: 257 is not in 0..256"),
        (new(MEMBER, nic_id="tier-nic"), "nic_id: NIC tier-nic is not in network net"),
        (new(MEMBER, nic_id="nic6"), "nic_id: NIC nic6 has no IPv4 address"),
        (new(MEMBER, guest=IPv4Address("10.1.1.2")), "guest: 10.1.1.2 is not a secondary address"),
        (new(STICKY), "balancer_id: balancer web has a stickiness already"),
        (replace(STICKY, number=1, expire=None), "expire: what is remembered of clients must end"),
        (replace(STICKY, number=1, clients=0), "clients: 0 is not in 1..2147483647"),
        (cookie("cookie-name", "a b"), "options: cookie-name: 'a b' is not one"),
        (cookie("cookie-name", "a'\nserver x"), 'options: cookie-name: "a\'\\nserver x" is not one'),
        (cookie("domain", "a;path=/"), "options: domain: 'a;path=/' is not one"),
        (cookie("length", "0"), "options: length: '0' is not one"),
        (cookie("length", "1025"), "options: length: '1025' is not one"),
        (
            replace(
                STICKY, number=1, affinity=Affinity.COOKIE, options=(("mode", "rewrite"), ("indirect", ""))
            ),
            "options: indirect: in mode rewrite",
        ),
        (proxy(machine_id="vm"), "machine_id: the NIC of a proxy has no machine"),
        (proxy(network_id="blue-net"), "network_id, ipv4: the proxy of balancer web (web) needs"),
        (proxy(ipv4=None), "network_id, ipv4: the proxy of balancer web (web) needs"),
        (proxy(balancer_id="inner"), "balancer_id: the proxy of balancer web (inner) has NIC proxy"),
        (new(CHECK), "balancer_id: balancer web has a health check already"),
        (replace(CHECK, number=1, path="up"), "path: it must begin with /"),
        (replace(CHECK, number=1, path="/a b"), "path: it must begin with /"),
        (replace(CHECK, number=1, timeout=1), "timeout: 1 is not in 2..60"),
        (replace(CHECK, number=1, interval=301), "interval: 301 is not in 1..300"),
        (replace(CHECK, number=1, timeout=6), "interval: 5 is below 6, the timeout"),
        (replace(CHECK, number=1, healthy=0), "healthy: 0 is not in 1..100"),
    ],
)
def test_what_is_wrong_is_named(record: Record, said: str) -> None:
    found = faults(CLOUD, [Put(record)])
    assert any(said in fault for fault in found), found


def test_what_changes_around_a_balancer_is_judged_with_it() -> None:
    mapped = replace(CLOUD.need(PublicAddress, "address"), nic_id="nic", guest=NIC.ipv4)
    assert any("Balancer web (web): address_id" in fault for fault in faults(CLOUD, [Put(mapped)]))
    after = CLOUD.change([Put(new(MEMBER, guest=IPv4Address("10.1.1.3"), seat=1))])
    bare = replace(after.need(Nic, "nic"), secondary4=())
    assert faults(after, [Put(bare)]) == (
        "Member new: guest: 10.1.1.3 is not a secondary address of NIC nic",
    )
    returning = replace(after.need(Balancer, "web"), direct_return=True, guest_ports=(80, 80))
    assert faults(after, [Put(returning)]) == (
        "Member new: guest: with direct_return members get what is for the balancer's address",
    )
    cookies = after.change([Put(replace(after.need(Stickiness, "sticky"), affinity=Affinity.COOKIE))])
    assert any("affinity: cookies are a proxy's" in fault for fault in faults(cookies, [Put(returning)]))


def test_members_belong_to_the_balancers_owner() -> None:
    shared = Network(
        id="shared",
        account_id="red",
        name="shared",
        kind=NetworkKind.SHARED,
        ipv4=IPv4Network("198.51.100.0/24"),
        gateway4=IPv4Address("198.51.100.1"),
    )
    nic = Nic(
        id="there", network_id="shared", machine_id="blue-vm", mac="02:00:00:00:00:09",
        ipv4=IPv4Address("198.51.100.9"),
    )  # fmt: skip
    balancer = replace(
        new(INNER), network_id="shared", inner_network_id="shared", inner=IPv4Address("198.51.100.200")
    )
    member = replace(MEMBER, id="m2", balancer_id="new", nic_id="there")
    found = faults(CLOUD, [Put(shared), Put(nic), Put(balancer), Put(member)])
    assert found == ("Member m2: nic_id: machine blue-vm (blue-vm) belongs to another account",)


def test_rules_of_one_address_meet_across_kinds_and_protocols_do_not() -> None:
    forward = Forward(
        id="forward",
        address_id="address",
        nic_id="nic",
        guest=IPv4Address("10.1.1.2"),
        protocol=TCP,
        public=(1, 65_535),
        private=(1, 65_535),
    )
    assert [each.id for each in conflicts(CLOUD, forward)] == ["web"]
    assert any("meets Balancer web" in fault for fault in faults(CLOUD, [Put(forward)]))
    udp = replace(forward, protocol=UDP)
    assert faults(CLOUD, [Put(udp)]) == ()
    after = CLOUD.change([Put(udp)])
    assert {each.id for each in uses(after, "address")} == {"web", "forward"}
    assert any("meets Forward forward" in fault for fault in faults(after, [Put(free(protocol=UDP))]))


def test_an_address_and_a_member_serve_sctp_for_one_balancer() -> None:
    def sctp(id: str, address: IPv4Address, port: int) -> Balancer:
        ports = (port, port)
        return replace(INNER, id=id, protocol=SCTP, inner=address, ports=ports, guest_ports=ports)

    first, shares = (
        sctp("first", IPv4Address("10.1.1.201"), 90),
        sctp("second", IPv4Address("10.1.1.201"), 91),
    )
    assert faults(CLOUD, [Put(first), Put(shares)])[-1] == (
        "Balancer web (second): protocol: associations of SCTP are known by addresses, not by ports:"
        " Balancer first has those of the address"
    )
    apart = sctp("second", IPv4Address("10.1.1.202"), 91)
    members = [new(MEMBER, balancer_id="first"), replace(MEMBER, id="other", balancer_id="second")]
    after = CLOUD.change([Put(first), Put(apart), Put(members[0])])
    assert faults(after, [Put(members[1])]) == (
        "Member other: nic_id: associations of SCTP are known by addresses, not by ports:"
        " NIC nic has those of balancer web (first)",
    )
    # At another address of its own it can.
    assert faults(after, [Put(replace(members[1], guest=IPv4Address("10.1.1.3")))]) == ()


def test_sctp_clients_are_remembered_and_drained_members_have_theirs_again() -> None:
    sctp = replace(INNER, protocol=SCTP, guest_ports=(80, 80), ports=(80, 80))
    member = new(MEMBER, balancer_id="inner")
    after = CLOUD.change([Put(replace(sctp, number=CLOUD.need(Balancer, "inner").number)), Put(member)])
    balancer = after.need(Balancer, "inner")
    assert obstacle(after, balancer) is None and by_source(after, balancer)
    assert remembered(after, balancer) == (65_535, 1024) and returns(after, balancer) == ()
    mark = after.need(Member, "new").mark
    draining = Draining(id="draining", balancer_id="inner", nic_id="nic", mark=mark, until=9)
    drained = after.change([Delete(Member, "new"), Put(draining)])
    assert returns(drained, balancer) == (mark,)
    assert returns(drained, CLOUD.need(Balancer, "inner")) == (), "of TCP they are known by themselves"


def test_sctp_is_refused_at_an_address_that_machines_go_out_under() -> None:
    kept = CLOUD.change([Put(free(protocol=SCTP, guest_ports=(90, 90)))])
    balancer, address = kept.need(Balancer, "new"), kept.need(PublicAddress, "address")
    assert obstacle(kept, balancer) is None
    shared = kept.change([Put(replace(address, is_source_nat=True))])
    assert "address that machines go out under" in (obstacle(shared, balancer) or "")
    assert obstacle(shared, shared.need(Balancer, "web")) is None


def test_the_private_key_is_not_printed() -> None:
    assert "secret" not in repr(CERTIFICATE)


def test_clients_are_remembered_for_no_longer_and_no_more_of_them_than_a_switch_can() -> None:
    def sticky(expire: int = 60, clients: int | None = None) -> Snapshot:
        return CLOUD.change([Put(replace(STICKY, number=1, expire=expire, clients=clients))])

    assert remembered(CLOUD, INNER) is None, "nobody asks for it"
    assert remembered(sticky(), BALANCER) == (60, 1024)
    assert remembered(sticky(clients=10), BALANCER) == (60, 10)
    assert remembered(sticky(clients=200_000), BALANCER) == (60, 1024)
    assert obstacle(sticky(expire=65_535), BALANCER) is None
    assert obstacle(sticky(expire=65_536), BALANCER) == (
        "clients cannot be remembered for 65536 seconds: 65535 are the most"
    )
