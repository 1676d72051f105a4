"""From an accepted socket to a switch whose features are known.

Everything is asked at once behind the hello, with a barrier at the end: one round trip. What a plain
switch does not know (meters, asynchronous configuration) it answers with an error, which is an answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass

from sdn_orch.errors import MalformedMessage
from sdn_orch.intent.model import Capabilities
from sdn_orch.openflow import messages
from sdn_orch.openflow.events import SwitchFeatures, parse_error, parse_features
from sdn_orch.openflow.messages import FragmentHandling, Kind, PacketInReason
from sdn_orch.openflow.multipart import (
    Description,
    Part,
    multipart_request,
    parse_description,
    parse_group_features,
    parse_meter_features,
    parse_multipart,
)
from sdn_orch.openflow.ports import PortDescription, parse_ports
from sdn_orch.openflow.values import OPENFLOW_13, GroupType

log = logging.getLogger(__name__)

#: OFPGFC_CHAINING (1.3.5, section 7.3.5.11) and OFPC_BUNDLES (1.5.1, section 7.3.1).
_GROUP_CHAINING = 1 << 2
_BUNDLES = 1 << 9
#: Plain switches number tables from 0 and do not use the reserved numbers above.
_MOST_TABLES = 254


@dataclass(frozen=True, slots=True)
class Introduction:
    """What the switch told of itself."""

    version: int
    features: SwitchFeatures
    description: Description
    capabilities: Capabilities
    has_groups: bool
    has_bundles: bool
    ports: tuple[PortDescription, ...]
    #: The features reply and the port descriptions as they came, for Ryu applications.
    messages: tuple[bytes, ...]


def choose_version(offered: Collection[int], ours: Collection[int]) -> int:
    """The highest version in both. Raises MalformedMessage when there is none."""
    common = set(offered) & set(ours)
    if not common:
        names = ", ".join(f"{version:#04x}" for version in sorted(offered))
        raise MalformedMessage(f"switch offers only OpenFlow versions {names}")
    return max(common)


def introduce(
    version: int,
    allocate: Callable[[], int],
    send: Callable[[bytes], None],
    receive: Callable[[], bytes],
    *,
    is_plain: Callable[[int], bool],
    flow_removed: bool,
) -> Introduction:
    """Ask for all that we need to know, and have invalid-TTL packets sent up.

    `receive` gives the next message that is not an echo; `is_plain` tells of a datapath id whether it is
    to be used as a plain switch even if it is Open vSwitch. Raises MalformedMessage for a switch that
    does not tell its identity or tells nonsense, Disconnected and TimeoutError as `receive` does.
    """
    parts = (Part.DESCRIPTION, Part.GROUP_FEATURES, Part.METER_FEATURES, Part.PORT_DESCRIPTION)
    asked = {allocate(): part for part in parts}
    features_xid, barrier = allocate(), allocate()
    reasons = {PacketInReason.NO_MATCH, PacketInReason.ACTION, PacketInReason.INVALID_TTL}
    if version != OPENFLOW_13:
        reasons = set(PacketInReason)
    send(
        b"".join(
            [
                messages.features_request(version, features_xid),
                *(multipart_request(part, version, xid) for xid, part in asked.items()),
                messages.set_async(version, allocate(), reasons, flow_removed=flow_removed),
                messages.barrier_request(version, barrier),
            ]
        )
    )
    features: SwitchFeatures | None = None
    answers: dict[Part, bytes] = {}
    kept: list[bytes] = []
    while True:
        answer = receive()
        kind, xid = answer[1], int.from_bytes(answer[4:8], "big")
        if kind == Kind.FEATURES_REPLY:
            features = parse_features(answer)
            kept.append(answer)
        elif kind == Kind.MULTIPART_REPLY and xid in asked:
            answers[asked[xid]] = answers.get(asked[xid], b"") + parse_multipart(answer)[2]
            if asked[xid] == Part.PORT_DESCRIPTION:
                kept.append(answer)
        elif kind == Kind.ERROR:
            log.info("switch does not know %s", _request_name(asked, xid, parse_error(answer).text))
        elif kind == Kind.BARRIER_REPLY and xid == barrier:
            break
    if features is None or Part.PORT_DESCRIPTION not in answers:
        raise MalformedMessage("switch does not tell its datapath id and ports")
    introduction = _introduction(version, features, answers, tuple(kept), is_plain(features.dpid))
    # Open vSwitch shows the ports of first fragments to flows, guards among them, only when it is told to.
    # Not told otherwise before: what it holds already would let fragments pass meanwhile.
    shown = introduction.capabilities.open_vswitch
    fragments = FragmentHandling.NX_MATCH if shown else FragmentHandling.NORMAL
    send(messages.set_config(version, allocate(), fragments))
    return introduction


def _request_name(asked: dict[int, Part], xid: int, text: str) -> str:
    return f"{asked[xid].name.lower().replace('_', ' ') if xid in asked else 'a setting'} ({text})"


def _introduction(
    version: int,
    features: SwitchFeatures,
    answers: dict[Part, bytes],
    kept: tuple[bytes, ...],
    is_plain: bool,
) -> Introduction:
    description = Description("", "", "", "", "")
    if Part.DESCRIPTION in answers:
        description = parse_description(answers[Part.DESCRIPTION])
    is_named = description.hardware == "Open vSwitch" or description.manufacturer.startswith("Nicira")
    open_vswitch = is_named and not is_plain
    types = chaining = 0
    if Part.GROUP_FEATURES in answers:
        groups = parse_group_features(answers[Part.GROUP_FEATURES])
        types, chaining = groups.types, groups.capabilities & _GROUP_CHAINING
    meters = Part.METER_FEATURES in answers and parse_meter_features(answers[Part.METER_FEATURES]).suffices
    if not features.tables:
        raise MalformedMessage("switch says that it has no tables")
    capabilities = Capabilities(
        open_vswitch=open_vswitch,
        version=version,
        tables=min(features.tables, _MOST_TABLES),
        group_select=bool(types >> GroupType.SELECT & 1),
        group_fast_failover=bool(types >> GroupType.FAST_FAILOVER & 1),
        group_chaining=bool(chaining),
        meters=meters,
    )
    return Introduction(
        version,
        features,
        description,
        capabilities,
        has_groups=bool(types),
        # Open vSwitch has had the ONF extension since 2.8 and does not tell of bundles in its features.
        has_bundles=open_vswitch or (version != OPENFLOW_13 and bool(features.capabilities & _BUNDLES)),
        ports=tuple(parse_ports(answers[Part.PORT_DESCRIPTION], version)),
        messages=kept,
    )
