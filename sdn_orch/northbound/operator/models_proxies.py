"""What a gateway's host is told of the proxies that it is to run."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from sdn_orch.intent.balancers import Affinity, Algorithm
from sdn_orch.northbound.operator.models import Model


class AgentState(StrEnum):
    """What the agent of a gateway is about to do."""

    STAYS = "stays"
    LEAVES = "leaves"


class ProxiesQuery(Model):
    """Who asks."""

    agent: AgentState | None = None
    """Its agent: one that stays has to ask every few seconds, else others take over what it runs; one that
    leaves has to wait until they have. None: somebody else."""


class ServerAnswer(Model):
    """A member of a load balancer, as its proxy sees it."""

    name: str
    """Unlike any other of its load balancer, and not to be guessed: cookies have it."""
    address: str
    port: int | None
    """None: the one that the client asked for."""
    weight: int
    """Its parts of all new connections; with 0 it gets none but those of clients that had it."""
    failing: bool
    """Whether it gets no connections, because it does not answer its health checks."""


class StickinessAnswer(Model):
    """How clients are known again."""

    affinity: Affinity
    expire: int | None
    """Seconds for which a client that stays away is remembered; None: as long as it brings the cookie."""
    clients: int | None
    """How many are remembered at most; None: any number."""
    options: dict[str, list[str]]


class ProxyAnswer(Model):
    """A proxy: a NIC in the network of a load balancer's members, and what it does with connections there."""

    nic: str
    here: bool
    """Whether the switches lead to it at this gateway."""
    mac: str
    address: str
    """With the prefix' length."""
    gateway: str
    mtu: int
    balancer: str
    name: str
    ports: list[int]
    """First and last."""
    algorithm: Algorithm
    http: bool
    """Whether connections are understood as HTTP."""
    certificate: str | None = Field(repr=False)
    """What clients of TLS are shown, with its chain and its private key, PEM; None: they speak none."""
    proxy_protocol: bool
    """Whether members are told the client's address by the PROXY protocol."""
    stickiness: StickinessAnswer | None
    servers: list[ServerAnswer]
