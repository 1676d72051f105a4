"""Servers that a tenant's machines run: nginx, and dnsmasq for DNS. Each says whose answer it is."""

from __future__ import annotations

from contextlib import AbstractContextManager

from topologies.balancing import Balanced

#: Where they listen.
HTTP, DNS = 8088, 5353
#: What dnsmasq is asked for, a TXT record.
NAME = "who.test"
_NGINX = """
user root;
daemon off;
master_process off;
pid {directory}/nginx-{name}.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  default_type application/json;
  keepalive_requests 1000000;
  keepalive_timeout 600s;
  server {{ listen {port} backlog=4096; location / {{ return 200 '{{"name":"{name}"}}'; }} }}
}}
"""


def nginx(balanced: Balanced, name: str) -> AbstractContextManager[None]:
    """It runs on a machine until the context ends, and then is gone as if it had died."""
    cloud = balanced.cloud
    file = cloud.directory / f"nginx-{name}.conf"
    file.write_text(_NGINX.format(directory=cloud.directory, name=name, port=HTTP))
    return cloud.serving(balanced.hosts()[name], HTTP, "nginx", "-c", str(file), "-e", "stderr")


def dnsmasq(balanced: Balanced, name: str) -> AbstractContextManager[None]:
    """The same for names, over UDP and TCP."""
    settings = ("--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root", "--no-resolv")
    record = f"--txt-record={NAME},{name}"
    return balanced.cloud.serving(
        balanced.hosts()[name], DNS, "dnsmasq", *settings, "--no-hosts", f"--port={DNS}", record
    )
