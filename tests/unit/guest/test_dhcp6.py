"""DHCPv6 against RFC 8415, with scapy as the client and the judge."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers.dhcp6 import (
    DUID_LL,
    DHCP6_Advertise,
    DHCP6_Confirm,
    DHCP6_Decline,
    DHCP6_InfoRequest,
    DHCP6_Rebind,
    DHCP6_RelayForward,
    DHCP6_Release,
    DHCP6_Renew,
    DHCP6_Reply,
    DHCP6_Request,
    DHCP6_Solicit,
    DHCP6OptClientId,
    DHCP6OptDNSDomains,
    DHCP6OptDNSServers,
    DHCP6OptIA_NA,
    DHCP6OptIA_PD,
    DHCP6OptIA_TA,
    DHCP6OptIAAddress,
    DHCP6OptOptReq,
    DHCP6OptPref,
    DHCP6OptRapidCommit,
    DHCP6OptServerId,
    DHCP6OptStatusCode,
)
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

from sdn_orch.dataplane.pipeline import Punt
from tests.unit.guest.world import LINK_LOCAL1, LINK_LOCAL2, MAC1, MAC2, ask, gateway, gateway6

CLIENT = DHCP6OptClientId(duid=DUID_LL(lladdr=MAC2))
OWN = "fd00:1::12"


def server(network: str = "web") -> Any:
    return DHCP6OptServerId(duid=DUID_LL(lladdr=gateway(network)))


def association(*addresses: str, iaid: int = 7) -> Any:
    return DHCP6OptIA_NA(iaid=iaid, ianaopts=[DHCP6OptIAAddress(addr=address) for address in addresses])


def message(kind: Any, *options: Any, src: str = LINK_LOCAL2, dst: str = "ff02::1:2", mac: str = MAC2) -> Any:
    packet = kind(trid=0xABCDEF) if kind is not DHCP6_RelayForward else kind()
    for option in options:
        packet = packet / option
    return (
        Ether(src=mac, dst="33:33:00:01:00:02") / IPv6(src=src, dst=dst) / UDP(sport=546, dport=547) / packet
    )


def exchange(kind: Any, *options: Any, nic: str = "web2") -> Any:
    return ask(nic, Punt.DHCP6, message(kind, *options))


def status(reply: Any) -> int | None:
    """The status code at the top of a message, outside of associations."""
    layer = reply
    while layer:
        if isinstance(layer, DHCP6OptStatusCode):
            return int(layer.statuscode)
        layer = layer.payload
    return None


def inner(association: Any) -> list[Any]:
    return list(association.ianaopts)


def test_solicit_is_advertised_the_address_of_the_nic() -> None:
    reply = exchange(DHCP6_Solicit, CLIENT, association())
    assert (reply.src, reply.dst) == (gateway("web"), MAC2)
    assert reply[Dot1Q].vlan == 100
    assert (reply[IPv6].src, reply[IPv6].dst) == (gateway6("web"), LINK_LOCAL2)
    assert (reply[UDP].sport, reply[UDP].dport) == (547, 546)
    assert reply[DHCP6_Advertise].trid == 0xABCDEF
    assert reply[DHCP6OptClientId].duid == DUID_LL(lladdr=MAC2)
    assert reply[DHCP6OptServerId].duid == DUID_LL(lladdr=gateway("web"))
    assert reply[DHCP6OptPref].prefval == 255
    (address,) = inner(reply[DHCP6OptIA_NA])
    assert (reply[DHCP6OptIA_NA].iaid, address.addr) == (7, OWN)
    assert 0 < reply[DHCP6OptIA_NA].T1 < reply[DHCP6OptIA_NA].T2 < address.preflft <= address.validlft


def test_rapid_commit_is_a_reply_at_once() -> None:
    reply = exchange(DHCP6_Solicit, CLIENT, DHCP6OptRapidCommit(), association())
    assert DHCP6_Reply in reply and DHCP6OptRapidCommit in reply
    assert inner(reply[DHCP6OptIA_NA])[0].addr == OWN


@pytest.mark.parametrize("kind", [DHCP6_Request, DHCP6_Renew])
def test_request_and_renew_of_the_own_address_are_granted(kind: Any) -> None:
    reply = exchange(kind, CLIENT, server(), association(OWN))
    assert DHCP6_Reply in reply
    assert [address.addr for address in inner(reply[DHCP6OptIA_NA])] == [OWN]


def test_rebind_needs_no_server() -> None:
    assert inner(exchange(DHCP6_Rebind, CLIENT, association(OWN))[DHCP6OptIA_NA])[0].addr == OWN
    assert exchange(DHCP6_Rebind, CLIENT, server(), association(OWN)) is None


def test_renewing_a_foreign_address_ends_it_and_gives_the_own() -> None:
    reply = exchange(DHCP6_Renew, CLIENT, server(), association("fd00:1::66"))
    lifetimes = {address.addr: address.validlft for address in inner(reply[DHCP6OptIA_NA])}
    assert lifetimes.pop("fd00:1::66") == 0
    assert lifetimes.keys() == {OWN} and lifetimes[OWN] > 0


def test_requesting_an_address_of_another_link_is_refused() -> None:
    reply = exchange(DHCP6_Request, CLIENT, server(), association("fd00:99::5"))
    (code,) = inner(reply[DHCP6OptIA_NA])
    assert code.statuscode == 4


@pytest.mark.parametrize(("addresses", "code"), [([OWN], 0), (["fd00:9::1"], 4), ([OWN, "fd00:1::66"], 4)])
def test_confirm(addresses: list[str], code: int) -> None:
    assert status(exchange(DHCP6_Confirm, CLIENT, association(*addresses))) == code


def test_confirm_of_nothing_is_not_answered() -> None:
    assert exchange(DHCP6_Confirm, CLIENT, association()) is None


@pytest.mark.parametrize("kind", [DHCP6_Release, DHCP6_Decline])
def test_release_and_decline_are_acknowledged(kind: Any) -> None:
    reply = exchange(kind, CLIENT, server(), association(OWN))
    assert status(reply) == 0 and DHCP6OptIA_NA not in reply
    unknown = exchange(kind, CLIENT, server(), association("fd00:1::66"))
    assert unknown[DHCP6OptIA_NA].ianaopts[0].statuscode == 3


def test_information_request_is_told_names_only() -> None:
    reply = exchange(DHCP6_InfoRequest, DHCP6OptOptReq(reqopts=[23, 24]))
    assert DHCP6_Reply in reply and DHCP6OptIA_NA not in reply
    assert reply[DHCP6OptDNSServers].dnsservers == ["fd00:1::1", "2001:db8::53"]
    assert reply[DHCP6OptDNSDomains].dnsdomains == ["vpc.example."]
    assert exchange(DHCP6_InfoRequest, DHCP6OptOptReq(reqopts=[23]), association()) is None
    only = exchange(DHCP6_InfoRequest, DHCP6OptOptReq(reqopts=[24]))
    assert DHCP6OptDNSServers not in only and DHCP6OptDNSDomains in only


def test_only_the_first_association_is_given_an_address() -> None:
    reply = exchange(
        DHCP6_Solicit,
        CLIENT,
        association(),
        association(iaid=8),
        DHCP6OptIA_TA(iaid=9),
        DHCP6OptIA_PD(iaid=10),
    )
    first, second = reply.getlayer(DHCP6OptIA_NA, 1), reply.getlayer(DHCP6OptIA_NA, 2)
    assert inner(first)[0].addr == OWN
    assert inner(second)[0].statuscode == 2
    assert reply[DHCP6OptIA_TA].iataopts[0].statuscode == 2
    assert reply[DHCP6OptIA_PD].iapdopt[0].statuscode == 6


@pytest.mark.parametrize(
    "frame",
    [
        message(DHCP6_Solicit, association()),
        message(DHCP6_Solicit, CLIENT, server(), association()),
        message(DHCP6_Request, CLIENT, association(OWN)),
        message(DHCP6_Request, CLIENT, server("db"), association(OWN)),
        message(DHCP6_Renew, CLIENT, association(OWN)),
        message(DHCP6_Advertise, CLIENT, server()),
        message(DHCP6_Reply, CLIENT, server()),
        message(DHCP6_RelayForward, CLIENT),
        message(DHCP6_Solicit, CLIENT, association(), src="fe80::1"),
        message(DHCP6_Solicit, CLIENT, association(), src="fd00:1::12"),
        message(DHCP6_Solicit, CLIENT, association(), dst="fd00:1::1"),
        message(DHCP6_Solicit, CLIENT, association(), mac=MAC1),
        message(DHCP6_Solicit, DHCP6OptClientId(duid=DUID_LL(lladdr=MAC2)), b"\x00\x03\x00\xff\x01"),
    ],
)
def test_what_is_not_a_clients_message_to_us_gets_no_answer(frame: Any) -> None:
    assert ask("web2", Punt.DHCP6, frame) is None


def test_a_network_without_ipv6_gets_no_answer() -> None:
    frame = message(DHCP6_Solicit, CLIENT, association(), src=LINK_LOCAL1, mac=MAC1)
    assert ask("other1", Punt.DHCP6, frame) is None
    assert ask("web1", Punt.DHCP6, frame) is not None


def test_an_option_longer_than_the_message_gets_no_answer() -> None:
    whole = bytes(message(DHCP6_Solicit, CLIENT, association())[UDP].payload)
    base = Ether(src=MAC2) / IPv6(src=LINK_LOCAL2, dst="ff02::1:2") / UDP(sport=546, dport=547)
    answered = [cut for cut in range(len(whole)) if ask("web2", Punt.DHCP6, base / whole[:cut]) is not None]
    # Only cuts between options leave a message: here after the client identifier, with nothing to give.
    assert answered == [4 + 14]
