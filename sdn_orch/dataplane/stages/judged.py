"""EGRESS and INGRESS of networks that cut connections: what goes on is judged as if it began now.

Of every packet Open vSwitch tells what the one that began its connection was, before any translation. The
rules of such networks are about that one, for packets of both directions; so each rule is in both tables:
in one for who began, in the other for who answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sdn_orch.dataplane.pipeline import JUDGED, RULES, Table, flow
from sdn_orch.dataplane.rules import Said
from sdn_orch.dataplane.stages.connection import ANSWERER, BEGINNER, KNOWN_OR_TRANSLATED, RELATED
from sdn_orch.dataplane.traffic import own_origins
from sdn_orch.dataplane.views import Fields
from sdn_orch.intent.traffic import TrafficRule
from sdn_orch.openflow.values import Match

#: Where what may pass goes on.
_ONWARD = {Table.EGRESS: Table.SOURCE_NAT, Table.INGRESS: Table.DESTINATION_NAT}


def known(table: Table) -> Iterator[Said]:
    """What belongs to a known connection of other networks; and of any, what it announces or hears of it."""
    for state in KNOWN_OR_TRANSLATED:
        others: Fields = {} if state == RELATED else {"metadata": JUDGED.of(0)}
        yield flow(table, "known", Match.of(ct_state=state, **others), goto=_ONWARD[table])


def rule(
    rule: TrafficRule, slot: int, said: Iterable[TrafficRule], here: Fields, begun_in: Table, *, lets: bool
) -> Iterator[Said]:
    """Connections that began in a table and that the rule is about may go on, or may not."""
    others = tuple(said)
    for table in _ONWARD:
        state = BEGINNER if table is begun_in else ANSWERER
        for match in own_origins(rule, others, {**here, "ct_state": state}):
            yield flow(table, RULES[slot], match, goto=_ONWARD[table] if lets else None)


def default(here: Fields, *, lets: bool) -> Iterator[Said]:
    """Connections that began inside and that no rule is about may go on, or may not."""
    for table in _ONWARD:
        state = BEGINNER if table is Table.EGRESS else ANSWERER
        match = Match.of(ct_state=state, **here)
        yield flow(table, "default", match, goto=_ONWARD[table] if lets else None)
