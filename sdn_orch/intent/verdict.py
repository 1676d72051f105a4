"""What may become of a frame, in the terms of the intent: the words that `meaning` and its parts speak."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sdn_orch.intent.model import Attachment, Network, Nic
from sdn_orch.intent.packet import Packet
from sdn_orch.intent.snapshot import Snapshot

#: The receiver of what leaves for a public network, with that network's tag.
OUTSIDE = "outside"


class Service(StrEnum):
    """What the network itself does with a frame, instead of passing it on."""

    DISCOVERY = "link discovery"
    ARP = "ARP answer"
    NEIGHBOUR = "neighbour advertisement"
    ECHO = "gateway's echo reply"
    DHCP4 = "DHCP"
    DHCP6 = "DHCPv6"
    ROUTER_SOLICITATION = "router advertisement"
    DNS = "names"
    TIME_EXCEEDED = "time exceeded"
    TOO_BIG = "packet too big"
    METADATA = "metadata and passwords"
    CHECK = "health checks"


@dataclass(frozen=True, slots=True)
class Answer:
    """Which service answers; `reply` is the frame that the sender gets, where the frame alone decides it."""

    service: Service
    reply: Packet | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who receives a frame, by NIC id, and as what (without a trunk's tag); else the answer or the reason."""

    received: frozenset[tuple[str, Packet]] = frozenset()
    answer: Answer | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, in which network, and where it is plugged in."""

    nic: Nic
    network: Network
    place: Attachment


def place_of(snapshot: Snapshot, nic: Nic) -> Attachment | None:
    """Where a NIC is plugged in, if it takes part at all."""
    attachments = snapshot.where(Attachment, "nic_id", nic.id) if nic.active else ()
    return attachments[0] if attachments else None
