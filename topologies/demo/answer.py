"""Answers HTTP and UDP with who it is and who asks, as JSON; by HTTP for /session with two cookies and
what may be cached, too, and for /headers with those of the request.

python -m topologies.demo.answer NAME TCP-PORT UDP-PORT [ADDRESS]

With an address it answers at that one, else at all that the machine has; by UDP from the first then.
"""

from __future__ import annotations

import json
import socket
import socketserver
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from secrets import token_hex


def main() -> None:
    """Answer until killed."""
    name, tcp, udp, *given = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:]
    address = given[0] if given else "::"
    address = address if ":" in address else f"::ffff:{address}"

    def said(peer: str) -> bytes:
        # One socket for both versions of IP.
        return json.dumps({"name": name, "from": peer.removeprefix("::ffff:")}).encode() + b"\n"

    class Web(BaseHTTPRequestHandler):
        # Clients may ask again on one connection.
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = said(self.client_address[0])
            path, _, _ = self.path.partition("?")
            self.send_response(
                HTTPStatus.OK if path in ("/", "/session", "/headers") else HTTPStatus.NOT_FOUND
            )
            if path == "/session":
                self.send_header("Cache-Control", "max-age=60")
                for name in ("SESSION", "OTHER"):
                    self.send_header("Set-Cookie", f"{name}={token_hex(16)}")
            elif path == "/headers":
                body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    class Datagrams(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            _, connection = self.request
            connection.sendto(said(self.client_address[0]), self.client_address)

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6
        # Clients may all come at once, and find a busy machine.
        request_queue_size = 128

    class DatagramServer(socketserver.UDPServer):
        address_family = socket.AF_INET6

    datagrams = DatagramServer((address, udp), Datagrams)
    threading.Thread(target=datagrams.serve_forever, daemon=True).start()
    Server((address, tcp), Web).serve_forever()


if __name__ == "__main__":
    main()
