"""The libraries of OVSDB, without eventlet. Import them through here.

`ovs.poller` takes eventlet up wherever it is installed, and os-ken brings it along. Nothing of ours runs on
green threads; it would cost a tenth of a second at every start, and a warning of eventlet's own end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["connection", "idlutils", "stream", "transaction"]


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """Let a module that was not imported yet seem not to be installed."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


with _absent("eventlet"):
    from ovs import stream
    from ovsdbapp.backend.ovs_idl import connection, idlutils, transaction
