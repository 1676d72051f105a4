"""Just enough of SCTP (RFC 9260) for load balancers, over raw sockets, for hosts whose kernel has none.

    python -m topologies.demo.associations serve NAME             answers at every port, with its name
    python -m topologies.demo.associations fresh ADDRESS PORT COUNT     COUNT associations, one request each
    python -m topologies.demo.associations steady ADDRESS PORT COUNT    COUNT that ask again and again

Behind COUNT there may be addresses that the clients have, in turns. An association is made in four steps,
with a cookie; a server that is told something by one that it does not know aborts it. Whatever has a wrong
CRC32c is dropped. `steady` and the results are as in `topologies.demo.clients`.
"""

from __future__ import annotations

import itertools
import json
import secrets
import select
import socket
import struct
import sys
import time
from collections import Counter
from dataclasses import dataclass

_SCTP = 132
_DATA, _INIT, _INIT_ACK, _ABORT, _COOKIE_ECHO, _COOKIE_ACK = 0, 1, 2, 6, 10, 11
_COOKIE = 7
#: Seconds that an answer may take before a packet is sent again, how often it is, and between two requests.
_PATIENCE, _TRIES, _PAUSE = 1.0, 5, 0.2
_COMMON, _CHUNK, _BEGIN = struct.Struct("!HHII"), struct.Struct("!BBH"), struct.Struct("!IIHHI")


def _crc_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc_table()


def crc32c(data: bytes) -> int:
    """The checksum of a packet in which its own field is 0."""
    value = 0xFFFFFFFF
    for octet in data:
        value = _TABLE[(value ^ octet) & 0xFF] ^ value >> 8
    return int.from_bytes((value ^ 0xFFFFFFFF).to_bytes(4, "little"), "big")


@dataclass(frozen=True, slots=True)
class Said:
    """A packet with one chunk; `peer` is who sent it, or is to get it."""

    peer: str
    source: int
    destination: int
    tag: int
    kind: int
    value: bytes = b""

    def packed(self) -> bytes:
        """Its bytes behind those of IP."""
        chunk = _CHUNK.pack(self.kind, 3 if self.kind == _DATA else 0, 4 + len(self.value)) + self.value
        chunk += bytes(-len(chunk) % 4)
        blank = _COMMON.pack(self.source, self.destination, self.tag, 0) + chunk
        return _COMMON.pack(self.source, self.destination, self.tag, crc32c(blank)) + chunk

    def reply(self, tag: int, kind: int, value: bytes = b"") -> Said:
        """What is said back."""
        return Said(self.peer, self.destination, self.source, tag, kind, value)


def read(data: bytes, peer: str, version: int) -> Said | None:
    """The packet in what a raw socket has received; None where it is none, or broken."""
    body = data[(data[0] & 15) * 4 :] if version == 4 else data
    if len(body) < _COMMON.size + _CHUNK.size:
        return None
    source, destination, tag, said = _COMMON.unpack_from(body)
    kind, _, length = _CHUNK.unpack_from(body, _COMMON.size)
    if crc32c(body[:8] + bytes(4) + body[12:]) != said:
        return None
    value = body[_COMMON.size + _CHUNK.size : _COMMON.size + length]
    return Said(peer, source, destination, tag, kind, value)


def _raw(version: int, own: str | None = None) -> socket.socket:
    made = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_RAW, _SCTP)
    if own is not None:
        made.bind((own, 0))
    return made


def _begin(tag: int) -> bytes:
    return _BEGIN.pack(tag, 65_535, 1, 1, 1)


def serve(name: str) -> None:
    """Answer until killed."""
    #: The tags of associations, by address and port of the other end: ours, and theirs.
    known: dict[tuple[str, int], tuple[int, int]] = {}
    sockets = {_raw(version): version for version in (4, 6)}
    print("ready", flush=True)
    while True:
        for ready in select.select(list(sockets), [], [])[0]:
            data, where = ready.recvfrom(65_535)
            heard = read(data, where[0], sockets[ready])
            said = None if heard is None else _answer(name, known, heard)
            if said is not None:
                ready.sendto(said.packed(), (said.peer, 0))


