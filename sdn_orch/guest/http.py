"""As much of HTTP/1.1 as guests' requests for their own data need (RFC 9112): one request a connection."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; `path` without what stands behind a question mark, `headers` by lower-case name."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """What is said to it."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK


def read_request(data: bytes) -> Asked | Reply | None:
    """The request; None while it is not whole, and what is said to one that is none."""
    # Some scripts of guests end their lines as Unix does.
    data = data.lstrip(b"\r\n").replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    head, end, _ = data.partition(_END)
    if not end:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return Reply(b"", HTTPStatus.BAD_REQUEST)
    try:
        # Two slashes at the beginning are two slashes, not a host.
        path = words[1] if words[1].startswith("/") else urlsplit(words[1]).path
    except ValueError:
        return Reply(b"", HTTPStatus.BAD_REQUEST)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            return Reply(b"", HTTPStatus.BAD_REQUEST)
        headers[name.strip().lower()] = value.strip()
    if words[0] not in ("GET", "HEAD"):
        return Reply(b"", HTTPStatus.METHOD_NOT_ALLOWED)
    return Asked(words[0], unquote(path.partition("?")[0]), headers)


def write_reply(reply: Reply, *, with_body: bool = True) -> bytes:
    """The reply's bytes, after which the connection ends."""
    head = (
        f"HTTP/1.1 {reply.status:d} {reply.status.phrase}\r\n"
        "Content-Type: text/plain\r\n"
        f"Content-Length: {len(reply.body)}\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + (reply.body if with_body else b"")
