"""Where public addresses live: kept up over random changes, the same as found anew."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sdn_orch.errors import InUse, Invalid, NotFound
from sdn_orch.homes import Home, Homes, Key
from sdn_orch.intent.model import Link, Switch
from sdn_orch.intent.public import PublicAddress, PublicRange
from sdn_orch.intent.routing import PrivateGateway, StaticRoute
from sdn_orch.intent.snapshot import Snapshot
from tests.property.test_incremental import changes, start
from tests.unit.dataplane.worlds import OPEN_VSWITCH

_KINDS = (*(PublicAddress,) * 8, PublicRange, PrivateGateway, StaticRoute, Switch, Link)


def anew(snapshot: Snapshot) -> tuple[dict[Key, Home], dict[Any, dict[Key, Home]]]:
    homes = Homes()
    homes.refresh(snapshot)
    return homes.by_key, homes.askers


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_homes_that_are_kept_up_are_those_found_anew(data: st.DataObject) -> None:
    snapshot = start(OPEN_VSWITCH)
    homes = Homes()
    before: dict[Key, Home] = {}
    assert sorted(homes.refresh(snapshot)) == sorted(homes.by_key)
    assert {version for _, version in homes.by_key} == {4, 6}
    for _ in range(data.draw(st.integers(1, 8))):
        wanted = data.draw(changes(snapshot, _KINDS))
        try:
            after = snapshot.change(wanted)
        except (Invalid, InUse, NotFound):
            continue
        before = dict(homes.by_key)
        homes.changed(after.differences(snapshot, wanted))
        snapshot = after
        # Also when changes of several commits are taken up at once.
        if data.draw(st.booleans()):
            come = homes.refresh(snapshot)
            assert set(come) == {key for key, home in homes.by_key.items() if before.get(key) != home}
            assert (homes.by_key, homes.askers) == anew(snapshot)
    homes.refresh(snapshot)
    assert (homes.by_key, homes.askers) == anew(snapshot)


def test_what_nobody_knows_is_looked_at_whole() -> None:
    snapshot = start(OPEN_VSWITCH)
    homes = Homes()
    homes.refresh(Snapshot.empty())
    assert not homes.by_key and not homes.is_stale
    homes.changed(())
    assert homes.is_stale
    homes.refresh(snapshot)
    assert homes.by_key