def _answer(name: str, known: dict[tuple[str, int], tuple[int, int]], heard: Said) -> Said | None:
    end = (heard.peer, heard.source)
    if heard.kind == _INIT:
        theirs, ours = _BEGIN.unpack_from(heard.value)[0], secrets.randbits(32) | 1
        cookie = struct.pack("!HHII", _COOKIE, 12, ours, theirs)
        return heard.reply(theirs, _INIT_ACK, _begin(ours) + cookie)
    if heard.kind == _COOKIE_ECHO:
        ours, theirs = struct.unpack("!II", heard.value)
        known[end] = ours, theirs
        return heard.reply(theirs, _COOKIE_ACK)
    if heard.kind == _DATA:
        ours, theirs = known.get(end, (0, heard.tag))
        if heard.tag != ours:
            return heard.reply(heard.tag, _ABORT)
        return heard.reply(theirs, _DATA, heard.value[:12] + name.encode())
    return None


class Association:
    """One, from its client's end. Raises ConnectionError if it breaks, TimeoutError if nobody answers."""

    def __init__(self, address: str, port: int, own: str | None) -> None:
        self._version = 6 if ":" in address else 4
        self._socket = _raw(self._version, own)
        self._peer, self._port, self._own_port = address, port, 32_768 + secrets.randbelow(28_000)
        self._tag, self._theirs = secrets.randbits(32) | 1, 0
        begun = self._ask(_INIT, _begin(self._tag), _INIT_ACK)
        self._theirs = _BEGIN.unpack_from(begun)[0]
        self._ask(_COOKIE_ECHO, begun[_BEGIN.size + 4 :], _COOKIE_ACK)

    def ask(self) -> str:
        """The name of who answers."""
        return self._ask(_DATA, struct.pack("!IHHI", 1, 0, 0, 0) + b"who", _DATA)[12:].decode()

    def _ask(self, kind: int, value: bytes, wanted: int) -> bytes:
        said = Said(self._peer, self._own_port, self._port, self._theirs, kind, value).packed()
        for _ in range(_TRIES):
            self._socket.sendto(said, (self._peer, 0))
            until = time.monotonic() + _PATIENCE
            while (left := until - time.monotonic()) > 0 and select.select([self._socket], [], [], left)[0]:
                data, where = self._socket.recvfrom(65_535)
                heard = read(data, where[0], self._version)
                ends = (self._peer, self._port, self._own_port)
                if heard is None or (heard.peer, heard.source, heard.destination) != ends:
                    continue
                if heard.kind == _ABORT:
                    raise ConnectionError("aborted")
                if (heard.kind, heard.tag) == (wanted, self._tag):
                    return heard.value
        raise TimeoutError(f"nobody answers chunk {kind}")


def main() -> None:
    """Run as the command line says."""
    kind, address, *rest = sys.argv[1:]
    if kind == "serve":
        return serve(address)
    port, count, *sources = rest
    own = itertools.cycle(sources or (None,))
    answered: Counter[str] = Counter()
    broken: list[str] = []
    made: list[tuple[Association, str]] = []
    for _ in range(int(count)):
        try:
            association = Association(address, int(port), next(own))
            made.append((association, association.ask()))
            answered[made[-1][1]] += 1
        except (OSError, TimeoutError) as error:
            broken.append(repr(error))
    if kind == "steady":
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], _PAUSE)[0]:
            for association, name in made:
                try:
                    if (said := association.ask()) != name:
                        broken.append(f"{name} answered, then {said}")
                except (OSError, TimeoutError) as error:
                    broken.append(f"{name}: {error!r}")
    print(json.dumps({"answered": answered, "broken": broken}), flush=True)
    return None


if __name__ == "__main__":
    main()
