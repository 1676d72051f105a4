"""The HTTP server: TCP, unix socket and TLS, started and stopped cleanly."""

from __future__ import annotations

import asyncio
import socket
import ssl
import stat
import subprocess
import threading
import time
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sdn_orch.northbound.listening import listen_tcp, listen_unix
from sdn_orch.northbound.server import Server
from sdn_orch.threads import ThreadEnded, Watch


def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"hello {request.url.scheme}")


APP = Starlette(routes=[Route("/", hello)])


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_tcp(host: str) -> None:
    threads = threading.active_count()
    server = Server(APP, listen_tcp(host, 0))
    server.start()
    shown = f"[{host}]" if ":" in host else host
    port = server.address[1]
    url = f"http://{shown}:{port}/"
    answer = httpx.get(url, trust_env=False)
    assert (answer.status_code, answer.text) == (200, "hello http")
    assert "server" not in answer.headers
    server.stop()
    assert threading.active_count() <= threads + 1
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
    # The port is free at once.
    listen_tcp(host, port).close()


def test_port_that_is_taken() -> None:
    with listen_tcp("127.0.0.1", 0) as listener, pytest.raises(OSError, match="in use"):
        listen_tcp("127.0.0.1", listener.getsockname()[1])


def test_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    server = Server(APP, listen_unix(path))
    server.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
        assert client.get("http://sdn-orch/").text == "hello http"
    with pytest.raises(FileExistsError, match="another sdn-orch runs: it answers at"):
        listen_unix(path)
    server.stop()
    # What a dead server left does not stand in the way.
    assert path.exists()
    listen_unix(path).close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    directory = tmp_path_factory.mktemp("tls")
    certificate, key = directory / "cert.pem", directory / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def test_tls(certificate: tuple[Path, Path]) -> None:
    server = Server(APP, listen_tcp("127.0.0.1", 0), certificate=certificate[0], private_key=certificate[1])
    server.start()
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    port = server.address[1]
    with httpx.Client(verify=trusting, trust_env=False) as client:
        assert client.get(f"https://127.0.0.1:{port}/").text == "hello https"
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
    server.stop()


def test_clients_with_certificates_only(certificate: tuple[Path, Path]) -> None:
    server = Server(
        APP,
        listen_tcp("127.0.0.1", 0),
        certificate=certificate[0],
        private_key=certificate[1],
        client_authority=certificate[0],
    )
    server.start()
    url = f"https://127.0.0.1:{server.address[1]}/"
    known = ssl.create_default_context(cafile=str(certificate[0]))
    with httpx.Client(verify=known, trust_env=False) as client, pytest.raises(httpx.HTTPError):
        client.get(url)
    known.load_cert_chain(*certificate)
    with httpx.Client(verify=known, trust_env=False) as client:
        assert client.get(url).text == "hello https"
    server.stop()


def test_wrong_certificate_is_told_at_once(tmp_path: Path) -> None:
    wrong = tmp_path / "cert.pem"
    wrong.write_text("nonsense")
    with listen_tcp("127.0.0.1", 0) as listener, pytest.raises(ssl.SSLError):
        Server(APP, listener, certificate=wrong, private_key=wrong)


def test_requests_under_way_are_finished() -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow(_request: Request) -> PlainTextResponse:
        entered.set()
        leave.wait(5)
        return PlainTextResponse("done")

    server = Server(Starlette(routes=[Route("/", slow)]), listen_tcp("127.0.0.1", 0))
    server.start()
    answers: list[str] = []
    url = f"http://127.0.0.1:{server.address[1]}/"
    asking = threading.Thread(target=lambda: answers.append(httpx.get(url, trust_env=False).text))
    asking.start()
    assert entered.wait(5)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    leave.set()
    stopping.join(10)
    asking.join(10)
    assert answers == ["done"]


def test_answers_are_not_delayed() -> None:
    """Small answers leave at once: Nagle's algorithm would hold each for 40 ms."""
    server = Server(APP, listen_tcp("127.0.0.1", 0))
    server.start()
    with socket.create_connection(server.address) as client:
        client.settimeout(5)
        started = time.monotonic()
        for _ in range(20):
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            received = b""
            while not received.endswith(b"hello http"):
                received += client.recv(4096)
        elapsed = time.monotonic() - started
    server.stop()
    assert elapsed < 20 * 0.03


def test_what_the_end_cuts_off_is_told_so(caplog: pytest.LogCaptureFixture) -> None:
    entered = threading.Event()

    async def endless(_request: Request) -> PlainTextResponse:
        entered.set()
        await asyncio.sleep(60)
        return PlainTextResponse("never")

    server = Server(Starlette(routes=[Route("/", endless)]), listen_tcp("127.0.0.1", 0))
    server.start()
    answers: list[httpx.Response] = []
    url = f"http://127.0.0.1:{server.address[1]}/"
    asking = threading.Thread(target=lambda: answers.append(httpx.get(url, trust_env=False)))
    asking.start()
    assert entered.wait(5)
    server.stop()
    asking.join(10)
    assert [(answer.status_code, answer.text) for answer in answers] == [(503, "the server stops")]
    assert "Traceback" not in caplog.text


def test_a_server_that_ends_by_itself_is_noticed() -> None:
    with Watch() as watch:
        server = Server(APP, listen_tcp("127.0.0.1", 0), name="api")
        server.start()
        server._server.should_exit = True
        with pytest.raises(ThreadEnded, match="thread api"):
            watch.wait(5)
        server.stop()
