"""What `ovs-appctl ofproto/trace` says that a datapath would do, carried out on a packet.

The syntax is that of odp_execute: `set(eth(src=…,dst=…)),push_vlan(vid=10,pcp=0),3,pop_vlan,…`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address

from sdn_orch.intent.packet import Packet

#: Key and subkey of a `set` -> the packet's field.
_FIELDS = {
    ("eth", "src"): "eth_src",
    ("eth", "dst"): "eth_dst",
    ("ipv4", "src"): "ipv4_src",
    ("ipv4", "dst"): "ipv4_dst",
    ("ipv4", "ttl"): "ip_ttl",
    ("ipv6", "src"): "ipv6_src",
    ("ipv6", "dst"): "ipv6_dst",
    ("ipv6", "hlimit"): "ip_ttl",
    ("tcp", "src"): "tcp_src",
    ("tcp", "dst"): "tcp_dst",
    ("udp", "src"): "udp_src",
    ("udp", "dst"): "udp_dst",
    ("arp", "sip"): "arp_spa",
    ("arp", "tip"): "arp_tpa",
    ("arp", "op"): "arp_op",
    ("arp", "sha"): "arp_sha",
    ("arp", "tha"): "arp_tha",
    ("icmp", "type"): "icmpv4_type",
    ("icmp", "code"): "icmpv4_code",
    ("icmpv6", "type"): "icmpv6_type",
    ("icmpv6", "code"): "icmpv6_code",
    ("nd", "target"): "ipv6_nd_target",
    ("nd", "sll"): "ipv6_nd_sll",
    ("nd", "tll"): "ipv6_nd_tll",
    ("nd_ext", "nd_reserved"): "ipv6_nd_reserved",
    ("nd_ext", "nd_options_type"): "ipv6_nd_options_type",
}
_OPTION = ("ipv6_nd_options_type", "ipv6_nd_sll", "ipv6_nd_tll")


@dataclass
class Effect:
    """Frames that leave, by OpenFlow port, and frames for the controller."""

    ports: Mapping[int, int]
    frames: list[tuple[int, Packet]] = field(default_factory=list)
    punts: list[Packet] = field(default_factory=list)

    def run(self, actions: str, packet: Packet) -> None:
        """Carry actions out. Raises AssertionError for one that is not known here."""
        for action in split(actions):
            name, _, rest = action.partition("(")
            inner = rest[:-1]
            if action.isdigit():
                self.frames.append((self.ports[int(action)], packet))
            elif name == "set":
                packet = _set(packet, inner)
            elif name == "push_vlan":
                said = dict(part.split("=") for part in inner.split(","))
                packet = packet.replace(vlan_vid=0x1000 | int(said["vid"]), vlan_pcp=int(said["pcp"]))
            elif action == "pop_vlan":
                packet = packet.without("vlan_vid", "vlan_pcp")
            elif name == "userspace":
                assert "controller(" in inner, action
                self.punts.append(packet)
            elif name == "clone":
                self.run(inner, packet)
            elif name == "check_pkt_len":
                size, larger, fits = split(inner)
                branch = larger if packet.length > int(size.partition("=")[2]) else fits
                self.run(branch.partition("(")[2][:-1], packet)
            else:
                assert name == "meter" or action == "drop", f"not known: {action}"


def split(text: str) -> Iterator[str]:
    """The parts of a list, at the commas that are in no parentheses."""
    depth, start = 0, 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            yield text[start:at]
            start = at + 1
    if text[start:]:
        yield text[start:]


def _set(packet: Packet, inner: str) -> Packet:
    key, _, values = inner.partition("(")
    for part in split(values[:-1]):
        subkey, _, text = part.partition("=")
        name = _FIELDS[key, subkey]
        if name in _OPTION and not packet["ipv6_nd_options_type"]:
            continue  # there is no option in the frame to write into
        value, _, mask = text.partition("/")
        number = _number(value)
        if mask:
            number = packet[name] & ~_number(mask) | number & _number(mask)
        packet = packet.replace(**{name: number})
        if name == "ipv6_nd_options_type":
            packet = packet.replace(**{"ipv6_nd_sll" if number == 2 else "ipv6_nd_tll": 0})
    return packet


def _number(text: str) -> int:
    if re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", text):
        return int(text.replace(":", ""), 16)
    if ":" in text:
        return int(IPv6Address(text))
    return int(IPv4Address(text)) if "." in text else int(text, 0)
