"""Small random clouds with all that makes isolation hard, and random packets, honest and forged.

Accounts have overlapping prefixes, MAC addresses are the same in different networks, trunk ports carry
several networks, some NICs are stopped, some nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from random import Random

from sdn_orch.intent.model import (
    Account,
    Arrival,
    Attachment,
    Capabilities,
    Domain,
    Link,
    Network,
    NetworkKind,
    Nic,
    Record,
    Switch,
    SwitchRole,
    Transport,
    Vpc,
)
from sdn_orch.intent.routing import StaticRoute
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.intent.validate import check

OPEN_VSWITCH = Capabilities(open_vswitch=True, version=0x06, group_chaining=True, meters=True)
PLAIN = Capabilities(version=0x04)
#: Few, so that the same one is in many networks.
MACS = (
    "06:00:00:00:00:01",
    "06:00:00:00:00:02",
    "52:54:00:aa:bb:cc",
    "ae:00:00:00:00:09",
    "06:5e:00:00:00:01",
)
TRUNK = 40
#: The port from which on NICs arrive.
FIRST_ARRIVAL = 200

#: Edges, fabric switches, and links (pairs of names) of each shape.
_SHAPES: dict[str, tuple[int, int, tuple[tuple[str, str], ...]]] = {
    "single": (1, 0, ()),
    "two": (2, 0, (("e1", "e2"),)),
    "two cables": (2, 0, (("e1", "e2"), ("e1", "e2"))),
    "line": (3, 0, (("e1", "e2"), ("e2", "e3"))),
    "ring": (4, 0, (("e1", "e2"), ("e2", "e3"), ("e3", "e4"), ("e1", "e4"))),
    "leaf-spine": (3, 2, tuple((e, f) for e in ("e1", "e2", "e3") for f in ("f1", "f2"))),
    "full": (3, 1, (("e1", "e2"), ("e1", "e3"), ("e2", "e3"), ("e1", "f1"), ("e2", "f1"), ("e3", "f1"))),
    "mesh": (
        3,
        3,
        (*((a, b) for a in ("e1", "e2", "e3") for b in ("f1", "f2", "f3")), ("e1", "e2"), ("f1", "f3")),
    ),
    "islands": (2, 0, ()),
}


@dataclass(frozen=True)
class Cloud:
    """What is in a cloud, for those who choose packets and links at random."""

    snapshot: Snapshot
    shape: str
    transport: Transport

    @property
    def nics(self) -> list[Nic]:
        """Those that can send."""
        return [nic for nic in self.snapshot.all(Nic) if self.snapshot.where(Attachment, "nic_id", nic.id)]

    def places(self, nic: Nic) -> list[Attachment]:
        """Where a NIC may send from: where it is, and where it is about to come to."""
        (there,) = self.snapshot.where(Attachment, "nic_id", nic.id)
        return [
            there,
            *(
                replace(there, switch_id=arrival.switch_id, port=arrival.port, vlan=None)
                for arrival in self.snapshot.where(Arrival, "nic_id", nic.id)
                if nic.active
                and arrival.admitted
                and arrival.switch_id != there.switch_id
                and self.snapshot.need(Switch, arrival.switch_id).capabilities.open_vswitch
            ),
        ]


def with_arrivals(random: Random, cloud: Cloud, share: float = 0.3) -> Cloud:
    """A cloud some of whose NICs are awaited elsewhere, at ports where nobody is."""
    edges = [switch for switch in cloud.snapshot.all(Switch) if switch.role == SwitchRole.EDGE]
    awaited = (nic for nic in cloud.nics if random.random() < share)
    arrivals = [
        Arrival(
            id=f"arrival of {nic.id}",
            nic_id=nic.id,
            switch_id=random.choice(edges).id,
            port=port,
            admitted=random.random() < 0.8,
        )
        for port, nic in enumerate(awaited, FIRST_ARRIVAL)
    ]
    return replace(cloud, snapshot=cloud.snapshot.change([Put(each) for each in arrivals]))


def make_cloud(
    random: Random,
    *,
    transport: Transport | None = None,
    shape: str | None = None,
    capabilities: Capabilities = OPEN_VSWITCH,
) -> Cloud:
    """A random cloud that passes every rule of validation."""
    chosen = transport or random.choice((Transport.LABEL, Transport.LABEL, Transport.VXLAN, Transport.VLAN))
    if shape is None:
        shape = random.choice(list(_SHAPES)) if chosen == Transport.LABEL else "islands"
    switches = _switches(random, chosen, shape, capabilities)
    networks = _networks(random, chosen, limited=capabilities.meters)
    records: list[Record] = [*switches, *_links(switches, shape), *networks]
    edges = [switch for switch in switches if switch.role == SwitchRole.EDGE]
    records += _nics(random, [record for record in networks if isinstance(record, Network)], edges)
    records += _routes(random, records)
    changes = [Put(record) for record in records]
    check(Snapshot.empty(), changes)
    return Cloud(Snapshot.empty().change(changes), shape, chosen)


def _switches(random: Random, transport: Transport, shape: str, capabilities: Capabilities) -> list[Switch]:
    edges, fabric, _ = _SHAPES[shape]
    underlay = None if transport == Transport.LABEL else 60
    # Numbers are given in this order: mix the two roles.
    names = [f"e{i + 1}" for i in range(edges)] + [f"f{i + 1}" for i in range(fabric)]
    random.shuffle(names)
    return [
        Switch(
            id=name,
            dpid=index + 1,
            name=name,
            role=SwitchRole.EDGE if name[0] == "e" else SwitchRole.FABRIC,
            transport=transport if name[0] == "e" else Transport.LABEL,
            underlay=underlay if name[0] == "e" else None,
            tunnel_address=IPv4Address(f"192.0.2.{index + 1}")
            if transport == Transport.VXLAN and name[0] == "e"
            else None,
            capabilities=capabilities,
        )
        for index, name in enumerate(names)
    ]


def _links(switches: list[Switch], shape: str) -> list[Link]:
    links: list[Link] = []
    port = 50
    for a, b in _SHAPES[shape][2]:
        port += 1
        links.append(Link(id=f"{a}-{b}-{port}", a_switch_id=a, a_port=port, b_switch_id=b, b_port=port))
    return links


def _networks(random: Random, transport: Transport, *, limited: bool) -> list[Record]:
    records: list[Record] = [Domain(id="root", name="root", path="/")]
    for account in ("red", "blue"):
        records.append(Account(id=account, name=account, domain_id="root"))
    vlan = 100
    for account in ("red", "blue"):
        tiers = random.choice((0, 0, 2, 3))
        if tiers:
            records.append(
                Vpc(id=f"{account}-vpc", account_id=account, name="vpc", ipv4=IPv4Network("10.0.0.0/16"))
            )
        for index in range(tiers):
            records.append(
                _network(
                    random, f"{account}-tier{index}", account, index, vpc_id=f"{account}-vpc", limited=limited
                )
            )
        for index in range(random.choice((1, 1, 2))):
            kind = random.choice(
                (NetworkKind.ISOLATED, NetworkKind.ISOLATED, NetworkKind.SHARED, NetworkKind.L2)
            )
            records.append(
                _network(
                    random,
                    f"{account}-net{index}",
                    account,
                    random.choice((0, 1)),
                    kind=kind,
                    limited=limited,
                )
            )
    if transport == Transport.VLAN:
        for index, record in enumerate(records):
            if isinstance(record, Network) and random.random() < 0.9:
                records[index] = _with_vlan(record, vlan := vlan + 1)
    return records


def _with_vlan(network: Network, vlan: int) -> Network:
    return replace(network, vlan=vlan)


def _network(
    random: Random,
    id: str,
    account: str,
    index: int,
    *,
    kind: NetworkKind = NetworkKind.ISOLATED,
    vpc_id: str | None = None,
    limited: bool = False,
) -> Network:
    if kind == NetworkKind.L2:
        return Network(id=id, account_id=account, name=id, kind=kind)
    families = random.choice(("4", "6", "46", "46"))
    ipv4 = IPv4Network(f"10.0.{index}.0/24") if "4" in families else None
    ipv6 = IPv6Network(f"2001:db8:0:{index}::/64") if "6" in families else None
    return Network(
        id=id,
        account_id=account,
        name=id,
        kind=kind,
        vpc_id=vpc_id,
        ipv4=ipv4,
        gateway4=ipv4[1] if ipv4 else None,
        ipv6=ipv6,
        gateway6=ipv6[1] if ipv6 else None,
        mtu=random.choice((1500, 1500, 1400)),
        answers_names=random.random() < 0.7,
        rate=random.choice((None, None, 100)) if limited else None,
    )


def _routes(random: Random, records: list[Record]) -> list[Record]:
    """Static routes of VPCs, by a NIC in a tier, or by one that is not there."""
    tiers = [each for each in records if isinstance(each, Network) and each.vpc_id and each.ipv4]
    return [
        StaticRoute(
            id=f"{tier.id}/route",
            vpc_id=tier.vpc_id or "",
            prefix=IPv4Network(f"172.16.{index}.0/24"),
            next_hop=tier.ipv4[10 + random.choice((0, 0, 1, 2))],
            network_id=tier.id,
        )
        for index, tier in enumerate(tiers)
        if tier.ipv4 is not None and random.random() < 0.6
    ]


def _nics(random: Random, networks: list[Network], edges: list[Switch]) -> list[Record]:
    records: list[Record] = []
    next_port = {switch.id: 1 for switch in edges}
    trunk_vlans: dict[str, dict[str, int]] = {switch.id: {} for switch in edges}
    last_access: dict[tuple[str, str], int] = {}
    for network in networks:
        macs = random.sample(MACS, len(MACS))
        for index in range(random.choice((1, 2, 2, 3, 4))):
            nic = Nic(
                id=f"{network.id}/{index}",
                network_id=network.id,
                mac=macs[index],
                ipv4=network.ipv4[10 + index] if network.ipv4 else None,
                ipv6=network.ipv6[10 + index] if network.ipv6 else None,
                secondary4=(network.ipv4[100 + index],) if network.ipv4 and random.random() < 0.2 else (),
                secondary6=(network.ipv6[100 + index],) if network.ipv6 and random.random() < 0.2 else (),
                active=random.random() < 0.93,
            )
            records.append(nic)
            if index and random.random() < 0.05:
                continue
            switch = random.choice(edges).id
            kind = random.random()
            vlan: int | None = None
            if kind < 0.3:
                taken = trunk_vlans[switch]
                port, vlan = TRUNK, taken.setdefault(network.id, 10 + len(taken))
            elif kind < 0.45 and (switch, network.id) in last_access:
                port = last_access[switch, network.id]
            else:
                port = last_access[switch, network.id] = next_port[switch]
                next_port[switch] += 1
            records.append(
                Attachment(id=f"at {nic.id}", nic_id=nic.id, switch_id=switch, port=port, vlan=vlan)
            )
    return records
