"""`proxy`: runs HAProxy on a gateway's host, for balancers that need one."""

from __future__ import annotations

import signal
from pathlib import Path
from threading import Event
from typing import Annotated

import typer

from sdn_orch import log
from sdn_orch.commands.common import REFUSED, WRONG, fail

_HERE = ("127.0.0.1", "::1", "localhost")

ControllerOption = Annotated[
    str, typer.Option("--controller", metavar="URL", help="Where the controller's API listens.")
]
TokenOption = Annotated[
    Path,
    typer.Option("--token", metavar="FILE", help="A file with a token of scope proxy, and nothing else."),
]
BridgeOption = Annotated[str, typer.Option("--bridge", help="The gateway's bridge.")]
DirectoryOption = Annotated[
    Path, typer.Option("--directory", help="Where configurations and sockets are while it runs.")
]
AuthorityOption = Annotated[
    Path | None,
    typer.Option(
        "--ca", metavar="FILE", help="Who signed the controller's certificate [default: the system's]"
    ),
]
PauseOption = Annotated[float, typer.Option("--interval", help="Seconds between two looks.", min=0.1, max=3)]


def proxy(
    token: TokenOption,
    controller: ControllerOption = "http://127.0.0.1:8080",
    bridge: BridgeOption = "br-int",
    directory: DirectoryOption = Path("/run/sdn-orch-proxy"),
    ca: AuthorityOption = None,
    interval: PauseOption = 1.0,
) -> None:
    """Run the proxies of a gateway in the foreground until SIGTERM or Ctrl-C; as root, on its host.

    Killed, it leaves them running, and takes them over when it comes back.
    """
    import httpx  # only here: the other commands need none of it

    from sdn_orch.proxy.agent import Agent, missing

    log.configure("info", "human")
    if lacking := missing():
        fail(REFUSED, f"not installed: {', '.join(lacking)}")
    url = httpx.URL(controller)
    if url.scheme != "https" and url.host not in _HERE:
        fail(WRONG, f"{controller}: private keys come from there: they leave a machine by https only")
    try:
        secret = token.read_text().strip()
    except OSError as error:
        fail(WRONG, f"{token}: {error.strerror}")
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    headers = {"Authorization": f"Bearer {secret}"}
    verify: str | bool = True if ca is None else str(ca)
    with httpx.Client(base_url=controller, headers=headers, verify=verify, timeout=10) as client:
        Agent(client, bridge, directory).run(ended, interval)
