"""Start everything that talks to switches, and stop it when told to."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from sdn_orch.southbound.base import Listener
from sdn_orch.southbound.channel import Channel, Endpoint
from sdn_orch.southbound.surroundings import Timing

log = logging.getLogger(__name__)


def launch(
    endpoints: Sequence[Endpoint],
    listener: Listener,
    stop: threading.Event,
    *,
    applications: Sequence[str] = (),
    timing: Timing | None = None,
    started: Callable[[tuple[int, ...]], None] | None = None,
) -> None:
    """Load the Ryu applications (files or module names), listen, and serve until `stop` is set.

    `started` is told the port of each endpoint. Raises OSError when an endpoint or a TLS file cannot be
    had, and whatever an application raises while it loads. When it returns every session is closed, and
    every disconnect told.
    """
    loaded = None
    if applications:
        # os-ken takes half a second to import, and without applications we do not need it.
        from sdn_orch.southbound.applications import RyuApplications

        loaded = RyuApplications(applications)
    channel = Channel(endpoints, listener, timing=timing, applications=loaded)
    try:
        ports = channel.start()
        log.info("listening for switches on %s", ", ".join(str(port) for port in ports))
        if started is not None:
            started(ports)
        stop.wait()
    finally:
        channel.stop()
        if loaded is not None:
            loaded.stop()
