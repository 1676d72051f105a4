"""Which switches get a change before others, so that no packet comes to one that does not expect it yet."""

from __future__ import annotations

from collections.abc import Sequence, Set

from sdn_orch.dataplane.world import World
from sdn_orch.intent.model import Attachment, Link, Record
from sdn_orch.intent.public import PublicAddress
from sdn_orch.intent.routing import PrivateGateway
from sdn_orch.intent.snapshot import Difference


def leading(changes: Sequence[tuple[Record | None, Record | None]], switches: Set[str]) -> set[str]:
    """Which of the touched switches go first, so that no packet comes to one that does not expect it yet.

    A NIC's own edge; the ends of a cable that is there again; and, when a cable is gone, all but its ends.
    These turn packets round by themselves until nobody sends them any (RFC 6976 is of the same order).
    """
    places = {new.switch_id for _, new in changes if isinstance(new, Attachment)}
    come: set[str] = set()
    gone: set[str] = set()
    for old, new in changes:
        was_up, is_up = (isinstance(link, Link) and link.up for link in (old, new))
        if was_up != is_up and isinstance(link := new or old, Link):
            (come if is_up else gone).update(switch_id for switch_id, _ in link.ports)
    others = switches - gone if gone else frozenset()
    return (places | come | others) & switches


def taking_over(before: World, after: World, changes: Sequence[Difference]) -> set[str]:
    """The gateways to which public addresses may have come: they go first too."""
    moved = before.gateways() != after.gateways()
    if moved or any(isinstance(old or new, PublicAddress | PrivateGateway) for old, new in changes):
        return {switch.id for switch in after.gateways()}
    return set()


def yielding(before: World, after: World) -> set[str]:
    """The gateways from which routers go to another one that has come, while nobody comes to them."""
    old, new = ({switch.id for switch in world.gateways()} for world in (before, after))
    return old if old < new else set()
