"""The sockets that doors listen at. They are there before the doors are open: who connects early waits."""

from __future__ import annotations

import socket
from pathlib import Path


def listen_tcp(host: str, port: int) -> socket.socket:
    """A listening TCP socket, IPv4 or IPv6; port 0 is any free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's delays off only on sockets that say it.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"{error.strerror} (listening on {host} port {port})") from None
    return listener


def listen_unix(path: Path) -> socket.socket:
    """A listening unix socket for the daemon's user alone; a dead one in its place goes. Raises OSError."""
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            path.unlink(missing_ok=True)
        else:
            raise FileExistsError(f"another sdn-orch runs: it answers at {path}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        # Nobody can connect before it listens.
        path.chmod(0o600)
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener
