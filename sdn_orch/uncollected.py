"""Bulk work without garbage collection.

Reading 100,000 flows, or a cloud from its store, makes some hundred thousand objects that all stay; the
collector would walk them, and everything else that the daemon holds, again and again: a third of the time of
a dump.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_users = 0
_was_enabled = False


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause the collector, for the whole process, until the last of those who asked is done."""
    global _users, _was_enabled
    with _lock:
        if _users == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0 and _was_enabled:
                gc.enable()


@contextmanager
def kept() -> Iterator[None]:
    """The same where what is made stays: the collector need not look at it again and again, which takes up
    to a second."""
    with uncollected():
        yield
        gc.freeze()
