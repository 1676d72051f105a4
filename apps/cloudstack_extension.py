#!/usr/bin/env -S python3 -BIS
"""CloudStack's extension of type NetworkOrchestrator: hands each command on to sdn-orch's daemon.

CloudStack's management server runs this file for every command: `<file> <command> <payload file> <seconds>`.
It needs Python 3.9 and nothing else. The details of the registration say where the daemon is:

    url       where the daemon's API is, as https://sdn.example:8443
    password  a token of the scope `operate` (`sdn-orch token create`); CloudStack does not show this detail
    cafile    where the daemon's certificate is not signed by an authority that this host knows:
              a file, on every management server, with the certificates to trust
    cloud     a name for this CloudStack, where several share the switches; `cloudstack` by default
    isolation `extension` where the extension's isolation method is NetworkExtension

What the daemon answers is all that is printed. Whatever goes wrong ends with one line, an object of JSON
with status and message, and an exit status: 1 the call or the details are wrong, 2 the daemon cannot be
reached or does not accept the token, 3 it refused the command.
"""

from __future__ import annotations

import json
import os
import sys
import time
from _thread import start_new_thread

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing is slow to load, too
    import socket
    from typing import Any, NoReturn

    JSON = dict[str, Any]
    #: Scheme, host, port and path.
    Place = tuple[str, str, int, str]

USAGE, UNREACHABLE, REFUSED = 1, 2, 3
#: Seconds for a command at most, and of them for a daemon that is just being started again.
DEADLINE, PATIENCE, PAUSE = 45.0, 5.0, 0.25
#: What CloudStack keeps beside a network is only this: all else is found by CloudStack's own numbers.
DETAILS = {"controller": "sdn-orch"}


class Failure(Exception):
    """Why nothing came of it, and the exit status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def finish(status: int, text: str) -> NoReturn:
    """Print one line and leave at once, whatever else runs. The line may be lost with its reader."""
    try:
        if text:
            os.write(1, (text + "\n").encode())
    finally:
        os._exit(status)


def fail(status: int, message: object) -> NoReturn:
    line = " ".join(str(message).split())[:2000]
    finish(status, json.dumps({"status": "failed", "message": f"sdn-orch: {line}"}, ensure_ascii=False))


def watch(seconds: float) -> None:
    time.sleep(seconds)
    fail(UNREACHABLE, f"the daemon has not answered within {seconds:g} seconds")


def deadline(words: list[str]) -> float:
    """Seconds until it gives up: well within those that CloudStack names, though it does not heed them."""
    try:
        return min(DEADLINE, 0.75 * max(1.0, float(words[0])))
    except (IndexError, ValueError):
        return DEADLINE


def read_payload(path: str) -> tuple[JSON, JSON]:
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (pathlib is slow to load)
            document = json.load(file)
    except OSError as error:
        raise Failure(USAGE, f"the payload file cannot be read: {error.strerror}") from None
    except ValueError:
        raise Failure(USAGE, "the payload file does not hold JSON") from None
    if not isinstance(document, dict):
        raise Failure(USAGE, "the payload file does not hold an object")
    registration = document.pop("physical-network-extension-details", None)
    document.pop("network-extension-details", None)
    # A custom action has its fields beside the details, all other commands inside of `payload`.
    payload = document.get("payload", document)
    if not isinstance(payload, dict):
        raise Failure(USAGE, "the payload is not an object")
    return payload, registration if isinstance(registration, dict) else {}


def network_details(payload: JSON) -> str:
    """What CloudStack keeps beside a network or VPC: what it has if that can be read, with what is ours."""
    try:
        kept = json.loads(payload.get("current_details") or "{}")
    except (TypeError, ValueError):
        kept = {}
    kept = kept if isinstance(kept, dict) else {}
    return json.dumps({**kept, **DETAILS}, sort_keys=True)


def split(url: object) -> Place:
    """Scheme, host, port and path of the daemon's address."""
    scheme, separator, rest = str(url).strip().partition("://")
    place, _, path = rest.partition("/")
    host, _, port = place.rpartition(":") if not place.endswith("]") and ":" in place else (place, "", "")
    default = {"https": "443", "http": "80"}.get(scheme)
    port = port or default or ""
    if not separator or not default or not host or not port.isdigit() or "@" in place:
        raise Failure(USAGE, "detail url of the registration: it is not like https://sdn.example:8443")
    return scheme, host.strip("[]"), int(port), "/" + path.strip("/") if path.strip("/") else ""


