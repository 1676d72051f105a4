"""Work shared among the processors: Python runs one thread at a time, so the others are given processes.

They are forked, so that they know what this one knows, take pieces of the work as this one does, and leave
what they found in memory that both see. One that fails, or that hangs because another thread held a lock
when it was forked, costs time and nothing else: what it had taken is done here.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Generic, NoReturn, TypeVar

T = TypeVar("T")

#: A piece is taken by its number, as a byte; so many are worth another process.
MOST_PIECES, _WORTH_HELP = 256, 48
#: No more helpers than this: each has a copy of what it touches.
_MOST_HELPERS = 3
#: How long a helper is waited for: so many times what was spent here, and at least so many seconds.
_PATIENCE, _LEAST_PATIENCE = 2.0, 1.0

#: One work at a time has helpers.
_helped = threading.Lock()


def shared(work: Callable[[int], T], pieces: int, between: Callable[[], None] = lambda: None) -> list[T]:
    """What `work` gives for each piece, by its number; if they are many, with the other processors' help.

    `work` must give the same for a piece wherever and in whatever order it is done, and what can be pickled.
    `between` is called here before each piece. Raises what they raise, OSError where there is no pipe to be
    had for many pieces, and ValueError for more than MOST_PIECES.
    """
    if pieces > MOST_PIECES:
        raise ValueError(f"{pieces} pieces are not in range({MOST_PIECES + 1})")
    spare = len(os.sched_getaffinity(0)) - 1
    if pieces >= _WORTH_HELP and spare and _helped.acquire(blocking=False):
        try:
            return _with_help(work, pieces, between, min(spare, _MOST_HELPERS))
        finally:
            _helped.release()
    return [_do(work, piece, between) for piece in range(pieces)]


def _do(work: Callable[[int], T], piece: int, between: Callable[[], None]) -> T:
    between()
    return work(piece)


def _with_help(work: Callable[[int], T], pieces: int, between: Callable[[], None], helpers: int) -> list[T]:
    began = time.monotonic()
    queue = _queue(pieces)
    helping: list[_Helper[T]] = []
    found: dict[int, T] = {}
    try:
        # Without descriptors, memory or processes for them there are fewer helpers.
        with suppress(OSError):
            for _ in range(helpers):
                helping.append(_Helper(work, queue))
        found.update((piece, _do(work, piece, between)) for piece in _taken(queue))
        deadline = time.monotonic() + max(_PATIENCE * (time.monotonic() - began), _LEAST_PATIENCE)
        for helper in helping:
            found.update(helper.found(deadline))
    finally:
        for helper in helping:
            helper.end()
        os.close(queue)
    return [found[piece] if piece in found else work(piece) for piece in range(pieces)]


def _queue(pieces: int) -> int:
    """A pipe with a byte for each piece: whoever reads one has taken that piece, and nobody else will."""
    reader, writer = os.pipe()
    try:
        os.write(writer, bytes(range(pieces)))
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return reader


def _taken(queue: int) -> Iterator[int]:
    while taken := os.read(queue, 1):
        yield taken[0]


class _Helper(Generic[T]):
    """A process that takes pieces until none is left. Raises OSError when it cannot be had."""

    def __init__(self, work: Callable[[int], T], queue: int) -> None:
        self._memory = os.memfd_create("pieces")
        # It is readable when the process has ended, however that came.
        self._ended, held = os.pipe()
        try:
            self._pid = os.fork()
            if self._pid == 0:
                _help(work, queue, self._memory, held)
        except OSError:
            self._close()
            raise
        finally:
            os.close(held)

    def found(self, deadline: float) -> Iterator[tuple[int, T]]:
        """Pieces and what was found for them; nothing if it has failed, or not ended by the deadline."""
        poll = select.poll()
        poll.register(self._ended, select.POLLIN)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000) or self._wait() != 0:
            return
        os.lseek(self._memory, 0, os.SEEK_SET)
        with os.fdopen(self._memory, "rb", closefd=False) as file:
            while file.peek(1):
                # Nobody else can have written there.
                yield pickle.load(file)  # noqa: S301

    def end(self) -> None:
        """End the process if it goes on, and free what it left."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            self._wait()
        self._close()

    def _wait(self) -> int:
        pid, self._pid = self._pid, 0
        _, status = os.waitpid(pid, 0)
        return status

    def _close(self) -> None:
        os.close(self._memory)
        os.close(self._ended)


def _help(work: Callable[[int], object], queue: int, memory: int, held: int) -> NoReturn:
    """The life of a helper. It holds nothing open of what others may wait for to be closed."""
    status = 1
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        _close_all_but({queue, memory, held})
        with os.fdopen(memory, "wb", closefd=False) as file:
            for piece in _taken(queue):
                pickle.dump((piece, work(piece)), file, pickle.HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)


def _close_all_but(kept: set[int]) -> None:
    first = 3
    for descriptor in (*sorted(kept), os.sysconf("SC_OPEN_MAX")):
        os.closerange(first, descriptor)
        first = descriptor + 1
