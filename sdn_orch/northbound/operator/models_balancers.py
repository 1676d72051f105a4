"""Load balancers that CloudStack has no words for: what the operator's door takes of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StringConstraints

from sdn_orch.intent.balancers import DRAIN, LONGEST_DRAIN, Algorithm
from sdn_orch.intent.traffic import LARGEST_PORT
from sdn_orch.northbound.operator.models import WHOLE, Model, Name

#: A name, a UUID, an address or a prefix, which is looked at where it is used.
Text = Annotated[str, StringConstraints(min_length=1, max_length=255)]
_Ports = Annotated[
    list[Annotated[int, Field(ge=1, le=LARGEST_PORT), WHOLE]], Field(min_length=2, max_length=2)
]


class BalancedProtocol(StrEnum):
    """What a load balancer can spread."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


class BalancerWanted(Model):
    """A new load balancer, without members."""

    name: Name
    network: Text
    """The network of its members, by name or UUID; its owner is the load balancer's."""
    address: Text | None = None
    """A public address that leads to the network, or one inside of `address_network`, which other load
    balancers may have too; null: a free one inside, of the given `version`."""
    address_network: Text | None = None
    """The network that an address inside is in, of the same VPC; null: that of its members."""
    version: Literal[4, 6] = 6
    """Of IP, of an address that is not given."""
    protocol: BalancedProtocol = BalancedProtocol.TCP
    ports: _Ports
    """First and last."""
    guest_ports: _Ports | None = None
    """Those of its members: as many, or one for all of them; null: the same ones, as SCTP's have to be."""
    algorithm: Algorithm = Algorithm.ROUND_ROBIN
    direct_return: StrictBool = False
    """Whether members get packets as clients sent them, and answer from the address themselves, which each of
    them has on a loopback device. TCP and UDP, at the members' own `ports`."""
    sources: Annotated[list[Text], Field(max_length=256, default_factory=list)]
    """Prefixes of who may connect; none: anybody."""
    drain: Annotated[int, Field(ge=0, le=LONGEST_DRAIN), WHOLE] = DRAIN
    """Seconds for which a member that is taken away, or gets weight 0, keeps its connections."""
    fails_open: StrictBool = True
    """Whether all members are tried where none answers its checks; else nobody gets connections then."""


class MemberWanted(Model):
    """A NIC that is to be a member."""

    nic: Text
    """By UUID, MAC address, or the name of its machine."""
    address: Text | None = None
    """One of its secondary addresses; null: its own."""
