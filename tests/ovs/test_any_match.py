"""Whatever fields a match combines, Open vSwitch shows it byte for byte as it was sent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdn_orch.openflow.codec import decode_match, encode_flow
from sdn_orch.openflow.fields import FIELDS
from sdn_orch.openflow.messages import FlowCommand, flow_mod
from sdn_orch.openflow.values import OPENFLOW_13, OPENFLOW_15, Flow, Match
from tests.ovs.openflow_session import Session, bridge

pytestmark = pytest.mark.ovs

EVERYWHERE = (
    "eth_src",
    "eth_dst",
    "tunnel_id",
    "tun_src",
    "tun_dst",
    "reg0",
    "reg1",
    "reg2",
    "reg3",
    "metadata",
)
IPV4 = ("ipv4_src", "ipv4_dst", "ip_dscp", "ip_ecn", "ip_ttl")
IPV6 = ("ipv6_src", "ipv6_dst", "ip_dscp", "ip_ecn", "ip_ttl")
NEIGHBOUR = (*IPV6, "icmpv6_code", "ipv6_nd_reserved", "ipv6_nd_target", "ipv6_nd_options_type")
#: What is known of its connection.
KNOWN, KNOWN4, KNOWN6 = ("ct_tp_src", "ct_tp_dst"), ("ct_nw_src", "ct_nw_dst"), ("ct_ipv6_src", "ct_ipv6_dst")
#: What a packet is, and the fields that it then has.
FAMILIES: tuple[tuple[dict[str, int | tuple[int, int]], tuple[str, ...]], ...] = (
    ({}, ()),
    ({"eth_type": 0x88CC}, ()),
    ({"eth_type": 0x0806}, ("arp_op", "arp_spa", "arp_tpa", "arp_sha", "arp_tha")),
    ({"eth_type": 0x0800}, IPV4),
    ({"eth_type": 0x0800, "ip_proto": 6}, (*IPV4, "tcp_src", "tcp_dst")),
    ({"eth_type": 0x0800, "ip_proto": 17}, (*IPV4, "udp_src", "udp_dst")),
    ({"eth_type": 0x0800, "ip_proto": 1}, (*IPV4, "icmpv4_type", "icmpv4_code")),
    ({"eth_type": 0x0800, "ct_state": (0x20, 0x38), "ct_nw_proto": 6}, (*IPV4, *KNOWN, *KNOWN4)),
    ({"eth_type": 0x86DD, "ct_state": (0x28, 0x38), "ct_nw_proto": 58}, (*IPV6, *KNOWN, *KNOWN6)),
    ({"eth_type": 0x86DD}, IPV6),
    ({"eth_type": 0x86DD, "ip_proto": 6}, (*IPV6, "tcp_src", "tcp_dst")),
    ({"eth_type": 0x86DD, "ip_proto": 17}, (*IPV6, "udp_src", "udp_dst")),
    ({"eth_type": 0x86DD, "ip_proto": 58}, (*IPV6, "icmpv6_type", "icmpv6_code")),
    ({"eth_type": 0x86DD, "ip_proto": 58, "icmpv6_type": 135}, (*NEIGHBOUR, "ipv6_nd_sll")),
    ({"eth_type": 0x86DD, "ip_proto": 58, "icmpv6_type": 136}, (*NEIGHBOUR, "ipv6_nd_tll")),
)
#: Untagged, one tag, any tag, and a tag with its priority.
TAGS: tuple[dict[str, int | tuple[int, int]], ...] = (
    {},
    {"vlan_vid": 0},
    {"vlan_vid": 0x1005},
    {"vlan_vid": (0x1000, 0x1000)},
    {"vlan_vid": 0x1FFF, "vlan_pcp": 5},
)


@st.composite
def possible_matches(draw: st.DrawFn) -> Match:
    """Matches whose fields can stand together in one packet."""
    family, special = draw(st.sampled_from(FAMILIES))
    fields: dict[str, int | tuple[int, int]] = {**draw(st.sampled_from(TAGS)), **family}
    if draw(st.booleans()):
        fields["in_port"] = draw(st.integers(1, 0xFEFF))
    for name in draw(st.lists(st.sampled_from((*EVERYWHERE, *special)), unique=True)):
        field = FIELDS[name]
        # Open vSwitch keeps eight bits of an ARP operation.
        values = st.integers(0, (1 << (8 if name == "arp_op" else field.bits)) - 1)
        masked = field.maskable and draw(st.booleans())
        fields[name] = (draw(values), draw(values)) if masked else draw(values)
    if "icmpv6_code" in fields and family.get("icmpv6_type"):
        # With another code it is not neighbour discovery.
        fields["icmpv6_code"] = 0
    return Match.of(**fields)


@pytest.fixture(scope="module", params=[OPENFLOW_13, OPENFLOW_15], ids=["1.3", "1.5"])
def session(request: pytest.FixtureRequest) -> Iterator[Session]:
    with bridge("any-match") as name, Session(name, request.param) as opened:
        yield opened


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(matches=st.lists(possible_matches(), min_size=1, max_size=20))
def test_any_match_is_shown_as_it_was_sent(session: Session, matches: list[Match]) -> None:
    version = session.version
    session.clear_flows()
    sent = {number: encode_flow(Flow(0, number, match), version) for number, match in enumerate(matches)}
    session.tell(*(flow_mod(entry, FlowCommand.ADD, version, session.xid()) for entry in sent.values()))
    shown = {entry.priority: entry for entry, _ in session.flows()}
    for number, entry in sent.items():
        assert shown[number].match.hex() == entry.match.hex()
        assert decode_match(shown[number].match) == matches[number]
    assert shown == sent