def connect(place: Place, cafile: str | None, seconds: float) -> socket.socket:
    import socket  # only here, because it is slow to load, and half of all commands need no daemon

    scheme, host, port, _ = place
    connection = socket.create_connection((host, port), timeout=seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if scheme == "http":
        return connection
    import ssl  # only here, because it is slow to load

    try:
        return ssl.create_default_context(cafile=cafile or None).wrap_socket(connection, server_hostname=host)
    except ssl.SSLError as error:
        raise Failure(UNREACHABLE, f"the daemon's certificate is not accepted: {error.reason}") from None
    except OSError as error:
        if cafile and not os.access(cafile, os.R_OK):
            raise Failure(USAGE, f"detail cafile of the registration: {error.strerror}") from None
        raise


def exchange(place: Place, cafile: str | None, request: bytes, ends: float) -> tuple[int, bytes]:
    """The answer's status and body. Raises OSError where there is none."""
    connection = connect(place, cafile, max(0.1, ends - time.monotonic()))
    with connection:
        connection.settimeout(None)
        connection.sendall(request)
        answer = bytearray()
        while True:
            part = connection.recv(65536)
            if not part:
                break
            answer += part
    head, separator, body = bytes(answer).partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if not separator or len(words) < 2 or not words[1].isdigit():
        raise ConnectionResetError("the daemon broke off")
    return int(words[1]), body


def ask(command: str, payload: JSON, details: JSON) -> tuple[int, bytes]:
    """What the daemon answers to the command. A daemon that is not there yet is waited for a while."""
    place = split(details.get("url", ""))
    token = str(details.get("password") or "")
    if not token or not token.isascii() or not token.isprintable():
        raise Failure(USAGE, "detail password of the registration: it is not a token of the daemon")
    body = json.dumps(
        {
            "cloud": str(details.get("cloud") or "cloudstack"),
            "chooses_segments": details.get("isolation") == "extension",
            "payload": payload,
        }
    ).encode()
    host = f"[{place[1]}]" if ":" in place[1] else place[1]
    request = (
        f"POST {place[3]}/v1/extension/{command} HTTP/1.1\r\nHost: {host}:{place[2]}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode() + body
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            status, answer = exchange(place, details.get("cafile"), request, ends)
        except OSError as error:
            if time.monotonic() + PAUSE < ends:
                time.sleep(PAUSE)
                continue
            reason = error.strerror or str(error) or type(error).__name__
            raise Failure(UNREACHABLE, f"{place[1]} port {place[2]}: {reason}") from None
        if status != 503 or time.monotonic() + PAUSE >= ends:
            return status, answer
        time.sleep(PAUSE)


def output_of(status: int, answer: bytes) -> str:
    """What is to be printed, of the daemon's answer."""
    try:
        said = json.loads(answer)
    except ValueError:
        said = None
    said = said if isinstance(said, dict) else {}
    output = said.get("output")
    if status == 200 and isinstance(output, str):
        return output
    reason = said.get("detail") or f"its answer has the status {status}"
    raise Failure(UNREACHABLE if status in (401, 403) else REFUSED, f"the daemon says: {reason}")


def main(words: list[str]) -> str:
    if len(words) < 2:
        raise Failure(USAGE, "the arguments are: command, payload file, seconds")
    command, path = words[:2]
    if not command.replace("-", "").isalnum() or not command.isascii():
        raise Failure(USAGE, "the command is not a name")
    payload, details = read_payload(path)
    if command == "ensure-network-device":
        return network_details(payload)
    return output_of(*ask(command, payload, details))


if __name__ == "__main__":
    # CloudStack reads warnings as part of the answer.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    start_new_thread(watch, (deadline(sys.argv[3:]),))
    try:
        output = main(sys.argv[1:])
    except Failure as failure:
        fail(failure.status, failure)
    except BaseException as error:
        fail(UNREACHABLE, f"{type(error).__name__}: the extension failed")
    finish(0, output)
