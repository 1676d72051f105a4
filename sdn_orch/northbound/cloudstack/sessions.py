"""Logging in by password, and the sessions that follow. Nothing here survives the process."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock, Semaphore

from sdn_orch.intent.snapshot import Snapshot
from sdn_orch.northbound.cloudstack.faults import TOO_MANY, ApiFault
from sdn_orch.northbound.cloudstack.model import User

#: How long a session lasts without a call.
TIMEOUT = timedelta(minutes=30)
#: Above this many, the session that was used longest ago ends.
_MOST_SESSIONS = 10_000
#: After so many wrong passwords in a row a name has to wait, counted from the last one.
_TRIES = 5
_WAIT = timedelta(minutes=1)
_MOST_NAMES = 10_000
#: Every check takes tens of milliseconds of a processor and 16 MB, on purpose; others wait so long for one.
_CHECKS_AT_ONCE = 2
_PATIENCE = 1.0


@dataclass(frozen=True, slots=True)
class Session:
    """A login. `id` travels as a cookie, `key` as a parameter: a call needs both."""

    user_id: str
    #: The user's password hash: another password ends the session.
    password: str = field(repr=False)
    used: datetime
    id: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


class Sessions:
    """All sessions. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        #: By id, the one used longest ago first.
        self._open: OrderedDict[str, Session] = OrderedDict()

    def begin(self, user: User, now: datetime) -> Session:
        """A new session of the user."""
        session = Session(user.id, user.password, now)
        with self._lock:
            self._open[session.id] = session
            while len(self._open) > _MOST_SESSIONS:
                self._open.popitem(last=False)
        return session

    def user(self, snapshot: Snapshot, id: str, key: str, now: datetime) -> User | None:
        """Whose session it is, which is used by that; None if there is none. A wrong key ends it."""
        with self._lock:
            session = self._open.pop(id, None)
            if session is None or now - session.used > TIMEOUT:
                return None
            user = snapshot.get(User, session.user_id)
            is_right = hmac.compare_digest(session.key.encode(), key.encode())
            if not is_right or user is None or user.password != session.password:
                return None
            self._open[id] = replace(session, used=now)
            return user

    def end(self, id: str) -> None:
        """End the session, if there is one."""
        with self._lock:
            self._open.pop(id, None)


class Attempts:
    """Wrong passwords, by the name that they were tried for. Methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._failed: OrderedDict[str, tuple[int, datetime]] = OrderedDict()
        self.checking = Semaphore(_CHECKS_AT_ONCE)

    def begin(self, name: str, now: datetime) -> None:
        """Raises a fault if the name has to wait, or too many log in at once; else `checking` is taken."""
        with self._lock:
            count, last = self._failed.get(name, (0, now))
        if count >= _TRIES and now - last < _WAIT:
            raise ApiFault(TOO_MANY, "Too many wrong passwords for this user name: wait a minute")
        if not self.checking.acquire(timeout=_PATIENCE):
            raise ApiFault(TOO_MANY, "Too many log in at once: try again")

    def end(self, name: str, now: datetime, *, was_right: bool) -> None:
        """Give `checking` back and remember what came of it."""
        self.checking.release()
        with self._lock:
            count, last = self._failed.pop(name, (0, now))
            if was_right:
                return
            self._failed[name] = (count + 1 if now - last < _WAIT else 1, now)
            while len(self._failed) > _MOST_NAMES:
                self._failed.popitem(last=False)
