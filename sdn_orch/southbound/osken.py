"""os-ken 4.2.2 with its traps taken out. Import os-ken through here.

Each of the four bites only with the native-thread hub, which is the one to use: with green threads a
second of computing anywhere starves every session.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

# app_manager comes first: it and controller.controller import each other, and only this order works.
from os_ken.base import app_manager
from os_ken.controller import controller, handler, ofp_event, ofp_handler
from os_ken.lib import hub
from os_ken.ofproto import ofproto_parser, ofproto_protocol

__all__ = ["app_manager", "controller", "handler", "mend", "ofp_event", "ofproto_parser", "ofproto_protocol"]


class TaskExit(BaseException):
    """What ends a hub thread on purpose, which no handler raises by accident."""


class NoListener:
    """In place of os-ken's OpenFlowController: our channel listens."""

    def __call__(self) -> None:
        """Do nothing where os-ken would accept switches for ever."""


def _spawn(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> threading.Thread:
    thread: threading.Thread = hub.HubThread(function, arguments, keywords)
    thread.daemon = True
    thread.start()
    return thread


def mend() -> None:
    """Put our own parts in; before any application starts, any number of times.

    Raises RuntimeError where the environment chose green threads.
    """
    if hub.HUB_TYPE != "native":
        raise RuntimeError(f"OSKEN_HUB_TYPE={hub.HUB_TYPE} is not supported; leave it unset")
    # It is `Exception` there, so the first exception in a handler passes for an orderly exit: the
    # application's event thread dies without a word, and its queue fills up and blocks whoever sends.
    hub.TaskExit = TaskExit
    # Theirs ignores the timeout of `wait`.
    hub.Event = threading.Event
    # Their threads are not daemons and `hub.kill` does nothing: one that loops keeps the process alive.
    hub.spawn = _spawn
    # Loading any application loads this service, which would listen on all addresses.
    ofp_handler.OpenFlowController = NoListener
