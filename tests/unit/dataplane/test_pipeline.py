"""The pipeline's own promises, and its page."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdn_orch.dataplane.pipeline import (
    METADATA,
    NETWORK,
    REASON,
    ROUTER,
    STAGES,
    Punt,
    Table,
    flow,
    punt,
    punt_of,
)
from sdn_orch.dataplane.pipeline_page import describe
from sdn_orch.intent.model import Network, Vpc
from sdn_orch.openflow.values import Match

PAGE = Path(__file__).parents[3] / "docs" / "pipeline.md"


def test_the_page_is_what_the_code_says() -> None:
    assert PAGE.read_text() == describe(), "run: sdn-orch pipeline --markdown > docs/pipeline.md"


def test_the_page_names_every_table_and_reason() -> None:
    page = describe()
    assert all(f"### {table:d} {table.name}\n" in page for table in Table)
    assert all(f"| {reason:d} | {reason.name} |" in page for reason in Punt)


def test_an_edge_that_is_not_declared_is_refused() -> None:
    with pytest.raises(ValueError, match="no edge from DELIVER to PUNT"):
        flow(Table.DELIVER, "nic", Match.of(), goto=Table.PUNT)
    with pytest.raises(KeyError):
        flow(Table.DELIVER, "no such priority", Match.of())


def test_every_table_but_the_first_is_reached() -> None:
    assert {table for stage in STAGES.values() for table in stage.next} == set(Table) - {Table.CLASSIFY}


@pytest.mark.parametrize("reason", list(Punt))
def test_a_punt_says_its_reason(reason: Punt) -> None:
    rule = punt(Table.SERVICE, "client", Match.of(), reason)
    assert rule.metadata is not None
    value, mask = rule.metadata
    before = NETWORK.of(0xABCDEF)[0] | ROUTER.of(0x800001)[0]
    metadata = before & ~mask | value
    assert punt_of(Table.PUNT, metadata) is reason
    assert NETWORK.read(metadata) == 0xABCDEF
    assert ROUTER.read(metadata) == 0x800001


def test_a_spent_ttl_of_a_plain_switch_comes_from_next_hop() -> None:
    assert punt_of(Table.NEXT_HOP, 5) is Punt.TTL_EXCEEDED
    assert punt_of(Table.CLASSIFY, 0) is Punt.DISCOVERY


def test_an_unknown_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="15"):
        punt_of(Table.PUNT, REASON.of(15)[0])


def test_numbers_fit_into_the_metadata() -> None:
    assert Network.LARGEST_NUMBER < 1 << 23 < 1 << NETWORK.bits
    assert Vpc.LARGEST_NUMBER < 1 << 23 < 1 << ROUTER.bits
    assert sum(subfield.bits for subfield in METADATA) == 64
