"""A stream of bytes as whole OpenFlow messages."""

from __future__ import annotations

from sdn_orch.errors import MalformedMessage


class Framing:
    """Feed what comes in; `next` gives the messages that are complete."""

    def __init__(self) -> None:
        self._buffer = b""
        self._offset = 0

    def feed(self, data: bytes) -> None:
        """More bytes of the stream."""
        rest = self._buffer[self._offset :]
        self._buffer = rest + data if rest else data
        self._offset = 0

    def next(self) -> bytes | None:
        """The next message, or None until more has come in. Raises MalformedMessage."""
        buffer, offset = self._buffer, self._offset
        if len(buffer) - offset < 8:
            return None
        length = int.from_bytes(buffer[offset + 2 : offset + 4], "big")
        if length < 8:
            raise MalformedMessage(f"message of length {length}")
        if len(buffer) - offset < length:
            return None
        self._offset = offset + length
        return buffer[offset : offset + length]

    def peek(self) -> bytes:
        """What waits, without taking it."""
        return self._buffer[self._offset :]
