"""Labels: destination MAC addresses that lead a frame through a fabric of label switches.

48 bits: `0x02 | path << 2` (locally administered, never multicast), 16 bits of the destination switch's
number, 24 bits of destination: a NIC's number, or, with the top bit set, the number of a network whose
frame this is: a flooded one, or, with the next bit set too, one that a gateway is to send out. Fabric
switches look at the first three octets only.
"""

from __future__ import annotations

from dataclasses import dataclass

#: Paths: the shortest one, and the two failover colours that a packet may change to, upwards only.
PRIMARY, FIRST_DETOUR, SECOND_DETOUR = 0, 1, 2
PATHS = 64

_LOCAL = 0x02 << 40
_PATH_SHIFT = 42
_SWITCH_SHIFT = 24
_FLOOD = 0x800000
_OUT = 0xC00000

#: Bits that tell path and switch: what a fabric switch matches.
WAY_MASK = 0xFFFFFF000000
#: Bits that tell the switch, whatever the path.
SWITCH_MASK = 0x03FFFF000000
#: Bits that tell switch and destination, whatever the path.
DESTINATION_MASK = 0x03FFFFFFFFFF
#: Bits that every label has in common, and their value.
ANY_LABEL = (_LOCAL, 0x03 << 40)
#: Bits of the path: what a detour rewrites.
PATH_MASK = 0xFC << 40


@dataclass(frozen=True, slots=True)
class Label:
    """What a label says; `flood` tells whether `destination` is a network's number or a NIC's."""

    path: int
    switch: int
    destination: int
    flood: bool = False


def encode(label: Label) -> int:
    """The MAC address of a label. Raises ValueError for a part that does not fit."""
    if not 0 <= label.path < PATHS or not 0 < label.switch < 1 << 16 or not 0 <= label.destination < _FLOOD:
        raise ValueError(f"does not fit in a label: {label}")
    destination = label.destination | _FLOOD if label.flood else label.destination
    return _LOCAL | label.path << _PATH_SHIFT | label.switch << _SWITCH_SHIFT | destination


def to_nic(switch: int, nic: int) -> int:
    """The label of a frame to one NIC on the shortest path."""
    return encode(Label(PRIMARY, switch, nic))


def to_network(switch: int, network: int) -> int:
    """The label of a flooded frame to a network's NICs on one switch."""
    return encode(Label(PRIMARY, switch, network, flood=True))


def to_outside(switch: int, network: int) -> int:
    """The label of a frame from a network to a gateway, which sends it out."""
    return encode(Label(PRIMARY, switch, network)) | _OUT


def way(path: int, switch: int) -> int:
    """Path and switch of a label, to be matched under `WAY_MASK`."""
    return encode(Label(path, switch, 0))


def path_bits(path: int) -> int:
    """A path where a label has it, to be set under `PATH_MASK`."""
    return path << _PATH_SHIFT
