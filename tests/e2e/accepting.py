"""A member of a balancer that wants the PROXY protocol, and says whose connection it was told of."""

from __future__ import annotations

from contextlib import AbstractContextManager

from topologies.cloud import Cloud

#: Where it listens.
PORT = 8090
_CONFIGURATION = """
defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend member
  bind :{port} accept-proxy
  http-request return status 200 content-type text/json lf-string '{{"name":"{name}","from":"%[src]"}}'
"""


def accepting(cloud: Cloud, host: str, name: str) -> AbstractContextManager[None]:
    """It runs in a host, and calls itself so."""
    file = cloud.directory / f"accepting-{name}.cfg"
    file.write_text(_CONFIGURATION.format(name=name, port=PORT))
    return cloud.serving(host, PORT, "haproxy", "-db", "-f", str(file))
