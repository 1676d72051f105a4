"""Made-up clouds: isolated networks over a leaf-spine fabric, as a snapshot, in any size.

Every network has a prefix of each family and a gateway; its NICs are spread over the leaves, no two next
to each other, which is the dearest placement: every leaf of a network knows every NIC of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from sdn_orch.intent.model import (
    Account,
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
)
from sdn_orch.intent.snapshot import Put, Snapshot
from sdn_orch.openflow.values import OPENFLOW_15

#: What Open vSwitch says of itself.
OPEN_VSWITCH = Capabilities(
    open_vswitch=True, version=OPENFLOW_15, tables=254, group_chaining=True, meters=True
)
#: Ports below this one are cables to spines.
FIRST_ACCESS_PORT = 100


@dataclass(frozen=True, slots=True)
class Size:
    """How large a cloud is; a tenth of the switches, but at least one, are spines."""

    nics: int
    network_size: int = 10
    switches: int = 100

    @property
    def spines(self) -> int:
        """How many switches only forward."""
        return max(1, self.switches // 10)

    @property
    def leaves(self) -> int:
        """How many switches have NICs."""
        return self.switches - self.spines

    @property
    def networks(self) -> int:
        """How many networks there are."""
        return -(-self.nics // self.network_size)


def build(size: Size) -> Snapshot:
    """The snapshot of such a cloud."""
    return Snapshot.of(*records(size))


def records(size: Size) -> Iterator[Record]:
    """All its records, without numbers."""
    yield Domain(id="domain", name="ROOT", path="/")
    yield Account(id="account", name="tenant", domain_id="domain")
    yield from fabric(size)
    for number in range(1, size.networks + 1):
        home = network(number, size)
        yield home
        before = (number - 1) * size.network_size
        for place in range(min(size.network_size, size.nics - before)):
            yield nic(before + place + 1, home, place + 2)
            yield attachment(before + place + 1, size)


def fabric(size: Size) -> Iterator[Record]:
    """Switches and cables; every leaf has one to every spine."""
    for spine in range(1, size.spines + 1):
        yield Switch(
            id=f"spine{spine}",
            dpid=0x10000 + spine,
            name=f"spine{spine}",
            role=SwitchRole.FABRIC,
            capabilities=OPEN_VSWITCH,
        )
    for leaf in range(1, size.leaves + 1):
        yield Switch(id=f"leaf{leaf}", dpid=leaf, name=f"leaf{leaf}", capabilities=OPEN_VSWITCH)
        for spine in range(1, size.spines + 1):
            yield Link(
                id=f"leaf{leaf}-spine{spine}",
                a_switch_id=f"leaf{leaf}",
                a_port=spine,
                b_switch_id=f"spine{spine}",
                b_port=leaf,
            )


def network(number: int, size: Size, account_id: str = "account") -> Network:
    """One network, with prefixes that hold its NICs and as many again."""
    bits = max(4, (2 * size.network_size + 4).bit_length())
    # All networks may have the same prefixes; different ones are easier to read in a dump.
    ipv4 = IPv4Network((10 << 24 | (number << bits & 0xFFFFFF), 32 - bits))
    ipv6 = IPv6Network((0x20010DB8 << 96 | number << 64, 64))
    return Network(
        id=f"network{number}",
        account_id=account_id,
        name=f"network{number}",
        kind=NetworkKind.ISOLATED,
        ipv4=ipv4,
        gateway4=ipv4[1],
        ipv6=ipv6,
        gateway6=ipv6[1],
    )


def nic(number: int, home: Network, place: int) -> Nic:
    """The NIC with this number, with the addresses number `place` of its network. Gateways have number 1."""
    if home.ipv4 is None or home.ipv6 is None:
        raise ValueError(f"{home.id} has not both prefixes")
    return Nic(
        id=f"nic{number}",
        network_id=home.id,
        mac=(0x06 << 40 | number).to_bytes(6, "big").hex(":"),
        ipv4=IPv4Address(int(home.ipv4.network_address) + place),
        ipv6=IPv6Address(int(home.ipv6.network_address) + place),
        hostname=f"vm{number}",
    )


def attachment(number: int, size: Size) -> Attachment:
    """Where the NIC with this number is: leaf after leaf, each NIC on a port of its own."""
    port, leaf = divmod(number - 1, size.leaves)
    return Attachment(
        id=f"attachment{number}",
        nic_id=f"nic{number}",
        switch_id=f"leaf{leaf + 1}",
        port=FIRST_ACCESS_PORT + port,
    )


def addition(number: int, home: int, place: int, size: Size) -> list[Put]:
    """The changes that add one more NIC to network `home`, as its address number `place`.

    `number` is above that of every NIC there is, and says also on which leaf it is.
    """
    return [Put(nic(number, network(home, size), place)), Put(attachment(number, size))]
