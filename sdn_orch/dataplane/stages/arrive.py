"""ARRIVE: from a label for this switch back to the frame that was sent."""

from __future__ import annotations

from collections.abc import Iterator

from sdn_orch.dataplane import addresses, label
from sdn_orch.dataplane.pipeline import Table, flow
from sdn_orch.dataplane.rules import Refused, Said
from sdn_orch.dataplane.stages.protocols import IPV4, IPV6
from sdn_orch.dataplane.views import Fields, NetworkView, NicView, Site
from sdn_orch.intent.model import Transport
from sdn_orch.openflow.values import Action, CopyField, Match, SetField


def nic(site: Site, nic: NicView) -> Iterator[Said]:
    """The NIC's own MAC address and network."""
    if site.dialect.transport is not Transport.LABEL:
        return
    own = label.to_nic(site.switch.number, nic.record.number), label.DESTINATION_MASK
    restore = (SetField("eth_dst", nic.mac),)
    yield flow(
        Table.ARRIVE,
        "nic",
        Match.of(eth_dst=own),
        restore,
        metadata=nic.network.entry,
        goto=Table.BACK,
    )


def network(site: Site, network: NetworkView) -> Iterator[Said]:
    """The group address of the IP destination (RFC 1112 6.4, RFC 2464 7), else the broadcast address."""
    if site.dialect.transport is not Transport.LABEL:
        return
    own = label.to_network(site.switch.number, network.number), label.DESTINATION_MASK

    def restored(priority: str, actions: tuple[Action, ...], **fields: int | tuple[int, int]) -> Said:
        match = Match.of(eth_dst=own, **fields)
        return flow(Table.ARRIVE, priority, match, actions, metadata=network.entry, goto=Table.BACK)

    broadcast: tuple[Action, ...] = (SetField("eth_dst", addresses.BROADCAST),)
    yield restored("flood", broadcast)
    multicast4: Fields = {"eth_type": IPV4, "ipv4_dst": addresses.IPV4_MULTICAST}
    multicast6: Fields = {"eth_type": IPV6, "ipv6_dst": addresses.IPV6_MULTICAST}
    if not site.dialect.open_vswitch:
        yield Refused("IP multicast from other switches: to restore its MAC address needs Open vSwitch")
        yield flow(Table.ARRIVE, "ip flood", Match.of(eth_dst=own, **multicast4))
        yield flow(Table.ARRIVE, "ip flood", Match.of(eth_dst=own, **multicast6))
        return
    prefix = SetField("eth_dst", addresses.IPV4_MULTICAST_MAC)
    yield restored("ip flood", (prefix, CopyField("ipv4_dst", "eth_dst", 23)), **multicast4)
    prefix = SetField("eth_dst", addresses.IPV6_MULTICAST_MAC)
    yield restored("ip flood", (prefix, CopyField("ipv6_dst", "eth_dst", 32)), **multicast6)
