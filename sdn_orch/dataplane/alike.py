"""What switches hold alike is compiled once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

from sdn_orch.dataplane.rules import Rules, Said, encode
from sdn_orch.dataplane.views import Site


def alike(site: Site, key: Hashable, say: Callable[[], Iterable[Said]]) -> Rules:
    """What all switches of one dialect hold alike, compiled once for them."""
    key = (key, site.dialect)
    found = site.world.recall(key, Rules)
    if found is None:
        found = site.world.remember(key, encode(say(), site.dialect.version))
    return found
