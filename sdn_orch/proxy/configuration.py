"""What HAProxy is told: the configuration of one proxy, a function of what the controller says of it."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from sdn_orch.errors import Invalid
from sdn_orch.intent.balancers import Affinity, Algorithm
from sdn_orch.northbound.operator.models_proxies import ProxyAnswer, ServerAnswer, StickinessAnswer

#: What one process knows itself by, when it tells the next one whom clients had.
_PEER = "self"

_BALANCE = {
    Algorithm.ROUND_ROBIN: "roundrobin",
    Algorithm.LEAST_CONNECTIONS: "leastconn",
    Algorithm.SOURCE: "source",
}
#: Clients that are remembered, and bytes of their cookies, where nothing is said of it.
_CLIENTS, _COOKIE = 200 * 1024, 52


def configuration(proxy: ProxyAnswer, directory: Path) -> str:
    """The file for a proxy whose sockets are in a directory. Raises Invalid for what cannot be said in it."""
    return "\n".join([*_common(proxy, directory), *_front(proxy, directory), *_back(proxy), ""])


def certificate_file(certificate: str, directory: Path) -> Path:
    """Where a certificate with its private key is; another one is elsewhere."""
    return directory / f"{sha256(certificate.encode()).hexdigest()[:32]}.pem"


def remembers(proxy: ProxyAnswer) -> bool:
    """Whether it knows clients by what it has seen of them, and not by what they bring alone."""
    return proxy.stickiness is not None and proxy.stickiness.affinity is not Affinity.COOKIE


def _common(proxy: ProxyAnswer, directory: Path) -> Iterator[str]:
    yield "global"
    yield "  user haproxy"
    yield "  group haproxy"
    yield f"  localpeer {_PEER}"
    # By it the next process takes over the sockets on which this one listens.
    yield f"  stats socket {_quoted(str(directory / 'admin.sock'))} mode 600 level admin expose-fd listeners"
    # Connections that stand when the configuration changes may stand so much longer.
    yield "  hard-stop-after 1h"
    if proxy.certificate is not None:
        yield "  ssl-default-bind-options ssl-min-ver TLSv1.2"
    yield "defaults"
    yield f"  mode {'http' if proxy.http else 'tcp'}"
    yield "  timeout connect 5s"
    idle = "50s" if proxy.http else "1h"
    yield f"  timeout client {idle}"
    yield f"  timeout server {idle}"
    if proxy.http:
        yield "  timeout http-request 30s"
        yield "  option forwardfor"
    yield "  option redispatch"
    if remembers(proxy):
        yield "peers reload"
        yield f"  peer {_PEER} 127.0.0.1:1023"


def _front(proxy: ProxyAnswer, directory: Path) -> Iterator[str]:
    first, last = proxy.ports
    ports = str(first) if first == last else f"{first}-{last}"
    yield "frontend public"
    words = ["  bind", f"{proxy.address.partition('/')[0]}:{ports}"]
    if proxy.certificate is not None:
        words += ["ssl", "crt", _quoted(str(certificate_file(proxy.certificate, directory)))]
        words += ["alpn", "h2,http/1.1"]
    yield " ".join(words)
    if proxy.http:
        # Whatever clients say of themselves: members may rely on it.
        yield "  http-request del-header X-Forwarded-For"
        scheme = "http" if proxy.certificate is None else "https"
        yield f"  http-request set-header X-Forwarded-Proto {scheme}"
    yield "  default_backend members"


def _back(proxy: ProxyAnswer) -> Iterator[str]:
    yield "backend members"
    yield f"  balance {_BALANCE[proxy.algorithm]}"
    policy = proxy.stickiness
    match policy and policy.affinity:
        case Affinity.SOURCE if policy is not None:
            yield _table("ip", policy)
            yield "  stick on src"
        case Affinity.COOKIE if policy is not None:
            yield _cookie(policy, f"lb-{proxy.balancer[:8]}")
        case Affinity.APPLICATION_COOKIE if policy is not None:
            yield from _application_cookie(policy)
    for server in proxy.servers:
        yield _server(server, proxy)


def _server(server: ServerAnswer, proxy: ProxyAnswer) -> str:
    words = [
        "  server",
        server.name,
        server.address if server.port is None else f"{server.address}:{server.port}",
    ]
    words += ["weight", str(server.weight)]
    if proxy.stickiness is not None and proxy.stickiness.affinity is Affinity.COOKIE:
        words += ["cookie", server.name]
    if proxy.proxy_protocol:
        words.append("send-proxy")
    if server.failing:
        words.append("disabled")
    return " ".join(words)


def _cookie(policy: StickinessAnswer, default: str) -> str:
    words = ["  cookie", _quoted(_one(policy, "cookie-name") or default), _one(policy, "mode") or "insert"]
    words += [flag for flag in ("indirect", "nocache", "postonly") if flag in policy.options]
    for domain in policy.options.get("domain", ()):
        words += ["domain", _quoted(domain)]
    return " ".join(words)


def _application_cookie(policy: StickinessAnswer) -> Iterator[str]:
    """The member that set the cookie gets whoever brings it, also in the URL where that is asked for."""
    yield _table(f"string len {_one(policy, 'length') or _COOKIE}", policy)
    name, mode = _one(policy, "cookie-name"), _one(policy, "mode")
    seen = _by_prefix(name) if "prefix" in policy.options else _by_name(_quoted(name))
    yield f"  stick {'on' if 'request-learn' in policy.options else 'match'} {seen['cookie']}"
    if mode:
        yield f"  stick match {seen[mode]}"
    yield f"  stick store-response {seen['answer']}"


def _by_name(name: str) -> dict[str, str]:
    """Where the value of a cookie is found, in requests, their URLs by mode, and answers."""
    return {
        "cookie": f"req.cook({name})",
        "path-parameters": f"urlp({name},;)",
        "query-string": f"urlp({name})",
        "answer": f"res.cook({name})",
    }


def _by_prefix(prefix: str) -> dict[str, str]:
    """The same for whatever cookie's name begins so: of it the rest of the name, and the value."""
    name = prefix.replace(".", "[.]")
    return {
        "cookie": _part("req.fhdr(cookie)", rf"^(?:.*;)? *{name}([^;=]*=[^;]*).*$"),
        "path-parameters": _part("path", rf"^[^;]*;(?:.*;)?{name}([^;=]*=[^;]*).*$"),
        "query-string": _part("query", rf"^(?:.*&)?{name}([^&=]*=[^&]*).*$"),
        # All lines of the answer at once: it may set several cookies.
        "answer": _part("res.hdrs", rf"^(?s:.*)\nset-cookie: *{name}([^;=\r\n]*=[^;\r\n]*)(?s:.*)$"),
    }


def _part(whole: str, pattern: str) -> str:
    """What a pattern has in parentheses, of a text that it fits."""
    return rf"""'{whole},regsub("{pattern}","\1")' if {{ {whole} -m reg '{pattern}' }}"""


def _table(kind: str, policy: StickinessAnswer) -> str:
    size = _CLIENTS if policy.clients is None else policy.clients
    return f"  stick-table type {kind} size {size} expire {policy.expire or 3600}s peers reload"


def _one(policy: StickinessAnswer, name: str) -> str:
    return next(iter(policy.options.get(name, ())), "")


def _quoted(text: str) -> str:
    """A word as it is, whatever HAProxy would take its characters for. Raises Invalid."""
    if not text.isprintable() or "'" in text:
        raise Invalid(f"{text!r}: HAProxy cannot be told this")
    return f"'{text}'"
