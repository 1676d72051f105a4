"""What the configuration says of switches and links, as changes to the store.

The configuration is the authority on which switches there are: one that it no longer names is removed with
its links and attachments. What was learned of a switch (its capabilities) is kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

from sdn_orch import config
from sdn_orch.intent.model import Attachment, Link, Source, Switch
from sdn_orch.intent.snapshot import Change, Delete, Put, Snapshot


def switches(snapshot: Snapshot, configured: config.Config) -> Iterator[Change]:
    """Switches as configured, by datapath id; those that are not configured go."""
    wanted = {row.dpid: row for row in configured.switches}
    known = {switch.dpid: switch for switch in snapshot.all(Switch)}
    for dpid, switch in known.items():
        if dpid not in wanted:
            gone: list[Attachment | Link] = list(snapshot.where(Attachment, "switch_id", switch.id))
            gone += links_of(snapshot, switch.id)
            yield from (Delete(type(record), record.id) for record in gone)
            yield Delete(Switch, switch.id)
    for dpid, row in wanted.items():
        before = known.get(dpid) or Switch(id=str(uuid4()), dpid=dpid, name=row.name)
        after = replace(
            before,
            name=row.name,
            role=row.role,
            transport=row.transport or configured.fabric.transport,
            underlay=row.underlay,
            tunnel_address=row.tunnel_address,
            learn_ports=row.learn_ports,
            public_port=row.public_port,
            gateway_weight=row.gateway_weight,
        )
        if after != known.get(dpid):
            yield Put(after)


def links(snapshot: Snapshot, configured: config.Config) -> Iterator[Change]:
    """Links as configured, in place of discovered ones at the same ports; once configured ones that are
    not any more go. The switches must be in the snapshot already."""
    ids = {switch.name: switch.id for switch in snapshot.all(Switch)}
    wanted: dict[tuple[tuple[str, int], tuple[str, int]], int] = {}
    for row in configured.links:
        ends = ((ids[row.a.switch], row.a.port), (ids[row.b.switch], row.b.port))
        a, b = sorted(ends)
        wanted[a, b] = row.capacity
    taken = {end for ends in wanted for end in ends}
    for link in snapshot.all(Link):
        ends = ((link.a_switch_id, link.a_port), (link.b_switch_id, link.b_port))
        capacity = wanted.get(ends)
        if capacity is not None:
            del wanted[ends]
            after = replace(link, capacity=capacity, source=Source.CONFIGURATION)
            if after != link:
                yield Put(after)
        elif link.source is Source.CONFIGURATION or taken.intersection(ends):
            yield Delete(Link, link.id)
    for (a, b), capacity in wanted.items():
        yield Put(
            Link(
                id=str(uuid4()),
                a_switch_id=a[0],
                a_port=a[1],
                b_switch_id=b[0],
                b_port=b[1],
                capacity=capacity,
                source=Source.CONFIGURATION,
            )
        )


def links_of(snapshot: Snapshot, switch_id: str) -> list[Link]:
    """The links that end at a switch."""
    found = (*snapshot.where(Link, "a_switch_id", switch_id), *snapshot.where(Link, "b_switch_id", switch_id))
    return list({link.id: link for link in found}.values())
