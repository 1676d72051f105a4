"""The daemon: what it must have for itself, switches at its door, and then all its parts."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from sdn_orch.config import Config
from sdn_orch.northbound.listening import listen_tcp, listen_unix
from sdn_orch.southbound.channel import Channel
from sdn_orch.southbound.vestibule import Vestibule
from sdn_orch.store.sqlite import own
from sdn_orch.threads import Watch
from sdn_orch.uncollected import kept

log = logging.getLogger(__name__)


def run(config: Config, applications: Sequence[Path] = ()) -> None:
    """Run until an exception (KeyboardInterrupt, for one) ends it; the switches keep what they hold.

    `applications` are files of Ryu applications to run beside ours. Raises SdnOrchError and OSError for
    what prevents the start, with everything stopped again, and ThreadEnded (see `threads`).
    """
    with Watch() as watch, ExitStack() as running:
        start(config, applications, running)
        running.callback(log.info, "stopping, the switches keep their rules")
        watch.wait()


@kept()
def start(config: Config, applications: Sequence[Path], running: ExitStack) -> None:
    """Start everything; leaving `running` stops it, the doors first."""
    # Threads hand each other work that takes microseconds; by default one waits 5 ms for its turn.
    sys.setswitchinterval(0.0005)
    # Whatever another daemon has is found out before anything is done.
    running.enter_context(own(config.store.path))
    sockets = listen(config, running)
    loaded = None
    if applications:
        # os-ken takes half a second to import, and without applications nothing of it is needed.
        from sdn_orch.southbound.applications import RyuApplications

        loaded = RyuApplications([str(path) for path in applications])
        running.callback(loaded.stop)
    plain = [row.dpid for row in config.switches if not row.open_vswitch]
    vestibule = Vestibule()
    channel = Channel(
        config.openflow.listen, vestibule, tls=config.openflow.tls, applications=loaded, plain=plain
    )
    channel.start()
    running.callback(channel.stop)
    # All the rest takes a second or more to import and to read, in which switches connect.
    from sdn_orch.assembly import assemble

    assemble(config, channel, vestibule, sockets, running, has_applications=bool(applications))
    log.info(
        "ready: switches connect to %s%s, CloudStack's API at %s%s, sdn-orch's commands at %s",
        config.openflow.listen,
        " (TLS)" if config.openflow.tls else "",
        config.api.listen,
        " (TLS)" if config.api.tls else "",
        config.socket,
    )


def listen(config: Config, running: ExitStack) -> tuple[socket.socket, socket.socket]:
    """The sockets of CloudStack's API and of the operator. Raises OSError when one cannot be had."""
    api = running.enter_context(listen_tcp(config.api.listen.host, config.api.listen.port))
    config.socket.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    door = running.enter_context(listen_unix(config.socket))
    running.callback(config.socket.unlink, missing_ok=True)
    return api, door
