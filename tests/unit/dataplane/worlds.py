"""Worlds for the tests of the data plane: a leaf-spine fabric and the networks on it."""

from __future__ import annotations

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
    Transport,
    Vpc,
)
from sdn_orch.intent.public import PublicAddress, PublicRange

OPEN_VSWITCH = Capabilities(
    open_vswitch=True,
    version=0x06,
    group_select=True,
    group_fast_failover=True,
    group_chaining=True,
    meters=True,
)
PLAIN = Capabilities()


def leaf_spine(spines: int, leaves: int, capabilities: Capabilities = OPEN_VSWITCH) -> list[Record]:
    """Spines `spine1`… and leaves `leaf1`…; port i of a leaf leads to spine i, and the other way round."""
    return [
        *_switches("spine", spines, 0x100, SwitchRole.FABRIC, capabilities),
        *_switches("leaf", leaves, 0x200, SwitchRole.EDGE, capabilities),
        *(
            Link(
                id=f"{leaf}-{spine}",
                a_switch_id=f"leaf{leaf}",
                a_port=spine,
                b_switch_id=f"spine{spine}",
                b_port=leaf,
            )
            for leaf in range(1, leaves + 1)
            for spine in range(1, spines + 1)
        ),
    ]


def _switches(name: str, count: int, dpid: int, role: SwitchRole, capabilities: Capabilities) -> list[Switch]:
    return [
        Switch(
            id=f"{name}{i}",
            dpid=dpid + i,
            name=f"{name}{i}",
            role=role,
            transport=Transport.LABEL,
            capabilities=capabilities,
        )
        for i in range(1, count + 1)
    ]


def tenant(name: str = "tenant") -> list[Record]:
    """An account in a domain of its own."""
    return [
        Domain(id=f"{name}-domain", name=name, path="/"),
        Account(id=name, name=name, domain_id=f"{name}-domain"),
    ]


def vpc(id: str, account: str = "tenant") -> Vpc:
    """A VPC that has room for 256 tiers."""
    return Vpc(id=id, account_id=account, name=id, ipv4=IPv4Network("10.0.0.0/8"))


def network(
    id: str, subnet: int = 1, *, vpc_id: str | None = None, account: str = "tenant", mtu: int = 1500
) -> Network:
    """An isolated network, or a tier, with the prefixes 10.subnet/16 and 2001:db8:subnet::/64."""
    return Network(
        id=id,
        account_id=account,
        name=id,
        kind=NetworkKind.ISOLATED,
        vpc_id=vpc_id,
        ipv4=IPv4Network(f"10.{subnet}.0.0/16"),
        gateway4=IPv4Address(f"10.{subnet}.0.1"),
        ipv6=IPv6Network(f"2001:db8:{subnet:x}::/64"),
        gateway6=IPv6Address(f"2001:db8:{subnet:x}::1"),
        mtu=mtu,
    )


def l2_network(id: str, account: str = "tenant") -> Network:
    """A network without addresses."""
    return Network(id=id, account_id=account, name=id, kind=NetworkKind.L2)


def public_range(
    ipv4: IPv4Network, ipv6: IPv6Network | None = None, *, id: str = "range", vlan: int | None = None
) -> PublicRange:
    """A public network: the first address of a prefix leads on, the tenth to the 99th are for tenants."""
    return PublicRange(
        id=id,
        ipv4=ipv4,
        gateway=ipv4[1],
        first=ipv4[10],
        last=ipv4[99],
        vlan=vlan,
        ipv6=ipv6,
        gateway6=None if ipv6 is None else ipv6[1],
    )


def own_address(owner: Nic, address: IPv4Address) -> PublicAddress:
    """The address `own`, static NAT of a NIC."""
    return PublicAddress(
        id="own",
        range_id="range",
        account_id="tenant",
        address=address,
        network_id=owner.network_id,
        nic_id=owner.id,
        guest=owner.ipv4,
    )


def nic(home: Network, host: int, *, active: bool = True) -> Nic:
    """The NIC `<network>-<host>`, with that host part in its addresses and its MAC."""
    ipv4, ipv6 = home.ipv4, home.ipv6
    return Nic(
        id=f"{home.id}-{host}",
        network_id=home.id,
        mac=f"06:00:00:{host >> 16 & 255:02x}:{host >> 8 & 255:02x}:{host & 255:02x}",
        ipv4=ipv4[host] if ipv4 is not None else None,
        ipv6=ipv6[host] if ipv6 is not None else None,
        active=active,
    )


def attach(nic_id: str, switch_id: str, port: int, vlan: int | None = None) -> Attachment:
    """A NIC plugged in."""
    return Attachment(id=f"at-{nic_id}", nic_id=nic_id, switch_id=switch_id, port=port, vlan=vlan)
