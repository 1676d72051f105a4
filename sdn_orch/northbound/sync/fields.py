"""What no command of the extension tells, only the API, in the same words as what they tell."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv6Interface
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from sdn_orch.intent.traffic import Direction
from sdn_orch.northbound.extension.payload import Balanced, Fields, Maybe, Packets, Uuid, lower


class RoutedRule(Packets):
    """A rule of what passes between a network and the outside without translation."""

    id: Uuid
    direction: Annotated[Direction, BeforeValidator(lower)]
    version: Literal[4, 6]
    destination_cidrs: list[IPv4Interface | IPv6Interface] = Field([], alias="destCidrs")


class SecurityRule(Packets):
    """A rule of a security group; the far side is `source_cidrs`, whichever the direction, or a group."""

    id: Uuid
    direction: Direction
    peer: Maybe[Uuid] = None


class PrivateGateway(Fields):
    """An address of a VPC in a network outside."""

    id: Uuid
    address: IPv4Address
    gateway: IPv4Address
    netmask: IPv4Address
    vlan: str = ""
    source_nat: Maybe[bool] = False


class StaticRoute(Fields):
    """A prefix that a VPC reaches by a neighbour."""

    id: Uuid
    prefix: IPv4Interface
    next_hop: IPv4Address


class InnerBalancer(Balanced):
    """A balancer at an address inside of the network `home`."""

    id: Uuid
    home: Uuid
    address: IPv4Address
